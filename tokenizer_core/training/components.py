"""Principal components of small pictures, by a randomised range finder.

The covariance of all pictures and their mirror images is summed up in chunks, so memory does not grow with
their number; a random subspace is multiplied by it a few times (subspace iteration), and a small eigenvalue
problem inside that subspace gives the components in order.

Source: Halko, Martinsson and Tropp, SIAM Review 53 (2011) 217, algorithms 4.4 and 5.3.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tokenizer_core.errors import TokenizerError

OVERSAMPLING = 128  # extra directions of the random subspace
ITERATIONS = 6


@dataclass(frozen=True)
class Components:
    """Mean (V,), orthonormal components (N, V) by falling variance, each one's standard deviation (N,)."""

    mean: Float[Tensor, " V"]
    components: Float[Tensor, "N V"]
    deviations: Float[Tensor, " N"]
    photos: int


@torch.no_grad()
def fit_pca(chunks: Iterable[Float[Tensor, "_ 3 S S"]], count: int = 1024, seed: int = 0) -> Components:
    """Principal components of small pictures and their mirror images.

    Args:
        chunks: pictures in [-1, 1], as many at a time as is handy.
        count: components wanted, at most the numbers of a picture.
        seed: of the random subspace.

    Returns:
        Components whose largest entry is positive, so that a fit can be repeated.

    Raises:
        TokenizerError: fewer photographs than components.
    """
    total, gram, photos, shape = torch.zeros(()), torch.zeros(()), 0, torch.Size()
    for chunk in chunks:
        rows, shape = chunk.float().flatten(1), chunk.shape[1:]
        total = total + rows.sum(0)
        gram = torch.addmm(gram, rows.T, rows)
        photos += len(rows)
    if photos * 2 < count:
        raise TokenizerError(
            f"{count} components need at least {count // 2} photographs; there are {photos}."
        )

    def mirror(rows: Tensor) -> Tensor:
        return rows.view(-1, *shape).flip(-1).flatten(1)

    mean = (total / photos + mirror((total / photos)[None])[0]) / 2

    def multiply(basis: Tensor) -> Tensor:  # the covariance of photos and mirror images, times (V, n)
        mirrored = mirror((gram @ mirror(basis.T).T).T).T
        return (gram @ basis + mirrored) / (2 * photos) - torch.outer(mean, mean @ basis)

    width = min(count + OVERSAMPLING, len(mean))
    basis = torch.randn(len(mean), width, generator=torch.Generator().manual_seed(seed))
    for _ in range(ITERATIONS):
        basis = torch.linalg.qr(multiply(basis)).Q
    variances, turn = torch.linalg.eigh(basis.T @ multiply(basis))
    components = (basis @ turn).T.flip(0)[:count].contiguous()
    components *= components.gather(1, components.abs().argmax(1, keepdim=True)).sign()
    deviations = variances.flip(0)[:count].clamp(min=1e-12).sqrt()
    return Components(mean, components, deviations, photos)
