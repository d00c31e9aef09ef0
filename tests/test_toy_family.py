"""A folder and a checkpoint are all that a further family needs: every room takes it from there."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
import toy
from PIL import Image

import tokenizer_core as tc
from demo import handlers, links
from demo.cli import main
from demo.studio import Studio


@pytest.fixture
def model(tmp_path):
    with toy.installed(tmp_path / "checkpoints") as name:
        yield name


@pytest.fixture
def photo(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    down, across = np.mgrid[0:300, 0:400]
    array = np.stack([down * 255 / 300, across * 255 / 400, 128 + 0 * down], axis=2).astype(np.uint8)
    Image.fromarray(array).save(folder / "slope.png")
    return folder / "slope.png"


def test_it_is_listed(model, capsys):
    assert [info.name for info in tc.catalog()] == [model]
    assert tc.default_model() == model
    assert main(["models"]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split()[:2] == [model, "main"]
    assert "64 hard" in line


def test_it_encodes_and_decodes_by_command(model, photo, tmp_path, capsys):
    tokens, picture = tmp_path / "tokens.safetensors", tmp_path / "out.png"
    assert main(["encode", str(photo), "-o", str(tokens)]) == 0
    assert main(["decode", str(tokens), "--length", "16", "-o", str(picture)]) == 0
    made = tc.Picture(np.asarray(Image.open(picture)))
    assert len(np.unique(made.array.reshape(-1, 3), axis=0)) <= 16
    assert tc.psnr(made, tc.square_crop(tc.open_photo(photo))) > 15
    assert main(["decode", str(tokens), "--length", "5", "-o", str(picture)]) == 2
    assert capsys.readouterr().err == "There is no code of 5 tokens; there are 4, 16, 64.\n"


def test_it_is_evaluated_judged_and_benched(model, photo, tmp_path, capsys):
    report = tmp_path / "report.json"
    assert main(["evaluate", str(photo.parent), "--steps", "1", "--json", str(report)]) == 0
    rows = json.loads(report.read_text())["rows"]
    assert [(row["length"], row["bytes"]) for row in rows] == [(4, 3), (16, 12), (64, 48)]
    assert [row["psnr"] for row in rows] == sorted(row["psnr"] for row in rows)
    assert main(["bench"]) == 0
    assert "ladder of 3 means" in capsys.readouterr().out
    out = tmp_path / "judge"
    command = [
        "judge",
        str(photo.parent),
        "--free",
        str(photo.parent),
        "--out",
        str(out),
        "--baseline",
        model,
    ]
    assert main(command) == 0
    assert "64: 48 bytes" in (out / "JUDGE.md").read_text()


@pytest.fixture
def studio(model):
    """A page of nothing but this model: no baseline, no examples of its weights."""
    return Studio(lambda name, device: tc.load(name, device), tc.catalog(), "cpu")


def all_frames(studio: Studio, start: dict) -> dict[int, tc.Picture]:
    """What the page gets when it asks until nothing is lacking, by length."""
    ask = {"token": start["token"], "k": 16, "rest": True, "steps": 8, "seed": 0, "told": [], "samples": []}
    have: dict[int, tc.Picture] = {}
    while True:
        answer = handlers.pull(studio, ask | {"means": list(have)})
        assert "error" not in answer, answer
        for mode, k, webp, *_ in answer.get("frames", []):
            assert mode == "mean"
            have[k] = tc.square_crop(tc.open_photo(base64.b64decode(webp)))
        if not answer.get("frames") and "note" not in answer:
            return have


def test_the_page_shows_it(studio, photo):
    start = handlers.start(studio, {"from": "upload", "path": str(photo)})["start"]
    info = start["info"]
    assert (info["lengths"], info["ladder"], info["bytes_per_token"]) == (toy.LENGTHS, [*toy.LENGTHS], 0.75)
    have = all_frames(studio, start)
    assert sorted(have) == list(toy.LENGTHS)
    original = tc.square_crop(tc.open_photo(photo))
    figures = [tc.psnr(have[length], original) for length in toy.LENGTHS]
    assert figures == sorted(figures)
    ask = {"token": start["token"], "k": 16, "steps": 8, "seed": 0, "n": 0, "of": ""}
    (none, file) = handlers.view(studio, ask | {"view": "codec", "of": "WebP", "sizes": [3, 400]})["files"]
    assert none is None
    assert file[0] == 400
    for view in ("seeds", "mix", "less", "layer"):
        assert handlers.view(studio, ask | {"view": view})["error"].startswith("There is no such view")


def test_a_link_holds_it(studio, photo):
    start = handlers.start(studio, {"from": "upload", "path": str(photo)})["start"]
    all_frames(studio, start)
    with studio.films.watch(start["token"]) as film:
        whole = tc.Encoding.from_bytes(film.encoding)
    for encoding, lengths in ((whole, toy.LENGTHS), (whole.code(16), (16,))):
        text = links.text(encoding.to_bytes())
        opened = handlers.start(studio, {"from": "link", "tokens": text})["start"]
        assert opened["info"]["lengths"] == lengths
        assert sorted(all_frames(studio, opened)) == list(lengths)
    assert len(links.text(whole.code(64).to_bytes())) < 140
    wrong = replace(whole.code(16), tokens=whole.code(16).tokens[:5], positions=np.arange(5))
    text = links.text(wrong.to_bytes())
    assert "damaged" in handlers.start(studio, {"from": "link", "tokens": text})["error"]


def test_without_it_there_is_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKENDIAL_CHECKPOINTS", str(tmp_path))
    assert "mosaic" not in tc.families()
    with pytest.raises(
        tc.TokenizerError, match=r"^There is no model named mosaic-64; here are: none\. .* TOKEN"
    ):
        tc.load(toy.NAME)
