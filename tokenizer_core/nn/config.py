"""Sizes and defaults of a model, frozen, with a strict JSON form.

One dataclass per network, nested in the family's own: that is what a checkpoint's config.json holds.
Unknown and missing keys are errors: a weight file never meets a network of another shape by accident.
"""

import dataclasses
import json
from dataclasses import dataclass
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
class DecoderConfig:
    """Rectified-flow transformer over latent positions; tokens enter as keys and values."""

    width: int = 512
    depth: int = 8
    token_depth: int = 1

    def __post_init__(self) -> None:
        """Width is a whole number of heads."""
        require_heads(self.width, "decoder")


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
