"""The judge's page: codecs within their bytes, drawn pictures, and the whole page of a tiny random model."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import tiny_flow
import tiny_linear
import torch
from PIL import Image

from tokenizer_core.errors import TokenizerError
from tokenizer_core.measure import codecs
from tokenizer_core.measure.metrics import psnr
from tokenizer_core.models.prefix_flow.config import tiny_config
from tokenizer_core.models.prefix_flow.networks import build_networks, describe
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer
from tokenizer_core.photos.photoset import PhotoSet
from tokenizer_core.reports.bench import draw_picture
from tokenizer_core.reports.judge import judge_curves, visitors_sheet, write_page
from tokenizer_core.reports.sheet import SHEET, draw, entries, lay_out


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs of which the sheet names one."""
    folder = tmp_path_factory.mktemp("photos")
    for seed, name in enumerate(("023", "999")):
        draw_picture(seed=seed).to_pil().save(folder / f"{name}.webp", lossless=True)
    return folder


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("free")
    draw_picture(seed=5).to_pil().save(folder / "coffee.webp")
    return folder


@pytest.mark.parametrize("codec", codecs.CODECS)
def test_a_codec_stays_within_its_bytes_and_more_bytes_are_nearer(codec, monkeypatch):
    used: dict[int, set[int]] = {}

    def largest(image, codec, budget, files):
        data = real(image, codec, budget, files)
        if data is not None:
            used.setdefault(budget, set()).add(len(data))
        return data

    real = codecs._largest
    monkeypatch.setattr(codecs, "_largest", largest)
    picture, budgets = draw_picture(seed=1), [8, 32, 512, 1024, 4096]
    found = codecs.best_pictures(picture, codec, budgets)
    assert list(found) == [512, 1024, 4096], "no file has 32 bytes"
    assert all(max(sizes) <= budget for budget, sizes in used.items())
    figures = [psnr(one, picture) for one in found.values()]
    assert figures == sorted(figures)
    assert all(one.array.shape == picture.array.shape for one in found.values())


def test_the_best_size_is_no_worse_than_any(monkeypatch):
    picture = draw_picture(seed=2)
    best = psnr(codecs.best_pictures(picture, "WebP", [300])[300], picture)
    for side in (128, 32):
        monkeypatch.setattr(codecs, "SIDES", (side,))
        assert best >= psnr(codecs.best_pictures(picture, "WebP", [300])[300], picture)


def test_the_sheet_has_what_visitors_upload():
    sizes = {group: len(names) for group, names in SHEET["groups"].items()}
    assert sizes == {
        "Portraits": 12,
        "Pets": 12,
        "Food": 8,
        "Rooms and streets": 8,
        "Screenshots": 4,
        "Drawings": 4,
    }
    names = [name for group in SHEET["groups"].values() for name in group]
    assert len(set(names)) == 48
    assert set(SHEET["drawings"]) == {name for name in names if not name.endswith(".webp")}


def test_drawn_pictures_are_the_same_every_time_and_no_two_alike():
    drawn = [draw(shapes).resize((64, 64)) for shapes in SHEET["drawings"].values()]
    again = [draw(shapes).resize((64, 64)) for shapes in SHEET["drawings"].values()]
    assert [one.tobytes() for one in drawn] == [one.tobytes() for one in again]
    assert len({one.tobytes() for one in drawn}) == 8
    assert all(np.asarray(one).std() > 10 for one in drawn)


def test_entries_are_free_drawn_or_for_measuring_only(photos, free):
    found = {entry.name: entry for entry in entries(photos, free)}
    assert set(found) == {"023.webp", "coffee.webp", *SHEET["drawings"]}
    assert [name for name, entry in found.items() if not entry.free] == ["023.webp"]
    assert found["023.webp"].picture == draw_picture(seed=0)
    assert found["chat"].picture.array.shape == (256, 256, 3)


