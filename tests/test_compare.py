"""All models at equal bytes: which lengths fit, whose pictures stand where, and what is written."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_grid
import tiny_linear
import toy

import tokenizer_core as tc
from demo.cli import main
from demo.commands.compare import load_all
from tests.stand_in import StandIn
from tokenizer_core.measure.codecs import best_pictures
from tokenizer_core.reports.bench import draw_picture
from tokenizer_core.reports.compare import compare, lengths_within, write_comparison
from tokenizer_core.reports.figure import lines_of


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for seed in (0, 1):
        draw_picture(seed=seed).to_pil().save(folder / f"{seed}.webp", lossless=True)
    return folder


@pytest.fixture(scope="module")
def mosaic(tmp_path_factory):
    with toy.installed(tmp_path_factory.mktemp("checkpoints")) as name:
        yield tc.load(name)


def test_the_longest_code_that_fits_is_taken_unless_it_leaves_half_empty():
    info = tiny_linear.make_info()  # 0 to 4 tokens of 8 bytes
    assert lengths_within(info, [4, 8, 15, 20, 32, 60, 64, 65]) == {8: 1, 15: 1, 20: 2, 32: 4, 60: 4, 64: 4}
    grid = tiny_grid.make_tokenizer().info  # 3 bits a token
    assert lengths_within(grid, [1, 3, 6, 12, 13]) == {1: 2, 3: 8, 6: 16, 12: 16}


def test_every_point_is_what_it_says(photos, mosaic):
    linear = tiny_linear.make_tokenizer()
    found = compare([linear, mosaic], photos, budgets=[8, 16, 400])
    originals = [tc.square_crop(tc.open_photo(path)) for path in sorted(photos.iterdir())]
    for size, length in ((8, 1), (16, 2)):
        by_hand = [tc.psnr(linear.decode(linear.encode(one), length), one) for one in originals]
        assert found.curves["pca"][size].psnr == pytest.approx(np.mean(by_hand), abs=0.01)
        assert found.lengths["pca"][size] == length
    by_hand = [tc.psnr(best_pictures(one, "WebP", [400])[400], one) for one in originals]
    assert found.curves["WebP"][400].psnr == pytest.approx(np.mean(by_hand), abs=0.01)
    assert set(found.curves["WebP"]) == {400}, "no file has 16 bytes"
    assert set(found.curves["pca"]) == {8, 16}


def test_other_processes_make_the_same_pictures(photos):
    linear, options = tiny_linear.make_tokenizer(), {"budgets": [8, 400]}
    apart = compare([linear], photos, **options, spread=tc.Spread(2))
    assert apart == compare([linear], photos, **options)
    assert list(apart.curves) == ["pca", "WebP", "JPEG"]


def test_a_second_decoder_s_pictures_are_a_curve(photos):
    linear = tiny_linear.make_tokenizer()
    linear.info = replace(linear.info, modes=("mean", "sharp"))
    found = compare([linear], photos, budgets=[8], limit=1)
    assert set(found.curves) == {"pca, mean", "pca, sharp"}


def test_each_model_is_loaded_where_it_may_run(monkeypatch):
    monkeypatch.delenv("TOKENDIAL_CHECKPOINTS", raising=False)  # of the toy family
    loaded = {}
    monkeypatch.setattr(tc, "load", lambda name, device, dtype: loaded.update({name: (device, dtype)}))
    load_all(None, "cuda:0", "bfloat16")
    assert loaded["regions"] == ("auto", "auto"), "it runs on the processor alone"
    assert loaded["prefix-flow-256"] == ("cuda:0", "bfloat16")


def test_a_model_that_draws_has_two_curves(photos):
    found = compare([StandIn()], photos, budgets=[32], limit=1)
    curves = {name: curve for name, curve in found.curves.items() if name.startswith("prefix-flow")}
    assert set(curves) == {"prefix-flow-256, mean", "prefix-flow-256, sample"}
    mean, sample = (curve[32].psnr for curve in curves.values())
    assert mean != sample


@pytest.mark.parametrize("budgets", [[], [64, 32], [0, 8]], ids=str)
def test_budgets_out_of_order_are_a_sentence(photos, budgets):
    with pytest.raises(tc.TokenizerError, match="the smallest first"):
        compare([tiny_linear.make_tokenizer()], photos, budgets=budgets)


def test_tables_figure_and_data_are_written(photos, tmp_path):
    found = compare([tiny_linear.make_tokenizer()], photos, budgets=[8, 32, 400], limit=1)
    write_comparison(found, tmp_path / "out")
    page = (tmp_path / "out/COMPARE.md").read_text()
    assert "1 photographs of photos" in page
    assert "So few photographs" in page
    assert "| PSNR, dB | 8 bytes | 32 bytes | 400 bytes |" in page
    assert "| pca | 1 | 4 |  |" in page
    data = json.loads((tmp_path / "out/compare.json").read_text())
    assert data["curves"]["pca"]["32"]["psnr"] == pytest.approx(found.curves["pca"][32].psnr)
    assert 10_000 < (tmp_path / "out/compare.png").stat().st_size < 150_000


def test_a_model_has_one_colour_and_its_kinds_of_picture_other_dashes():
    lines = lines_of(["a, mean", "a, sharp", "b", "WebP"])
    assert lines["a, mean"]["color"] == lines["a, sharp"]["color"]
    assert lines["a, mean"]["linestyle"] != lines["a, sharp"]["linestyle"]
    assert len({line["color"] for line in lines.values()}) == 3


def test_the_command_takes_the_models_that_are_named(photos, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(tc, "load", lambda name, device, dtype: {"pca": tiny_linear.make_tokenizer()}[name])
    words = ["compare", str(photos), "--models", "pca", "--bytes", "8,400", "--limit", "1"]
    assert not main([*words, "--out", str(tmp_path / "out")])
    assert "| pca |" in capsys.readouterr().out
    assert (tmp_path / "out/COMPARE.md").is_file()
