"""What every tokenizer offers, and what is the same in all; a folder beside this file is a family of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8
from torch import Tensor

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import packer_of
from tokenizer_core.errors import TokenizerError, real_number, whole_number
from tokenizer_core.models.attention import AttentionMaps
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.requests import DecodeRequest
from tokenizer_core.photos.photo import PhotoSource, Picture

LARGEST_STEPS = 1000
LARGEST_SCALE = 100
LARGEST_SEED = 2**63 - 1


class Asked(NamedTuple):
    """The arguments of `decode_many`, in range, as Python's own numbers; None is the model's choice."""

    lengths: list[int]
    steps: int | None
    guidance_scale: float | None
    seed: int
    batch: int | None


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

    def encode_batch(self, pictures: Sequence[Picture]) -> list[Encoding]:
        """Encode several visitors' pictures, each to the tokens that `encode` gives.

        A model that can computes them in one batch. Sums are then rounded otherwise, so here and there a
        number may be a level off. What `encode` remembers of a photo is remembered of each.

        Args:
            pictures: of the model's size, (S, S, 3) uint8 each.

        Returns:
            An encoding a picture, in their order.

        Raises:
            TokenizerError: as `encode`.
        """
        return [self.encode(picture) for picture in pictures]

    def encode_levels(self, levels: UInt8[Tensor, "B H W 3"]) -> Tensor | None:
        """Many squares at once, for whoever encodes millions: see `sets`.

        Args:
            levels: 8-bit squares of the model's size, on its device. The caller holds `torch.inference_mode`.

        Returns:
            On the device: soft (B, K, D) numbers, not rounded to levels, or hard (B, K) indices. A square's
            tokens may differ in the last bit from those of `encode`, which is a batch of one. None: this
            model encodes one photo at a time.
        """
        return None

    @abstractmethod
    def pictures(self, encoding: Encoding, asked: Asked) -> Iterator[tuple[int, Picture]]:
        """What a family brings to `decode_many`, which has checked the arguments.

        Args:
            encoding: from this model.
            asked: the options in range; what a model does not have is of no effect.

        Yields:
            (length, Picture) in the order of `asked.lengths`.
        """

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
        """Pictures of several lengths, in the order asked for, each computed when its turn comes.

        Args:
            encoding: from this model.
            lengths: each one that the model allows and the encoding holds; 0 is the picture of no token.
            steps: 1 gives the mean; more gives a sample, or the sharp picture of a model that has one; None
                is the model's default; see `ModelInfo.modes`. Of no effect where a model makes one picture a
                length, as are `guidance_scale` and `seed`.
            guidance_scale: 1 is off; None is the model's default; a mean ignores it.
            seed: of the noise, which is the same for every length.
            batch: pictures decoded at a time, 1 or more; None is the model's choice. Of no effect where codes
                are decoded one by one.

        Yields:
            (length, Picture).

        Raises:
            TokenizerError: tokens of another model, or an option that is no number (numpy's are) or is out of
                range.
        """
        asked = self.check(
            encoding, lengths, steps=steps, guidance_scale=guidance_scale, seed=seed, batch=batch
        )
        return self.pictures(encoding, asked)

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
        self._check_tokens(encoding)
        wanted = [len(encoding) if length is None else length]
        many = self.decode_many(encoding, wanted, steps=steps, guidance_scale=guidance_scale, seed=seed)
        return next(iter(many))[1]

    def decode_batch(self, requests: Sequence[DecodeRequest]) -> list[list[Picture]]:
        """Pictures of several visitors' tokens, each with lengths, steps and a seed of their own.

        They are the pictures that `decode_many` gives, up to the rounding of sums (one level in 255 here and
        there on a GPU); a model that can computes them in one batch.

        Args:
            requests: from this model.

        Returns:
            A list of pictures a request, in the orders of requests and lengths.

        Raises:
            TokenizerError: as `decode_many`.
        """
        return [
            [
                picture
                for _, picture in self.decode_many(
                    one.encoding,
                    one.lengths,
                    steps=one.steps,
                    guidance_scale=one.guidance_scale,
                    seed=one.seed,
                )
            ]
            for one in requests
        ]

    def accelerate(self, wait: bool = False) -> None:
        """Prepare for many calls: record and compile what that makes quicker on this device.

        It takes seconds, and a thread beside goes on for a minute or two; calls work meanwhile. Pictures stay
        the same up to the rounding of sums. Nothing happens on a CPU, nor in a model without such forms.

        Args:
            wait: until all of it is done.
        """
        return

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
        lengths = self.check_lengths(self.info.ladder if lengths is None else lengths)
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
        lengths: Iterable[Any] | None,
        *,
        steps: Any = None,
        guidance_scale: Any = None,
        seed: Any = 0,
        batch: Any = None,
    ) -> Asked:
        """Whether these tokens are of this model, whole, and long enough, and the options are in range.

        No `lengths` are that of the longest code that is held.

        Returns:
            The options; numbers of other libraries (numpy's, a tensor of one) are numbers, too.

        Raises:
            TokenizerError: they are not.
        """
        self._check_tokens(encoding)
        wanted = [len(encoding)] if lengths is None else _whole_numbers(lengths)
        for length in wanted:
            self._check_length(encoding, length)
        steps = None if steps is None else whole_number(steps, "The number of steps")
        if steps is not None and not 1 <= steps <= LARGEST_STEPS:
            raise TokenizerError(f"The number of steps must be 1 to {LARGEST_STEPS}, not {steps}.")
        scale = None if guidance_scale is None else real_number(guidance_scale, "The guidance scale")
        if scale is not None and not 0 <= scale <= LARGEST_SCALE:
            raise TokenizerError(f"The guidance scale must be 0 to {LARGEST_SCALE}, not {scale:g}.")
        seed = whole_number(seed, "A seed")
        if not 0 <= seed <= LARGEST_SEED:
            raise TokenizerError(f"A seed is a whole number from 0 to {LARGEST_SEED}.")
        batch = None if batch is None else whole_number(batch, "A batch")
        if batch is not None and batch < 1:
            raise TokenizerError(f"A batch is of 1 picture or more, not {batch}.")
        return Asked(wanted, steps, scale, seed, batch)

    def _check_tokens(self, encoding: Any) -> None:
        info = self.info
        if not isinstance(encoding, Encoding):
            raise TokenizerError("What is decoded is an Encoding, as `encode` and `load_tokens` give it.")
        if encoding.checkpoint_id != info.checkpoint_id or encoding.model != info.name:
            raise TokenizerError(f"These tokens were not made by these weights of {info.name}.")
        last = int(encoding.positions.max()) if len(encoding) else 0
        same_code = (encoding.kind, encoding.vocabulary) == (info.tokens, info.vocabulary)
        same_width = info.vocabulary or encoding.tokens.shape[1:] == (info.numbers_per_token,)
        if not (same_code and same_width and encoding.ordered == info.ordered and last < info.lengths[-1]):
            raise TokenizerError(f"These tokens do not fit the model {info.name}.")
        packer_of(info.tokens).check(encoding.tokens, info.vocabulary or info.numbers_per_token)

    def check_lengths(self, lengths: Iterable[Any]) -> list[int]:
        """Whether this model has codes of these lengths, which ascend; they are Python's numbers then.

        Raises:
            TokenizerError: it has not, or there are none.
        """
        wanted = _whole_numbers(lengths)
        if not wanted or wanted != sorted(set(wanted)):
            raise TokenizerError("The lengths of growing codes are different numbers, the smallest first.")
        missing = [length for length in wanted if length not in self.info.lengths]
        if missing:
            has = _list(self.info.ladder)
            raise TokenizerError(f"The model {self.info.name} has no code of {missing[0]} tokens; try {has}.")
        return wanted

    def layer_of(self, direction: Any, layer: Any) -> int:
        """The layer that `attention` is asked for; the middle one of None.

        Raises:
            TokenizerError: there is none such.
        """
        layers = {one.direction: one.layers for one in self.info.attention}
        if not isinstance(direction, str) or direction not in layers:
            raise TokenizerError('The direction must be "read" or "write".')
        layer = layers[direction] // 2 if layer is None else whole_number(layer, "A layer's number")
        if not 0 <= layer < layers[direction]:
            raise TokenizerError(f"There is no {direction} layer {layer}: 0 to {layers[direction] - 1}.")
        return layer

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


def _whole_numbers(lengths: Any) -> list[int]:
    if isinstance(lengths, (str, bytes)) or not isinstance(lengths, Iterable):
        raise TokenizerError("Lengths are a list of whole numbers.")
    return [whole_number(length, "The length") for length in lengths]


def _list(lengths: Sequence[int]) -> str:
    return ", ".join(map(str, lengths))
