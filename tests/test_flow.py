"""Rectified flow: its ends, its inverse, and solvers against paths that are known in closed form."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from tiny_flow import CHANNELS, PATCHES, TOKENS, WIDTH, make_decoder
from torch import nn

from tokenizer_core.nn.flow import (
    draw_times,
    euler_step,
    interpolate,
    loss_weight,
    second_order,
    time_grid,
)
from tokenizer_core.nn.flow_decoder import FlowDecoder
from tokenizer_core.nn.sampler import draw_noise, sample

pytestmark = pytest.mark.usefixtures("one_thread")
TIMES = st.floats(0.01, 1)


@pytest.fixture
def pair(generator):
    x, noise = torch.randn(2, 3, 5, 4, generator=generator, dtype=torch.float64)
    return x, noise


def test_the_ends_are_picture_and_noise(pair):
    x, noise = pair
    assert torch.equal(interpolate(x, noise, torch.zeros(3)), x)
    assert torch.equal(interpolate(x, noise, torch.ones(3)), noise)


def test_each_item_of_a_batch_has_its_own_time(pair):
    x, noise = pair
    t = torch.tensor([0.0, 0.25, 1.0])
    torch.testing.assert_close(interpolate(x, noise, t)[1], 0.75 * x[1] + 0.25 * noise[1])


def test_the_velocity_is_noise_minus_picture_and_leads_back(pair):
    x, noise = pair
    t = torch.tensor([0.1, 0.5, 1.0], dtype=torch.float64)
    x_t = interpolate(x, noise, t)
    v = (x_t - x) / t[:, None, None]
    torch.testing.assert_close(v, noise - x)
    torch.testing.assert_close(x_t - t[:, None, None] * v, x)


@given(TIMES, TIMES)
def test_a_step_along_a_straight_line_is_exact(t, t_next):
    x, noise = torch.randn(2, 1, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x_t, there = (interpolate(x, noise, torch.tensor([u], dtype=torch.float64)) for u in (t, t_next))
    torch.testing.assert_close(euler_step(x, x_t, t, t_next), there, rtol=1e-9, atol=1e-9)
    assert torch.equal(euler_step(x, x_t, t, 0.0), x)


def test_second_order_looks_half_a_step_ahead_on_the_log_scale(pair):
    a, b = pair
    t_before, t, t_next = 0.9, 0.6, 0.2
    before, now, after = (math.log((1 - u) / u) for u in (t_before, t, t_next))
    ahead = second_order(a + b * now, a + b * before, t_before, t, t_next)
    torch.testing.assert_close(ahead, a + b * (now + after) / 2)


def test_second_order_is_first_order_at_both_ends(pair):
    x, before = pair
    assert torch.equal(second_order(x, before, 1.0, 0.5, 0.25), x)
    assert torch.equal(second_order(x, before, 0.5, 0.25, 0.0), x)
    assert not torch.equal(second_order(x, before, 0.5, 0.25, 0.1), x)


ALLOWED = st.floats(0, allow_infinity=False, exclude_min=True)  # what `SamplerConfig` lets through


@given(st.integers(1, 60), st.floats(1e-3, 1e3))
@example(4, 0.08)  # 0.08 / (1 + (0.08 - 1)) is 1 + 4e-16
def test_times_fall_from_one_to_zero(steps, shift):
    times = time_grid(steps, shift)
    assert len(times) == steps + 1
    assert times[0] == 1
    assert times[-1] == 0
    assert all(a > b for a, b in pairwise(times))


@given(st.integers(1, 60), ALLOWED)
@example(4, 5e-324)
@example(60, 1e16)
@example(3, 1.7e308)
def test_times_stay_between_one_and_zero_at_every_allowed_shift(steps, shift):
    times = time_grid(steps, shift)
    assert len(times) == steps + 1
    assert (times[0], times[-1]) == (1, 0)
    assert all(1 >= a >= b >= 0 for a, b in pairwise(times))


@given(st.integers(1, 200))
def test_without_a_shift_times_are_even_to_the_last_bit(steps):
    assert time_grid(steps) == [1 - i / steps for i in range(steps + 1)]


@given(st.integers(1, 12), st.floats(1e-300, 1e300))
@example(8, 0.08)
@example(12, 1e16)
def test_a_path_has_numbers_at_every_shift(steps, shift):
    """Times that round to the same one, or to 1, must not end in a logarithm of 0 or a division by it."""
    noise = draw_noise(0, PATCHES, CHANNELS)
    context = make_decoder().context(torch.zeros(1, TOKENS, WIDTH))
    end = sample(Fixed(lambda x_t, t, k: x_t * 0.5 + t), context, noise, steps=steps, time_shift=shift)
    assert end.isfinite().all()


def test_shift_moves_steps_towards_noise():
    assert time_grid(4) == [1, 0.75, 0.5, 0.25, 0]
    assert time_grid(4, 3.0) == pytest.approx([1, 0.9, 0.75, 0.5, 0])
    assert time_grid(4, 1 / 3) == pytest.approx([1, 0.5, 0.25, 0.1, 0])


def test_training_times_are_logit_normal_with_a_share_of_pure_noise(generator):
    t = draw_times(20000, generator, torch.device("cpu"))
    assert 0 < t.min() < t.max() == 1
    assert (t[:3000] == 1).all()
    assert (t[3000:] < 1).all(), "15 % are means, and they come first"
    logits = torch.logit(t[t < 1])
    assert logits.mean().item() == pytest.approx(0.4, abs=0.03)
    assert logits.std().item() == pytest.approx(1, abs=0.03)
    other = draw_times(20000, generator, torch.device("cpu"), location=-1.0, share_noise=0.0)
    assert torch.logit(other).mean().item() == pytest.approx(-1, abs=0.03)


def test_training_times_are_of_their_generator_and_on_their_device():
    drawn = [draw_times(50, torch.Generator().manual_seed(seed), torch.device("cpu")) for seed in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    with torch.device("meta"):  # where tensors go that are told no device
        elsewhere = draw_times(50, torch.Generator("cpu").manual_seed(1), torch.device("cpu"))
    assert torch.equal(elsewhere, drawn[0])


def test_the_weight_of_the_loss():
    weights = loss_weight(torch.tensor([1.0, 0.5, 0.1, 0.01, 0.0]))
    torch.testing.assert_close(weights, torch.tensor([1.0, 2.0, 10.0, 10.0, 10.0]))


class Fixed(FlowDecoder):
    """Answers by a function of (x_t, t, number of tokens), and writes down what it was asked."""

    def __init__(self, answer) -> None:
        nn.Module.__init__(self)
        self.answer, self.asked = answer, []

    def forward(self, noisy, t, context, keep_mask):
        self.asked.append((t[0].item(), context.length, keep_mask))
        return self.answer(noisy, t[0].item(), context.length)


@pytest.fixture
def context(generator):
    return make_decoder().context(torch.randn(2, TOKENS, WIDTH, generator=generator))


@pytest.fixture
def noise():
    return torch.cat([draw_noise(seed, PATCHES, CHANNELS) for seed in (1, 2)])


def test_one_step_is_the_prediction_from_noise_without_guidance(context, noise):
    decoder = Fixed(lambda x_t, t, k: x_t * 0.5 + k)
    mean = sample(decoder, context, noise, steps=1, guidance_scale=4.0)
    assert torch.equal(mean, noise * 0.5 + TOKENS)
    assert decoder.asked == [(1.0, TOKENS, None)]


def test_a_constant_prediction_is_reached_from_any_noise(context, noise):
    decoder = Fixed(lambda x_t, t, k: torch.full_like(x_t, 3.0))
    torch.testing.assert_close(sample(decoder, context, noise, steps=5), torch.full_like(noise, 3.0))


def test_it_asks_once_a_step_and_twice_with_guidance(context, noise):
    keep = torch.arange(TOKENS) < torch.tensor([[2], [5]])
    decoder = Fixed(lambda x_t, t, k: x_t * 0)
    sample(decoder, context, noise, keep, steps=4, time_shift=3.0)
    assert [t for t, _, _ in decoder.asked] == pytest.approx(time_grid(4, 3.0)[:-1])
    assert all(k == TOKENS and torch.equal(mask, keep) for _, k, mask in decoder.asked)
    decoder.asked.clear()
    sample(decoder, context, noise, keep, steps=4, guidance_scale=2.0)  # at t = 1, 0.75, 0.5 and 0.25
    assert [k for _, k, _ in decoder.asked] == [TOKENS, TOKENS, 0, TOKENS, 0, TOKENS]
    assert all((mask is None) == (k == 0) for _, k, mask in decoder.asked)


@pytest.mark.parametrize(("scale", "expected"), [(0.0, 1.0), (1.0, 5.0), (2.0, 9.0), (0.5, 3.0)])
def test_guidance_leads_away_from_the_empty_prefix(context, noise, scale, expected):
    decoder = Fixed(lambda x_t, t, k: torch.full_like(x_t, 5.0 if k else 1.0))
    end = sample(decoder, context, noise, steps=3, guidance_scale=scale)
    torch.testing.assert_close(end, torch.full_like(noise, expected))


def test_guidance_has_both_ends_of_its_times(context, noise):
    """1 - 1/20 is exactly the first of them."""
    decoder = Fixed(lambda x_t, t, k: x_t * 0)
    sample(decoder, context, noise, steps=20, guidance_scale=2.0)
    twice = sorted({t for t, k, _ in decoder.asked if k == 0})
    assert (twice[0], twice[-1]) == (pytest.approx(0.3), pytest.approx(0.95))


def test_times_are_on_the_noise_s_device(context):
    found = []

    def decoder(x_t, t, context, keep_mask):
        found.append(t.device.type)
        return x_t

    sample(decoder, context, torch.zeros(2, PATCHES, CHANNELS, device="meta"), steps=2, guidance_scale=2.0)
    assert found == ["meta"] * 3


def test_distilled_steps_are_one_forward_each_whatever_the_guidance(context, noise):
    decoder, path = Fixed(lambda x_t, t, k: x_t * 0 + t), []
    keep = torch.arange(TOKENS) < torch.tensor([[2], [5]])
    options = {"steps": 4, "guidance_scale": 2.0, "time_shift": 3.0, "distilled_steps": 4}
    end = sample(decoder, context, noise, keep, path=path, **options)
    times = time_grid(4, 3.0)
    assert [t for t, _, _ in decoder.asked] == pytest.approx([-t for t in times[:-1]])
    assert all(k == TOKENS and mask is keep for _, k, mask in decoder.asked)
    expected = noise
    for (t, t_next), x_t in zip(pairwise(times), path, strict=True):
        expected = euler_step(torch.full_like(noise, -t), expected, t, t_next)
        torch.testing.assert_close(x_t, expected)
    assert end is path[-1]
    decoder.asked.clear()
    sample(decoder, context, noise, steps=3, distilled_steps=4)
    assert all(t > 0 for t, _, _ in decoder.asked), "any other number of steps is solved"


def gaussian_error(context, noise, steps: int, spread: float = 0.3, solver=sample) -> float:
    """Latents of a normal distribution: the best prediction, and where the path ends, are known."""

    def best(x_t, t, k):
        return (1 - t) * spread**2 * x_t / ((1 - t) ** 2 * spread**2 + t**2)

    return (solver(Fixed(best), context, noise, steps=steps) - spread * noise).abs().max().item()


def by_euler(decoder, context, noise, *, steps):
    times, x_t = time_grid(steps), noise
    for t, t_next in pairwise(times):
        time = torch.full((len(x_t),), t)
        x_t = euler_step(decoder(x_t, time, context, None), x_t, t, t_next)
    return x_t


def test_samples_of_a_normal_distribution_end_where_the_path_does(context, noise):
    for steps, share in ((8, 0.6), (16, 0.2), (32, 0.2), (128, 0.15)):
        euler = gaussian_error(context, noise, steps, solver=by_euler)
        assert gaussian_error(context, noise, steps) < share * euler
    assert gaussian_error(context, noise, 256) < 0.001


def test_noise_is_standard_and_of_its_seed():
    noise = draw_noise(3, 400, 16)
    assert noise.shape == (1, 400, 16)
    assert torch.equal(noise, draw_noise(3, 400, 16))
    assert not torch.equal(noise, draw_noise(4, 400, 16))
    assert noise.mean().item() == pytest.approx(0, abs=0.05)
    assert noise.std().item() == pytest.approx(1, abs=0.05)


def test_the_network_s_samples_do_not_look_at_the_rest_of_the_batch(context, noise):
    decoder = make_decoder()
    keep = torch.arange(TOKENS) < torch.tensor([[2], [8]])
    options = {"steps": 3, "guidance_scale": 1.5, "time_shift": 0.7}
    both = sample(decoder, context, noise, keep, **options)
    for i in range(2):
        alone = type(context)(
            tuple(k[i : i + 1] for k in context.keys), tuple(v[i : i + 1] for v in context.values)
        ).first(int(keep[i].sum()))
        torch.testing.assert_close(
            sample(decoder, alone, noise[i : i + 1], **options), both[i : i + 1], rtol=1e-4, atol=1e-4
        )
