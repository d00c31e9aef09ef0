"""The flow tokenizer: photo -> tokens once, tokens -> pictures for any prefix, seed and number of steps.

`FlowTokenizer` holds the three networks of a checkpoint on one device; what depends on the tokens alone (keys
and values of the decoder) is computed once a photo and kept. Neighbours: `networks` (makes the three).
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import on_levels
from tokenizer_core.engine.devices import find_dtype
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.attention import AttentionMaps
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.models.prefix_flow.config import TokenizerConfig
from tokenizer_core.models.prefix_flow.encoder import TokenEncoder
from tokenizer_core.models.prefix_flow.networks import build_networks, describe
from tokenizer_core.nn.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.flow_decoder import FlowDecoder, TokenContext
from tokenizer_core.nn.masks import prefix_mask
from tokenizer_core.nn.sampler import draw_noise, sample
from tokenizer_core.photos.photo import PhotoSource, Picture, to_picture
from tokenizer_core.storage.checkpoints import Checkpoint, fill

REMEMBERED = 8  # photos whose keys and values (4 MB each) and latents stay


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
        latent = self._latent(to_picture(photo, self.config.autoencoder.image_size, center, zoom))
        tokens = self.encoder(latent.to(self._dtype))[0].float().cpu().numpy()
        info = self.info
        encoding = Encoding(on_levels(tokens), np.arange(len(tokens)), info.checkpoint_id, info.name)
        self._latents.put(_key(encoding), latent)
        return encoding

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
        asked = self.check(
            encoding, lengths, steps=steps, guidance_scale=guidance_scale, seed=seed, batch=batch
        )
        own = self.config.sampler
        steps = own.steps if asked.steps is None else asked.steps
        scale = own.guidance_scale if asked.guidance_scale is None else asked.guidance_scale
        size = asked.batch or (4 if self.device == "cpu" else 64)
        return self._pictures(encoding, asked.lengths, steps, float(scale), asked.seed, size)

    def _pictures(
        self, encoding: Encoding, lengths: list[int], steps: int, scale: float, seed: int, batch: int
    ) -> Iterator[tuple[int, Picture]]:
        for start in range(0, len(lengths), batch):
            some = lengths[start : start + batch]
            with torch.inference_mode():
                pixels = self._decode_batch(encoding, some, steps, scale, seed)
                pictures = [Picture.from_pixels(one) for one in pixels.float().cpu()]
            yield from zip(some, pictures, strict=True)

    def _decode_batch(
        self, encoding: Encoding, lengths: list[int], steps: int, scale: float, seed: int
    ) -> Tensor:
        longest = max(lengths)
        context = self._context(encoding).first(longest).expand(len(lengths))
        counts = torch.tensor(lengths, device=self.device)
        keep_mask = prefix_mask(counts, longest) if min(lengths) < longest else None
        noise = self._noise(seed).expand(len(lengths), -1, -1)
        own = self.config.sampler
        distilled = own.distilled_steps if scale == own.guidance_scale else 0
        options = asdict(own) | {"steps": steps, "guidance_scale": scale, "distilled_steps": distilled}
        latent = sequence_to_latent(sample(self.decoder, context, noise, keep_mask, **options))
        return self.autoencoder.decode(latent.to(self._dtype, memory_format=torch.channels_last))

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
            context = self.decoder.context(tokens, torch.from_numpy(encoding.positions).to(self.device))
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


def _key(encoding: Encoding) -> bytes:
    return encoding.tokens.tobytes() + encoding.positions.tobytes()
