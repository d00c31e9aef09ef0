"""Tallies against plain sums: what is averaged over what, with a judge whose features are known."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.measure.metrics import psnr_batch, round_to_8_bit, ssim_batch
from tokenizer_core.measure.spectrum import axis_power, grid_ratio, spectrum_error_batch
from tokenizer_core.measure.tally import RESAMPLES, SUBSET, SUBSETS, Tally, average, interval, kernel_distance

pytestmark = pytest.mark.usefixtures("one_thread")


class Known(LiteClassifier):
    """Sees 8 x 8 means of each colour; its classes are the first five of them."""

    def __init__(self) -> None:
        nn.Module.__init__(self)

    def pooled(self, pixels: Tensor) -> Tensor:
        means = nn.functional.adaptive_avg_pool2d(pixels, 8).flatten(1)
        return nn.functional.pad(means, (0, 1280 - means.shape[1]))

    def logits_of(self, pooled: Tensor) -> Tensor:
        return nn.functional.pad(pooled[:, :5], (0, 995), value=-9.0)


def draw(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 8, 8, generator=generator) * 2 - 1
    return nn.functional.interpolate(coarse, size=(32, 32), mode="bicubic").clamp(-1, 1)


def filled(originals: Tensor, pixels: Tensor, judge: LiteClassifier | None = None) -> Tally:
    tally = Tally(judge)
    tally.add(pixels, originals)
    return tally


def test_each_measure_is_the_mean_over_photos_of_its_function() -> None:
    originals, pixels = draw(5, 1), draw(5, 1) * 0.8
    found = filled(originals, pixels).mean()
    a, b = round_to_8_bit(pixels), round_to_8_bit(originals)
    assert found.n == 5
    assert found.psnr == pytest.approx(psnr_batch(a, b).mean().item(), rel=1e-6)
    assert found.ssim == pytest.approx(ssim_batch(a, b).mean().item(), rel=1e-6)
    bands = [found.spectrum_error.low, found.spectrum_error.middle, found.spectrum_error.high]
    assert bands == pytest.approx(spectrum_error_batch(a, b).mean(0).tolist(), rel=1e-5)
    assert found.grid_ratio == pytest.approx(grid_ratio(axis_power(a)), rel=1e-5)
    assert (found.feature_distance, found.label_agreement, found.kernel_distance) == (None, None, None)
    assert set(found.intervals) == {"psnr"}
    assert found.intervals["psnr"] == interval(psnr_batch(a, b).double())


def test_the_grid_is_of_the_mean_power_of_all_photos_of_all_parts() -> None:
    originals, pixels = draw(5, 1), draw(5, 2)
    tally = Tally()
    tally.add(pixels[:1], originals[:1])
    tally.add(pixels[1:], originals[1:])
    expected = axis_power(round_to_8_bit(pixels)) * 5
    torch.testing.assert_close(tally.axes, expected.double(), rtol=1e-5, atol=1e-5)
    assert tally.axes.dtype == torch.float64
    both = average([tally, filled(originals, originals * 0.5)])
    power = (axis_power(round_to_8_bit(pixels)) + axis_power(round_to_8_bit(originals * 0.5))) / 2
    assert both.grid_ratio == pytest.approx(grid_ratio(power), rel=1e-5)


def test_a_judge_s_measures_are_of_its_features_and_labels() -> None:
    judge, originals = Known(), draw(6, 1)
    pixels = torch.cat([originals[:4] * 0.7, originals[4:].flip(3)])
    found = filled(originals, pixels, judge).mean()
    a, b = (judge.pooled(round_to_8_bit(one)) for one in (pixels, originals))
    distance = 1 - (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
    assert found.feature_distance == pytest.approx(distance.mean().item(), rel=1e-4)
    same = (a[:, :5].argmax(1) == b[:, :5].argmax(1)).float()
    assert 0 < same.mean() < 1
    assert found.label_agreement == pytest.approx(same.mean().item())
    assert set(found.intervals) == {"psnr", "feature_distance", "label_agreement"}
    assert found.intervals["label_agreement"] == interval(same.double())
    assert found.kernel_distance is None, "six photos are too few"


def test_originals_that_were_looked_at_are_not_looked_at_again() -> None:
    judge, originals = Known(), draw(3, 1)
    seen = Tally(judge).look(originals)
    assert seen is not None
    assert torch.equal(seen, judge.pooled(round_to_8_bit(originals)))
    assert Tally().look(originals) is None
    given = Tally(judge)
    given.add(originals * 0.5, originals, seen + 1)
    assert torch.equal(given.found["seen"][0], seen + 1)
    plain = filled(originals, originals * 0.5, judge)
    assert torch.equal(plain.found["seen"][0], seen)


def test_kernel_distances_of_seeds_are_averaged() -> None:
    judge, originals = Known(), draw(2 * SUBSET, 1)
    tallies = [filled(originals, originals * scale, judge) for scale in (0.9, 0.3)]
    single = [tally.mean().kernel_distance for tally in tallies]
    assert None not in single
    assert average(tallies).kernel_distance == pytest.approx(sum(single) / 2)
    assert single[0] < single[1]


def test_tallies_of_different_photos_are_not_averaged() -> None:
    originals = draw(3, 1)
    one, other = filled(originals, originals), filled(originals[:2], originals[:2])
    for some in ([one, other], [Tally()], []):
        with pytest.raises(AssertionError, match="nothing was measured, or not the same photos"):
            average(some)


def naive_kernel_distance(features: Tensor, originals: Tensor, subsets: int, seed: int = 0) -> float:
    """Sums over pairs, as arXiv 1801.01401 writes them."""
    generator, found, width = torch.Generator().manual_seed(seed), [], features.shape[1]

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (float(x @ y) / width + 1) ** 3

    for _ in range(subsets):
        order = torch.randperm(len(features), generator=generator)
        x = features[order[:SUBSET]].double().numpy()
        y = originals[order[SUBSET : 2 * SUBSET]].double().numpy()
        pairs = [(i, j) for i in range(SUBSET) for j in range(SUBSET)]
        inside = [kernel(a[i], a[j]) for a in (x, y) for i, j in pairs if i != j]
        across = [kernel(x[i], y[j]) for i, j in pairs]
        found.append(2 * np.mean(inside) - 2 * np.mean(across))
    return float(np.mean(found))


def test_kernel_distance_is_its_sum_over_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SUBSETS == 50
    monkeypatch.setattr("tokenizer_core.measure.tally.SUBSETS", 3)  # a sum over pairs takes its time
    features, originals = (torch.randn(230, 5, generator=torch.Generator().manual_seed(i)) for i in (1, 2))
    found = kernel_distance(features + 0.3, originals)
    assert found == pytest.approx(naive_kernel_distance(features + 0.3, originals, 3), rel=1e-9)
    other = kernel_distance(features + 0.3, originals, seed=1)
    assert other == pytest.approx(naive_kernel_distance(features + 0.3, originals, 3, 1), rel=1e-9)
    assert found != other


def test_kernel_distance_needs_two_subsets() -> None:
    features = torch.randn(2 * SUBSET, 4, generator=torch.Generator().manual_seed(1))
    assert kernel_distance(features, features) is not None
    assert kernel_distance(features[1:], features[1:]) is None


def test_an_interval_is_two_of_the_sorted_means_of_resampled_photos() -> None:
    values = torch.arange(50.0).double() ** 2
    for seed in (0, 3):
        chosen = torch.randint(50, (RESAMPLES, 50), generator=torch.Generator().manual_seed(seed))
        means = sorted(values.numpy()[row].mean() for row in chosen.numpy())
        assert interval(values, seed) == pytest.approx((means[25], means[974]))
    assert interval(values) == interval(values, 0)
    assert interval(torch.full((5,), math.inf).double()) == (math.inf, math.inf)
