"""Semanticist: ordered soft tokens, a diffusion decoder in KL-16's latent. The paper this project follows.

Encoding is one forward; tokens are kept on the 16 levels that soft tokens have here (4 bits a number), which
the authors do not do. Decoding draws one noise a seed and uses it for every length, and takes all lengths
that were asked for in one batch.

*Steps.* 2 to 249 are DDIM steps, and 250 or more are the authors' own ancestral steps, of which they take
250. 1 means the quick picture, `QUICK` DDIM steps from the noise of seed 0 without guidance: one true step
from noise would multiply the network's error by 157, since it predicts the noise.

Sources: see `semanticist_networks` and `diffusion`. Neighbour: `kl16`.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import SOFT, on_levels
from tokenizer_core.engine.devices import find_dtype
from tokenizer_core.models.family import Family
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Asked
from tokenizer_core.models.published.common import (
    PublishedConfig,
    PublishedTokenizer,
    build_filled,
    describe_published,
)
from tokenizer_core.models.published.diffusion import Predict, guided, sample_ancestral, sample_ddim
from tokenizer_core.models.published.kl16 import Kl16, kl16_names
from tokenizer_core.models.published.semanticist_networks import SemanticistNetworks
from tokenizer_core.nn.config import require
from tokenizer_core.photos.photo import PhotoSource, Picture, to_picture
from tokenizer_core.storage.checkpoints import Checkpoint

KIND = "semanticist"
UNUSED = ("dit.projector.", "dit.pos_embed", "nested_sampler.arange")  # training's, or computed
KL16 = "kl16."  # before the names of the autoencoder's parameters
PUBLISHED_STEPS = 250
QUICK = 10
STEPS, GUIDANCE = 25, 3.0  # of a sample, unless asked otherwise; the authors evaluate with this guidance
ON_CPU, ON_GPU = 1, 32  # pictures at a time


@dataclass(frozen=True, kw_only=True, slots=True)
class SemanticistConfig(PublishedConfig):
    """Sizes; the defaults are those of Semanticist with a DiT-L/2.

    Attributes:
        encoder_width: of the encoder.
        encoder_depth: its blocks.
        encoder_heads: of each.
        width: of the decoder.
        depth: its blocks.
        heads: of each.
        num_tokens: slots.
        token_width: numbers of a token.
        latent_channels: of KL-16.
        kl16_channels: of its finest level.
        scaling_factor: what its latent is multiplied by.
        image_size: side of the pictures.
    """

    encoder_width: int = 768
    encoder_depth: int = 12
    encoder_heads: int = 12
    width: int = 1024
    depth: int = 24
    heads: int = 16
    num_tokens: int = 256
    token_width: int = 16
    latent_channels: int = 16
    kl16_channels: int = 128
    scaling_factor: float = 0.2325
    image_size: int = 256

    def __post_init__(self) -> None:
        """The parts fit each other."""
        PublishedConfig.__post_init__(self)
        require(self.kind == KIND, f"kind must be {KIND}, not {self.kind}.")
        for width, heads in ((self.encoder_width, self.encoder_heads), (self.width, self.heads)):
            require(width % heads == 0, f"A width of {width} must be a multiple of its {heads} heads.")
        require(self.scaling_factor > 0, f"scaling_factor must be positive, not {self.scaling_factor}.")

    def networks(self) -> SemanticistNetworks:
        """Encoder and decoder of these sizes."""
        sizes = ("encoder_width", "encoder_depth", "encoder_heads", "width", "depth", "heads")
        shapes = ("num_tokens", "token_width", "latent_channels", "image_size")
        return SemanticistNetworks(**{name: getattr(self, name) for name in (*sizes, *shapes)})

    def autoencoder(self) -> Kl16:
        """KL-16 of these sizes."""
        return Kl16(self.kl16_channels, self.latent_channels)


def own_names(
    config: SemanticistConfig, tensors: dict[str, Tensor], kl16: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The tensors of both files under our names, without what only training needs.

    `torch.compile` left its prefix in the names of the authors' files.
    """
    plain = {name.replace("_orig_mod.", ""): value for name, value in tensors.items()}
    kept = {name: value for name, value in plain.items() if not name.startswith(UNUSED)}
    return kept | {KL16 + name: value for name, value in kl16_names(config.autoencoder, kl16).items()}


