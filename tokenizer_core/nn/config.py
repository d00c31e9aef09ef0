"""Sizes and defaults of a model, frozen, with a strict JSON form.

One dataclass per network, nested in the family's own: that is what a checkpoint's config.json holds.
Unknown and missing keys are errors: a weight file never meets a network of another shape by accident.
"""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tokenizer_core.errors import TokenizerError

FORMAT_VERSION = 1

C = TypeVar("C", bound="JsonConfig")


def require(condition: bool, sentence: str) -> None:
    """A rule of a configuration, with the sentence for whoever broke it.

    Raises:
        TokenizerError: the condition does not hold.
    """
    if not condition:
        raise TokenizerError(sentence)


def require_heads(width: int, what: str) -> None:
    """A width is a whole number of attention heads.

    Raises:
        TokenizerError: it is not.
    """
    whole = width % 64 == 0 or width in (16, 32)
    require(whole, f"{what} width {width} must be a multiple of 64.")


class JsonConfig:
    """What a family's configuration inherits, so that it is a checkpoint's config.json and nothing else."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for `write_checkpoint`: what config.json holds."""
        return json.loads(self.to_json())

    def to_json(self) -> str:
        """The config.json text."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls: type[C], values: dict[str, Any]) -> C:
        """Rebuild from parsed JSON.

        Raises:
            TokenizerError: a key is unknown or missing, or a value breaks a rule.
        """
        return _build(cls, values, "config")

    @classmethod
    def tiny(cls: type[C]) -> C:
        """A few thousand weights with the real structure, for dry runs of training: 64 x 64 pixels."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True, slots=True)
class AutoencoderConfig:
    """Convolutional autoencoder, one entry a level from 1/2 of the picture's resolution down to 1/16."""

    channels: tuple[int, ...] = (64, 128, 256, 320)
    encoder_blocks: tuple[int, ...] = (1, 1, 2, 2)
    decoder_blocks: tuple[int, ...] = (1, 2, 2, 2)
    latent_channels: int = 16
    image_size: int = 256

    def __post_init__(self) -> None:
        """Levels agree with each other and divide the picture."""
        levels = len(self.channels)
        require(
            levels == len(self.encoder_blocks) == len(self.decoder_blocks),
            f"channels, encoder_blocks and decoder_blocks must have one entry a level, not {levels}, "
            f"{len(self.encoder_blocks)} and {len(self.decoder_blocks)}.",
        )
        require(
            self.image_size % self.patch_size == 0,
            f"image_size {self.image_size} must divide by {self.patch_size}.",
        )

    @property
    def patch_size(self) -> int:
        """Pixels on one side of the square that one latent position covers."""
        return 2 ** len(self.channels)

    @property
    def latent_size(self) -> int:
        """Latent positions on one side."""
        return self.image_size // self.patch_size


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
class DecoderConfig:
    """Rectified-flow transformer over latent positions; tokens enter as keys and values."""

    width: int = 512
    depth: int = 8
    token_depth: int = 1

    def __post_init__(self) -> None:
        """Width is a whole number of heads."""
        require_heads(self.width, "decoder")


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


def _build(cls: type, values: Any, where: str) -> Any:
    require(isinstance(values, dict), f"{where} must be an object.")
    fields = {f.name: f for f in dataclasses.fields(cls)}
    unknown, missing = sorted(set(values) - set(fields)), sorted(set(fields) - set(values))
    require(not unknown, f"{where} has unknown keys: {', '.join(unknown)}.")
    require(not missing, f"{where} lacks the keys: {', '.join(missing)}.")
    built = {}
    for name, value in values.items():
        kind = fields[name].type
        if dataclasses.is_dataclass(kind):
            built[name] = _build(kind, value, f"{where}.{name}")  # type: ignore[arg-type]
        else:
            built[name] = tuple(value) if isinstance(value, list) else value
    try:
        return cls(**built)
    except TypeError:
        raise TokenizerError(f"{where} holds a value of the wrong kind.") from None


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
