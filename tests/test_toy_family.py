"""A folder and a checkpoint are all that a further family needs: every room takes it from there."""

import json

import numpy as np
import pytest
import toy
from PIL import Image

import tokenizer_core as tc
from demo.cli import main


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


def test_without_it_there_is_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKENDIAL_CHECKPOINTS", str(tmp_path))
    assert "mosaic" not in tc.families()
    with pytest.raises(
        tc.TokenizerError, match=r"^There is no model named mosaic-64; here are: none\. .* TOKEN"
    ):
        tc.load(toy.NAME)
