"""Regions: outline to pixels and back, the hierarchy, and which regions become tokens."""

import subprocess
import sys

import numpy as np
import pytest

import tokenizer_core as tc
from tokenizer_core.models.regions.hierarchy import candidates
from tokenizer_core.models.regions.outline import SIZE, WIDTH, RegionPacker, cover, fit, whole_picture
from tokenizer_core.models.regions.tokenizer import RegionsTokenizer, blank, choose, describe

CONFIG = {"format_version": 1, "num_tokens": 12, "superpixels": 60, "compactness": 10}
DOWN, ACROSS = np.mgrid[:SIZE, :SIZE]


@pytest.fixture(scope="module")
def tokenizer() -> RegionsTokenizer:
    return RegionsTokenizer(describe(CONFIG, "0" * 12, 0), 60, 10.0)


def disc(x: int, y: int, radius: float) -> np.ndarray:
    return np.hypot(ACROSS - x, DOWN - y) <= radius


def covered(token: np.ndarray) -> np.ndarray:
    whole = np.zeros((SIZE, SIZE), bool)
    window, mask = cover(token)
    whole[window] = mask
    return whole


def three_discs() -> np.ndarray:
    """Red, green and blue ones on white, the largest first."""
    array = np.full((SIZE, SIZE, 3), 250, np.uint8)
    for (x, y, radius), colour in zip(
        [(70, 70, 50), (180, 90, 35), (120, 190, 25)], [(200, 0, 0), (0, 160, 0), (0, 0, 180)], strict=True
    ):
        array[disc(x, y, radius)] = colour
    return array


@pytest.mark.parametrize("place", [(128, 128, 60), (40, 200, 30), (5, 5, 20), (250, 100, 40)])
def test_an_outline_covers_a_disc_wherever_it_is(place):
    mask = disc(*place)
    found = covered(fit(mask))
    assert (found & mask).sum() / (found | mask).sum() > 0.93


def test_an_outline_turns_with_its_region():
    beam = (abs(DOWN - 128) < 12) & (abs(ACROSS - 60) < 50)
    lying, standing = fit(beam), fit(beam.T)
    assert lying[:2].tolist() == standing[:2][::-1].tolist()
    right, below = lying[5], lying[5 + 4]
    assert right > 3 * below
    assert standing[5 + 4] == pytest.approx(right, abs=1)
    assert (covered(lying) & beam).sum() > 0.75 * beam.sum()


def test_a_reach_is_that_of_a_sector_of_equal_area():
    token = fit(disc(128, 128, 60))
    assert token[5:].astype(int).tolist() == pytest.approx([60] * 16, abs=1)


def test_a_centre_lies_inside_a_ring():
    ring = disc(128, 128, 80) & ~disc(128, 128, 60)
    x, y = fit(ring)[:2]
    assert ring[y, x]


def test_the_whole_picture_is_covered():
    assert covered(whole_picture(np.array([1, 2, 3], np.uint8))).all()


def test_the_hierarchy_ends_below_the_whole_and_its_parts_nest():
    masks = [*candidates(three_discs(), 60, 10.0)]
    areas = np.cumsum([mask.sum() for mask in masks])
    fine = masks[: int(np.searchsorted(areas, SIZE * SIZE)) + 1]
    assert np.unique(np.sum(fine, axis=0)).tolist() == [1], "superpixels are a partition"
    assert len(masks) == 2 * len(fine) - 2
    assert not any(mask.all() for mask in masks)
    for one in masks[len(fine) :]:
        held = [(one & part).sum() in (0, part.sum()) for part in fine]
        assert all(held)


def test_what_is_alike_merges_before_what_differs():
    masks = [*candidates(three_discs(), 60, 10.0)]
    red = disc(70, 70, 50)
    nearest = max((mask & red).sum() / (mask | red).sum() for mask in masks)
    assert nearest > 0.95


def test_the_first_tokens_are_the_whole_and_then_what_helps_most():
    array = three_discs()
    found = np.stack([fit(disc(*place)) for place in [(120, 190, 25), (180, 90, 35), (70, 70, 50)]])
    tokens = choose(array, found, 4)
    assert tokens[0, 2:5].tolist() == array.mean((0, 1)).round().astype(int).tolist()
    assert tokens[1:, :2].tolist() == [[70, 70], [180, 90], [120, 190]]
    assert tokens[1:, 2:5].tolist() == pytest.approx(
        np.array([(200, 0, 0), (0, 160, 0), (0, 0, 180)]), abs=12
    )


def test_a_piece_counts_what_lies_under_it_now_not_at_first():
    array = three_discs()
    red = fit(disc(70, 70, 50))
    tokens = choose(array, np.stack([red, fit(disc(70, 70, 48)), fit(disc(120, 190, 25))]), 3)
    assert {tuple(token[:2]) for token in tokens[1:]} == {(70, 70), (120, 190)}


def test_a_picture_of_one_colour_is_one_token_and_repeats_it(tokenizer):
    flat = tc.Picture(np.full((SIZE, SIZE, 3), 77, np.uint8))
    encoding = tokenizer.encode(flat)
    assert len(encoding) == 12
    assert all(tokenizer.decode(encoding, k) == flat for k in (1, 7, 12))
    assert tokenizer.decode(encoding, 0).array.tolist() == blank().tolist()


def test_pictures_do_not_depend_on_the_order_of_lengths(tokenizer):
    encoding = tokenizer.encode(tc.Picture(three_discs()))
    up = dict(tokenizer.decode_many(encoding, [0, 3, 9, 12]))
    down = dict(tokenizer.decode_many(encoding, [12, 9, 3, 0]))
    assert up == down


def test_a_map_is_where_its_region_lies(tokenizer):
    encoding = tokenizer.encode(tc.Picture(three_discs()))
    maps = tokenizer.attention(encoding)
    assert maps.raw.sum((1, 2)) == pytest.approx(np.ones(12), abs=1e-4)
    row, column = np.unravel_index(maps.raw[1].argmax(), (16, 16))
    x, y = encoding.tokens[1, :2] // 16
    assert abs(int(row) - int(y)) <= 3
    assert abs(int(column) - int(x)) <= 3


@pytest.mark.parametrize(
    "wrong", [{"num_tokens": 0}, {"num_tokens": 999}, {"superpixels": "many"}, {"format_version": 2}], ids=str
)
def test_another_configuration_is_a_sentence(wrong):
    with pytest.raises(tc.TokenizerError):
        describe(CONFIG | wrong, "0" * 12, 0)


def test_bytes_that_are_no_regions_are_refused():
    packer = RegionPacker()
    assert packer.bits(WIDTH) == 8 * WIDTH
    with pytest.raises(ValueError, match="not so many"):
        packer.unpack(b"\0" * 20, 1, WIDTH)
    with pytest.raises(tc.TokenizerError):
        packer.check(np.zeros((2, WIDTH), np.int64), WIDTH)


def test_its_bytes_are_read_before_any_model_is_loaded(tokenizer):
    data = tokenizer.encode(tc.Picture(three_discs())).to_bytes()
    read = f"import tokenizer_core as tc; print(repr(tc.Encoding.from_bytes({data!r})))"
    told = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, check=True).stdout
    assert "12 region tokens of regions" in told
