"""An encoded photo: its tokens, where they sit, and the bytes that a file or a link holds.

An *ordered* model has one code a photo, and any prefix of it is a code, too. An unordered one has a code a
length: 64 tokens are not 32 and 32 more. `Encoding` holds either.

Two packed forms, both little endian, both read for ever:

    "TKD2"  soft tokens, one ordered code: CRC-32 of the rest; length and text of the model's name; the
            checkpoint's id (6 bytes); K and D (2 bytes each); a flag; the K positions if they are not simply
            0..K-1; the packed numbers.
    "TKD3"  all else: CRC-32 of magic and rest; name and id as above; length and text of the kind; a byte that
            is 1 if ordered; the packer's size (4 bytes); the number of codes; then for each code, the
            shortest first: K (2 bytes), flag and positions as above, length (4 bytes) of the packed tokens,
            and these.

Neighbour: `packing` (tokens to bits).
"""

import struct
import zlib
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Int, Shaped

from tokenizer_core.codes.packing import SOFT, packer_of
from tokenizer_core.errors import TokenizerError, whole_number

MAGIC, MAGIC_3 = b"TKD2", b"TKD3"
LARGEST_COUNT = 4096  # tokens of a code
MOST_CODES = 255
LONGEST_NAME = 255  # bytes
DAMAGED = "These tokens are damaged or incomplete."
OTHER_VERSION = "These tokens were written by another version of this program."


