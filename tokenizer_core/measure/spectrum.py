"""How a picture's power is spread over frequencies: the ring-averaged spectrum, and how far two differ.

The luma is made mean-free, windowed (Hann, so that the picture's borders do not count as edges),
transformed, and |FFT|^2 averaged over rings of one cycle per picture. Blur shows as missing power in the
outer rings, a grid as peaks on the axes. The batched functions take pixels and are what the public ones
call. Neighbours: `metrics`, `evaluate`.

Source: power falling as 1/f^2 in natural images, Field, JOSA A 4 (1987) 2379; the bands are this project's
own.
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from tokenizer_core.photos.colours import luma
from tokenizer_core.photos.photo import Picture

POWER_FLOOR = 1e-8  # far below 8-bit rounding; keeps the logarithm of a flat picture finite
GRID_STEP = 16  # latent positions per side: what repeats with them has 16, 32, ... cycles per picture


@dataclass(frozen=True)
class Spectrum:
    """Mean power on each ring of the 2-D spectrum.

    Attributes:
        frequency: (H/2 - 1,) cycles per picture, 1..127 for a picture of 256 pixels.
        power: (H/2 - 1,) mean |FFT|^2 of the windowed, mean-free luma in [0, 1].
    """

    frequency: Float[np.ndarray, " R"]
    power: Float[np.ndarray, " R"]


@dataclass(frozen=True)
class SpectrumError:
    """Mean |log10 ratio| of two spectra, in decades, over the low, middle and high third of the rings."""

    low: float
    middle: float
    high: float


def power_2d(pixels: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B H H"]:
    """|FFT|^2 of the Hann-windowed, mean-free luma of pixels in [-1, 1]; frequency 0 is at index 0.

    By Parseval's theorem its sum over H^2 is the energy of the windowed luma.
    """
    brightness = luma(pixels)
    window = _hann(pixels.shape[-1], pixels.device)
    flat = brightness - brightness.mean((1, 2), keepdim=True)
    return torch.fft.fft2(flat * window[:, None] * window).abs().square()


def ring_power(pixels: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B R"]:
    """Mean power on the rings 1 .. H/2 - 1 (R of them) of square pixels in [-1, 1]."""
    size = pixels.shape[-1]
    ring, count = _rings(size, pixels.device)
    total = torch.zeros(len(pixels), size // 2 + 1, device=pixels.device)
    total.index_add_(1, ring, power_2d(pixels).flatten(1))
    return (total / count)[:, 1 : size // 2]


@functools.lru_cache(8)
@torch.inference_mode(False)  # it stays, and training may use it, too
def _hann(size: int, device: torch.device) -> Float[Tensor, " H"]:
    return torch.hann_window(size, periodic=False, device=device)


@functools.lru_cache(8)
@torch.inference_mode(False)
def _rings(size: int, device: torch.device) -> tuple[Int[Tensor, " N"], Int[Tensor, " R"]]:
    """The ring of each of N = H * H frequencies, and how many each of R = H / 2 + 1 rings has.

    Ring 0 is the mean alone; the last one is the corners, which are left out.
    """
    frequency = torch.fft.fftfreq(size, d=1 / size, device=device)
    radius = torch.hypot(frequency[:, None], frequency[None]).round().long().flatten()
    ring = radius.clamp(max=size // 2)
    return ring, torch.bincount(ring, minlength=size // 2 + 1)


def spectrum_error_batch(
    pixels: Float[Tensor, "B 3 H H"], originals: Float[Tensor, "B 3 H H"]
) -> Float[Tensor, "B 3"]:
    """`band_error` of the pictures' ring powers."""
    return band_error(ring_power(pixels), ring_power(originals))


def band_error(power: Float[Tensor, "B R"], wanted: Float[Tensor, "B R"]) -> Float[Tensor, "B 3"]:
    """Mean |log10 ratio| of ring powers in the low, middle and high third, in decades, by picture."""
    gap = ((power + POWER_FLOOR) / (wanted + POWER_FLOOR)).log10().abs()
    third = gap.shape[1] // 3
    return torch.stack([band.mean(1) for band in gap.tensor_split((third, 2 * third), 1)], dim=1)


def axis_power(pixels: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "2 H"]:
    """Mean power over the pictures on the two axes of the spectrum: across (row 0) and down (row 1)."""
    power = power_2d(pixels).mean(0)
    return torch.stack([power[0], power[:, 0]])


def grid_ratio(axes: Float[Tensor, "2 H"]) -> float:
    """How far a grid of 16 x 16 cells stands out: 1 is no grid at all.

    Args:
        axes: what `axis_power` gives, averaged over as many pictures as possible.

    Returns:
        Power at the multiples of 16 cycles per picture over the mean power 2 and 3 cycles beside them, both
        summed over the two axes; the largest of these ratios.
    """
    power = axes.sum(0)  # (H,)
    multiples = torch.arange(GRID_STEP, len(power) // 2 + 1, GRID_STEP, device=axes.device)
    beside = torch.stack([power[(multiples + offset) % len(power)] for offset in (-3, -2, 2, 3)]).mean(0)
    return ((power[multiples] + POWER_FLOOR) / (beside + POWER_FLOOR)).max().item()


def power_spectrum(picture: Picture) -> Spectrum:
    """The ring-averaged power spectrum of a square picture."""
    return spectrum_of(ring_power(picture.to_pixels()))


def spectrum_of(power: Float[Tensor, "1 R"]) -> Spectrum:
    """One picture's `ring_power` as arrays."""
    return Spectrum(np.arange(1, power.shape[1] + 1, dtype=np.float32), power[0].numpy())


def spectrum_error(picture: Picture, original: Picture) -> SpectrumError:
    """How far a picture's spectrum is from the original's, by band, in decades (0: the same)."""
    low, middle, high = spectrum_error_batch(picture.to_pixels(), original.to_pixels())[0].tolist()
    return SpectrumError(low, middle, high)
