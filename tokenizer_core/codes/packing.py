"""Tokens to packed bits and back: a packer a kind of token.

A *soft* token is D numbers of about unit variance. Each is rounded to the nearest of 16 levels, so it takes 4
bits: a token of 16 numbers takes 8 bytes. The levels are those of least squared error for a unit Gaussian:
Max, IRE Transactions on Information Theory 6 (1960) 7, table I.

A *hard* token is an index into a vocabulary of V entries, and takes ceil(log2 V) bits.

A family whose tokens are neither registers a packer of its own. Neighbour: `encoding` (who calls them).
"""

from typing import Protocol, runtime_checkable

import numpy as np

from tokenizer_core.errors import TokenizerError

SOFT, HARD = "soft", "hard"
UPPER = (0.1284, 0.3881, 0.6568, 0.9424, 1.256, 1.618, 2.069, 2.733)
LEVELS = np.array([*(-level for level in reversed(UPPER)), *UPPER], np.float32)
BORDERS = (LEVELS[1:] + LEVELS[:-1]) / 2
BITS_A_NUMBER = 4
LARGEST_WIDTH = 1024  # numbers of a soft token
LARGEST_VOCABULARY = 1 << 24
LONGEST_KIND = 15  # letters of a packer's name


@runtime_checkable
class Packer(Protocol):
    """How tokens of one kind become bytes.

    `size` is the one number that both sides must agree on: the vocabulary V where a token is an index, else
    the width D, how many numbers a token has.

    Attributes:
        kind: what `Encoding.kind` says, and what the bytes carry; at most 15 ASCII letters.
    """

    kind: str

    def bits(self, size: int) -> int:
        """Bits that one token takes."""
        ...

    def check(self, tokens: np.ndarray, size: int) -> None:
        """Whether these are tokens of this kind and size.

        Raises:
            TokenizerError: they are not.
        """
        ...

    def pack(self, tokens: np.ndarray, size: int) -> bytes:
        """Checked tokens to bytes."""
        ...

    def unpack(self, data: bytes, count: int, size: int) -> np.ndarray:
        """Bytes to `count` tokens.

        Raises:
            ValueError: `data` is not exactly what `pack` makes of so many tokens.
        """
        ...


def on_levels(numbers: np.ndarray) -> np.ndarray:
    """Each number as the nearest of the 16 levels, float32: what its 4 bits give back."""
    return LEVELS[np.searchsorted(BORDERS, numbers)]


class SoftPacker:
    """Numbers, 4 bits each; the earlier one in the low half of a byte, a zero half if their count is odd."""

    kind = SOFT

    def bits(self, size: int) -> int:
        """4 bits a number."""
        return BITS_A_NUMBER * size

    def check(self, tokens: np.ndarray, size: int) -> None:
        """(K, D) finite numbers, 1 <= D <= 1024.

        Raises:
            TokenizerError: another shape, or a value that is not a finite number.
        """
        if tokens.ndim != 2 or tokens.shape[1] != size or not 0 < size <= LARGEST_WIDTH:
            raise TokenizerError(f"Soft tokens have 1 to {LARGEST_WIDTH} numbers each.")
        if not np.isfinite(tokens).all():
            raise TokenizerError("These tokens hold values that are not numbers.")

    def pack(self, tokens: np.ndarray, size: int) -> bytes:
        """Each number as the nearest level's index."""
        halves = np.searchsorted(BORDERS, tokens.ravel()).astype(np.uint8)
        pairs = np.append(halves, np.zeros(len(halves) % 2, np.uint8)).reshape(-1, 2)
        return (pairs[:, 0] | pairs[:, 1] << 4).tobytes()

    def unpack(self, data: bytes, count: int, size: int) -> np.ndarray:
        """(K, D) float32, each on one of the 16 levels."""
        numbers = count * size
        if not 0 < size <= LARGEST_WIDTH or len(data) != (numbers + 1) // 2:
            raise ValueError("not so many numbers")
        packed = np.frombuffer(data, np.uint8)
        halves = np.stack([packed & 15, packed >> 4], axis=1).ravel()
        if halves[numbers:].any():
            raise ValueError("something in the half that is left over")
        return LEVELS[halves[:numbers]].reshape(count, size)


class HardPacker:
    """Indices 0..V-1, ceil(log2 V) bits each, low bits first; zeros fill the last byte."""

    kind = HARD

    def bits(self, size: int) -> int:
        """Bits that an index into so many entries takes: ceil(log2 V)."""
        return bits_of(size)

    def check(self, tokens: np.ndarray, size: int) -> None:
        """(K,) whole numbers from 0 to V - 1.

        Raises:
            TokenizerError: another shape or type, or an index outside the vocabulary.
        """
        if not 2 <= size <= LARGEST_VOCABULARY:
            raise TokenizerError(f"A vocabulary has 2 to {LARGEST_VOCABULARY} entries.")
        if tokens.ndim != 1 or not np.issubdtype(tokens.dtype, np.integer):
            raise TokenizerError("Hard tokens are a row of whole numbers.")
        if len(tokens) and not 0 <= tokens.min() <= tokens.max() < size:
            raise TokenizerError(f"Hard tokens of this model are 0 to {size - 1}.")

    def pack(self, tokens: np.ndarray, size: int) -> bytes:
        """The bits of all indices in a row."""
        shifts = np.arange(bits_of(size))
        bits = (tokens.astype(np.int64)[:, None] >> shifts) & 1
        return np.packbits(bits.ravel().astype(np.uint8), bitorder="little").tobytes()

    def unpack(self, data: bytes, count: int, size: int) -> np.ndarray:
        """(K,) int64."""
        if not 2 <= size <= LARGEST_VOCABULARY:
            raise ValueError("no such vocabulary")
        width = bits_of(size)
        if len(data) != (count * width + 7) // 8:
            raise ValueError("not so many indices")
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        if bits[count * width :].any():
            raise ValueError("something in the bits that are left over")
        indices = bits[: count * width].reshape(count, width).astype(np.int64) @ (1 << np.arange(width))
        if count and indices.max() >= size:
            raise ValueError("an index outside the vocabulary")
        return indices


_PACKERS: dict[str, Packer] = {SOFT: SoftPacker(), HARD: HardPacker()}


def register(packer: Packer) -> None:
    """Let encodings hold a further kind of token; the same packer may come again."""
    kind = packer.kind
    assert kind.isascii(), kind
    assert kind.isalpha(), kind
    assert len(kind) <= LONGEST_KIND, kind
    assert type(_PACKERS.setdefault(kind, packer)) is type(packer), f"two packers of the kind {kind}"


def packer_of(kind: str) -> Packer:
    """The packer of a kind of token.

    Raises:
        TokenizerError: this program knows no such kind.
    """
    if kind not in _PACKERS:
        raise TokenizerError("These tokens are of a kind that this program does not know.")
    return _PACKERS[kind]


def bits_of(vocabulary: int) -> int:
    """Bits that an index into so many entries takes: ceil(log2 V)."""
    return (vocabulary - 1).bit_length()
