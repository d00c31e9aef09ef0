"""A codebook by k-means: Lloyd's algorithm, IEEE Trans. Information Theory 28 (1982) 129.

Neighbours: `grid` (asks), `models.grid.tokenizer` (looks codes up by the same rule).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tokenizer_core.models.grid.tokenizer import nearest_code

AT_ONCE = 1 << 15  # rows whose distances are in memory together


class Codebook(NamedTuple):
    """Entries, and how the rows that they were fitted to use them.

    Attributes:
        entries: (V, C).
        counts: (V,) rows of each entry.
        error: mean squared error of a number.
    """

    entries: Float[Tensor, "V C"]
    counts: Int[Tensor, " V"]
    error: float

    @property
    def perplexity(self) -> float:
        """How many entries would be in use if all were used alike: 2 to the power of the entropy in bits."""
        share = self.counts[self.counts > 0] / self.counts.sum()
        return float(torch.exp(-(share * share.log()).sum()))


def fit_codebook(rows: Float[Tensor, "M C"], size: int, rounds: int, seed: int) -> Codebook:
    """Entries that lower the squared error of rows, each round a little more.

    An entry that nothing uses moves to a random row.

    Args:
        rows: at least `size` of them.
        size: V.
        rounds: of assigning and averaging.
        seed: of the first entries and of those that move.
    """
    generator = torch.Generator().manual_seed(seed)
    entries = _some(rows, size, generator)
    for _ in range(rounds):
        index = _assign(rows, entries)
        counts = torch.bincount(index, minlength=size)
        sums = torch.zeros_like(entries).index_add_(0, index, rows)
        entries = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], entries)
        idle = counts == 0
        entries[idle] = _some(rows, int(idle.sum()), generator)
    index = _assign(rows, entries)
    error = float((rows - entries[index]).square().mean())
    return Codebook(entries, torch.bincount(index, minlength=size), error)


def _some(rows: Float[Tensor, "M C"], count: int, generator: torch.Generator) -> Float[Tensor, "n C"]:
    """Different rows, drawn."""
    chosen = torch.randperm(len(rows), generator=generator)[:count]
    return rows[chosen.to(rows.device)].clone()


def _assign(rows: Float[Tensor, "M C"], entries: Float[Tensor, "V C"]) -> Int[Tensor, " M"]:
    return torch.cat([nearest_code(part, entries) for part in rows.split(AT_ONCE)])
