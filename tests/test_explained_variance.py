"""Shares that are known beforehand, and what they grow by."""

import numpy as np
import pytest
import torch

import tokenizer_core as tc
from studies.explained_variance import explained, lines, shares
from tests.tiny_linear import make_tokenizer


def picture(seed=0, low=0, high=256, size=64):
    return tc.Picture(np.random.default_rng(seed).integers(low, high, (size, size, 3), dtype=np.uint8))


def test_the_photo_explains_itself_and_its_mean_colour_nothing():
    photo = picture()
    flat = np.broadcast_to(photo.array.mean((0, 1)).round().astype(np.uint8), photo.array.shape)
    assert explained(photo, photo) == 1
    assert explained(tc.Picture(flat.copy()), photo) == pytest.approx(0, abs=1e-4)


def test_half_of_the_deviation_is_three_quarters_of_the_variance():
    photo = picture(1, 64, 192)
    centre = photo.array.mean((0, 1))
    half = (centre + (photo.array - centre) / 2).round().astype(np.uint8)
    assert explained(tc.Picture(half), photo) == pytest.approx(0.75, abs=1e-3)


def test_growth_is_since_the_length_before():
    first, second = lines(torch.tensor([[0.25, 0.5], [0.25, 0.75]]), (1, 5))
    assert " ".join(first.split()) == "1 tokens 25.0 % growth 25.0 [25.0, 25.0], a token 25.000"
    assert "62.5 %" in second
    assert "growth  37.5 [25.0, 50.0], a token 9.375" in second


def test_components_explain_more_the_more_there_are():
    tokenizer = make_tokenizer()
    original = picture(1, size=256)
    found = shares(tokenizer, [picture(0, size=256), original], (1, 2, 4))
    assert found.shape == (2, 3)
    encoding = tc.Encoding.from_bytes(tokenizer.encode(original).to_bytes())
    by_hand = explained(tokenizer.decode(encoding, 2, steps=1), original)
    assert found[1, 1].item() == pytest.approx(by_hand, abs=1e-6)  # of float32 sums, in another order
