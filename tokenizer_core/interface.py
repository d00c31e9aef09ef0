"""The interface that every model keeps; `tokenizer` and `linear` hold the two implementations."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from tokenizer_core.attention import AttentionMaps
from tokenizer_core.catalog import ModelInfo
from tokenizer_core.photo import Picture
from tokenizer_core.tokens import Encoding


@runtime_checkable
class Tokenizer(Protocol):
    """What every model offers; see `tokenizer.FlowTokenizer` for arguments and errors."""

    info: ModelInfo
    device: str
    dtype: str

    def encode(self, photo: Any, center: tuple[float, float] = (0.5, 0.5), zoom: float = 1.0) -> Encoding:
        """Photo -> tokens."""
        ...

    def decode(
        self,
        encoding: Encoding,
        length: int | None = None,
        *,
        steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int = 0,
    ) -> Picture:
        """The first `length` tokens -> picture."""
        ...

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
        """Pictures of several prefixes."""
        ...

    def attention(
        self,
        encoding: Encoding,
        direction: str = "read",
        layer: int | None = None,
        length: int | None = None,
        seed: int = 0,
    ) -> AttentionMaps:
        """Attention maps of one layer."""
        ...
