"""Where two pictures differ, and what became of outlines."""

import numpy as np
import pytest

import tokenizer_core as tc
from tokenizer_core.measure.local import edges_kept, share_at

RANDOM = np.random.default_rng(0)


def picture(array) -> tc.Picture:
    return tc.Picture(np.asarray(array).clip(0, 255).astype(np.uint8))


def test_a_change_at_one_place_is_local_and_one_everywhere_is_not():
    flat = np.full((256, 256, 3), 100)
    spot = flat.copy()
    spot[40:60, 70:90] = 200
    assert share_at(picture(spot), picture(flat)) == 1
    assert share_at(picture(flat + 10), picture(flat)) == pytest.approx(1 / 16)
    assert share_at(picture(flat), picture(flat)) is None


def test_outlines_are_kept_where_they_are():
    stripes = np.zeros((256, 256, 3))
    stripes[:, np.arange(256) // 13 % 2 == 0] = 200
    noisy = picture(stripes + RANDOM.normal(0, 2, stripes.shape) + 20)
    assert edges_kept(noisy, noisy) == pytest.approx(1)
    half = picture((noisy.array.astype(float) - 100) / 2 + 100)
    assert edges_kept(half, noisy) == pytest.approx(0.5, abs=0.02)
    moved = picture(np.roll(noisy.array, 6, 1))
    assert abs(edges_kept(moved, noisy)) < 0.05
    assert edges_kept(picture(255 - noisy.array), noisy) == pytest.approx(-1, abs=0.01)
    flat = picture(np.zeros((256, 256, 3)))
    assert (edges_kept(noisy, flat), edges_kept(flat, noisy)) == (1, 0)
