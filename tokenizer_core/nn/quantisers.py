"""Quantisers: a few numbers to one of V codes and back, with gradients straight through.

A quantiser has `size` numbers, the i-th with `levels[i]` steps; V is the product of the levels. It learns no
codebook: the codes are the points of a grid. `index` counts them with the first number as the lowest digit.

*FSQ* (finite scalar quantisation, arXiv 2309.15505) bounds each number by a hyperbolic tangent and rounds it.
*BSQ* (binary spherical quantisation, arXiv 2406.07548) puts the numbers on a sphere and keeps their signs.
Neighbours: a family's encoder (asks for codes), `codes.packing` (indices to bits).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

MARGIN = 1.001  # FSQ: the outermost steps can be reached, and no step beyond them
SHARPNESS = 2.0  # BSQ: how nearly the balance term counts bits, not numbers


class Quantised(NamedTuple):
    """Codes (B, K, size), and what training adds to its loss.

    Attributes:
        codes: points of the grid; their gradient is that of the numbers before they were rounded.
        numbers: those, bounded and in the units of the codes: what is lost between is the quantiser's.
        commit: mean squared distance of the numbers from their codes.
        balance: 0 where each token's bits are even over the batch, 1 where all photos have the same.
    """

    codes: Float[Tensor, "B K size"]
    numbers: Float[Tensor, "B K size"]
    commit: Float[Tensor, ""]
    balance: Float[Tensor, ""]


class Quantiser(nn.Module):
    """What both kinds share: the grid, and indices into it.

    Args:
        levels: steps of each number.
    """

    bases: Tensor
    counts: Tensor

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        self.levels = tuple(levels)
        self.size, self.vocabulary = len(self.levels), math.prod(self.levels)
        bases = [math.prod(self.levels[:i]) for i in range(self.size)]
        self.register_buffer("bases", torch.tensor(bases), persistent=False)
        self.register_buffer("counts", torch.tensor(self.levels), persistent=False)

    def index(self, codes: Float[Tensor, "*batch size"]) -> Int[Tensor, "*batch"]:
        """Codes -> indices 0..V-1."""
        return (self.digits(codes) * self.bases).sum(-1)

    def codes(self, index: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch size"]:
        """Indices -> codes, float32."""
        return self.values(index[..., None] // self.bases % self.counts)

    def digits(self, codes: Float[Tensor, "*batch size"]) -> Int[Tensor, "*batch size"]:
        """The step of each number of a code, 0 .. levels - 1."""
        raise NotImplementedError

    def values(self, digits: Int[Tensor, "*batch size"]) -> Float[Tensor, "*batch size"]:
        """The inverse of `digits`."""
        raise NotImplementedError

    def forward(self, numbers: Float[Tensor, "B K size"]) -> Quantised:
        """Any numbers -> codes and loss terms, float32."""
        raise NotImplementedError


class FiniteScalar(Quantiser):
    """FSQ: steps of 2 / levels, centred on 0; eight levels are -7/8, -5/8, ..., 7/8."""

    def digits(self, codes: Float[Tensor, "*batch size"]) -> Int[Tensor, "*batch size"]:
        """Which of the even steps."""
        return ((codes * self.counts + self.counts - 1) / 2).round().long()

    def values(self, digits: Int[Tensor, "*batch size"]) -> Float[Tensor, "*batch size"]:
        """Digit d of L levels is (2 d - L + 1) / L."""
        return (2 * digits - self.counts + 1).float() / self.counts

    def forward(self, numbers: Float[Tensor, "B K size"]) -> Quantised:
        """Bound, then round; there is nothing to commit to and nothing to balance."""
        half = (self.counts - 1) * MARGIN / 2
        offset = (self.counts % 2 == 0) * 0.5  # an even number of levels has none at 0
        bounded = torch.tanh(numbers.float() + torch.atanh(offset / half)) * half - offset
        digits = bounded.detach().round() + self.counts // 2
        in_units = (2 * (bounded + self.counts // 2) - self.counts + 1) / self.counts
        codes = _straight_through(self.values(digits.long()), in_units)
        nothing = codes.new_zeros(())
        return Quantised(codes, in_units, nothing, nothing)


class BinarySpherical(Quantiser):
    """BSQ: every number is -1 or 1.

    Args:
        levels: as many twos as a code has bits.
    """

    def digits(self, codes: Float[Tensor, "*batch size"]) -> Int[Tensor, "*batch size"]:
        """1 where a number is positive."""
        return (codes > 0).long()

    def values(self, digits: Int[Tensor, "*batch size"]) -> Float[Tensor, "*batch size"]:
        """0 is -1 and 1 is 1."""
        return 2.0 * digits - 1

    def forward(self, numbers: Float[Tensor, "B K size"]) -> Quantised:
        """Signs of the numbers; the sphere's radius is the length of a code, sqrt(size)."""
        on_sphere = F.normalize(numbers.float(), dim=-1) * math.sqrt(self.size)
        codes = self.values((on_sphere >= 0).long())
        commit = (on_sphere - codes).square().mean()
        balance = torch.tanh(SHARPNESS * on_sphere).mean(0).square().mean()
        return Quantised(_straight_through(codes, on_sphere), on_sphere, commit, balance)


QUANTISERS = {"fsq": FiniteScalar, "bsq": BinarySpherical}


def _straight_through(hard: Tensor, soft: Tensor) -> Tensor:
    """The hard values to the last bit, with the gradient of the soft ones (arXiv 1308.3432)."""
    return hard + (soft - soft.detach())
