"""What the published tokenizers share: who they are from, pixels in [0, 1], and networks filled at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.attention import AttentionMaps
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.nn.config import FORMAT_VERSION, JsonConfig, require
from tokenizer_core.photos.photo import Picture
from tokenizer_core.storage.checkpoints import fill

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where weights came from, for whoever wants to know or to fetch them again.

    Attributes:
        place: a repository of the hub, or "" where it was a file of the user's own.
        revision: of it.
        files: that were read, each as its SHA-256, two spaces, and its name there.
    """

    place: str = ""
    revision: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedConfig(JsonConfig):
    """What the configurations of all published families hold.

    Attributes:
        kind: the family.
        name: of the model.
        title: one phrase for people.
        licence: of the weights.
        credit: whose weights they are.
        source: the paper.
        origin: where they came from.
        format_version: of this form.
    """

    kind: str = ""
    name: str = ""
    title: str = ""
    licence: str = ""
    credit: str = ""
    source: str = ""
    origin: Origin = field(default_factory=Origin)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        """This version of the form is known."""
        known = self.format_version == FORMAT_VERSION
        require(
            known, f"These weights were kept in a form of version {self.format_version}; fetch them again."
        )


def describe_published(config: PublishedConfig, checkpoint_id: str, size_bytes: int, **own: Any) -> ModelInfo:
    """The catalog's line, of what all published families say alike and what this one adds."""
    return ModelInfo(
        name=config.name,
        title=config.title,
        family=config.kind,
        role="published",
        size_bytes=size_bytes,
        bundled=False,
        checkpoint_id=checkpoint_id,
        licence=config.licence,
        source=config.source,
        credit=config.credit,
        **own,
    )


class PublishedTokenizer(Tokenizer):
    """Networks on a device.

    Args:
        info: the catalog's line.
        networks: filled.
        device: "cpu", "cuda:0", ...
        dtype: what the networks compute in.
    """

    def __init__(self, info: ModelInfo, networks: nn.Module, device: str, dtype: torch.dtype) -> None:
        networks.to(device=device, dtype=dtype).eval().requires_grad_(False)
        networks.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # quicker convolutions
        self.info, self.device, self._dtype = info, device, dtype
        self.dtype = str(dtype).removeprefix("torch.")

    def attention(
        self,
        encoding: Encoding,
        direction: str = "read",
        layer: int | None = None,
        length: int | None = None,
        seed: int = 0,
    ) -> AttentionMaps:
        """None are shown.

        Raises:
            TokenizerError: always.
        """
        raise TokenizerError(
            f"Attention maps of {self.info.name} are not shown here; leave tokens out instead."
        )

    def _pixels(self, picture: Picture) -> Float[Tensor, "1 3 H W"]:
        """A picture in [0, 1], as all of these models read it."""
        levels = torch.tensor(picture.array).permute(2, 0, 1)[None]
        return (levels.float() / 255).to(self.device, self._dtype, memory_format=torch.channels_last)


def to_picture_01(pixels: Float[Tensor, "3 H W"]) -> Picture:
    """Pixels in [0, 1] to 8 bit; what lies outside is clipped."""
    return Picture.from_pixels(pixels.float() * 2 - 1)


def build_filled(make: Callable[[], M], tensors: dict[str, Tensor], model: str) -> M:
    """Networks that hold these tensors and nothing else, without a second copy in memory.

    Raises:
        TokenizerError: a key is missing, unknown, or of another shape.
    """
    with torch.device("meta"):
        networks = make()
    fill(networks, tensors, model, assign=True)
    return networks


def shapes_of(make: Callable[[], nn.Module]) -> dict[str, tuple[int, ...]]:
    """Names and shapes that networks want, without the memory for them."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in make().state_dict().items()}
