"""Many pictures of one photo, scored against it: what belongs to the original alone is computed once.

The mathematics is that of `metrics` and `spectrum`; this room only remembers. Neighbours: those two; `tally`
scores many photos.
"""

from typing import NamedTuple

from tokenizer_core.measure.metrics import local_moments, psnr_batch, ssim_of
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
        self._pixels = original.to_pixels()
        self._moments, self._power = local_moments(self._pixels), ring_power(self._pixels)

    def __call__(self, picture: Picture) -> Score:
        """The score of one picture."""
        pixels = picture.to_pixels()
        similarity, power = ssim_of(local_moments(pixels), self._moments).item(), ring_power(pixels)
        error = SpectrumError(*band_error(power, self._power)[0].tolist())
        return Score(psnr_batch(pixels, self._pixels).item(), similarity, spectrum_of(power), error)
