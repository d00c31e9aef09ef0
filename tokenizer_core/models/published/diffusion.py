"""Denoising diffusion as Semanticist was trained: noise is predicted, 1,000 steps, the variance is learned.

`Schedule` holds the arrays of N of the 1,000 steps. Two samplers walk it from noise to a latent: the
ancestral one of the paper (noise in each step, the network's own variance), and DDIM, which draws nothing
after the first noise and needs fewer steps.

Sources: DDPM (arXiv 2006.11239), improved DDPM (arXiv 2102.09672: learned variance, respaced steps), DDIM
(arXiv 2010.02502, equation 12 with sigma 0), guidance (arXiv 2207.12598). Neighbour: `semanticist`.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

TRAINED_STEPS = 1000
FIRST_BETA, LAST_BETA = 1e-4, 0.02

# Noisy latents and a step 0..999 to predicted noise and the variance's parameter.
Predict = Callable[[Float[Tensor, "B C h w"], int], tuple[Float[Tensor, "B C h w"], Float[Tensor, "B C h w"]]]


class Schedule:
    """N of the trained steps, evenly from the first to the last. All arrays are float64, the cleanest first.

    Args:
        steps: N, 2 .. 1,000.

    Attributes:
        timestep_map: (N,) the trained step of each; the network is told that.
        alphas_cumprod: (N,) the share of the picture's variance that is left.
        betas: (N,) noise that each step adds.
        posterior_log_variance_clipped: (N,) least log-variance of a step back.
        posterior_mean_coef1: (N,) how much of the predicted picture a step back takes.
        posterior_mean_coef2: (N,) and how much of where it is.
        sqrt_recip_alphas_cumprod: (N,) noisy latent to predicted picture.
        sqrt_recipm1_alphas_cumprod: (N,) predicted noise to predicted picture.
    """

    def __init__(self, steps: int) -> None:
        trained = np.cumprod(1 - np.linspace(FIRST_BETA, LAST_BETA, TRAINED_STEPS))
        stride = (TRAINED_STEPS - 1) / (steps - 1)
        kept = sorted({round(number * stride) for number in range(steps)})
        self.timestep_map: Int[np.ndarray, " N"] = np.array(kept)
        self.alphas_cumprod = trained[kept]
        before = np.append(1.0, self.alphas_cumprod[:-1])
        self.betas = 1 - self.alphas_cumprod / before
        variance = self.betas * (1 - before) / (1 - self.alphas_cumprod)
        self.posterior_log_variance_clipped = np.log(np.append(variance[1], variance[1:]))
        self.posterior_mean_coef1 = self.betas * np.sqrt(before) / (1 - self.alphas_cumprod)
        self.posterior_mean_coef2 = (1 - before) * np.sqrt(1 - self.betas) / (1 - self.alphas_cumprod)
        self.sqrt_recip_alphas_cumprod = np.sqrt(1 / self.alphas_cumprod)
        self.sqrt_recipm1_alphas_cumprod = np.sqrt(1 / self.alphas_cumprod - 1)

    def __len__(self) -> int:
        return len(self.timestep_map)

    def picture(self, x: Tensor, noise: Tensor, step: int) -> Tensor:
        """The clean latent that a noisy one and its predicted noise mean; not clipped."""
        return (
            float(self.sqrt_recip_alphas_cumprod[step]) * x
            - float(self.sqrt_recipm1_alphas_cumprod[step]) * noise
        )


def guided(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Predicted noise, pushed away from what no tokens at all would say."""
    return unconditional + scale * (conditional - unconditional)


def sample_ddim(predict: Predict, noise: Float[Tensor, "B C h w"], steps: int) -> Float[Tensor, "B C h w"]:
    """From noise to a latent in so many steps, without drawing any further noise."""
    schedule, x = Schedule(steps), noise
    before = np.append(1.0, schedule.alphas_cumprod[:-1])
    for step in reversed(range(len(schedule))):
        predicted, _ = predict(x, int(schedule.timestep_map[step]))
        picture = schedule.picture(x, predicted, step)
        x = float(np.sqrt(before[step])) * picture + float(np.sqrt(1 - before[step])) * predicted
    return x


def sample_ancestral(
    predict: Predict, noise: Float[Tensor, "B C h w"], steps: int, draws: Iterator[Tensor]
) -> Float[Tensor, "B C h w"]:
    """From noise to a latent as the authors do.

    Args:
        predict: see `Predict`.
        noise: where to start.
        steps: 250 in the paper.
        draws: noise of each step but the last, of a shape that broadcasts.
    """
    schedule, x = Schedule(steps), noise
    for step in reversed(range(len(schedule))):
        predicted, share = predict(x, int(schedule.timestep_map[step]))
        picture = schedule.picture(x, predicted, step)
        mean = (
            float(schedule.posterior_mean_coef1[step]) * picture
            + float(schedule.posterior_mean_coef2[step]) * x
        )
        if step == 0:
            return mean
        least = float(schedule.posterior_log_variance_clipped[step])
        most = float(np.log(schedule.betas[step]))
        between = (share + 1) / 2  # the network says where, as -1 .. 1
        log_variance = between * most + (1 - between) * least
        x = mean + torch.exp(0.5 * log_variance) * next(draws)
    raise AssertionError("a schedule has at least two steps")
