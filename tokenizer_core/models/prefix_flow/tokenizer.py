"""The flow tokenizer: photo -> tokens once, tokens -> pictures for any prefix, seed and number of steps.

`FlowTokenizer` holds the three networks of a checkpoint on one device; what depends on the tokens alone (keys
and values of the decoder) is computed once a photo and kept. Neighbours: `networks` (makes the three).
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor, nn

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import on_levels
from tokenizer_core.engine.devices import find_dtype
from tokenizer_core.engine.fast import COMPILED, RECORDED, Fetched, batch_sizes
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.attention import AttentionMaps
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.models.prefix_flow.calls import Calls
from tokenizer_core.models.prefix_flow.config import TokenizerConfig
from tokenizer_core.models.prefix_flow.encoder import TokenEncoder
from tokenizer_core.models.prefix_flow.networks import build_networks, describe
from tokenizer_core.models.requests import DecodeRequest
from tokenizer_core.nn.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.flow_decoder import FlowDecoder, TokenContext
from tokenizer_core.nn.masks import prefix_mask
from tokenizer_core.nn.sampler import draw_noise, sample
from tokenizer_core.photos.photo import PhotoSource, Picture, to_picture
from tokenizer_core.stopping import go_on
from tokenizer_core.storage.checkpoints import Checkpoint, fill

REMEMBERED = 32  # photos whose keys and values (4 MB each) and latents stay
log = logging.getLogger("tokendial")


class FlowTokenizer(Tokenizer):
    """Autoencoder, token encoder and flow decoder of one checkpoint.

    Args:
        config: sizes and defaults.
        info: the catalog's line.
        networks: modules `autoencoder`, `encoder` and `decoder`.
        device: "cpu", "cuda:0", ...
        dtype: what the networks compute in.
    """

    def __init__(
        self,
        config: TokenizerConfig,
        info: ModelInfo,
        networks: nn.ModuleDict,
        device: str,
        dtype: torch.dtype,
    ) -> None:
        networks = networks.to(device=device, dtype=dtype).eval().requires_grad_(False)
        self.autoencoder: Autoencoder = networks["autoencoder"].to(memory_format=torch.channels_last)  # type: ignore
        self.autoencoder.standardise.float()
        self.encoder: TokenEncoder = networks["encoder"]  # type: ignore[assignment]
        self.decoder: FlowDecoder = networks["decoder"]  # type: ignore[assignment]
        self.config, self.info, self.device, self._dtype = config, info, device, dtype
        self.dtype = str(dtype).removeprefix("torch.")
        self._calls = Calls(
            self.autoencoder,
            self.encoder,
            self.decoder,
            device=device,
            dtype=dtype,
            num_tokens=config.encoder.num_tokens,
        )
        self._contexts, self._latents = Recent(), Recent()

    @classmethod
    def from_checkpoint(
        cls, checkpoint: Checkpoint, device: str = "cpu", dtype: str = "auto"
    ) -> "FlowTokenizer":
        """Build the networks and fill them strictly.

        Raises:
            TokenizerError: config and weights do not fit.
        """
        config = TokenizerConfig.from_dict(checkpoint.config)
        networks = build_networks(config)
        fill(networks, checkpoint.tensors, checkpoint.name)
        info = describe(checkpoint.config, checkpoint.checkpoint_id, checkpoint.size_bytes)
        return cls(config, info, networks, device, find_dtype(dtype, device))

    @torch.inference_mode()
    def encode(
        self, photo: PhotoSource | Picture, center: tuple[float, float] = (0.5, 0.5), zoom: float = 1.0
    ) -> Encoding:
        """Encode a photo into all of its tokens.

        Args:
            photo: anything `open_photo` takes, or a Picture (which is not cropped).
            center: x, y of the square crop in 0..1 of the photo.
            zoom: >= 1; the crop's side is the photo's shorter side over this.

        Returns:
            Tokens (K, D), each of root mean square about 1, on the levels that their bytes hold: an encoding
            and its bytes decode to the same picture.

        Raises:
            TokenizerError: the photo cannot be opened, or the crop is out of range.
        """
        picture = to_picture(photo, self.config.autoencoder.image_size, center, zoom)
        levels = torch.tensor(picture.array[None]).to(self.device)
        latent, tokens = self._calls.see(levels)
        tokens = tokens[0].float().cpu().numpy()
        info = self.info
        encoding = Encoding(on_levels(tokens), np.arange(len(tokens)), info.checkpoint_id, info.name)
        self._latents.put(_key(encoding), latent)
        return encoding

    def encode_levels(self, levels: UInt8[Tensor, "B H W 3"]) -> Tensor | None:
        """Tokens (B, K, D) of many squares; see `Tokenizer.encode_levels`."""
        pixels = (levels.float() / 127.5 - 1).permute(0, 3, 1, 2).to(self._dtype)  # channels last already
        return self.encoder(latent_to_sequence(self.autoencoder.encode(pixels)).to(self._dtype))

    @torch.inference_mode()
    def reconstruct(self, picture: Picture) -> Picture:
        """What the autoencoder alone makes of a picture, without any token: the goal of a full code."""
        latent = sequence_to_latent(self._latent(picture))
        latent = latent.to(self._dtype, memory_format=torch.channels_last)
        return Picture.from_pixels(self.autoencoder.decode(latent)[0])

    def _latent(self, picture: Picture) -> Tensor:
        pixels = picture.to_pixels().to(self.device, self._dtype, memory_format=torch.channels_last)
        return latent_to_sequence(self.autoencoder.encode(pixels))

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
        """Pictures of several prefixes; see `Tokenizer.decode_many`. 4 at a time on a CPU, 64 on a GPU."""
        steps, scale, rows, size = self._rows(encoding, lengths, steps, guidance_scale, seed, batch)
        return self._pictures(rows, steps, scale, size)

    def decode_batch(self, requests: Sequence[DecodeRequest]) -> list[list[Picture]]:
        """Pictures of several visitors' tokens at once; see `Tokenizer.decode_batch`.

        Those of as many steps and of one guidance scale share their batches.
        """
        groups = dict[tuple[int, float], list[tuple[int, Row]]]()
        for i, one in enumerate(requests):
            steps, scale, rows, _ = self._rows(
                one.encoding, one.lengths, one.steps, one.guidance_scale, one.seed
            )
            scale = 1.0 if steps == 1 else scale  # a mean has no guidance
            groups.setdefault((steps, scale), []).extend((i, row) for row in rows)
        found: list[list[Picture]] = [[] for _ in requests]
        for (steps, scale), rows in groups.items():
            pictures = self._pictures([row for _, row in rows], steps, scale, self._batch(None))
            for (i, _), (_, picture) in zip(rows, pictures, strict=True):
                found[i].append(picture)
        return found

    def _rows(
        self, encoding: Encoding, lengths: Sequence[int], steps: Any, scale: Any, seed: Any, batch: Any = None
    ) -> "tuple[int, float, list[Row], int]":
        """Checked: steps, guidance scale, a row a length, and how many rows go at a time."""
        asked = self.check(encoding, lengths, steps=steps, guidance_scale=scale, seed=seed, batch=batch)
        own = self.config.sampler
        steps = own.steps if asked.steps is None else asked.steps
        scale = own.guidance_scale if asked.guidance_scale is None else asked.guidance_scale
        rows = [Row(encoding, length, asked.seed) for length in asked.lengths]
        return steps, float(scale), rows, self._batch(asked.batch)

    def _batch(self, asked: int | None) -> int:
        return asked or (4 if self.device == "cpu" else COMPILED if self._calls.on else 64)

    def _pictures(
        self, rows: "list[Row]", steps: int, scale: float, batch: int
    ) -> Iterator[tuple[int, Picture]]:
        """A GPU computes a batch while the one before is fetched."""
        ahead = 0 if self.device == "cpu" or batch == 1 else 1
        waiting = deque[tuple[list[Row], Fetched]]()
        for start, size in self._cut(rows, batch):
            go_on()
            some = rows[start : start + size]
            with torch.inference_mode():
                waiting.append((some, Fetched(self._decode_batch(some, size, steps, scale))))
            if len(waiting) > ahead:
                yield from _arrived(*waiting.popleft())
        while waiting:
            yield from _arrived(*waiting.popleft())

    def _cut(self, rows: "list[Row]", batch: int) -> Iterator[tuple[int, int]]:
        """Where each batch starts, and its size, which may be larger than what is left."""
        if not self._calls.on:
            yield from ((start, min(batch, len(rows) - start)) for start in range(0, len(rows), batch))
            return
        alone = len({id(row.encoding) for row in rows}) == 1
        start = 0
        while start < len(rows):
            size = batch_sizes(min(batch, len(rows) - start), compiled=alone)[0]
            yield start, size
            start += size

    def _decode_batch(self, rows: "list[Row]", size: int, steps: int, scale: float) -> Tensor:
        """Levels (B, S, S, 3) uint8 of B rows; a batch of a larger size is filled with the last row again."""
        filled = rows + rows[-1:] * (size - len(rows))
        lengths = [row.length for row in filled]
        longest = self.config.encoder.num_tokens if self._calls.on else max(lengths)
        context = self._contexts_of([row.encoding for row in filled], longest)
        counts = torch.tensor(lengths, device=self.device)
        masked = self._calls.on or min(lengths) < longest
        keep_mask = prefix_mask(counts, longest) if masked else None
        noise = self._noises([row.seed for row in filled])
        own = self.config.sampler
        distilled = own.distilled_steps if scale == own.guidance_scale else 0
        options = asdict(own) | {"steps": steps, "guidance_scale": scale, "distilled_steps": distilled}
        decoder = self._calls.decoder if self._calls.on else self.decoder
        (levels,) = self._calls.paint(sample(decoder, context, noise, keep_mask, **options))
        return levels[: len(rows)]

    def _contexts_of(self, encodings: list[Encoding], longest: int) -> TokenContext:
        """Keys and values of the first tokens of each row's photo; one photo's are kept once for all rows."""
        each = {id(one): one for one in encodings}
        known = {name: self._context(one).first(longest) for name, one in each.items()}
        if len(known) == 1:
            (context,) = known.values()
            return context if self._calls.on else context.expand(len(encodings))
        wide = {name: _as_long_as(context, longest) for name, context in known.items()}
        rows = [wide[id(one)] for one in encodings]
        keys, values = zip(*((row.keys, row.values) for row in rows), strict=True)
        return TokenContext(
            tuple(torch.cat(layer) for layer in zip(*keys, strict=True)),
            tuple(torch.cat(layer) for layer in zip(*values, strict=True)),
        )

    def _noises(self, seeds: list[int]) -> Tensor:
        drawn = {seed: self._noise(seed) for seed in dict.fromkeys(seeds)}
        if len(drawn) == 1:
            return drawn[seeds[0]].expand(len(seeds), -1, -1)
        return torch.cat([drawn[seed] for seed in seeds])

    @torch.inference_mode()
    def accelerate(self, wait: bool = False) -> None:
        """Record what one picture takes, and compile what a film takes; see `Tokenizer.accelerate`."""
        if self.device == "cpu" or self._calls.on:
            return
        self._calls.turn_on()
        size = self.config.autoencoder.image_size
        grey = Picture(np.full((size, size, 3), 128, np.uint8))
        encoding = self.encode(grey)
        for count in RECORDED:
            lengths = list(encoding.lengths)[-count:]
            for steps in (1, self.config.sampler.steps):
                list(self.decode_many(encoding, lengths, steps=steps))
        others = [Encoding(one.tokens, one.positions, one.checkpoint_id, one.model) for one in [encoding] * 2]
        for count in (2, RECORDED[-1]):
            asks = [DecodeRequest(encoding=others[i % 2], lengths=[1], steps=1) for i in range(count)]
            self.decode_batch(asks)
        context, noise = self._contexts_of([encoding] * COMPILED, len(encoding)), self._noises([0] * COMPILED)
        threads = torch.get_num_threads()
        beside = threading.Thread(
            target=self._compile, args=(context, noise.contiguous(), threads), name="compile", daemon=True
        )
        beside.start()
        if wait:
            beside.join()

    @torch.inference_mode()
    def _compile(self, context: TokenContext, noise: Tensor, threads: int) -> None:
        """Compile for a film's batches; `threads` of the processor are those of the calls to come."""
        torch.set_num_threads(threads)
        began = time.perf_counter()
        keep_mask = torch.ones(COMPILED, context.length, dtype=torch.bool, device=self.device)
        t = torch.full((COMPILED,), 1.0, device=self.device)
        self._calls.predict.compile_for(noise, t, keep_mask, *context.keys, *context.values)
        self._calls.predict_empty.compile_for(noise, t)
        self._calls.paint.compile_for(noise)
        log.info("%s: films are compiled, in %.0f s", self.info.name, time.perf_counter() - began)

    @property
    def forms(self) -> dict[str, dict[str, str]]:
        """In which form each call is made, by rows of a batch; empty where all are as they are."""
        return {call.name: call.forms() for call in self._calls.all if call.forms()}

    @torch.inference_mode()
    def attention(
        self,
        encoding: Encoding,
        direction: str = "read",
        layer: int | None = None,
        length: int | None = None,
        seed: int = 0,
    ) -> AttentionMaps:
        """Attention of one layer, averaged over heads.

        Args:
            encoding: for "read" one that this object encoded lately (the photo's latent is needed).
            direction: "read" (each token over the patches), or "write" (each position over the tokens, t=1).
            layer: counted from 0; None is the middle one.
            length: write: how many tokens; None is all that are held.
            seed: write: of the noise.

        Raises:
            TokenizerError: direction, layer or length is out of range, or the photo is not remembered.
        """
        asked = self.check(encoding, None if length is None else [length], seed=seed)
        layer = self.layer_of(direction, layer)
        side = self.config.autoencoder.latent_size
        if direction == "read":
            latent = self._latents.get(_key(encoding))
            if latent is None:
                raise TokenizerError("Read maps need the photo; please encode it again.")
            raw = self.encoder.read_attention(latent.to(self._dtype), layer)[0].unflatten(1, (side, side))
        else:
            context = self._context(encoding).first(asked.lengths[0])
            start = torch.ones(1, device=self.device)
            raw = self.decoder.write_attention(self._noise(asked.seed), start, context, layer)[0]
            raw = raw.unflatten(0, (side, side))
        return AttentionMaps.of(raw.float().cpu().numpy(), direction, layer)

    def _context(self, encoding: Encoding) -> TokenContext:
        """Keys and values of all held tokens, computed once."""
        key = _key(encoding)
        context = self._contexts.get(key)
        if context is None:
            tokens = torch.from_numpy(encoding.tokens)[None].to(self.device)
            positions = torch.from_numpy(encoding.positions).to(self.device)
            context = (self._calls if self._calls.on else self.decoder).context(tokens, positions)
            self._contexts.put(key, context)
        return context

    def _noise(self, seed: int) -> Tensor:
        shape = self.config.autoencoder
        return draw_noise(seed, shape.latent_size**2, shape.latent_channels).to(self.device)