def test_a_page_has_a_heading_where_a_group_begins(photos, free):
    rows = [(entry, (entry.picture,)) for entry in entries(photos, free)]
    page = lay_out(rows, ["original"], 32)
    assert page.size == (36, 30 * (1 + 4) + 36 * 10)  # portraits, food, screenshots, drawings


def make_tokenizer() -> FlowTokenizer:
    config = tiny_config(image_size=256)
    networks = tiny_flow.draw_weights(build_networks(config))
    assert isinstance(networks, torch.nn.ModuleDict)
    info = describe(json.loads(config.to_json()), "0123456789ab", 0)
    return FlowTokenizer(config, info, networks, "cpu", torch.float32)


@pytest.mark.usefixtures("one_thread")
def test_the_page_of_a_tiny_model(photos, free, tmp_path, monkeypatch):
    monkeypatch.setattr("tokenizer_core.reports.judge.LENGTHS", (1, 2, 8, 256))
    monkeypatch.setattr("tokenizer_core.reports.judge.ROWS_A_PAGE", 6)
    monkeypatch.setitem(SHEET["groups"], "Screenshots", ["chat"])
    tokenizer = make_tokenizer()
    found = judge_curves(tokenizer, tiny_linear.make_tokenizer(), photos, seeds=2)
    assert {name: list(curve) for name, curve in found.curves.items()} == {
        "sample": [1, 2, 8],
        "mean": [1, 2, 8],
        "pca": [1, 2],  # of four tokens
        "WebP": [8],
        "JPEG": [],
        "autoencoder alone": [1, 2, 8],
    }
    alone = [psnr(tokenizer.reconstruct(draw_picture(seed=seed)), draw_picture(seed=seed)) for seed in (0, 1)]
    assert found.curves["autoencoder alone"][8].psnr == pytest.approx(np.mean(alone), abs=1e-4)
    rows = list(visitors_sheet(tokenizer, photos, free))
    assert [len(pictures) for _, pictures in rows] == [5] * 7
    assert rows[0][1][1] == tokenizer.reconstruct(draw_picture(seed=0))
    write_page(found, rows, tmp_path / "judge")
    written = {path.name for path in (tmp_path / "judge").iterdir()}
    pictures = {"judge.png", "judge.webp", "sheet-1.png", "sheet-2.png"}
    assert written == {"judge.json", "JUDGE.md"} | pictures
    text = (tmp_path / "judge/JUDGE.md").read_text("utf-8")
    assert "| WebP | not possible | not possible | " in text
    assert "| PSNR, dB | 1: 8 bytes | 2: 16 bytes | 8: 64 bytes |" in text
    assert "2 photographs" in text
    assert not {"{", "}"} & set(text)
    with Image.open(tmp_path / "judge/judge.webp") as page:
        assert page.size[1] == 30 * 4 + 164 * 6  # one row less: 023 is not free
    data = json.loads((tmp_path / "judge/judge.json").read_text("utf-8"))
    assert data["curves"]["sample"]["1"]["n"] == data["about"]["n"] == 2
    assert dataclasses.asdict(tokenizer.info)["checkpoint_id"] == data["about"]["checkpoint_id"]


def test_a_damaged_photo_of_the_sheet_is_left_out_and_listed_once(photos, free, tmp_path):
    whole = (photos / "023.webp").read_bytes()
    photos = tmp_path
    (photos / "023.webp").write_bytes(whole)
    (photos / "055.webp").write_bytes(whole[:100])
    with pytest.raises(TokenizerError, match=r"^055\.webp: This picture is damaged"):
        list(entries(photos, free))
    some = PhotoSet(photos, limit=1, skip_damaged=True)
    some.damaged.append(("elsewhere.webp", "This file is empty."))
    assert {entry.name for entry in entries(some, free)} == {"023.webp", "coffee.webp", *SHEET["drawings"]}
    assert [name for name, _ in some.damaged] == ["elsewhere.webp", "055.webp"]
    assert len(list(entries(some, free))) == 10
    assert len(some.damaged) == 2
