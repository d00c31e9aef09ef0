"""The measures of pictures against their originals, added up batch by batch and averaged over photos.

`evaluate` keeps one `Tally` a length and steps; training and whatever else gives pictures (the autoencoder
alone, a codec) can keep one too. Neighbours: `metrics`, `spectrum`, `classifier` (the optional judge),
`evaluate`.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tokenizer_core.classifier import LiteClassifier
from tokenizer_core.metrics import psnr_batch, round_to_8_bit, ssim_batch
from tokenizer_core.spectrum import SpectrumError, axis_power, grid_ratio, spectrum_error_batch


@dataclass(frozen=True)
class Measures:
    """Means over photos.

    Attributes:
        n: photos.
        psnr: dB.
        ssim: up to 1.
        spectrum_error: decades, by band.
        grid_ratio: power at multiples of 16 cycles on the axes over its neighbours'; 1 is no grid.
        feature_distance: 1 - cosine of the judge's pooled features; None without a judge.
        label_agreement: share of photos whose label the judge finds again; None without a judge.
    """

    n: int
    psnr: float
    ssim: float
    spectrum_error: SpectrumError
    grid_ratio: float
    feature_distance: float | None = None
    label_agreement: float | None = None


class Tally:
    """Adds up the measures of pictures against their originals, batch by batch.

    Args:
        judge: EfficientNet-Lite2, on the device of the pixels; None leaves its two measures out.
    """

    def __init__(self, judge: LiteClassifier | None = None) -> None:
        self.judge, self.n = judge, 0
        self.sums: dict[str, Tensor] = {}

    @torch.no_grad()
    def add(
        self,
        pixels: Float[Tensor, "B 3 H H"],
        originals: Float[Tensor, "B 3 H H"],
        seen: Float[Tensor, "B 1280"] | None = None,
    ) -> None:
        """Measure a batch of pixels in [-1, 1], rounded to 8 bit first.

        Args:
            pixels: what is judged.
            originals: what it should be.
            seen: `look(originals)`, where many batches have the same originals (the judge is slow).
        """
        pixels, originals = round_to_8_bit(pixels), round_to_8_bit(originals)
        found = {
            "psnr": psnr_batch(pixels, originals).sum(),
            "ssim": ssim_batch(pixels, originals).sum(),
            "spectrum_error": spectrum_error_batch(pixels, originals).sum(0),
            "axes": axis_power(pixels) * len(pixels),
        }
        if self.judge is not None:
            features = [self.judge.pooled(pixels), self.look(originals) if seen is None else seen]
            labels = [self.judge.logits_of(one).argmax(1) for one in features]
            found["feature_distance"] = (1 - torch.cosine_similarity(*features, dim=1)).sum()
            found["label_agreement"] = (labels[0] == labels[1]).sum()
        self.n += len(pixels)
        self.sums = {name: self.sums.get(name, 0) + value.double().cpu() for name, value in found.items()}

    @torch.no_grad()
    def look(self, originals: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B 1280"] | None:
        """The judge's features (B, 1280) of the originals; None without a judge."""
        return None if self.judge is None else self.judge.pooled(round_to_8_bit(originals))

    def mean(self) -> Measures:
        """The means over all that was added."""
        assert self.n, "nothing was measured"
        means = {name: total / self.n for name, total in self.sums.items()}
        return Measures(
            n=self.n,
            psnr=means["psnr"].item(),
            ssim=means["ssim"].item(),
            spectrum_error=SpectrumError(*means["spectrum_error"].tolist()),
            grid_ratio=grid_ratio(means["axes"].float()),
            feature_distance=means["feature_distance"].item() if self.judge else None,
            label_agreement=means["label_agreement"].item() if self.judge else None,
        )
