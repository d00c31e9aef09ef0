"""What every model offers, and what is the same in all; `tokenizer` and `linear` are the models."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.attention import AttentionMaps
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.photos.photo import PhotoSource, Picture


class Tokenizer(ABC):
    """A photo to ordered tokens once, and any prefix of them back to a picture.

    Attributes:
        info: the catalog's line.
        device: "cpu", "cuda:0", ...
        dtype: what it computes in, "float32" or "bfloat16".
    """

    info: ModelInfo
    device: str
    dtype: str

    @abstractmethod
    def encode(
        self, photo: PhotoSource | Picture, center: tuple[float, float] = (0.5, 0.5), zoom: float = 1.0
    ) -> Encoding:
        """Photo -> all of its tokens."""

    @abstractmethod
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
        """Pictures of several prefixes, in the order asked for."""

    def decode(
        self,
        encoding: Encoding,
        length: int | None = None,
        *,
        steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int = 0,
    ) -> Picture:
        """The picture in the first `length` tokens (all that are held if None); see `decode_many`."""
        wanted = [len(encoding) if length is None else length]
        many = self.decode_many(encoding, wanted, steps=steps, guidance_scale=guidance_scale, seed=seed)
        return next(iter(many))[1]

    def attention(
        self,
        encoding: Encoding,
        direction: str = "read",
        layer: int | None = None,
        length: int | None = None,
        seed: int = 0,
    ) -> AttentionMaps:
        """Attention maps of one layer.

        Raises:
            TokenizerError: this model has none.
        """
        raise TokenizerError(f"The model {self.info.name} has no attention: its tokens look at every pixel.")

    def check(self, encoding: Encoding, lengths: Sequence[int]) -> None:
        """Whether these tokens are of this model, whole, and long enough.

        Raises:
            TokenizerError: they are not.
        """
        info, held = self.info, len(encoding)
        if encoding.checkpoint_id != info.checkpoint_id or encoding.model != info.name:
            raise TokenizerError(f"These tokens were not made by these weights of {info.name}.")
        last = int(encoding.positions.max()) if held else 0
        if encoding.tokens.shape[1:] != (info.numbers_per_token,) or last >= info.lengths[-1]:
            raise TokenizerError(f"These tokens do not fit the model {info.name}.")
        if not np.isfinite(encoding.tokens).all():
            raise TokenizerError("These tokens hold values that are not numbers.")
        for length in lengths:
            if not 0 <= length <= held:
                raise TokenizerError(f"The length {length} is out of range; here it is 0 to {held}.")
