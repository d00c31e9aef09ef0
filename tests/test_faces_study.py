"""The study of faces: what it decodes, looks at and prints."""

import json
from types import SimpleNamespace
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

import tokenizer_core as tc
from studies import faces
from studies.face_finder import Face
from studies.face_shares import mirrored, tables


def face(right):
    """A face 80 pixels wide with 40 pixels between its eyes, so many pixels further to the right."""
    return Face(80, ((100 + right, 100), (140 + right, 100)), 1.0)


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
        found = face(4 * (200 - level))
        return [mirrored(found, 256)] if picture[0, 0, 0] > picture[0, 255, 0] else [found]


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
    assert printed.splitlines()[-9:] == [
        "painter (0123), samples of 8 steps, seed 0; cpu, float32",
        "",
        "| photos: 2 faces in 2 photographs | within 0.1 | within 0.25 | within 0.5 | mean eye error |",
        "| --- | --- | --- | --- | --- |",
        "| mirrored | 100 % (100 to 100) | 100 % (100 to 100) | 100 % (100 to 100) | 0.000 |",
        "| autoencoder | 0 % (0 to 0) | 0 % (0 to 0) | 0 % (0 to 0) |  |",
        "| 1 tokens | 100 % (100 to 100) | 100 % (100 to 100) | 100 % (100 to 100) | 0.100 |",
        "| 4 tokens | 0 % (0 to 0) | 0 % (0 to 0) | 100 % (100 to 100) | 0.400 |",
        "| 60 tokens | 0 % (0 to 0) | 0 % (0 to 0) | 0 % (0 to 0) |  |",
    ]
    text = (tmp_path / "out.json").read_text("utf-8")
    assert '"face_of": [ "a", "c" ]' in text
    found = json.loads(text)
    assert (found["checkpoint_id"], found["steps"], found["narrowest"]) == ("0123", 8, 60)
    assert found["sets"]["photos"]["errors"] == {
        "mirrored": [0, 0],
        "autoencoder": [1, 1],
        "1": [0.1, 0.1],
        "4": [0.4, 0.4],
        "60": [None, None],
    }
    assert tables(found) in printed, "the file has all of the table"


def test_all_at_once_is_the_same(photos, tmp_path, painter, monkeypatch, capsys):
    listed({}, tmp_path, monkeypatch)
    monkeypatch.setattr(faces, "Finder", Reader)
    run(monkeypatch, photos, "--lengths", 4)
    printed = capsys.readouterr().out
    assert "photos: 2 faces in 2 photographs" in printed
    assert "| 4 tokens | 0 % (0 to 0) | 0 % (0 to 0) | 100 % (100 to 100) | 0.400 |" in printed
