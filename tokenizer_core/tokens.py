"""An encoded photo: its tokens, where they sit, and the bytes that a file or a link holds.

Packed form, version 1 (little endian): b"TKD1", CRC-32 of the rest, length and text of the model's name, the
checkpoint's id (6 bytes), K and D, a flag, the K positions if they are not simply 0..K-1, then K x D signed
bytes, each one sixteenth of a unit. The tokens of one photo with all 256 take 4,096 bytes so.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from tokenizer_core.errors import TokenizerError

MAGIC = b"TKD1"
STEP = 1 / 16
LARGEST_COUNT, LARGEST_WIDTH = 4096, 1024
DAMAGED = "These tokens are damaged or incomplete."


@dataclass(frozen=True)
class Encoding:
    """Tokens of one photo.

    Attributes:
        tokens: (K, D) float32.
        positions: (K,) int64, ascending: the slot of the full code each token sits in (a prefix: 0..k-1).
        checkpoint_id: of the weights that made them, 12 hexadecimal digits.
        model: the model's name.
    """

    tokens: Float[np.ndarray, "K D"]
    positions: Int[np.ndarray, " K"]
    checkpoint_id: str
    model: str

    def __len__(self) -> int:
        """Number of tokens held."""
        return len(self.tokens)

    def prefix(self, k: int) -> "Encoding":
        """The first k tokens, 0 <= k <= K.

        Raises:
            TokenizerError: k is out of range.
        """
        if not 0 <= k <= len(self):
            raise TokenizerError(f"A prefix of {k} is not possible: this code holds {len(self)} tokens.")
        return Encoding(self.tokens[:k], self.positions[:k], self.checkpoint_id, self.model)

    def select(self, keep_mask: Bool[np.ndarray, " K"]) -> "Encoding":
        """The tokens whose `keep_mask` is True, each still in its own slot.

        Raises:
            TokenizerError: the mask has another length.
        """
        keep = np.asarray(keep_mask, bool)
        if keep.shape != (len(self),):
            raise TokenizerError(f"The mask must have {len(self)} entries, not {keep.size}.")
        return Encoding(self.tokens[keep], self.positions[keep], self.checkpoint_id, self.model)

    def mix(self, other: "Encoding", n: int) -> "Encoding":
        """The first n tokens of this photo, then the other photo's from its n-th on.

        Raises:
            TokenizerError: the codes are of different weights, or n is out of range.
        """
        if (self.checkpoint_id, self.model) != (other.checkpoint_id, other.model):
            raise TokenizerError("Tokens of different models cannot be mixed.")
        first = self.prefix(n)
        tokens, positions = (
            np.concatenate([getattr(first, name), getattr(other, name)[n:]])
            for name in ("tokens", "positions")
        )
        return Encoding(tokens, positions, self.checkpoint_id, self.model)

    def to_bytes(self) -> bytes:
        """Packed, 8 bits a number, with the model's name, the checkpoint's id and a checksum."""
        name = self.model.encode()
        plain = np.array_equal(self.positions, np.arange(len(self)))
        body = struct.pack("<B", len(name)) + name + bytes.fromhex(self.checkpoint_id.rjust(12, "0"))
        body += struct.pack("<HHB", *self.tokens.shape, int(plain))
        body += b"" if plain else self.positions.astype("<u2").tobytes()
        body += np.clip(np.rint(self.tokens / STEP), -127, 127).astype(np.int8).tobytes()
        return MAGIC + struct.pack("<I", zlib.crc32(body)) + body

    @classmethod
    def from_bytes(cls, data: bytes) -> "Encoding":
        """Unpack what `to_bytes` made.

        Raises:
            TokenizerError: the data is of another format or version, damaged, cut short or too long.
        """
        if data[:3] == MAGIC[:3] and data[:4] != MAGIC:
            raise TokenizerError("These tokens were written by another version of this program.")
        if data[:4] != MAGIC or len(data) < 9 or struct.unpack_from("<I", data, 4)[0] != zlib.crc32(data[8:]):
            raise TokenizerError(DAMAGED)
        try:
            return cls._unpack(data[8:])
        except (struct.error, UnicodeDecodeError, ValueError) as error:
            if isinstance(error, TokenizerError):
                raise
            raise TokenizerError(DAMAGED) from None

    @classmethod
    def _unpack(cls, body: bytes) -> "Encoding":
        at = 1 + body[0]
        name, identity = body[1:at].decode(), body[at : at + 6].hex()
        count, width, plain = struct.unpack_from("<HHB", body, at + 6)
        at += 11
        if count > LARGEST_COUNT or not 0 < width <= LARGEST_WIDTH or plain > 1:
            raise TokenizerError(DAMAGED)
        size = (0 if plain else 2 * count) + count * width
        if len(body) != at + size:
            raise TokenizerError(DAMAGED)
        positions = np.arange(count) if plain else np.frombuffer(body, "<u2", count, at).astype(np.int64)
        numbers = np.frombuffer(body, np.int8, count * width, len(body) - count * width)
        if np.any(np.diff(positions) <= 0):
            raise TokenizerError(DAMAGED)
        return cls(numbers.reshape(count, width).astype(np.float32) * STEP, positions, identity, name)