@dataclass(frozen=True, eq=False, repr=False)
class Encoding:
    """Tokens of one photo.

    Attributes:
        tokens: of the longest code: soft (K, D) float32, hard (K,) int64, or what a family has registered.
        positions: (K,) int64, ascending: the slot of the full code each token sits in (a prefix: 0..k-1).
        checkpoint_id: of the weights that made them, 12 hexadecimal digits.
        model: the model's name.
        kind: "soft", "hard", or what a family has registered.
        vocabulary: V where a token is an index; 0 where it is a row of numbers.
        ordered: a short code is a prefix of this one.
        shorter: an unordered model's codes of shorter lengths, ascending, each an Encoding of one code.
    """

    tokens: Shaped[np.ndarray, " *K_D"]
    positions: Int[np.ndarray, " K"]
    checkpoint_id: str
    model: str
    kind: str = SOFT
    vocabulary: int = 0
    ordered: bool = True
    shorter: "tuple[Encoding, ...]" = ()

    @classmethod
    def of_codes(
        cls,
        codes: "dict[int, np.ndarray]",
        checkpoint_id: str,
        model: str,
        kind: str = SOFT,
        vocabulary: int = 0,
    ) -> "Encoding":
        """An unordered model's encoding, from its code of every length: length -> tokens."""
        assert codes, "an encoding has at least one code"
        each = [
            cls(tokens, np.arange(len(tokens)), checkpoint_id, model, kind, vocabulary, False)
            for _, tokens in sorted(codes.items())
        ]
        return replace(each[-1], shorter=tuple(each[:-1]))

    def __len__(self) -> int:
        """Number of tokens of the longest code."""
        return len(self.tokens)

    def __repr__(self) -> str:
        held = f"{len(self)} {self.kind} tokens"
        if not self.ordered:
            held = f"{self.kind} codes of {', '.join(map(str, self.lengths))} tokens"
        return f"<Encoding: {held} of {self.model} ({self.checkpoint_id})>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Encoding) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple:
        arrays = (self.tokens.shape, self.tokens.tobytes(), self.positions.tobytes())
        return (
            *arrays,
            self.checkpoint_id,
            self.model,
            self.kind,
            self.vocabulary,
            self.ordered,
            self.shorter,
        )

    @property
    def lengths(self) -> tuple[int, ...]:
        """Lengths that can be decoded: every prefix of an ordered code, else those of the codes held."""
        if self.ordered:
            return tuple(range(len(self) + 1))
        return (*(len(code) for code in self.shorter), len(self))

    def code(self, length: int) -> "Encoding":
        """The code of so many tokens: a prefix where the tokens are ordered, else the one of that length.

        Raises:
            TokenizerError: there is none.
        """
        if self.ordered:
            return self.prefix(length)
        length = whole_number(length, "The length")
        for code in (*self.shorter, replace(self, shorter=())):
            if len(code) == length:
                return code
        held = ", ".join(map(str, self.lengths))
        raise TokenizerError(f"There is no code of {length} tokens here; there are codes of {held}.")

    def prefix(self, k: int) -> "Encoding":
        """The first k tokens, 0 <= k <= K.

        Raises:
            TokenizerError: k is out of range, or the tokens have no order.
        """
        if not self.ordered:
            raise TokenizerError(f"Tokens of {self.model} have no order: the first {k} are no code.")
        k = whole_number(k, "The length")
        if not 0 <= k <= len(self):
            raise TokenizerError(f"A prefix of {k} is not possible: this code holds {len(self)} tokens.")
        return replace(self, tokens=self.tokens[:k], positions=self.positions[:k])

    def select(self, keep_mask: Bool[np.ndarray, " K"]) -> "Encoding":
        """The tokens of the longest code whose `keep_mask` is True, each still in its own slot.

        Raises:
            TokenizerError: the mask has another length.
        """
        keep = np.asarray(keep_mask, bool)
        if keep.shape != (len(self),):
            raise TokenizerError(f"The mask must have {len(self)} entries, not {keep.size}.")
        return replace(self, tokens=self.tokens[keep], positions=self.positions[keep], shorter=())

    def mix(self, other: "Encoding", n: int) -> "Encoding":
        """This photo's tokens in the slots before n, the other photo's in the slots from n on.

        Raises:
            TokenizerError: the codes are of different weights, have no order, or n is out of range.
        """
        if not isinstance(other, Encoding):
            raise TokenizerError("Tokens are mixed with those of another Encoding.")
        if (self.checkpoint_id, self.model, self.kind) != (other.checkpoint_id, other.model, other.kind):
            raise TokenizerError("Tokens of different models cannot be mixed.")
        if not (self.ordered and other.ordered):
            raise TokenizerError(f"Tokens of {self.model} have no order, so they cannot be mixed.")
        n = whole_number(n, "The slot at which two codes are mixed")
        slots = max([*self.positions, *other.positions], default=-1) + 1
        if not 0 <= n <= slots:
            raise TokenizerError(f"A mix at {n} is not possible: these codes have {slots} slots.")
        first, rest = self.positions < n, other.positions >= n
        return replace(
            self,
            tokens=np.concatenate([self.tokens[first], other.tokens[rest]]),
            positions=np.concatenate([self.positions[first], other.positions[rest]]),
        )

    def check(self) -> None:
        """Whether this is an encoding that bytes can hold.

        Raises:
            TokenizerError: a value is not a number or outside the vocabulary, positions are not ascending
                slots, or a size is too large.
        """
        packer_of(self.kind).check(self.tokens, self._size())
        place = np.asarray(self.positions)
        in_order = place.shape == (len(self),) and bool((np.diff(place) > 0).all())
        if not in_order or (len(self) and not 0 <= place[0] <= place[-1] < LARGEST_COUNT):
            raise TokenizerError(f"The positions of tokens are different slots, 0 to {LARGEST_COUNT - 1}.")
        if len(self.model.encode()) > LONGEST_NAME or not _is_identity(self.checkpoint_id):
            raise TokenizerError("These tokens do not say which weights made them.")
        if len(self.shorter) >= MOST_CODES or (self.ordered and self.shorter):
            raise TokenizerError("These tokens have more codes than a file can hold.")
        for code in self.shorter:
            code.check()

    def to_bytes(self) -> bytes:
        """Packed, with the model's name, the checkpoint's id and a checksum.

        Raises:
            TokenizerError: see `check`.
        """
        self.check()
        name = self.model.encode()
        head = struct.pack("<B", len(name)) + name + bytes.fromhex(self.checkpoint_id)
        if self.kind == SOFT and self.ordered:
            body = head + struct.pack("<HH", *self.tokens.shape) + self._packed_positions() + self._packed()
            return MAGIC + struct.pack("<I", zlib.crc32(body)) + body
        kind = self.kind.encode()
        body = head + struct.pack("<B", len(kind)) + kind
        body += struct.pack("<BIB", self.ordered, self._size(), 1 + len(self.shorter))
        for code in (*self.shorter, self):
            packed = code._packed()
            body += struct.pack("<H", len(code)) + code._packed_positions()
            body += struct.pack("<I", len(packed)) + packed
        return MAGIC_3 + struct.pack("<I", zlib.crc32(MAGIC_3 + body)) + body

    @classmethod
    def from_bytes(cls, data: bytes) -> "Encoding":
        """Unpack what `to_bytes` made.

        Raises:
            TokenizerError: the data is of another format, version or kind, damaged, cut short or too long.
        """
        magic, body = data[:4], data[8:]
        if magic[:3] == MAGIC[:3] and magic not in (MAGIC, MAGIC_3):
            raise TokenizerError(OTHER_VERSION)
        summed = body if magic == MAGIC else magic + body
        if not magic or len(data) < 9 or struct.unpack_from("<I", data, 4)[0] != zlib.crc32(summed):
            raise TokenizerError(DAMAGED)
        try:
            reader = _Reader(body)
            encoding = cls._read_2(reader) if magic == MAGIC else cls._read_3(reader)
            reader.end()
            encoding.check()
        except (struct.error, UnicodeDecodeError, ValueError) as error:
            if isinstance(error, TokenizerError) and str(error).startswith("These tokens are of a kind"):
                raise
            raise TokenizerError(DAMAGED) from None
        return encoding

    @classmethod
    def _read_2(cls, reader: "_Reader") -> "Encoding":
        name, identity = reader.text(), reader.take(6).hex()
        count, width = reader.numbers("<HH")
        positions = reader.positions(count)
        tokens = packer_of(SOFT).unpack(reader.rest(), count, width)
        return cls(tokens, positions, identity, name)

    @classmethod
    def _read_3(cls, reader: "_Reader") -> "Encoding":
        name, identity, kind = reader.text(), reader.take(6).hex(), reader.text()
        ordered, size, codes = reader.numbers("<BIB")
        packer = packer_of(kind)
        if ordered > 1 or codes < 1:
            raise ValueError("no such flags")
        each = []
        for _ in range(codes):
            (count,) = reader.numbers("<H")
            positions = reader.positions(count)
            (length,) = reader.numbers("<I")
            tokens = packer.unpack(reader.take(length), count, size)
            vocabulary = size if tokens.ndim == 1 else 0
            each.append(cls(tokens, positions, identity, name, kind, vocabulary, bool(ordered)))
        if any(len(a) >= len(b) for a, b in pairwise(each)):
            raise ValueError("codes are not in ascending order")
        return replace(each[-1], shorter=tuple(each[:-1]))

    def _size(self) -> int:
        return self.vocabulary or (self.tokens.shape[1] if self.tokens.ndim == 2 else 0)

    def _packed(self) -> bytes:
        return packer_of(self.kind).pack(self.tokens, self._size())

    def _packed_positions(self) -> bytes:
        plain = np.array_equal(self.positions, np.arange(len(self)))
        return struct.pack("<B", plain) + (b"" if plain else self.positions.astype("<u2").tobytes())


class _Reader:
    """Reads a body from front to back; every read past its end is a ValueError."""

    def __init__(self, body: bytes) -> None:
        self.body, self.at = body, 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if self.at + count > len(self.body):
            raise ValueError("cut short")
        self.at += count
        return self.body[self.at - count : self.at]

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self.body) - self.at)

    def numbers(self, form: str) -> tuple[int, ...]:
        """Numbers in a form of `struct`."""
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def text(self) -> str:
        """A text behind its length."""
        return self.take(self.numbers("<B")[0]).decode()

    def positions(self, count: int) -> np.ndarray:
        """The positions of `count` tokens behind their flag."""
        (plain,) = self.numbers("<B")
        if count > LARGEST_COUNT or plain > 1:
            raise ValueError("no such count or flag")
        if plain:
            return np.arange(count)
        return np.frombuffer(self.take(2 * count), "<u2").astype(np.int64)

    def end(self) -> None:
        """Whether everything was read."""
        if self.at != len(self.body):
            raise ValueError("too long")


def _is_identity(text: str) -> bool:
    return len(text) == 12 and set(text) <= set("0123456789abcdef")
