"""What every tokenizer offers, and what is the same in all; a folder beside this file is a family of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Bool

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import packer_of
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.attention import AttentionMaps
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.photos.photo import PhotoSource, Picture

LARGEST_STEPS = 1000
LARGEST_SCALE = 100
LARGEST_SEED = 2**63 - 1


class Tokenizer(ABC):
    """A photo to tokens once, and any of their lengths back to a picture.

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
        """Encode a photo once: all of its tokens, or its code of every length.

        Args:
            photo: anything `open_photo` takes, or a Picture (which is not cropped).
            center: x, y of the square crop in 0..1 of the photo.
            zoom: >= 1; the crop's side is the photo's shorter side over this.

        Raises:
            TokenizerError: the photo cannot be opened, or the crop is out of range.
        """

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
        """Pictures of several lengths, in the order asked for.

        Args:
            encoding: from this model.
            lengths: each one that the model allows and the encoding holds.
            steps: 1 gives the mean; more gives a sample; None is the model's default. Of no effect where a
                model makes one picture a length, as are `guidance_scale` and `seed`.
            guidance_scale: 1 is off; None is the model's default; a mean ignores it.
            seed: of the noise, which is the same for every length.
            batch: pictures decoded at a time; None is the model's choice.

        Yields:
            (length, Picture).

        Raises:
            TokenizerError: tokens of another model, or a length, steps, scale or seed out of range.
        """

    def decode(
        self,
        encoding: Encoding,
        length: int | None = None,
        *,
        steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int = 0,
    ) -> Picture:
        """The picture in `length` tokens (the longest code that is held if None); see `decode_many`."""
        wanted = [len(encoding) if length is None else length]
        many = self.decode_many(encoding, wanted, steps=steps, guidance_scale=guidance_scale, seed=seed)
        return next(iter(many))[1]

    def waiting_time(
        self, pictures: int = 1, *, steps: int | None = None, guidance_scale: float | None = None
    ) -> float:
        """About how long so many pictures will take, for whoever is about to wait.

        Args:
            pictures: how many.
            steps: as in `decode_many`.
            guidance_scale: as in `decode_many`.

        Returns:
            Seconds; 0 where it is too quick to be worth a word.
        """
        return 0.0

    def grow(
        self,
        photo: PhotoSource | Picture,
        center: tuple[float, float] = (0.5, 0.5),
        zoom: float = 1.0,
        lengths: Sequence[int] | None = None,
    ) -> Iterator[tuple[Encoding, Picture]]:
        """A photo in more and more tokens, the shortest code first, until nobody asks for more.

        Args:
            photo: as in `encode`.
            center: as in `encode`.
            zoom: as in `encode`.
            lengths: ascending, each one that the model allows; None is `ModelInfo.ladder`.

        Yields:
            The code of each length, and its mean. No picture is computed before it is asked for, and in a
            model that adds tokens pass by pass (`ModelInfo.adaptive`) no further token either.

        Raises:
            TokenizerError: the photo cannot be opened, the crop is out of range, or a length is not allowed.
        """
        lengths = self.info.ladder if lengths is None else lengths
        self.check_lengths(lengths)
        encoding = self.encode(photo, center, zoom)
        for length, picture in self.decode_many(encoding, lengths, steps=1, batch=1):
            yield encoding.code(length), picture

    def halted(self, encoding: Encoding) -> dict[int, Bool[np.ndarray, "s s"]]:
        """By code length: at which positions of the picture an adaptive model had nothing left to do.

        Raises:
            TokenizerError: this model has no such positions; see `ModelInfo.adaptive`.
        """
        raise TokenizerError(f"The model {self.info.name} looks at the whole photo once.")

    def reconstruct(self, picture: Picture) -> Picture:
        """What the autoencoder alone makes of a picture, without any token: the goal of a full code.

        Raises:
            TokenizerError: this model has none; see `ModelInfo.reconstructs`.
        """
        raise TokenizerError(f"The model {self.info.name} has no autoencoder of its own.")

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
            TokenizerError: this model has none; see `ModelInfo.attention`.
        """
        raise TokenizerError(f"The model {self.info.name} has no attention: its tokens look at every pixel.")

    def check(
        self,
        encoding: Encoding,
        lengths: Sequence[int],
        *,
        steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int = 0,
    ) -> None:
        """Whether these tokens are of this model, whole, and long enough, and the options are in range.

        Raises:
            TokenizerError: they are not.
        """
        info = self.info
        if encoding.checkpoint_id != info.checkpoint_id or encoding.model != info.name:
            raise TokenizerError(f"These tokens were not made by these weights of {info.name}.")
        last = int(encoding.positions.max()) if len(encoding) else 0
        same_code = (encoding.kind, encoding.vocabulary) == (info.tokens, info.vocabulary)
        same_width = info.vocabulary or encoding.tokens.shape[1:] == (info.numbers_per_token,)
        if not (same_code and same_width and encoding.ordered == info.ordered and last < info.lengths[-1]):
            raise TokenizerError(f"These tokens do not fit the model {info.name}.")
        packer_of(info.tokens).check(encoding.tokens, info.vocabulary or info.numbers_per_token)
        for length in lengths:
            self._check_length(encoding, length)
        if steps is not None and not 1 <= steps <= LARGEST_STEPS:
            raise TokenizerError(f"The number of steps must be 1 to {LARGEST_STEPS}, not {steps}.")
        if guidance_scale is not None and not 0 <= guidance_scale <= LARGEST_SCALE:
            raise TokenizerError(f"The guidance scale must be 0 to {LARGEST_SCALE}, not {guidance_scale}.")
        if not 0 <= seed <= LARGEST_SEED:
            raise TokenizerError(f"A seed is a whole number from 0 to {LARGEST_SEED}.")

    def check_lengths(self, lengths: Sequence[int]) -> None:
        """Whether this model has codes of these lengths, which ascend.

        Raises:
            TokenizerError: it has not, or there are none.
        """
        if not lengths or list(lengths) != sorted(set(lengths)):
            raise TokenizerError("The lengths of growing codes are different numbers, the smallest first.")
        missing = [length for length in lengths if length not in self.info.lengths]
        if missing:
            has = _list(self.info.ladder)
            raise TokenizerError(f"The model {self.info.name} has no code of {missing[0]} tokens; try {has}.")

    def _check_length(self, encoding: Encoding, length: int) -> None:
        info, held = self.info, encoding.lengths
        if info.ordered:
            if length not in info.lengths or length not in held:
                last = min(held[-1], info.lengths[-1])
                raise TokenizerError(
                    f"The length {length} is out of range; here it is {info.lengths[0]} to {last}."
                )
        elif length not in held:
            raise TokenizerError(f"There is no code of {length} tokens; there are {_list(held)}.")


def _list(lengths: Sequence[int]) -> str:
    return ", ".join(map(str, lengths))
