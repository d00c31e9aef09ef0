"""Rectified flow (arXiv 2209.03003): all of its maths, on plain tensors.

Time runs from t=1 (noise) to t=0 (picture): x_t = (1 - t) x + t noise, with the velocity
v = noise - x = (x_t - x) / t. The network predicts x; at t=1 that prediction is the posterior mean given the
tokens.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

SMALLEST_WEIGHTED_TIME = 0.1
SHARE_NOISE = 0.15  # of a training batch, at exactly t=1


def interpolate(
    x: Float[Tensor, "B N C"], noise: Float[Tensor, "B N C"], t: Float[Tensor, " B"]
) -> Float[Tensor, "B N C"]:
    """x_t on the straight line from the picture (t=0) to the noise (t=1)."""
    t = t[:, None, None]
    return (1 - t) * x + t * noise


def euler_step(
    x: Float[Tensor, "B N C"], x_t: Float[Tensor, "B N C"], t: float, t_next: float
) -> Float[Tensor, "B N C"]:
    """Move from t to t_next along the velocity; exactly `x` when t_next is 0."""
    if t_next == 0:
        return x
    return x + (x_t - x) * (t_next / t)


def second_order(
    x: Float[Tensor, "B N C"], x_before: Float[Tensor, "B N C"], t_before: float, t: float, t_next: float
) -> Float[Tensor, "B N C"]:
    """The prediction to step with, extrapolated from the last two.

    Predictions are taken as linear in half the log signal-to-noise ratio, log((1 - t) / t). After
    t_before = 1, where that ratio is 0, in a step to t_next = 0, and where no time lies between the two
    predictions, it is `x` itself. Source: DPM-Solver++ 2M, arXiv 2211.01095, algorithm 2.
    """
    if t_before == 1 or t_before == t or t_next == 0:
        return x
    before, now, after = (math.log((1 - u) / u) for u in (t_before, t, t_next))
    return x + (x - x_before) * (after - now) / (2 * (now - before))


def time_grid(steps: int, shift: float = 1.0) -> list[float]:
    """A row of steps + 1 times from exactly 1 to exactly 0, never rising.

    `shift` s maps an even u to s u / (1 + (s - 1) u): s > 1 spends more steps near noise, s < 1 near the
    picture. An extreme shift rounds neighbours to the same time. Source: arXiv 2403.03206, section 5.3.2.
    """
    times = [1.0]
    for i in range(1, steps):
        even = 1 - i / steps
        shifted = shift * even / (1 + (shift - 1) * even)
        times.append(min(shifted, times[-1]))  # rounding must not lead back, nor past 1
    return [*times, 0.0]


def draw_times(
    count: int,
    generator: torch.Generator,
    device: torch.device,
    location: float = 0.4,
    share_noise: float = SHARE_NOISE,
) -> Float[Tensor, " B"]:
    """Training times: logit-normal around `location` (above 0: nearer noise); the first share is exactly t=1.

    t=1 trains the one-step mean. Source: arXiv 2403.03206, section 3.1.
    """
    t = torch.sigmoid(torch.randn(count, generator=generator, device=device) + location)
    t[: round(share_noise * count)] = 1
    return t


def loss_weight(t: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """Weight of the squared error of the predicted x: 1/t, at most 10; between x- and velocity-matching."""
    return 1 / t.clamp(min=SMALLEST_WEIGHTED_TIME)
