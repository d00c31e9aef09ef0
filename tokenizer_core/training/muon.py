"""Muon for many small matrices: those of one shape are orthogonalised together.

The momentum of a matrix is replaced by the nearest matrix whose singular values are about 1, scaled so that
its elements are as large as an AdamW step's. `torch.optim.Muon` does so one matrix at a time, with thousands
of kernels that are too small for a GPU.

Source: Jordan et al., Muon (https://kellerjordan.github.io/posts/muon, 2024); the scale, arXiv 2502.16982.
"""

import math
from collections import defaultdict
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

COEFFICIENTS, ITERATIONS = (3.4445, -4.775, 2.0315), 5
ADAMW_SIZE = 0.2  # root mean square of an element of an AdamW step, in learning rates


def orthogonalised(matrices: Float[Tensor, "M A B"]) -> Float[Tensor, "M A B"]:
    """Each matrix with its singular values brought near 1 by a polynomial (Newton-Schulz), in bfloat16."""
    a, b, c = COEFFICIENTS
    is_tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if is_tall else matrices).bfloat16()
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT  # (M, A, A)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if is_tall else x


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for weight matrices (A, B).

    Args:
        matrices: what is trained; one that never has a gradient stays.
        rate: of learning.
        weight_decay: share of a matrix that a step takes away, in learning rates.
        momentum: of the gradients, looked ahead by one step (Nesterov).
    """

    def __init__(
        self, matrices: Iterable[nn.Parameter], rate: float, weight_decay: float, momentum: float = 0.95
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
            for shape, matrices in alike.items():
                gradients = torch.stack([matrix.grad for matrix in matrices])
                kept = self.state[matrices[0]].setdefault("momenta", torch.zeros_like(gradients))
                kept.lerp_(gradients, 1 - group["momentum"])
                updates = orthogonalised(gradients.lerp(kept, group["momentum"]))
                scale = group["lr"] * ADAMW_SIZE * math.sqrt(max(shape))
                for matrix, update in zip(matrices, updates, strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-scale)
