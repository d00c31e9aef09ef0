"""Many pictures of a photo, scored against it: what belongs to the original alone is computed once.

The mathematics is that of `metrics` and `spectrum`; this room only remembers. Neighbours: those two; `tally`
scores many photos.
"""

import functools
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tokenizer_core.measure.metrics import LocalMoments, local_moments, psnr_batch, ssim_of
from tokenizer_core.measure.spectrum import Spectrum, SpectrumError, band_error, ring_power, spectrum_of
from tokenizer_core.photos.photo import Picture


class Score(NamedTuple):
    """PSNR in dB (infinite if equal), SSIM up to 1, the picture's own spectrum, and how far off that is."""

    psnr: float
    ssim: float
    spectrum: Spectrum
    error: SpectrumError


class Scorer:
    """Scores pictures of an original's size against it.

    It equals `psnr`, `ssim`, `power_spectrum` and `spectrum_error`.

    Args:
        original: what the pictures should be.
    """

    def __init__(self, original: Picture) -> None:
        self._original = original
        self._pixels = original.to_pixels()
        self._power = ring_power(self._pixels)

    def __call__(self, picture: Picture) -> Score:
        """The score of one picture."""
        pixels = picture.to_pixels()
        similarity, power = ssim_of(local_moments(pixels), self._moments).item(), ring_power(pixels)
        error = SpectrumError(*band_error(power, self._power)[0].tolist())
        return Score(psnr_batch(pixels, self._pixels).item(), similarity, spectrum_of(power), error)

    @functools.cached_property
    def _moments(self) -> LocalMoments:
        """Only where pictures come one by one: a batch on a device computes its own."""
        return local_moments(self._pixels)

    @property
    def original(self) -> Picture:
        """What the pictures should be."""
        return self._original

    @property
    def spectrum(self) -> Spectrum:
        """The original's own."""
        return spectrum_of(self._power)


def scores_of(asked: Sequence[tuple[Scorer, Sequence[Picture]]], device: str) -> list[list[Score]]:
    """The scores of pictures of several photos, computed in one batch on a device; one answer comes back.

    They equal those of single pictures up to the rounding of sums in float32.

    Args:
        asked: each photo's scorer with its pictures; all originals and pictures are of one size.
        device: where the batch is computed.
    """
    pictures = [picture for _, some in asked for picture in some]
    if not pictures:
        return [[] for _ in asked]
    pixels = _pixels_on([*(scorer.original for scorer, _ in asked), *pictures], device)
    originals, pixels = pixels[: len(asked)], pixels[len(asked) :]
    counts = [len(some) for _, some in asked]
    of = torch.repeat_interleave(torch.arange(len(asked)), torch.tensor(counts)).to(device)  # row -> photo
    power, wanted = ring_power(pixels), ring_power(originals)[of]
    moments = LocalMoments(*(part[of] for part in local_moments(originals)))
    similarity, nearness = ssim_of(local_moments(pixels), moments), psnr_batch(pixels, originals[of])
    parts = [nearness[:, None], similarity[:, None], band_error(power, wanted), power]
    scores = iter(_score_of(row) for row in torch.cat(parts, 1).cpu())
    return [list(islice(scores, count)) for count in counts]


def _score_of(row: Tensor) -> Score:
    """PSNR, SSIM, three bands' errors and the rings' power, in a row."""
    error = SpectrumError(*row[2:5].tolist())
    return Score(row[0].item(), row[1].item(), spectrum_of(row[None, 5:]), error)


def spectra_of(pictures: Sequence[Picture], device: str) -> list[Spectrum]:
    """`power_spectrum` of several pictures of one size, computed in one batch on a device."""
    return [spectrum_of(row[None]) for row in ring_power(_pixels_on(pictures, device)).cpu()]


def _pixels_on(pictures: Sequence[Picture], device: str) -> Tensor:
    """(B, 3, H, W) in [-1, 1], float32; what travels is 8 bit."""
    levels = torch.from_numpy(np.stack([one.array for one in pictures])).to(device)
    return (levels.float() / 127.5 - 1).permute(0, 3, 1, 2).contiguous()
