"""A folder of shards as a sequence of encodings, as one array, and as a PyTorch data set."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import Dataset

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import HARD, LEVELS, SOFT
from tokenizer_core.errors import TokenizerError, whole_number
from tokenizer_core.sets import shards
from tokenizer_core.sets.layout import Layout
from tokenizer_core.sets.plan import Mark, Plan
from tokenizer_core.storage.checkpoints import sum_of

KEPT = 8  # shards that stay open


@dataclass(frozen=True)
class TokenRow:
    """One photograph of a set.

    Attributes:
        key: names it.
        encoding: its tokens.
        labels: by column.
        crop: left, top, right, bottom of the encoded square, in 0..1 of the upright photograph.
    """

    key: str
    encoding: Encoding
    labels: dict[str, Any]
    crop: tuple[float, float, float, float]


class TokenSet(Sequence[TokenRow]):
    """The rows of a folder of shards, in the order of the source.

    Args:
        folder: what `tokenize` wrote. One that is not whole yet has the rows of the shards that are done.

    Raises:
        TokenizerError: it is no such folder, or holds no shards yet.
    """

    def __init__(self, folder: str | Path) -> None:
        plan = Plan(folder)
        self.folder, self.about = plan.folder, plan.about
        about = self.about
        sizes = (about["tokens"], about["size"], tuple(about["lengths"]), about["ordered"])
        self.layout = Layout(*sizes)
        self.marks: list[Mark] = list(plan.marks())
        if not self.marks:
            raise TokenizerError(f"{self.folder.name} holds no shards yet.")
        self._starts = [0, *accumulate(mark.rows for mark in self.marks)]
        self._open: OrderedDict[int, shards.Rows] = OrderedDict()

    def __repr__(self) -> str:
        return f"<TokenSet: {len(self)} photographs, tokens of {self.about['model']}>"

    def __len__(self) -> int:
        """How many rows."""
        return self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> TokenRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[TokenRow]: ...
    def __getitem__(self, index: int | slice) -> TokenRow | list[TokenRow]:
        """One row, or some."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        index = whole_number(index, "The number of a row")
        if not -len(self) <= index < len(self):
            raise IndexError(f"There are {len(self)} rows.")
        shard = bisect_right(self._starts, index % len(self)) - 1
        rows, place = self._rows(shard), index % len(self) - self._starts[shard]
        return TokenRow(
            rows.keys[place],
            self._encoding(rows, place),
            self._labels(rows, place),
            tuple(map(float, rows.crops[place])),  # type: ignore[arg-type]
        )

    def __iter__(self) -> Iterator[TokenRow]:
        """All rows, shard by shard."""
        return (self[number] for number in range(len(self)))

    @property
    def damaged(self) -> list[tuple[str, str]]:
        """(key, sentence) of the photographs that have no row."""
        return [pair for mark in self.marks for pair in mark.damaged]

    def packed(self, length: int | None = None) -> UInt8[np.ndarray, "n K bytes"]:
        """The first tokens of every photograph, one slice a shard, as they are packed.

        Args:
            length: how many; of an unordered model one of its code lengths. None is all.

        Raises:
            TokenizerError: there are no so many tokens.
        """
        column, length = self._column(length)
        return np.concatenate([self._rows(i).tokens[column][:, :length] for i in range(len(self.marks))])

    def torch(self, length: int | None = None) -> "TorchTokens":
        """A PyTorch data set of the first tokens; see `packed` for `length`."""
        return TorchTokens(self, length)

    def check(self) -> None:
        """Whether every shard is what was written.

        Raises:
            TokenizerError: one is not; the sentence names it.
        """
        for mark in self.marks:
            if sum_of(self.folder / mark.file) != mark.sha256:
                raise TokenizerError(
                    f"The shard {mark.file} is damaged: its checksum is not the one in its mark."
                )

    def _column(self, length: int | None) -> tuple[str, int]:
        columns = self.layout.columns
        if length is None:
            return next(reversed(columns.items()))
        length = whole_number(length, "The length")
        if self.layout.ordered and 0 <= length <= columns["tokens"]:
            return "tokens", length
        if not self.layout.ordered and f"tokens_{length}" in columns:
            return f"tokens_{length}", length
        raise TokenizerError(f"There is no code of {length} tokens here.")

    def _rows(self, shard: int) -> shards.Rows:
        if shard not in self._open:
            path = self.folder / self.marks[shard].file
            rows = self._open[shard] = shards.read(path, self.layout)
            if len(rows.keys) != self.marks[shard].rows:
                raise TokenizerError(f"The shard {path.name} has not the rows of its mark.")
            while len(self._open) > KEPT:
                self._open.popitem(last=False)
        self._open.move_to_end(shard)
        return self._open[shard]

    def _encoding(self, rows: shards.Rows, place: int) -> Encoding:
        about, layout = self.about, self.layout
        identity, name = about["checkpoint_id"], about["model"]
        vocabulary = layout.size if layout.kind == HARD else 0
        count = int(rows.counts[place])
        codes = {
            min(length, count): layout.unpack(rows.tokens[column][place, : min(length, count)])
            for column, length in layout.columns.items()
        }
        if not layout.ordered:
            return Encoding.of_codes(codes, identity, name, layout.kind, vocabulary)
        return Encoding(codes[count], np.arange(count), identity, name, layout.kind, vocabulary)

    def _labels(self, rows: shards.Rows, place: int) -> dict[str, Any]:
        if isinstance(rows.labels, dict):
            return {name: values[place] for name, values in rows.labels.items()}
        return {name: rows.labels.column(name)[place].as_py() for name in rows.labels.column_names}


class TorchTokens(Dataset):
    """The first tokens of every photograph for a `DataLoader`: soft (K, D) float32, hard (K,) int64.

    Args:
        tokens: the set.
        length: see `TokenSet.packed`.
    """

    def __init__(self, tokens: TokenSet, length: int | None = None) -> None:
        self.tokens = tokens
        self.column, self.length = tokens._column(length)
        if tokens.layout.kind not in (SOFT, HARD):
            raise TokenizerError("Tokens of this kind are no numbers for a network.")

    def __len__(self) -> int:
        """How many photographs."""
        return len(self.tokens)

    def __getitem__(self, index: int) -> Tensor:
        """One photograph's tokens."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Tensor]:
        """Those of a batch, as a `DataLoader` asks for them."""
        starts, layout = self.tokens._starts, self.tokens.layout
        some = []
        for index in indices:
            if not 0 <= index < len(self):
                raise IndexError(f"There are {len(self)} rows.")
            shard = bisect_right(starts, index) - 1
            some.append(self.tokens._rows(shard).tokens[self.column][index - starts[shard], : self.length])
        data = np.stack(some)
        if layout.kind == HARD:
            wide = np.zeros((*data.shape[:2], 8), np.uint8)
            wide[..., : data.shape[2]] = data
            return list(torch.from_numpy(wide.view("<i8")[..., 0].astype(np.int64)))
        halves = np.stack([data & 15, data >> 4], -1).reshape(*data.shape[:2], -1)[..., : layout.size]
        return list(torch.from_numpy(LEVELS[halves]))
