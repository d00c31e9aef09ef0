"""Losses on pictures: features at several scales, local spectra, and a patch discriminator that learns.

What was tried and rejected is in the training log: spectral norm with R1 over summed logits never moved, and
GroupNorm in the discriminator hides amplitude.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.measure.spectrum import GRID_STEP, power_2d

Pixels = Float[Tensor, "B 3 H W"]
Worth = Float[Tensor, "b 1 h w"]
Scalar = Float[Tensor, ""]
EVEN = torch.ones(1, 1, 1, 1)  # all places are worth the same
ROUNDING_POWER = 0.01  # what rounding to 8 bits adds to `power_2d`
LEAST_ERROR = 2e-3  # 33 dB: a flat picture that is nearly right does not rule a batch


def feature_loss(classifier: LiteClassifier, pixels: Pixels, target: Pixels, worth: Worth = EVEN) -> Scalar:
    """Squared difference of feature maps relative to the target's own power, averaged over scales.

    `worth` is how much each place of the pictures counts. Source: arXiv 1603.08155.
    """
    with torch.no_grad():
        wanted = [f.float() for f in classifier.pyramid(target)]
    scales = [f.pow(2).mean((1, 2, 3), keepdim=True).sqrt() + 1e-4 for f in wanted]
    triples = zip(classifier.pyramid(pixels), wanted, scales, strict=True)
    errors = [spread(worth, f) * ((got.float() - f) / scale).pow(2) for got, f, scale in triples]
    return torch.stack([error.mean() for error in errors]).mean()


def log_error(pixels: Pixels, target: Pixels, worth: Worth = EVEN) -> Scalar:
    """Mean over photos of the natural logarithm of the squared error: the mean PSNR in other units.

    A decibel counts the same in a flat picture and in a busy one, at one token and at 256. `worth` is how
    much each place counts within its own picture.
    """
    share = spread(worth / worth.mean((2, 3), keepdim=True), pixels)
    return (share * (pixels.float() - target.float()).pow(2)).mean((1, 2, 3)).add(LEAST_ERROR).log().mean()


def spread(worth: Worth, maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "b 1 H W"]:
    """`worth` in as many places as maps have: means where those are fewer, copies where they are more."""
    return F.interpolate(worth.to(maps.device), maps.shape[-2:], mode="area")


def local_spectrum_loss(pixels: Pixels, target: Pixels, window: int = 32) -> Scalar:
    """L1 between the mean log power spectra of Hann windows: how much of each frequency, wherever it is."""
    hann = torch.hann_window(window, periodic=False, device=pixels.device)

    def spectra(x: Tensor) -> Tensor:
        tiles = x.float().mean(1)
        for dimension in (1, 2):
            tiles = tiles.unfold(dimension, window, window // 2)  # at last (B, rows, columns, w, w)
        tiles = (tiles - tiles.mean((-1, -2), keepdim=True)) * hann * hann[:, None]
        return (torch.fft.rfft2(tiles).abs().pow(2) + 1e-3).log().mean((1, 2))

    return (spectra(pixels) - spectra(target)).abs().mean()


def grid_loss(pixels: Float[Tensor, "B 3 H H"]) -> Scalar:
    """How far a grid of 16 x 16 cells stands out of the pictures' power, 0 where it does not.

    Power at each multiple of 16 cycles, on the axes and off them, over the power 2 and 3 cycles beside it, a
    mean over the pictures (so that a calm one counts as much as a busy one); of what is above 1, the squared
    logarithm, a mean over the multiples. `spectrum.grid_ratio` measures it.
    """
    power = power_2d(pixels.float()) + ROUNDING_POWER
    beside = torch.maximum(*(torch.stack([power.roll(o, d) for o in (-3, -2, 2, 3)]).mean(0) for d in (1, 2)))
    ratio = (power / beside.detach()).mean(0)[::GRID_STEP, ::GRID_STEP].flatten()[1:]
    return F.relu(ratio.log()).square().mean()


def patch_discriminator(widths: Sequence[int] = (64, 128, 256, 384)) -> nn.Sequential:
    """Convolutions without any normalisation: logits for overlapping patches.

    Source: arXiv 1611.07004, minus its norms.
    """
    layers: list[nn.Module] = []
    for before, width, stride in zip((3, *widths), widths, (2, 2, 2, 1), strict=False):
        layers += [nn.Conv2d(before, width, 4 if stride == 2 else 3, stride, 1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 3, 1, 1))


def hinge_loss(real_logits: Float[Tensor, "..."], made_logits: Float[Tensor, "..."]) -> Scalar:
    """What the discriminator minimises (arXiv 1705.02894)."""
    return F.relu(1 - real_logits.float()).mean() + F.relu(1 + made_logits.float()).mean()


def gradient_penalty(discriminator: Callable[[Pixels], Tensor], real: Pixels) -> Scalar:
    """R1 (arXiv 1801.04406) on the mean logit of each picture."""
    real = real.detach().requires_grad_()
    logits = discriminator(real).float().mean((1, 2, 3))
    (gradient,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return 0.5 * gradient.float().pow(2).sum((1, 2, 3)).mean()


def adaptive_weight(reconstruction: Scalar, adversarial: Scalar, last: Tensor) -> Scalar:
    """Ratio of the two losses' gradient norms at the last layer, at most 20.

    Source: arXiv 2012.09841, equation 7.
    """
    a, b = (torch.autograd.grad(x, last, retain_graph=True)[0].norm() for x in (reconstruction, adversarial))
    return (a / (b + 1e-6)).clamp(0, 20).detach()
