"""How near a picture is to its original, pixel by pixel: PSNR and SSIM.

The batched functions take pixels (round them to 8 bit first, as the public ones do by taking Pictures) and
are what the public ones call, so that a figure on the page and a figure in a table are the same
mathematics. Neighbours: `spectrum`, `evaluate`.

Source: SSIM, Wang et al., IEEE TIP 13 (2004) 600, equation 13.
"""

import functools
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from tokenizer_core.photos.colours import luma
from tokenizer_core.photos.photo import Picture

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2  # for a range of 1


def round_to_8_bit(pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    """The nearest of the 256 levels in [-1, 1], in float32: what a Picture would hold."""
    return ((pixels.float() + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1


def psnr_batch(pixels: Float[Tensor, "B 3 H W"], originals: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """Peak signal-to-noise ratio of each picture, in dB; infinite where they are equal."""
    error = (pixels.float() - originals.float()).square().mean((1, 2, 3))
    return 10 * torch.log10(4 / error)  # the range of pixels is 2


def ssim_batch(pixels: Float[Tensor, "B 3 H W"], originals: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """Structural similarity of each picture's luma: Gaussian window of 11, sigma 1.5, range 1; 1 if equal."""
    return ssim_of(local_moments(pixels), local_moments(originals))


class LocalMoments(NamedTuple):
    """Luma (B, 1, H, W), and its mean and variance in every window that fits."""

    luma: Tensor
    mean: Tensor
    variance: Tensor


def local_moments(pixels: Float[Tensor, "B 3 H W"]) -> LocalMoments:
    """What SSIM needs to know of one side alone; for an original it is the same for every picture."""
    brightness = luma(pixels)[:, None]
    mean = _blur(brightness)
    return LocalMoments(brightness, mean, _blur(brightness.square()) - mean.square())


def ssim_of(x: LocalMoments, y: LocalMoments) -> Float[Tensor, " B"]:
    """Structural similarity from both sides' moments."""
    covariance = _blur(x.luma * y.luma) - x.mean * y.mean
    brightness = (2 * x.mean * y.mean + SSIM_C1) / (x.mean.square() + y.mean.square() + SSIM_C1)
    structure = (2 * covariance + SSIM_C2) / (x.variance + y.variance + SSIM_C2)
    return (brightness * structure).mean((1, 2, 3))


def _blur(maps: Float[Tensor, "B 1 H W"]) -> Float[Tensor, "B 1 h w"]:
    """Gaussian means wherever the whole window fits: products, which take half a convolution's time."""
    height, width = maps.shape[-2:]
    return _windows(height, maps.device) @ maps @ _windows(width, maps.device).T


@functools.lru_cache(8)
@torch.inference_mode(False)  # it stays, and training may use it, too
def _windows(size: int, device: torch.device) -> Float[Tensor, "h H"]:
    """The window's weights in each of its places: h = H - 10 rows of a banded matrix."""
    half = SSIM_WINDOW // 2
    first = torch.arange(size - 2 * half, device=device)
    distance = torch.arange(size, device=device) - half - first[:, None]
    weight = torch.exp(-distance.square() / (2 * SSIM_SIGMA**2)) * (distance.abs() <= half)
    return weight / weight.sum(1, keepdim=True)


def psnr(picture: Picture, original: Picture) -> float:
    """Peak signal-to-noise ratio of two 8-bit pictures of one size, in dB; infinite if they are equal."""
    return psnr_batch(picture.to_pixels(), original.to_pixels()).item()


def ssim(picture: Picture, original: Picture) -> float:
    """Structural similarity of two pictures of one size, -1..1; 1 if they are equal."""
    return ssim_batch(picture.to_pixels(), original.to_pixels()).item()
