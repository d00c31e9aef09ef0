"""Muon for many small matrices: those of one shape are orthogonalised together.

The momentum of a matrix is replaced by the nearest matrix whose singular values are about 1, scaled so that
its elements are as large as an AdamW step's. `torch.optim.Muon` does so one matrix at a time, with thousands
of kernels that are too small for a GPU. State and steps are the same, to what bfloat16 rounds.

Source: Jordan et al., Muon (https://kellerjordan.github.io/posts/muon, 2024); the scale, arXiv 2502.16982.
"""

import math
from collections import defaultdict
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.775, 2.0315)  # of the polynomial x -> a x + b x^3 + c x^5
ITERATIONS = 5
LEAST_NORM = 1e-7
ADAMW_SIZE = 0.2  # root mean square of an element of an AdamW step, in learning rates
MOMENTUM = "momentum_buffer"  # of each matrix, in its own shape: what a snapshot holds


def orthogonalised(matrices: Float[Tensor, "M A B"]) -> Float[Tensor, "M A B"]:
    """Each matrix with its singular values brought near 1 by a polynomial (Newton-Schulz), in bfloat16."""
    a, b, c = COEFFICIENTS
    is_tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if is_tall else matrices).bfloat16()
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=LEAST_NORM)
    for _ in range(ITERATIONS):
        gram = x @ x.mT  # (M, A, A)
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x.mT if is_tall else x


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for weight matrices (A, B).

    Args:
        matrices: what is trained; one that has no gradient stays.
        rate: of learning.
        weight_decay: share of a matrix that a step takes away, in learning rates.
        momentum: of the gradients, looked ahead by one step (Nesterov).
    """

    def __init__(
        self, matrices: Iterable[nn.Parameter], rate: float, weight_decay: float, momentum: float
    ) -> None:
        super().__init__(matrices, {"lr": rate, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every matrix once."""
        for group in self.param_groups:
            alike = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    alike[matrix.shape].append(matrix)
            for matrices in alike.values():
                self._move(matrices, group["lr"], group["weight_decay"], group["momentum"])

    def _move(self, matrices: list[nn.Parameter], rate: float, weight_decay: float, momentum: float) -> None:
        """One step of matrices of one shape."""
        aims = torch.stack([self._aim(matrix, momentum) for matrix in matrices])
        scale = rate * ADAMW_SIZE * math.sqrt(max(aims.shape[1:]))
        for matrix, update in zip(matrices, orthogonalised(aims), strict=True):
            matrix.mul_(1 - rate * weight_decay)
            matrix.add_(update, alpha=-scale)

    def _aim(self, matrix: nn.Parameter, momentum: float) -> Float[Tensor, "A B"]:
        """The momentum with this gradient in it, one step ahead."""
        gradient, state = matrix.grad, self.state[matrix]
        assert gradient is not None
        if MOMENTUM not in state:
            state[MOMENTUM] = torch.zeros_like(gradient)
        kept = state[MOMENTUM]
        kept.lerp_(gradient, 1 - momentum)
        return gradient.lerp(kept, momentum)
