"""What counts in a training photograph."""

from pathlib import Path

import numpy as np
import pytest
import torch

from studies.face_maps import MOST, boxes, heads, worth
from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.photos.photo import open_photo, square_crop

FACE = [[100, 100], [140, 100], [120, 120], [105, 140], [135, 140]]


def test_a_face_goes_from_above_the_eyes_to_the_chin():
    places = boxes([FACE])
    assert places.shape == (16, 16)
    rows, columns = np.nonzero(places.numpy())
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 10, 4, 10)
    assert places[7, 7] == 1
    assert 0 < places[4, 7] < 1, "a share where the edge lies within"
    assert boxes([]).sum() == 0


def test_a_face_counts_as_much_as_its_whole_photograph():
    one, small = torch.zeros(2, 16, 16), torch.zeros(1, 16, 16)
    one[0, 2:10, 3:7], small[0, 3, 3] = 1, 1
    assert worth(one)[0].sum() / 16 == 256
    assert worth(one)[1].sum() == 0
    assert worth(small).max() == 16 * MOST, "but no place more than this"


@pytest.mark.slow
def test_a_cats_head_and_no_coffee():
    classifier = LiteClassifier(0)
    cat, coffee = (
        heads(classifier, square_crop(open_photo(Path("demo/examples") / name)).to_pixels())[0]
        for name in ("chelsea_cat.webp", "coffee.webp")
    )
    assert coffee.sum() == 0
    row, column = divmod(int(cat.argmax()), 16)
    assert 3 <= row <= 10
    assert 2 <= column <= 8
