"""The flow tokenizer: photo -> tokens once, tokens -> pictures for any prefix, seed and number of steps.

`FlowTokenizer` holds the three networks of a checkpoint on one device, and remembers the latents of the last
photos. Neighbours: `networks` (makes the three), `painter` (tokens to pictures), `calls`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import on_levels
from tokenizer_core.engine.devices import find_dtype
from tokenizer_core.engine.fast import RECORDED, batch_sizes
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.attention import AttentionMaps
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Asked, Tokenizer
from tokenizer_core.models.prefix_flow.calls import Calls
from tokenizer_core.models.prefix_flow.config import SamplerConfig, TokenizerConfig
from tokenizer_core.models.prefix_flow.encoder import TokenEncoder
from tokenizer_core.models.prefix_flow.networks import build_networks, describe
from tokenizer_core.models.prefix_flow.painter import REMEMBERED, Painter, Row
from tokenizer_core.models.remembered import Recent, key_of
from tokenizer_core.models.requests import DecodeRequest
from tokenizer_core.nn.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.flow_decoder import FlowDecoder
from tokenizer_core.photos.photo import PhotoSource, Picture, to_picture
from tokenizer_core.storage.checkpoints import Checkpoint, fill


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
        self._painter = Painter(config, self.decoder, self._calls, device)
        self._latents: Recent[Tensor] = Recent(REMEMBERED)

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
        return self.encode_batch([picture])[0]

    @torch.inference_mode()
    def encode_batch(self, pictures: Sequence[Picture]) -> list[Encoding]:
        """Tokens of several visitors' pictures at once; see `Tokenizer.encode_batch`."""
        same = [to_picture(picture, self.config.autoencoder.image_size) for picture in pictures]
        found = list[Encoding]()
        while left := len(same) - len(found):
            recorded = batch_sizes(left, compiled=False)[0]
            rows = recorded if self._calls.on else min(left, self._painter.batch_size())
            found += self._encode(same[len(found) :][:rows], rows)
        return found

    def _encode(self, pictures: list[Picture], rows: int) -> list[Encoding]:
        """Tokens of pictures in a batch of so many rows; it is filled with the last picture again."""
        filled = pictures + pictures[-1:] * (rows - len(pictures))
        levels = torch.from_numpy(np.stack([picture.array for picture in filled])).to(self.device)
        latents, tokens = self._calls.see(levels)
        info, numbers = self.info, on_levels(tokens[: len(pictures)].float().cpu().numpy())
        found = [Encoding(one, np.arange(len(one)), info.checkpoint_id, info.name) for one in numbers]
        for i, encoding in enumerate(found):  # a copy: a part of the batch would keep all of it
            self._latents.put(key_of(encoding), latents[i : i + 1].clone())
        return found

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

    def pictures(self, encoding: Encoding, asked: Asked) -> Iterator[tuple[int, Picture]]:
        """Pictures of several prefixes; see `Tokenizer.decode_many`. 4 at a time on a CPU, 64 on a GPU."""
        batch = self._painter.batch_size(asked.batch)
        return self._painter.pictures(_rows(encoding, asked), self._sampler(asked), batch)

    def decode_batch(self, requests: Sequence[DecodeRequest]) -> list[list[Picture]]:
        """Pictures of several visitors' tokens at once; see `Tokenizer.decode_batch`.

        Those of as many steps and of one guidance scale share their batches.
        """
        groups = dict[SamplerConfig, list[tuple[int, Row]]]()
        for i, one in enumerate(requests):
            asked = self.check(
                one.encoding, one.lengths, steps=one.steps, guidance_scale=one.guidance_scale, seed=one.seed
            )
            rows = _rows(one.encoding, asked)
            groups.setdefault(self._sampler(asked), []).extend((i, row) for row in rows)
        found: list[list[Picture]] = [[] for _ in requests]
        for sampler, rows in groups.items():
            alone = [row for _, row in rows]
            pictures = self._painter.pictures(alone, sampler, self._painter.batch_size())
            for (i, _), (_, picture) in zip(rows, pictures, strict=True):
                found[i].append(picture)
        return found

    def _sampler(self, asked: Asked) -> SamplerConfig:
        """The model's own sampler, with what was asked for.

        Distilled steps are of the guidance that they learned. A mean, which is one step, has no guidance.
        """
        own = self.config.sampler
        steps = own.steps if asked.steps is None else asked.steps
        scale = own.guidance_scale if asked.guidance_scale is None else asked.guidance_scale
        distilled = own.distilled_steps if scale == own.guidance_scale else 0
        scale = 1.0 if steps == 1 else float(scale)
        return replace(own, steps=steps, guidance_scale=scale, distilled_steps=distilled)

    @torch.inference_mode()
    def accelerate(self, wait: bool = False) -> None:
        """Record what one picture takes, and compile what a film takes; see `Tokenizer.accelerate`."""
        if self.device == "cpu" or self._calls.on:
            return
        self._painter.turn_on()
        size = self.config.autoencoder.image_size
        grey = Picture(np.full((size, size, 3), 128, np.uint8))
        encoding = self.encode(grey)
        for count in RECORDED:
            self.encode_batch([grey] * count)
            lengths = list(encoding.lengths)[-count:]
            for steps in (1, self.config.sampler.steps):
                list(self.decode_many(encoding, lengths, steps=steps))
        others = [Encoding(one.tokens, one.positions, one.checkpoint_id, one.model) for one in [encoding] * 2]
        for count in (2, RECORDED[-1]):
            asks = [DecodeRequest(encoding=others[i % 2], lengths=[1], steps=1) for i in range(count)]
            self.decode_batch(asks)
        beside = self._painter.compile_films(encoding, self.info.name)
        if wait:
            beside.join()

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
            latent = self._latents.get(key_of(encoding))
            if latent is None:
                raise TokenizerError("Read maps need the photo; please encode it again.")
            raw = self.encoder.read_attention(latent.to(self._dtype), layer)[0].unflatten(1, (side, side))
        else:
            context = self._painter.context(encoding).first(asked.lengths[0])
            start = torch.ones(1, device=self.device)
            noise = self._painter.noise(asked.seed)
            raw = self.decoder.write_attention(noise, start, context, layer)[0]
            raw = raw.unflatten(0, (side, side))
        return AttentionMaps.of(raw.float().cpu().numpy(), direction, layer)


def _rows(encoding: Encoding, asked: Asked) -> list[Row]:
    return [Row(encoding, length, asked.seed) for length in asked.lengths]
