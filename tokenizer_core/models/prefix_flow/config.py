"""Sizes and defaults of a prefix-flow model: what its checkpoint's config.json holds."""

import math
from dataclasses import dataclass, field

from tokenizer_core.nn.config import (
    FORMAT_VERSION,
    AutoencoderConfig,
    DecoderConfig,
    JsonConfig,
    require,
    require_heads,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderConfig:
    """Transformer that reads the latent with causal register tokens."""

    width: int = 384
    depth: int = 8
    num_tokens: int = 256
    token_width: int = 16

    def __post_init__(self) -> None:
        """Width is a whole number of heads."""
        require_heads(self.width, "encoder")


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplerConfig:
    """Defaults of `Tokenizer.decode`; `time_shift` > 1 puts more steps near noise, < 1 near the picture.

    `distilled_steps` is the number of steps that the decoder was distilled to at this guidance; 0 is none.
    """

    steps: int = 8
    guidance_scale: float = 3.0
    time_shift: float = 1.0
    distilled_steps: int = 4

    def __post_init__(self) -> None:
        """A sampler takes at least one step."""
        require(self.steps >= 1, f"steps must be at least 1, not {self.steps}.")
        require(self.time_shift > 0, f"time_shift must be above 0, not {self.time_shift}.")
        require(math.isfinite(self.time_shift), f"time_shift must be finite, not {self.time_shift}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizerConfig(JsonConfig):
    """All that is needed to rebuild a flow tokenizer around its weights."""

    kind: str = "prefix-flow"
    name: str = "prefix-flow-256"
    title: str = "Prefix flow, 256 ordered tokens"
    licence: str = "Apache-2.0"
    format_version: int = FORMAT_VERSION
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)

    def __post_init__(self) -> None:
        """Only this version of the format is known."""
        require(
            self.format_version == FORMAT_VERSION,
            f"This checkpoint has format version {self.format_version}; "
            f"this program reads version {FORMAT_VERSION}.",
        )

    @classmethod
    def tiny(cls) -> "TokenizerConfig":
        """See `tiny_config`."""
        return tiny_config(image_size=64)


def tiny_config(image_size: int = 32) -> TokenizerConfig:
    """A few thousand weights with the real structure: tests and dry runs of training use it.

    With the default `image_size` the latent is 2x2; tokens are 8 of width 16.
    """
    return TokenizerConfig(
        name="tiny",
        title="Tiny random model",
        autoencoder=AutoencoderConfig(
            channels=(16, 16, 16, 16),
            encoder_blocks=(1, 1, 1, 1),
            decoder_blocks=(1, 1, 1, 1),
            image_size=image_size,
        ),
        encoder=EncoderConfig(width=32, depth=2, num_tokens=8, token_width=16),
        decoder=DecoderConfig(width=32, depth=2, token_depth=1),
        sampler=SamplerConfig(steps=4, guidance_scale=1.5, distilled_steps=2),
    )
