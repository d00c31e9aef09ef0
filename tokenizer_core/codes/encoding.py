"""An encoded photo: its tokens, where they sit, and the bytes that a file or a link holds.

Packed form, version 2 (little endian): b"TKD2", CRC-32 of the rest, length and text of the model's name, the
checkpoint's id (6 bytes), K and D, a flag, the K positions if they are not simply 0..K-1, then K x D numbers
of 4 bits, the earlier one in the low half of a byte, and a zero half if their count is odd. A token of 16
numbers takes 8 bytes so, and all 256 of one photo take 2,048.

Numbers of every model have about unit variance. The 16 levels are those of least squared error for a unit
Gaussian: Max, IRE Transactions on Information Theory 6 (1960) 7, table I.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from tokenizer_core.errors import TokenizerError

MAGIC = b"TKD2"
UPPER = (0.1284, 0.3881, 0.6568, 0.9424, 1.256, 1.618, 2.069, 2.733)
LEVELS = np.array([*(-level for level in reversed(UPPER)), *UPPER], np.float32)
BORDERS = (LEVELS[1:] + LEVELS[:-1]) / 2
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
        """Packed, 4 bits a number, with the model's name, the checkpoint's id and a checksum."""
        name = self.model.encode()
        plain = np.array_equal(self.positions, np.arange(len(self)))
        body = struct.pack("<B", len(name)) + name + bytes.fromhex(self.checkpoint_id.rjust(12, "0"))
        body += struct.pack("<HHB", *self.tokens.shape, int(plain))
        body += b"" if plain else self.positions.astype("<u2").tobytes()
        halves = np.searchsorted(BORDERS, self.tokens.ravel()).astype(np.uint8)
        halves = np.append(halves, np.zeros(len(halves) % 2, np.uint8)).reshape(-1, 2)
        body += (halves[:, 0] | halves[:, 1] << 4).tobytes()
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
        size = (count * width + 1) // 2
        if len(body) != at + (0 if plain else 2 * count) + size:
            raise TokenizerError(DAMAGED)
        positions = np.arange(count) if plain else np.frombuffer(body, "<u2", count, at).astype(np.int64)
        packed = np.frombuffer(body, np.uint8, size, len(body) - size)
        halves = np.stack([packed & 15, packed >> 4], axis=1).ravel()
        if np.any(np.diff(positions) <= 0) or halves[count * width :].any():
            raise TokenizerError(DAMAGED)
        return cls(LEVELS[halves[: count * width]].reshape(count, width), positions, identity, name)
