"""The ALIT tokenizer: photo -> hard codes of 32, 64, ..., 256 tokens, and any of these to a picture.

Encoding runs pass after pass and may stop after any; what it saw of the last photos (what the blocks read,
what was halted, what the writer made of the codes) is kept, for maps and for pictures. The autoencoder is
another checkpoint's. Neighbours: `networks` (the recurrence), `bridge` (a flow that paints), `config`.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor, nn

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import HARD
from tokenizer_core.engine.devices import find_dtype
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.alit.bridge import Bridge, read_flow
from tokenizer_core.models.alit.config import AlitConfig
from tokenizer_core.models.alit.networks import AlitEncoder, AlitWriter, Pass, build_networks, run_passes
from tokenizer_core.models.attention import AttentionMaps
from tokenizer_core.models.base import read_autoencoder
from tokenizer_core.models.info import AttentionInfo, ModelInfo
from tokenizer_core.models.interface import Asked, Tokenizer
from tokenizer_core.nn.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.flow_decoder import FlowDecoder, TokenContext
from tokenizer_core.nn.sampler import draw_noise, sample
from tokenizer_core.photos.photo import PhotoSource, Picture, to_picture
from tokenizer_core.storage.checkpoints import Checkpoint, fill

REMEMBERED = 8  # photos; what is kept of one takes 4 MB in bfloat16


@dataclass(eq=False)
class Seen:
    """What encoding saw of a photo, a value a pass; a pass is complete when its code is there.

    Attributes:
        codes: (K,) indices.
        starts: (1, N + K, D) what the encoder's blocks read.
        predictions: (1, N, C) the latent that the writer made of the codes.
        halted: (N,) which positions were right then.
    """

    codes: list[np.ndarray] = field(default_factory=list)
    starts: list[Tensor] = field(default_factory=list)
    predictions: list[Tensor] = field(default_factory=list)
    halted: list[np.ndarray] = field(default_factory=list)

    def holds(self, encoding: Encoding) -> bool:
        """Whether all of an encoding's codes are this photo's."""
        own = {len(code): code for code in self.codes}
        return all(np.array_equal(own.get(k, ()), encoding.code(k).tokens) for k in encoding.lengths)


class AlitTokenizer(Tokenizer):
    """Another checkpoint's autoencoder, and the networks of this one.

    Args:
        config: sizes and defaults.
        info: the catalog's line.
        autoencoder: of the base.
        networks: from `build_networks`, filled.
        device: "cpu", "cuda:0", ...
        dtype: what the networks compute in.
        flow: the decoder that a bridge paints with, as it is in its own checkpoint; None where there is none.
    """

    def __init__(
        self,
        config: AlitConfig,
        info: ModelInfo,
        autoencoder: Autoencoder,
        networks: nn.ModuleDict,
        device: str,
        dtype: torch.dtype,
        flow: FlowDecoder | None = None,
    ) -> None:
        if flow is not None:
            networks["bridge"].fold(flow)  # type: ignore[operator]
            flow = flow.to(device=device, dtype=dtype).eval().requires_grad_(False)
        everything = nn.ModuleDict({"autoencoder": autoencoder, **networks})
        everything = everything.to(device=device, dtype=dtype).eval().requires_grad_(False)
        everything = everything.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        autoencoder.standardise.float()
        sharp: Any = networks["sharp"] if config.sharp else {}
        decoder = networks["decoder"] if config.own_decoder else autoencoder.decoder
        self.autoencoder = autoencoder
        self.encoder: AlitEncoder = networks["encoder"]  # type: ignore[assignment]
        self.writer: AlitWriter = networks["writer"]  # type: ignore[assignment]
        self.decoder: nn.Module = decoder
        self.sharp_writer: nn.Module = sharp["writer"] if "writer" in config.sharp else self.writer
        self.sharp_decoder: nn.Module = sharp["decoder"] if "decoder" in config.sharp else decoder
        self.bridge: Bridge | None = networks["bridge"] if flow is not None else None  # type: ignore[assignment]
        self.flow = flow
        self.config, self.info, self.device, self._dtype = config, info, device, dtype
        self.dtype = str(dtype).removeprefix("torch.")
        self._seen: deque[Seen] = deque(maxlen=REMEMBERED)  # the one that was used last is last
        self._contexts: dict[bytes, TokenContext] = {}  # of the codes that a flow painted lately
        self._lock = Lock()

    @classmethod
    def from_checkpoint(
        cls, checkpoint: Checkpoint, device: str = "cpu", dtype: str = "auto"
    ) -> "AlitTokenizer":
        """Build the networks and fill them strictly, the autoencoder from the base's checkpoint.

        Raises:
            TokenizerError: config and weights do not fit, or the base is not here or of other weights.
        """
        config = AlitConfig.from_dict(checkpoint.config)
        networks = build_networks(config)
        fill(networks, checkpoint.tensors, checkpoint.name)
        info = describe(checkpoint.config, checkpoint.checkpoint_id, checkpoint.size_bytes)
        autoencoder = read_autoencoder(config.base, config.autoencoder, config.name)
        flow = read_flow(config) if config.bridge.present else None
        return cls(config, info, autoencoder, networks, device, find_dtype(dtype, device), flow)

    def encode(
        self,
        photo: PhotoSource | Picture,
        center: tuple[float, float] = (0.5, 0.5),
        zoom: float = 1.0,
        *,
        passes: int | None = None,
        halting_seed: int | None = None,
    ) -> Encoding:
        """Encode a photo into its code of every length, or only into the first of them.

        Args:
            photo: anything `open_photo` takes, or a Picture (which is not cropped).
            center: x, y of the square crop in 0..1 of the photo.
            zoom: >= 1; the crop's side is the photo's shorter side over this.
            passes: after how many to stop; None is all of them. No further pass is computed.
            halting_seed: of drawn halting, as in the paper; None, the default, halts by the error alone.

        Returns:
            A hard code a pass, its K growing by the same number each time.

        Raises:
            TokenizerError: the photo cannot be opened, or the crop or the number of passes is out of range.
        """
        passes = self.config.passes if passes is None else passes
        if not 1 <= passes <= self.config.passes:
            raise TokenizerError(f"The number of passes is 1 to {self.config.passes}, not {passes}.")
        seen = Seen()
        for _ in self._run(photo, center, zoom, passes, seen, halting_seed):
            pass
        return self._encoding(seen.codes)

    def grow(
        self,
        photo: PhotoSource | Picture,
        center: tuple[float, float] = (0.5, 0.5),
        zoom: float = 1.0,
        lengths: Sequence[int] | None = None,
    ) -> Iterator[tuple[Encoding, Picture]]:
        """Code and picture after each pass, none of which is computed before it is asked for.

        Raises:
            TokenizerError: the photo cannot be opened, or there is no code of one of the lengths.
        """
        lengths = self.check_lengths(self.info.lengths if lengths is None else lengths)
        seen = Seen()
        for one in self._run(photo, center, zoom, self.config.passes, seen):
            code = seen.codes[-1]
            if len(code) in lengths:
                yield self._encoding([code]), self._paint(one.prediction, self.decoder)
            if len(code) == max(lengths):
                return

    @torch.inference_mode()
    def _run(
        self,
        photo: PhotoSource | Picture,
        center: tuple[float, float],
        zoom: float,
        passes: int,
        seen: Seen,
        halting_seed: int | None = None,
    ) -> Iterator[Pass]:
        """Pass after pass, each noted in `seen`, which is remembered from the first one on."""
        latent = self._latent(to_picture(photo, self.config.autoencoder.image_size, center, zoom))
        draws = None if halting_seed is None else torch.Generator().manual_seed(halting_seed)
        with self._lock:
            self._seen.append(seen)
        for one in run_passes(self.encoder, self.writer, latent, self.config.halt, passes, draws):
            seen.starts.append(one.start)
            seen.predictions.append(one.prediction)
            seen.halted.append(one.halted[0].cpu().numpy())
            seen.codes.append(self.encoder.quantiser.index(one.quantised.codes)[0].cpu().numpy())
            yield one

    def _encoding(self, codes: Sequence[np.ndarray]) -> Encoding:
        by_length = {len(code): code for code in codes}
        own = (self.info.checkpoint_id, self.info.name)
        return Encoding.of_codes(by_length, *own, HARD, self.info.vocabulary)

    @torch.inference_mode()
    def reconstruct(self, picture: Picture) -> Picture:
        """What the base's autoencoder alone makes of a picture, without any token: the goal of a code."""
        return self._paint(self._latent(picture), self.autoencoder.decoder)

    def _latent(self, picture: Picture) -> Tensor:
        pixels = picture.to_pixels().to(self.device, self._dtype, memory_format=torch.channels_last)
        return latent_to_sequence(self.autoencoder.encode(pixels))

    @torch.inference_mode()
    def _paint(self, latent: Tensor, decoder: nn.Module) -> Picture:
        """A latent (1, N, C) as the picture that a decoder makes of it."""
        maps = sequence_to_latent(latent).to(self._dtype, memory_format=torch.channels_last)
        return Picture.from_pixels(decoder(maps)[0])

    def decode_many(
        self,
        encoding: Encoding,
        lengths: Sequence[int],
        *,
        steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int = 0,
        batch: int | None = None,
    ) -> Iterator[tuple[int, Picture]]:
        """Pictures of several codes, each computed when its turn comes; see `Tokenizer.decode_many`.

        One step, the default, gives the picture nearest to the photo; two give the sharp one, and more what a
        flow paints, as far as these weights can: `ModelInfo.mode_of` says what comes. `seed` and
        `guidance_scale` count for a flow alone.
        """
        asked = self.check(
            encoding, lengths, steps=steps, guidance_scale=guidance_scale, seed=seed, batch=batch
        )
        mode = self.info.mode_of(asked.steps or 1)
        if mode == "flow":
            return ((length, self._draw(encoding.code(length), asked)) for length in asked.lengths)
        return ((length, self._decode(encoding.code(length), mode == "sharp")) for length in asked.lengths)

    @torch.inference_mode()
    def _decode(self, code: Encoding, sharp: bool) -> Picture:
        writer = self.sharp_writer if sharp else self.writer
        decoder = self.sharp_decoder if sharp else self.decoder
        number, seen = self._pass_of(len(code)), self._find(code)
        if seen is not None and writer is self.writer:
            return self._paint(seen.predictions[number], decoder)
        return self._paint(writer(self._codes(code), number), decoder)

    @torch.inference_mode()
    def _draw(self, code: Encoding, asked: Asked) -> Picture:
        """What the bridge's flow paints of a code from the noise of a seed."""
        assert self.flow is not None
        sizes = self.config.autoencoder
        scale = asked.guidance_scale
        scale = self.config.bridge.guidance_scale if scale is None else scale
        noise = draw_noise(asked.seed, sizes.latent_size**2, sizes.latent_channels).to(self.device)
        steps = asked.steps or self.config.bridge.steps
        latent = sample(self.flow, self._context(code), noise, steps=steps, guidance_scale=scale)
        return self._paint(latent, self.autoencoder.decoder)

    def _context(self, code: Encoding) -> TokenContext:
        """What the flow is told of a code, computed once for all steps and seeds."""
        assert self.flow is not None
        assert self.bridge is not None
        key = code.tokens.tobytes()
        with self._lock:
            known = self._contexts.get(key)
        if known is None:
            number, codes = self._pass_of(len(code)), self._codes(code)
            known = self.bridge.context(self.flow, codes, number, self.writer.patches(codes, number))
            with self._lock:
                self._contexts[key] = known
                while len(self._contexts) > REMEMBERED:
                    del self._contexts[next(iter(self._contexts))]
        return known

    def attention(
        self,
        encoding: Encoding,
        direction: str = "read",
        layer: int | None = None,
        length: int | None = None,
        seed: int = 0,
    ) -> AttentionMaps:
        """Attention of one layer in one pass, averaged over heads.

        Args:
            encoding: for "read" one that this object encoded lately (the photo's latent is needed).
            direction: "read" (each token of the code over the patches, in the encoder), or "write" (each
                position over the tokens, in the writer).
            layer: counted from 0; None is the middle one.
            length: of the code, which says the pass; None is the longest one that is held.
            seed: of no effect here.

        Raises:
            TokenizerError: direction, layer or length is out of range, or the photo is not remembered.
        """
        asked = self.check(encoding, None if length is None else [length], seed=seed)
        layer = self.layer_of(direction, layer)
        maps = self._read if direction == "read" else self._write
        return AttentionMaps.of(
            maps(encoding.code(asked.lengths[0]), layer).float().cpu().numpy(), direction, layer
        )

    @torch.inference_mode()
    def _read(self, code: Encoding, layer: int) -> Tensor:
        start = self._recall(code, "Read maps").starts[self._pass_of(len(code))]
        return self.encoder.read_attention(start, layer)[0].unflatten(1, self._places)

    @torch.inference_mode()
    def _write(self, code: Encoding, layer: int) -> Tensor:
        weights = self.writer.write_attention(self._codes(code), self._pass_of(len(code)), layer)
        return weights[0].unflatten(0, self._places)

    def halted(self, encoding: Encoding) -> dict[int, Bool[np.ndarray, "s s"]]:
        """By the length of each code that is held: which positions the writer had right with it.

        The pass that follows sees a mask there. Only of a photo that this object encoded lately.

        Raises:
            TokenizerError: tokens of another model, or the photo is not remembered.
        """
        self.check(encoding, None)
        halted = self._recall(encoding, "Halting masks").halted
        return {k: halted[self._pass_of(k)].reshape(self._places) for k in encoding.lengths}

    @property
    def _places(self) -> tuple[int, int]:
        side = self.config.autoencoder.latent_size
        return side, side

    def _pass_of(self, length: int) -> int:
        """The pass, from 0, that gives a code of so many tokens."""
        return length // self.config.tokens_per_pass - 1

    def _codes(self, code: Encoding) -> Tensor:
        """Points of the quantiser's grid, (1, K, size)."""
        index = torch.from_numpy(code.tokens)[None].to(self.device)
        return self.encoder.quantiser.codes(index)

    def _find(self, encoding: Encoding) -> Seen | None:
        """What was seen of the photo that an encoding is of, if it is remembered."""
        with self._lock:
            found = next((seen for seen in reversed(self._seen) if seen.holds(encoding)), None)
            if found is not None:
                self._seen.remove(found)
                self._seen.append(found)
            return found

    def _recall(self, encoding: Encoding, what: str) -> Seen:
        seen = self._find(encoding)
        if seen is None:
            raise TokenizerError(f"{what} need the photo; please encode it again.")
        return seen


