"""The ALIT tokenizer: photo -> hard codes of 32, 64, ..., 256 tokens, and any of these to a picture.

Encoding runs pass after pass and may stop after any. The autoencoder is another checkpoint's. Neighbours:
`networks` (the recurrence), `memory` (what encoding saw), `bridge` (a flow that paints), `config`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor, nn

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import HARD
from tokenizer_core.engine.devices import find_dtype
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.alit.bridge import BridgedFlow, read_flow
from tokenizer_core.models.alit.catalog import describe
from tokenizer_core.models.alit.config import AlitConfig
from tokenizer_core.models.alit.memory import Memory, Seen
from tokenizer_core.models.alit.networks import AlitEncoder, AlitWriter, Pass, build_networks, run_passes
from tokenizer_core.models.attention import AttentionMaps
from tokenizer_core.models.base import read_autoencoder
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Asked, Tokenizer
from tokenizer_core.models.remembered import key_of
from tokenizer_core.nn.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.flow_decoder import FlowDecoder
from tokenizer_core.photos.photo import PhotoSource, Picture, to_picture
from tokenizer_core.storage.checkpoints import Checkpoint, fill


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
        # before any rounding: a bridge is added to the flow in full numbers
        self._bridged = None if flow is None else BridgedFlow(networks["bridge"], flow, config, device, dtype)  # type: ignore[arg-type]
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
        self.config, self.info, self.device, self._dtype = config, info, device, dtype
        self.dtype = str(dtype).removeprefix("torch.")
        self._memory = Memory()

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
        self._memory.keep(seen)
        draws = None if halting_seed is None else torch.Generator().manual_seed(halting_seed)
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

    def pictures(self, encoding: Encoding, asked: Asked) -> Iterator[tuple[int, Picture]]:
        """Pictures of several codes, each computed when its turn comes; see `Tokenizer.decode_many`.

        One step, the default, gives the picture nearest to the photo; two give the sharp one, and more what a
        flow paints, as far as these weights can: `ModelInfo.mode_of` says what comes. `seed` and
        `guidance_scale` count for a flow alone.
        """
        mode = self.info.mode_of(asked.steps or 1)
        if mode == "flow":
            return ((length, self._draw(encoding.code(length), asked)) for length in asked.lengths)
        return ((length, self._decode(encoding.code(length), mode == "sharp")) for length in asked.lengths)

    @torch.inference_mode()
    def _decode(self, code: Encoding, sharp: bool) -> Picture:
        writer = self.sharp_writer if sharp else self.writer
        decoder = self.sharp_decoder if sharp else self.decoder
        number, seen = self._pass_of(len(code)), self._memory.find(code)
        if seen is not None and writer is self.writer:
            return self._paint(seen.predictions[number], decoder)
        return self._paint(writer(self._codes(code), number), decoder)

    @torch.inference_mode()
    def _draw(self, code: Encoding, asked: Asked) -> Picture:
        """What the bridge's flow paints of a code from the noise of a seed."""
        assert self._bridged is not None, "its mode is offered with a bridge alone"
        number, codes = self._pass_of(len(code)), self._codes(code)
        told = self._bridged.told(key_of(code), codes, number, lambda: self.writer.patches(codes, number))
        latent = self._bridged.latent(told, asked.seed, asked.steps, asked.guidance_scale)
        return self._paint(latent, self.autoencoder.decoder)

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
        start = self._memory.recall(code, "Read maps").starts[self._pass_of(len(code))]
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
        halted = self._memory.recall(encoding, "Halting masks").halted
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
