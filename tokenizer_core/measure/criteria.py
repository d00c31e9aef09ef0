"""When is a picture near enough to its original? The criteria by which a number of tokens is chosen.

    criterion = criterion_of("l1", 0.07)
    near = criterion.judge(original)      # what belongs to the original alone is computed once
    near(picture).reached

Neighbours: `reports.allocate` (finds the fewest tokens that reach one), `metrics`, `spectrum`, `classifier`.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from tokenizer_core.errors import TokenizerError
from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.measure.metrics import psnr
from tokenizer_core.measure.spectrum import band_error, ring_power
from tokenizer_core.photos.photo import Picture

Scorer = Callable[[Picture], float]


class Kind(NamedTuple):
    """A way to judge: what people are told, the usual threshold, and whether more is better.

    Attributes:
        what: a phrase, with the unit.
        threshold: where nobody says another.
        more_is_better: a score must be at least the threshold; else at most.
        classified: a classifier is needed.
    """

    what: str
    threshold: float
    more_is_better: bool
    classified: bool


CRITERIA = {
    "l1": Kind("mean absolute error of colours in 0..1", 0.07, False, False),
    "psnr": Kind("peak signal-to-noise ratio in dB", 20.0, True, False),
    "spectrum": Kind("mean distance of the power spectra in decades", 1.0, False, False),
    "feature": Kind("1 - cosine of the classifier's features", 0.5, False, True),
    # the first of 1000 shares is never below 0.001: that is agreement, however unsure
    "label": Kind("share of the original's label where that comes first, else 0", 0.001, True, True),
}


class Verdict(NamedTuple):
    """A picture's score, and whether that reaches the threshold."""

    score: float
    reached: bool


@dataclass(frozen=True)
class Criterion:
    """What a picture must reach; from `criterion_of`.

    Attributes:
        name: of `CRITERIA`.
        threshold: the least or the largest score.
        classifier: EfficientNet-Lite2, where features or labels are asked for.
    """

    name: str
    threshold: float
    classifier: LiteClassifier | None = None

    @property
    def kind(self) -> Kind:
        """What is measured, and which way."""
        return CRITERIA[self.name]

    def __str__(self) -> str:
        return f"{self.kind.what} {'>=' if self.kind.more_is_better else '<='} {self.threshold:g}"

    def reached(self, score: float) -> bool:
        """Whether a score is good enough."""
        return score >= self.threshold if self.kind.more_is_better else score <= self.threshold

    def better(self, score: float, than: float) -> bool:
        """Whether one score is nearer to the original than another."""
        return score > than if self.kind.more_is_better else score < than

    def judge(self, original: Picture) -> Callable[[Picture], Verdict]:
        """What judges pictures of one original, whose own part is computed once."""
        score = _SCORERS[self.name](original, self.classifier)

        def verdict(picture: Picture) -> Verdict:
            found = score(picture)
            return Verdict(found, self.reached(found))

        return verdict


def criterion_of(
    name: str, threshold: float | None = None, classifier: LiteClassifier | None = None
) -> Criterion:
    """A criterion by its name.

    Args:
        name: "l1", "psnr", "spectrum", "feature" or "label"; `CRITERIA` says what they measure.
        threshold: None is the usual one.
        classifier: for "feature" and "label"; one is made if None.

    Raises:
        TokenizerError: no such criterion, a threshold that is no number, or no classifier to be had.
    """
    if name not in CRITERIA:
        raise TokenizerError(f"There is no criterion {name}; there are {', '.join(CRITERIA)}.")
    kind = CRITERIA[name]
    threshold = kind.threshold if threshold is None else threshold
    if not math.isfinite(threshold):
        raise TokenizerError("The threshold of a criterion is a number.")
    if name == "label" and threshold <= 0:
        raise TokenizerError("The threshold of a label is above 0: 0 is what another label has.")
    if kind.classified and classifier is None:
        classifier = LiteClassifier(2)
    return Criterion(name, threshold, classifier if kind.classified else None)


class Choice(NamedTuple):
    """What was chosen of a row of pictures.

    Attributes:
        place: the first that reached the threshold, else the best one, of equals the last.
        reached: whether one did.
        scores: of all that were looked at, in order: none behind the one that reached it.
    """

    place: int
    reached: bool
    scores: tuple[float, ...]


def first_that_reaches(criterion: Criterion, original: Picture, pictures: Iterable[Picture]) -> Choice:
    """The first picture that is near enough; none behind it is asked for, so none need be made.

    Args:
        criterion: from `criterion_of`.
        original: what they should be.
        pictures: those of the fewest tokens first, at least one.
    """
    judge, scores = criterion.judge(original), []
    for place, picture in enumerate(pictures):
        score, reached = judge(picture)
        scores.append(score)
        if reached:
            return Choice(place, True, tuple(scores))
    assert scores, "there must be a picture to choose from"
    best = 0
    for place, score in enumerate(scores):
        if not criterion.better(scores[best], score):  # of equals the last: a short code was no help
            best = place
    return Choice(best, False, tuple(scores))


def _l1(original: Picture, _: LiteClassifier | None) -> Scorer:
    wanted = original.array.astype(int)
    return lambda picture: float(np.abs(picture.array - wanted).mean()) / 255


def _psnr(original: Picture, _: LiteClassifier | None) -> Scorer:
    return lambda picture: psnr(picture, original)


def _spectrum(original: Picture, _: LiteClassifier | None) -> Scorer:
    wanted = ring_power(original.to_pixels())
    return lambda picture: band_error(ring_power(picture.to_pixels()), wanted).mean().item()


@torch.inference_mode()
def _features(picture: Picture, classifier: LiteClassifier | None) -> torch.Tensor:
    assert classifier is not None, "`criterion_of` gives one"
    device = classifier.head_weight.device
    return classifier.pooled(picture.to_pixels().to(device))


def _feature(original: Picture, classifier: LiteClassifier | None) -> Scorer:
    wanted = _features(original, classifier)
    return lambda picture: 1 - torch.cosine_similarity(_features(picture, classifier), wanted, dim=1).item()


def _label(original: Picture, classifier: LiteClassifier | None) -> Scorer:
    assert classifier is not None, "`criterion_of` gives one"
    label = int(classifier.logits_of(_features(original, classifier)).argmax())

    def score(picture: Picture) -> float:
        shares = classifier.logits_of(_features(picture, classifier)).softmax(-1)[0]
        return shares[label].item() if int(shares.argmax()) == label else 0.0

    return score


_SCORERS: dict[str, Callable[[Picture, LiteClassifier | None], Scorer]] = {
    "l1": _l1,
    "psnr": _psnr,
    "spectrum": _spectrum,
    "feature": _feature,
    "label": _label,
}