class Recent(OrderedDict):
    """The `REMEMBERED` values by key that were put or asked for last."""

    def get(self, key: bytes, default: Any = None) -> Any:
        """The value, which is then the newest; `default` where it was forgotten."""
        if key not in self:
            return default
        self.move_to_end(key)
        return self[key]

    def put(self, key: bytes, value: Any) -> None:
        """Keep a value and forget the one that was not used for longest."""
        self[key] = value
        self.move_to_end(key)
        while len(self) > REMEMBERED:
            self.popitem(last=False)


class Row(NamedTuple):
    """One picture of a batch: the first `length` tokens of a photo, and the seed of the noise."""

    encoding: Encoding
    length: int
    seed: int


def _arrived(rows: list[Row], levels: Fetched) -> Iterator[tuple[int, Picture]]:
    for row, array in zip(rows, levels.rows(), strict=True):
        yield row.length, Picture(array)


def _as_long_as(context: TokenContext, length: int) -> TokenContext:
    """With keys and values of zero behind those that are there; a mask must hide them."""
    rest = (0, 0, 0, length - context.length)
    return TokenContext(
        tuple(F.pad(one, rest) for one in context.keys), tuple(F.pad(one, rest) for one in context.values)
    )


def _key(encoding: Encoding) -> bytes:
    return encoding.tokens.tobytes() + encoding.positions.tobytes()