class SemanticistTokenizer(PublishedTokenizer):
    """Semanticist behind the interface that every tokenizer has.

    Args:
        config: sizes.
        info: the catalog's line.
        networks: encoder and decoder, filled.
        autoencoder: KL-16, filled.
        device: "cpu", "cuda:0", ...
        dtype: what the networks compute in.
    """

    def __init__(
        self,
        config: SemanticistConfig,
        info: ModelInfo,
        networks: SemanticistNetworks,
        autoencoder: Kl16,
        device: str,
        dtype: torch.dtype,
    ) -> None:
        super().__init__(info, nn.ModuleList([networks, autoencoder]), device, dtype)
        self.config, self.networks, self.autoencoder = config, networks, autoencoder

    @classmethod
    def from_checkpoint(
        cls, checkpoint: Checkpoint, device: str = "cpu", dtype: str = "auto"
    ) -> "SemanticistTokenizer":
        """Build the networks and fill them strictly.

        Raises:
            TokenizerError: config and weights do not fit.
        """
        config = SemanticistConfig.from_dict(checkpoint.config)
        own = {name: value for name, value in checkpoint.tensors.items() if not name.startswith(KL16)}
        rest = checkpoint.tensors.items()
        kl16 = {name.removeprefix(KL16): value for name, value in rest if name.startswith(KL16)}
        networks = build_filled(config.networks, own, checkpoint.name)
        autoencoder = build_filled(config.autoencoder, kl16, checkpoint.name)
        info = describe(checkpoint.config, checkpoint.checkpoint_id, checkpoint.size_bytes)
        return cls(config, info, networks, autoencoder, device, find_dtype(dtype, device))

    @torch.inference_mode()
    def encode(
        self, photo: PhotoSource | Picture, center: tuple[float, float] = (0.5, 0.5), zoom: float = 1.0
    ) -> Encoding:
        """Encode a photo once.

        Returns:
            Tokens (K, D), each standardised among its own numbers, on the levels that their bytes hold.

        Raises:
            TokenizerError: the photo cannot be opened, or the crop is out of range.
        """
        pixels = self._pixels(to_picture(photo, self.config.image_size, center, zoom))
        tokens = on_levels(self.networks.tokens(pixels)[0].cpu().numpy())
        return Encoding(tokens, np.arange(len(tokens)), self.info.checkpoint_id, self.info.name)

    @torch.inference_mode()
    def reconstruct(self, picture: Picture) -> Picture:
        """What KL-16 alone makes of a picture."""
        latent = self.autoencoder.encode(self._pixels(picture) * 2 - 1)
        return Picture.from_pixels(self.autoencoder.decode(latent)[0])

    def pictures(self, encoding: Encoding, asked: Asked) -> Iterator[tuple[int, Picture]]:
        """Pictures of several prefixes; of no token, it is what guidance goes against.

        Which sampler a number of steps means stands in the head of this file. The quick picture, of one step,
        ignores guidance and seed. A CPU decodes 1 at a time, a GPU 32.
        """
        steps = STEPS if asked.steps is None else asked.steps
        scale = GUIDANCE if asked.guidance_scale is None else asked.guidance_scale
        seed = asked.seed
        if steps == 1:
            steps, scale, seed = QUICK, 1.0, 0
        batch = asked.batch or (ON_CPU if self.device == "cpu" else ON_GPU)
        return self._pictures(encoding, asked.lengths, steps, scale, seed, batch)

    @torch.inference_mode()
    def waiting_time(
        self, pictures: int = 1, *, steps: int | None = None, guidance_scale: float | None = None
    ) -> float:
        """From forwards of decoder and autoencoder that are timed now, on a CPU; a GPU is quick enough."""
        if self.device != "cpu":
            return 0.0
        forwards = 1 if steps == 1 or guidance_scale == 1 else 2  # a step
        steps = STEPS if steps is None else QUICK if steps == 1 else steps
        dit, side = self.networks.dit, self.config.image_size // 16
        latent = torch.zeros(1, self.config.latent_channels, side, side)
        nothing, clean = dit.autoenc_cond_embedder(dit.null_cond), torch.zeros(1, dtype=torch.long)
        forward = _seconds(lambda: dit(latent, clean, nothing))
        paint = _seconds(lambda: self.autoencoder.decode(latent.to(self._dtype)))
        return pictures * (steps * forwards * forward + paint)

    def _pictures(
        self, encoding: Encoding, lengths: list[int], steps: int, scale: float, seed: int, batch: int
    ) -> Iterator[tuple[int, Picture]]:
        for start in range(0, len(lengths), batch):
            some = lengths[start : start + batch]
            with torch.inference_mode():
                latents = self._sample(encoding, some, steps, scale, seed)
                latents = (latents / self.config.scaling_factor).to(self._dtype)
                pixels = self.autoencoder.decode(latents).float().cpu()
            yield from zip(some, map(Picture.from_pixels, pixels), strict=True)

    def _sample(
        self, encoding: Encoding, lengths: list[int], steps: int, scale: float, seed: int
    ) -> Float[Tensor, "B C h w"]:
        c = self.config
        side = c.image_size // 16
        generator = torch.Generator("cpu").manual_seed(seed)

        def draw() -> Tensor:
            shape = (1, c.latent_channels, side, side)
            return torch.randn(shape, generator=generator).to(self.device)

        noise = draw().expand(len(lengths), -1, -1, -1)
        predict = self.predict(self._conditions(encoding, lengths), scale)
        if steps < PUBLISHED_STEPS:
            return sample_ddim(predict, noise, steps)
        return sample_ancestral(predict, noise, steps, iter(draw, None))

    def _conditions(self, encoding: Encoding, lengths: list[int]) -> Float[Tensor, "B K W"]:
        """Of every length the tokens that are held and kept, in their slots, and null vectors elsewhere."""
        tokens = torch.zeros(self.config.num_tokens, self.config.token_width)
        keep = torch.zeros(len(lengths), self.config.num_tokens, dtype=torch.bool)
        tokens[encoding.positions] = torch.from_numpy(encoding.tokens)
        for row, length in zip(keep, lengths, strict=True):
            row[encoding.positions[:length]] = True
        tokens = tokens.expand(len(lengths), -1, -1).to(self.device)
        return self.networks.dit.conditions(tokens, keep.to(self.device))

    def predict(self, conditions: Float[Tensor, "B K W"], scale: float) -> Predict:
        """The decoder with these conditions and this guidance, as samplers want it; 1 is no guidance."""
        dit = self.networks.dit
        if scale == 1:
            return lambda x, step: dit(x, torch.full((len(x),), step, device=x.device), conditions)
        nothing = torch.zeros(1, self.config.num_tokens, dtype=torch.bool, device=conditions.device)
        empty = dit.conditions(torch.zeros_like(dit.null_cond), nothing).expand_as(conditions)
        both = torch.cat([conditions, empty])

        def predict(x: Tensor, step: int) -> tuple[Tensor, Tensor]:
            times = torch.full((2 * len(x),), step, device=x.device)
            noise, share = dit(torch.cat([x, x]), times, both)
            with_tokens, without = noise.chunk(2)
            return guided(with_tokens, without, scale), share.chunk(2)[0]

        return predict


def _seconds(call: Callable[[], object]) -> float:
    """Of the second of two calls: the first one also prepares."""
    call()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def describe(config: dict[str, Any], checkpoint_id: str, size_bytes: int) -> ModelInfo:
    """The catalog's line of a Semanticist checkpoint, from its config.json.

    Raises:
        TokenizerError: the configuration is not one of this family.
    """
    c = SemanticistConfig.from_dict(config)
    return describe_published(
        c,
        checkpoint_id,
        size_bytes,
        order=80,
        tokens=SOFT,
        numbers_per_token=c.token_width,
        lengths=tuple(range(c.num_tokens + 1)),
        ordered=True,
        modes=("mean", "sample"),
        reconstructs=True,
        views=("seeds", "mix", "codes", "less", "guess"),
        picture_size=c.image_size,
        default_steps=STEPS,
        default_guidance=GUIDANCE,
    )


FAMILY = Family(name=KIND, describe=describe, load=SemanticistTokenizer.from_checkpoint)
