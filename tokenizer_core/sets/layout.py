"""Tokens as whole bytes, token after token, so that the first k of every photograph are one slice.

A soft token of D numbers takes ceil(D / 2) bytes, as `codes.packing` packs them: 16 levels, the earlier
number in the low half. A hard token is its index, little endian, in as few whole bytes as its vocabulary
needs. Other kinds take what their packer makes of one token.

A shard of an ordered model has one column `tokens` of K tokens; that of an unordered one has a column a
code length, `tokens_32`, `tokens_64`, ... A code of fewer tokens than its column ends in zeros: `count` has
how many. Neighbours: `encoder` (packs on the device), `shards`, `reading`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import HARD, SOFT, packer_of
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.info import ModelInfo


@dataclass(frozen=True)
class Layout:
    """How the tokens of one model lie in a shard.

    Attributes:
        kind: "soft", "hard", or another kind that has a packer.
        size: numbers of a token, or its vocabulary.
        lengths: tokens of each column; one column if the model is ordered.
        ordered: a short code is a prefix of the long one.
    """

    kind: str
    size: int
    lengths: tuple[int, ...]
    ordered: bool

    @classmethod
    def of(cls, info: ModelInfo) -> "Layout":
        """That of a model."""
        lengths = info.lengths[-1:] if info.ordered else tuple(k for k in info.lengths if k)
        return cls(info.tokens, info.vocabulary or info.numbers_per_token, lengths, info.ordered)

    @property
    def token_bytes(self) -> int:
        """Whole bytes of one token."""
        return (packer_of(self.kind).bits(self.size) + 7) // 8

    @property
    def columns(self) -> dict[str, int]:
        """Column -> how many tokens it has."""
        if self.ordered:
            return {"tokens": self.lengths[0]}
        return {f"tokens_{length}": length for length in self.lengths}

    def pack(self, tokens: np.ndarray) -> UInt8[np.ndarray, "K bytes"]:
        """Tokens of one code, (K, D) or (K,), as bytes."""
        width, count = self.token_bytes, len(tokens)
        if self.kind == HARD:
            wide = tokens.astype("<i8").view(np.uint8).reshape(count, 8)
            return np.ascontiguousarray(wide[:, :width])
        if self.kind == SOFT and self.size % 2 == 0:
            data = packer_of(SOFT).pack(tokens, self.size)
            return np.frombuffer(data, np.uint8).reshape(count, width)
        packer = packer_of(self.kind)
        each = [packer.pack(tokens[i : i + 1], self.size) for i in range(count)]
        return np.frombuffer(b"".join(each), np.uint8).reshape(count, width)

    def unpack(self, data: UInt8[np.ndarray, "K bytes"]) -> np.ndarray:
        """The inverse of `pack`: soft (K, D) float32, hard (K,) int64.

        Raises:
            TokenizerError: the bytes are no tokens of this kind.
        """
        count, width = data.shape
        try:
            if self.kind == HARD:
                wide = np.zeros((count, 8), np.uint8)
                wide[:, :width] = data
                tokens = wide.view("<i8").reshape(count).astype(np.int64)
                packer_of(HARD).check(tokens, self.size)
                return tokens
            if self.kind == SOFT and self.size % 2 == 0:
                return packer_of(SOFT).unpack(data.tobytes(), count, self.size)
            packer = packer_of(self.kind)
            return np.concatenate([packer.unpack(one.tobytes(), 1, self.size) for one in data])
        except ValueError:
            raise TokenizerError("The tokens of this row are damaged.") from None

    def row(self, encoding: Encoding) -> tuple[dict[str, UInt8[np.ndarray, "K bytes"]], int]:
        """One photograph's bytes by column, and how many tokens its longest code has.

        Raises:
            TokenizerError: the code has gaps, or not the lengths of the model.
        """
        found = {}
        codes: Sequence[Encoding] = (encoding,)
        if not self.ordered:
            codes = [encoding.code(length) for length in encoding.lengths]
        for (name, most), code in zip(self.columns.items(), codes, strict=True):
            if len(code) > most or not np.array_equal(code.positions, np.arange(len(code))):
                raise TokenizerError("A code with gaps cannot be kept in a shard.")
            found[name] = np.zeros((most, self.token_bytes), np.uint8)
            found[name][: len(code)] = self.pack(code.tokens)
        return found, len(encoding)

    def packs_on_device(self) -> bool:
        """Whether `pack_on_device` has a way for this kind of token."""
        return self.kind == HARD or (self.kind == SOFT and self.size % 2 == 0)

    def pack_on_device(
        self, tokens: Float[Tensor, "B K D"] | Int[Tensor, "B K"], borders: Float[Tensor, "15"]
    ) -> UInt8[Tensor, "B K bytes"]:
        """A batch of codes packed where it is: the same bytes as `pack`.

        Args:
            tokens: of `packs_on_device` kinds.
            borders: `packing.BORDERS`, on the device of the tokens.
        """
        if self.kind == HARD:
            shifts = 8 * torch.arange(self.token_bytes, device=tokens.device)
            return (tokens[..., None] >> shifts & 255).to(torch.uint8)
        halves = torch.bucketize(tokens.float(), borders, out_int32=True).to(torch.uint8)
        return halves[..., 0::2] | halves[..., 1::2] << 4
