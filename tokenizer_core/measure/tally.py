"""The measures of pictures against their originals, photo by photo, and their means with intervals.

`evaluate` keeps one `Tally` a place (a length and steps); training and whatever else gives pictures (the
autoencoder alone, a codec) can keep one too. Neighbours: `metrics`, `spectrum`, `classifier` (optional),
`evaluate`.

Sources: bootstrap percentile intervals, Efron, Annals of Statistics 7 (1979) 1; kernel distance, Binkowski et
al., arXiv 1801.01401.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.measure.metrics import psnr_batch, round_to_8_bit, ssim_batch
from tokenizer_core.measure.spectrum import SpectrumError, axis_power, grid_ratio, spectrum_error_batch

RESAMPLES = 1000  # of the photos, for the intervals
SUBSET, SUBSETS = 100, 50  # of the kernel distance
INTERVALS = ("psnr", "feature_distance", "label_agreement")


@dataclass(frozen=True)
class Measures:
    """Means over photos.

    Attributes:
        n: photos.
        psnr: dB.
        ssim: up to 1.
        spectrum_error: decades, by band.
        grid_ratio: power at multiples of 16 cycles on the axes over its neighbours'; 1 is no grid.
        feature_distance: 1 - cosine of the classifier's pooled features; None without one.
        label_agreement: share of photos whose label the classifier finds again; None without one.
        kernel_distance: between the two sets of features (KID); None without one, or under 200 photos.
        intervals: (low, high) by the name of a measure: 95 %, bootstrapped over photos.
    """

    n: int
    psnr: float
    ssim: float
    spectrum_error: SpectrumError
    grid_ratio: float
    feature_distance: float | None = None
    label_agreement: float | None = None
    kernel_distance: float | None = None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


class Tally:
    """Keeps the measures of pictures against their originals, photo by photo.

    Args:
        classifier: EfficientNet-Lite2, on the device of the pixels; None leaves its measures out.
    """

    def __init__(self, classifier: LiteClassifier | None = None) -> None:
        self.classifier, self.n, self.axes = classifier, 0, torch.zeros(())
        self.found: dict[str, list[Tensor]] = defaultdict(list)  # by measure: (B, ...) a batch

    @torch.no_grad()
    def add(
        self,
        pixels: Float[Tensor, "B 3 H H"],
        originals: Float[Tensor, "B 3 H H"],
        seen: Float[Tensor, "B 1280"] | None = None,
    ) -> None:
        """Measure a batch of pixels in [-1, 1], rounded to 8 bit first.

        Args:
            pixels: what is measured.
            originals: what it should be.
            seen: `look(originals)`, where many batches have the same originals (the classifier is slow).
        """
        pixels, originals = round_to_8_bit(pixels), round_to_8_bit(originals)
        found = {
            "psnr": psnr_batch(pixels, originals),
            "ssim": ssim_batch(pixels, originals),
            "spectrum_error": spectrum_error_batch(pixels, originals),
        }
        if self.classifier is not None:
            features = [self.classifier.pooled(pixels), self.look(originals) if seen is None else seen]
            labels = [self.classifier.logits_of(one).argmax(1) for one in features]
            found["feature_distance"] = 1 - torch.cosine_similarity(*features, dim=1)
            found["label_agreement"] = labels[0] == labels[1]
            found["features"], found["seen"] = features
        self.n += len(pixels)
        self.axes = self.axes + axis_power(pixels).double().cpu() * len(pixels)
        for name, value in found.items():
            self.found[name].append(value.float().cpu())

    def __getstate__(self) -> dict[str, Any]:
        """What was measured, for another process: plain arrays, and no classifier."""
        found = {name: [value.numpy() for value in values] for name, values in self.found.items()}
        return {"n": self.n, "axes": self.axes.numpy(), "found": found}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The inverse."""
        self.__init__()
        self.n, self.axes = state["n"], torch.tensor(state["axes"])  # copies: what came may be read-only
        for name, values in state["found"].items():
            self.found[name] = [torch.tensor(value) for value in values]

    def merge(self, later: "Tally") -> None:
        """Add what another tally has measured of the photos that follow: as if all had been added here."""
        self.n += later.n
        self.axes = self.axes + later.axes
        for name, values in later.found.items():
            self.found[name] += values

    @torch.no_grad()
    def look(self, originals: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B 1280"] | None:
        """The classifier's features (B, 1280) of the originals; None without one."""
        return None if self.classifier is None else self.classifier.pooled(round_to_8_bit(originals))

    def mean(self) -> Measures:
        """The means over all that was added."""
        return average([self])


def average(tallies: Sequence[Tally]) -> Measures:
    """The means over several tallies of the same photos in the same order, one a seed.

    A photo's measure is its mean over the seeds; the intervals are over photos, so that more seeds do not
    pass for more photos.
    """
    assert len({tally.n for tally in tallies} - {0}) == 1, "nothing was measured, or not the same photos"
    parts = [{name: torch.cat(value) for name, value in tally.found.items()} for tally in tallies]
    kernel = [kernel_distance(part.pop("features"), part.pop("seen")) for part in parts if "seen" in part]
    known = [distance for distance in kernel if distance is not None]
    photos = {name: torch.stack([part[name] for part in parts]).double().mean(0) for name in parts[0]}
    axes = torch.stack([tally.axes for tally in tallies]).mean(0) / tallies[0].n
    means = {name: photos[name].mean().item() for name in INTERVALS if name in photos}
    return Measures(
        **{"n": tallies[0].n, **means},
        ssim=photos["ssim"].mean().item(),
        spectrum_error=SpectrumError(*photos["spectrum_error"].mean(0).tolist()),
        grid_ratio=grid_ratio(axes.float()),
        kernel_distance=sum(known) / len(known) if known else None,
        intervals={name: interval(photos[name]) for name in means},
    )


def interval(values: Float[Tensor, " n"], seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of a mean over photos: percentiles of the means of resampled photos."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(values), (RESAMPLES, len(values)), generator=generator)
    means = values[chosen].mean(1).sort().values  # not `quantile`: equal pictures are infinitely near
    return means[round(0.025 * RESAMPLES)].item(), means[round(0.975 * RESAMPLES) - 1].item()


def kernel_distance(
    features: Float[Tensor, "n d"], originals: Float[Tensor, "n d"], seed: int = 0
) -> float | None:
    """Squared maximum mean discrepancy of two sets of features, unbiased, under the kernel (x y / d + 1)^3.

    The mean over random subsets of 100 and 100, never of the same photos, so that it is a distance of
    *sets*: 0 is what two draws of photographs have. None with fewer than 200 photos. One seed is one row of
    subsets: all places and repeats of an evaluation are compared on the same photographs.
    """
    if len(features) < 2 * SUBSET:
        return None
    generator, total = torch.Generator().manual_seed(seed), 0.0
    for _ in range(SUBSETS):
        order = torch.randperm(len(features), generator=generator)[: 2 * SUBSET]
        both = torch.cat([features[order[:SUBSET]], originals[order[SUBSET:]]]).double()
        kernel = (both @ both.T / both.shape[1] + 1) ** 3
        inside = kernel - kernel.diag().diag()
        same = inside[:SUBSET, :SUBSET].sum() + inside[SUBSET:, SUBSET:].sum()
        total += (same / (SUBSET * (SUBSET - 1)) - 2 * kernel[:SUBSET, SUBSET:].mean()).item()
    return total / SUBSETS