def describe(config: dict[str, Any], checkpoint_id: str, size_bytes: int) -> ModelInfo:
    """The catalog's line of an ALIT checkpoint, from its config.json.

    Raises:
        TokenizerError: the configuration is not one of this family.
    """
    c = AlitConfig.from_dict(config)
    side = c.autoencoder.latent_size
    return ModelInfo(
        name=c.name,
        title=c.title,
        family="alit",
        order=20,
        tokens=HARD,
        vocabulary=c.vocabulary,
        lengths=c.lengths,
        ordered=False,
        adaptive=True,
        modes=("mean", *(["sharp"] if c.sharp else []), *(["flow"] if c.bridge.present else [])),
        flow_steps=c.bridge.steps if c.bridge.present else 0,
        default_guidance=c.bridge.guidance_scale if c.bridge.present else 1.0,
        reconstructs=True,
        attention=(
            AttentionInfo(direction="read", layers=c.encoder_depth, side=side),
            AttentionInfo(direction="write", layers=c.writer_depth, side=side),
        ),
        views=("codes", "layer", "halted", "sharpness", "nesting", "guess"),
        picture_size=c.autoencoder.image_size,
        size_bytes=size_bytes,
        checkpoint_id=checkpoint_id,
        licence=c.licence,
        source="Adaptive Length Image Tokenization via Recurrent Allocation, arXiv 2411.02393",
        credit="tokendial",
    )
