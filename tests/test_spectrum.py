"""The spectrum: Parseval, one peak for a sine, the slope of noise, bands, and the grid."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenizer_core.measure import spectrum
from tokenizer_core.measure.spectrum import (
    axis_power,
    band_error,
    grid_ratio,
    power_2d,
    power_spectrum,
    ring_power,
    spectrum_error,
    spectrum_error_batch,
)
from tokenizer_core.photos.colours import luma
from tokenizer_core.photos.photo import Picture


def noise(batch: int = 1, size: int = 256, seed: int = 0, strength: float = 0.2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn((batch, 1, size, size), generator=generator) * strength).expand(-1, 3, -1, -1)


def sine(cycles: float, across: bool = True, size: int = 256, phase: float = 0.3) -> torch.Tensor:
    wave = 0.8 * torch.sin(2 * math.pi * cycles * torch.arange(size) / size + phase)
    plane = wave.expand(size, size) if across else wave.expand(size, size).T
    return plane.expand(1, 3, size, size)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 99), size=st.sampled_from([16, 64, 256]))
def test_parseval(seed: int, size: int) -> None:
    pixels = noise(1, size, seed)
    brightness = luma(pixels)[0]
    window = torch.from_numpy(np.hanning(size)).float()
    energy = ((brightness - brightness.mean()) * window[:, None] * window).square().sum()
    torch.testing.assert_close(power_2d(pixels).sum() / size**2, energy, rtol=1e-4, atol=0)


def test_rings_are_the_means_of_their_pixels() -> None:
    pixels = noise(2, 32)
    power = power_2d(pixels)[1].numpy()
    rings = ring_power(pixels)[1].numpy()
    assert rings.shape == (15,)
    frequency = np.minimum(np.arange(32), 32 - np.arange(32))
    for ring in range(1, 16):
        members = [
            power[i, j]
            for i in range(32)
            for j in range(32)
            if round(math.hypot(frequency[i], frequency[j])) == ring
        ]
        assert rings[ring - 1] == pytest.approx(np.mean(members), rel=1e-4)


@pytest.mark.parametrize("cycles", [3, 17, 64, 120])
@pytest.mark.parametrize("across", [True, False])
def test_one_peak_for_a_sine(cycles: int, across: bool) -> None:
    spectrum = power_spectrum(Picture.from_pixels(sine(cycles, across)[0]))
    assert spectrum.frequency[0] == 1
    assert len(spectrum.frequency) == len(spectrum.power) == 127
    total = spectrum.power * spectrum.frequency  # a ring holds about 2 pi r pixels
    assert spectrum.frequency[int(total.argmax())] == cycles
    near = np.abs(spectrum.frequency - cycles) <= 2
    assert total[near].sum() > 0.99 * total.sum()


def test_white_noise_is_flat_at_its_own_level() -> None:
    """Luma noise of variance v has the power v times the window's energy in every ring."""
    strength = 0.2
    rings = ring_power(noise(8, strength=strength)).mean(0)
    expected = (strength / 2) ** 2 * float(np.square(np.hanning(256)).sum()) ** 2
    torch.testing.assert_close(rings[10:].mean().item(), expected, rtol=0.03, atol=0)
    assert (rings[20:] / expected - 1).abs().max() < 0.15


def test_equal_pictures_have_no_error() -> None:
    picture = Picture.from_pixels(noise()[0])
    error = spectrum_error(picture, picture)
    assert (error.low, error.middle, error.high) == (0, 0, 0)


def test_a_tenth_of_the_contrast_is_two_decades_in_every_band() -> None:
    pixels = noise(2)
    error = spectrum_error_batch(pixels / 10, pixels)
    torch.testing.assert_close(error, torch.full((2, 3), 2.0), atol=0.01, rtol=0)


@pytest.mark.parametrize(("cycles", "band"), [(20, 0), (42, 0), (43, 1), (84, 1), (85, 2), (127, 2)])
def test_bands_are_the_thirds_of_the_rings(cycles: int, band: int) -> None:
    """Adding a sine changes its own band most, and the band limits are rings 42 | 43 and 84 | 85."""
    pixels = noise(strength=0.05)
    gap = (ring_power(pixels + sine(cycles)).log10() - ring_power(pixels).log10()).abs()[0]
    assert gap[cycles - 1] > 1
    error = spectrum_error_batch(pixels + sine(cycles), pixels)[0]
    expected = [gap[:42].mean(), gap[42:84].mean(), gap[84:].mean()]
    torch.testing.assert_close(error, torch.stack(expected), atol=1e-4, rtol=1e-4)
    assert int(error.argmax()) == band


