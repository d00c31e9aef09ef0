"""The nearest training photograph is found, mirrored or not, and nothing is nearer than it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import tokenizer_core as tc
from studies.memorisation import features, nearest
from tokenizer_core.measure.classifier import LiteClassifier


@pytest.fixture(scope="module")
def pictures():
    """Blobs of colour, each in another corner."""
    y, x = np.mgrid[0:256, 0:256] / 256
    blobs = [np.exp(-((x - a) ** 2 + (y - b) ** 2) * 20) for a, b in ((0.2, 0.3), (0.8, 0.7), (0.4, 0.9))]
    colours = ((250, 40, 20), (20, 200, 90), (240, 230, 10))
    return [tc.Picture((b[..., None] * c).astype(np.uint8)) for b, c in zip(blobs, colours, strict=True)]


def test_a_copy_and_its_mirror_image_are_found(pictures):
    classifier = LiteClassifier(2)
    train = features(pictures, classifier, mirror=True)
    assert train.shape == (2, 3, 1280)
    flipped = [tc.Picture(np.ascontiguousarray(one.array[:, ::-1])) for one in pictures]
    for rows in (pictures, flipped):
        distance, which = nearest(features(rows, classifier), train)
        assert which.tolist() == [0, 1, 2]
        assert distance.abs().max() < 1e-5


def test_the_distance_is_one_minus_the_largest_cosine():
    rows, others = (F.normalize(torch.randn(*shape), dim=-1) for shape in ((5, 8), (2, 7, 8)))
    distance, which = nearest(rows, others)
    for i, row in enumerate(rows):
        cosines = torch.stack([(others[v] @ row) for v in range(2)]).amax(0)
        assert distance[i].item() == pytest.approx(1 - cosines.max().item(), abs=1e-6)
        assert which[i] == cosines.argmax()