def test_the_floor_hides_no_difference_that_a_picture_can_have() -> None:
    """Contrast of a thousandth, far below a level of 256, still differs by two decades from its tenth."""
    faint = 1e-3 * noise(2)
    torch.testing.assert_close(
        spectrum_error_batch(faint / 10, faint), torch.full((2, 3), 2.0), atol=0.03, rtol=0
    )
    power = torch.tensor([[1e-5] * 6])
    torch.testing.assert_close(band_error(power, 10 * power), torch.ones(1, 3), atol=1e-3, rtol=0)


def test_the_floor_is_all_that_a_flat_picture_has() -> None:
    nothing, one = torch.zeros(1, 6), torch.ones(1, 6)
    torch.testing.assert_close(band_error(nothing, one), torch.full((1, 3), 8.0))
    assert not band_error(nothing, nothing).any()
    axes = torch.zeros(2, 64)
    axes[:, 16] = 1e-6
    assert grid_ratio(axes) == pytest.approx(201), "2e-6 on the two axes over a floor of 1e-8"


def test_spectra_are_computed_where_the_pixels_are() -> None:
    pixels, others = noise(2, 32), noise(2, 32, seed=1)
    expected = spectrum_error_batch(pixels, others), axis_power(pixels), grid_ratio(axis_power(pixels))
    spectrum._hann.cache_clear()
    spectrum._rings.cache_clear()
    with torch.device("meta"):  # where tensors go that are told no device
        found = spectrum_error_batch(pixels, others), axis_power(pixels), grid_ratio(axis_power(pixels))
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert found[2] == expected[2]


def test_what_is_kept_from_inference_serves_training() -> None:
    spectrum._hann.cache_clear()
    spectrum._rings.cache_clear()
    with torch.inference_mode():
        ring_power(noise())
    trained = noise().clone().requires_grad_()
    ring_power(trained).sum().backward()
    assert trained.grad is not None
    assert trained.grad.abs().max() > 0


def test_a_picture_s_spectrum_is_its_own_in_any_batch() -> None:
    """A dark picture beside a bright one: each is freed of its own mean."""
    pixels = torch.cat([noise(1, 32) - 0.7, noise(1, 32, seed=1) + 0.7])
    singles = torch.cat([power_2d(one[None]) for one in pixels])
    torch.testing.assert_close(power_2d(pixels), singles, rtol=1e-4, atol=1e-5)


def test_a_spectrum_is_two_arrays_of_single_precision() -> None:
    spectrum = power_spectrum(Picture.from_pixels(noise(size=32)[0]))
    assert spectrum.frequency.dtype == spectrum.power.dtype == np.float32
    assert spectrum.frequency.tolist() == list(range(1, 16))


def test_a_flat_picture_has_a_finite_error() -> None:
    flat = Picture(np.full((256, 256, 3), 90, np.uint8))
    error = spectrum_error(flat, Picture.from_pixels(noise()[0]))
    assert all(math.isfinite(part) for part in (error.low, error.middle, error.high))


def test_grid_ratio() -> None:
    pixels = noise(40)
    assert 0.5 < grid_ratio(axis_power(pixels)) < 1.8
    cell = torch.zeros(256, 256)
    cell[::16] = 0.3
    assert grid_ratio(axis_power(pixels + cell)) > 4
    assert grid_ratio(axis_power(pixels + cell.T)) > 4
    assert grid_ratio(axis_power(pixels + sine(40))) < 1.8  # a wave, but no multiple of 16
    assert grid_ratio(axis_power(pixels + sine(48))) > 100  # one multiple alone counts


def test_axis_power_is_the_mean_over_pictures_of_the_two_axes() -> None:
    pixels = noise(3, 32)
    across, down = axis_power(pixels)
    power = power_2d(pixels)
    torch.testing.assert_close(across, torch.stack([one[0] for one in power]).mean(0))
    torch.testing.assert_close(down, torch.stack([one[:, 0] for one in power]).mean(0))


def naive_grid_ratio(axes: torch.Tensor) -> float:
    power = axes.double().sum(0).tolist()
    size, ratios = len(power), []
    for multiple in range(16, size // 2 + 1, 16):
        beside = [power[(multiple + offset) % size] for offset in (-3, -2, 2, 3)]
        ratios.append((power[multiple] + 1e-8) / (sum(beside) / 4 + 1e-8))
    return max(ratios)


@pytest.mark.parametrize("size", [32, 64, 256])
@pytest.mark.parametrize("seed", range(4))
def test_grid_ratio_is_the_largest_over_multiples_to_half_the_size(size: int, seed: int) -> None:
    axes = torch.rand(2, size, generator=torch.Generator().manual_seed(seed)) + 0.05
    assert grid_ratio(axes) == pytest.approx(naive_grid_ratio(axes), rel=1e-5)
    for multiple in range(16, size // 2 + 1, 16):
        one = axes.clone()
        one[seed % 2, multiple] += 20
        assert grid_ratio(one) == pytest.approx(naive_grid_ratio(one), rel=1e-5)
        assert grid_ratio(one) > 5
