"""The study of soft and hard tokens measures what it says, and the page's table shows what it measured."""

import argparse
import json
from dataclasses import replace

import numpy as np
import pytest
import tiny_flow
import tiny_linear
import tiny_published
import torch

import tokenizer_core as tc
from demo import kinds
from demo.app import markup
from studies import soft_and_hard as study
from studies import soft_and_hard_photo as photo
from studies import soft_and_hard_probe
from studies.soft_and_hard_probe import probed, readable
from tests.stand_in import info
from tokenizer_core.reports.bench import draw_picture


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for seed in (0, 1):
        draw_picture(seed=seed).to_pil().save(folder / f"{seed}.webp", lossless=True)
    return tc.PhotoSet(folder)


@pytest.fixture(scope="module")
def linear():
    return tiny_linear.make_tokenizer()


class Cells(tc.Tokenizer):
    """64 hard tokens, a grey level of 8 each for a cell; a cell whose token is lost is black."""

    bright = 16

    def __init__(self):
        own = {"family": "cells", "tokens": "hard", "vocabulary": 8, "lengths": (64,), "ordered": False}
        self.info = tc.ModelInfo(name="cells", title="Cells", checkpoint_id="0" * 12, licence="none", **own)
        self.device, self.dtype = "cpu", "float32"

    def encode(self, photo, center=(0.5, 0.5), zoom=1.0):
        cells = photo.array.reshape(8, 32, 8, 32, 3).mean((1, 3, 4)).ravel()
        return tc.Encoding.of_codes({64: (cells / 32).astype(int)}, "0" * 12, self.info.name, "hard", 8)

    def pictures(self, encoding, asked):
        for length in asked.lengths:
            cells = np.zeros(64, np.uint8)
            cells[encoding.positions] = encoding.tokens * 32 + self.bright
            grey = np.kron(cells.reshape(8, 8), np.ones((32, 32), np.uint8))
            yield length, tc.Picture(np.repeat(grey[..., None], 3, 2))


class Drawn(Cells):
    """Cells that are drawn: how bright, the seed says. It stands on a GPU, as far as anybody can see."""

    def __init__(self):
        super().__init__()
        self.info = replace(self.info, name="drawn cells", modes=("mean", "sample"), default_steps=8)
        self.device, self.asked = "cuda:0", []

    def pictures(self, encoding, asked):
        self.bright = 8 + 4 * (asked.seed % 4) if self.info.mode_of(asked.steps) == "sample" else 16
        return super().pictures(encoding, asked)

    def decode_batch(self, requests):
        self.asked.append(len(requests))
        return super().decode_batch(requests)


@pytest.fixture(scope="module")
def found(photos, linear):
    return study.study([linear, Cells()], photos, device="cpu", budget=32, drops=2)


@pytest.mark.parametrize(("count", "drops"), [(256, 16), (7, 3), (4, 4), (5, 1)])
def test_every_token_is_left_out_somewhere(count, drops):
    rounds = -(-count // drops)
    seen = [photo.spread(count, drops, number) for number in range(rounds)]
    assert all(some[0] == 0 for some in seen), "the first one in every photo"
    assert sorted(n for some in seen for n in some if n) == list(range(1, count))
    assert max(map(len, seen)) <= drops + 1


def test_a_lost_token_costs_what_it_brought(found, photos, linear):
    (row,) = [one for one in found["models"] if one["info"]["name"] == linear.info.name]
    costs = []
    for number, (_, image) in enumerate(photos):
        original = tc.square_crop(image)
        encoding = linear.encode(original)
        whole = tc.psnr(linear.decode(encoding), original)
        for n in photo.spread(len(encoding), 2, number):
            left = photo.without(encoding, n)
            costs.append((n, tc.psnr(linear.decode(left), original) - whole))
    first = [cost for n, cost in costs if n == 0]
    assert row["lost"][0]["psnr"] == pytest.approx(np.mean(first), abs=1e-3)
    assert sum(one["n"] for one in row["lost"]) == len(costs)
    assert [(one["first"], one["last"]) for one in row["lost"]] == [(1, 1), (2, 2), (3, 4)]


@pytest.mark.long
def test_other_processes_find_the_same_figures(tmp_path, linear):
    """In the order of the photographs, each with its own noise and its own tokens left out."""
    for seed in range(3):
        draw_picture(seed=seed).to_pil().save(tmp_path / f"{seed}.webp", lossless=True)
    some, options = [linear, Cells(), Drawn()], {"device": "cpu", "budget": 32, "drops": 2}
    apart = study.study(some, tc.PhotoSet(tmp_path), **options, spread=tc.Spread(2))
    alone = study.study(some, tc.PhotoSet(tmp_path), **options, times=False)
    assert json.dumps(apart) == json.dumps(alone)
    assert apart["n"] == 3
    sample = apart["models"][2]["equal"]["sample"]
    assert sample["psnr"] != apart["models"][2]["equal"]["mean"]["psnr"]


def test_tokens_are_left_out_in_one_batch_where_that_is_quicker():
    original = tc.square_crop(draw_picture(seed=2).to_pil())
    here, there = Cells(), Drawn()
    encodings = [one.encode(original) for one in (here, there)]
    one_by_one, batch = (
        photo.left_out(one, encoding, [0, 5, 63])
        for one, encoding in zip((here, there), encodings, strict=True)
    )
    assert there.asked == [3]
    assert len({one.array.tobytes() for one in batch}) == 3
    assert [one.array.tobytes() for one in batch] == [one.array.tobytes() for one in one_by_one]


def test_a_batch_of_tokens_left_out_is_the_same_pictures():
    flow = tiny_flow.make_tokenizer()
    size = flow.info.picture_size
    encoding = flow.encode(tc.Picture(draw_picture(seed=3).array[:size, :size].copy()))
    chosen = [0, 3, len(encoding) - 1]
    alone = photo.left_out(flow, encoding, chosen)
    flow.device = "cuda:0"  # where it is computed, no tensor asks
    batch = photo.left_out(flow, encoding, chosen)
    for one, same in zip(alone, batch, strict=True):
        assert abs(one.array.astype(int) - same.array).max() <= 1
    assert not np.array_equal(alone[0].array, alone[2].array)


def test_claims_are_differences_on_the_same_photographs(found):
    claims = {claim["name"]: claim for claim in found["claims"]}
    equal = {one["info"]["tokens"]: one for one in found["models"]}
    (pair,) = claims["efficiency"]["pairs"]
    by_hand = equal["soft"]["equal"]["mean"]["feature"] - equal["hard"]["equal"]["mean"]["feature"]
    assert pair["gain"] == pytest.approx(by_hand, abs=2e-4), "above 0 where the hard one is nearer"
    (pair,) = claims["texture"]["pairs"]
    by_hand = equal["hard"]["equal"]["mean"]["high"] - equal["soft"]["equal"]["mean"]["high"]
    assert pair["gain"] == pytest.approx(by_hand, abs=2e-4), "above 0 where the soft one has more texture"
    assert pair["low"] <= pair["gain"] <= pair["high"]


def test_the_same_pictures_are_tested_once(found, photos, linear):
    """As of a grid in other orders; a model that paints otherwise is a pair of its own."""
    again, other = Cells(), Cells()
    again.info = replace(again.info, name="cells in another order")
    other.info, other.bright = replace(other.info, name="brighter cells"), 24
    twice = study.study([linear, Cells(), again], photos, device="cpu", budget=32, drops=2, times=False)
    assert twice["claims"] == found["claims"]
    assert [one["ms"] for one in twice["models"]] == [{}] * 3, "all of them stand in the table"
    both = study.study([linear, Cells(), other], photos, device="cpu", budget=32, drops=2)
    assert [len(claim["pairs"]) for claim in both["claims"]] == [2] * 4


@pytest.mark.parametrize("name", tiny_published.MAKE)
def test_any_published_family_can_lose_a_token(name):
    tokenizer = tiny_published.MAKE[name]()
    size = tokenizer.info.picture_size
    original = tc.Picture(draw_picture(seed=3).array[:size, :size].copy())
    encoding = tokenizer.encode(original)
    whole = tokenizer.decode(encoding, steps=1)
    less = [tokenizer.decode(photo.without(encoding, n), steps=1) for n in (0, len(encoding) - 1)]
    assert not np.array_equal(less[0].array, less[1].array)
    assert any(not np.array_equal(one.array, whole.array) for one in less)


def test_what_is_not_there_is_said():
    found, skipped = study.loaded(["no-such-model"], "cpu")
    assert not found
    assert "no-such-model" in skipped[0]["why"]


def test_a_probe_reads_numbers_or_how_often_each_word_is_there(linear):
    encoding = tc.Encoding(np.array([1, 4, 1]), np.arange(3), "0" * 12, "words", "hard", 8)
    assert np.square(readable(encoding)).tolist() == pytest.approx([0, 2, 0, 0, 1, 0, 0, 0])
    numbers = linear.encode(draw_picture(seed=1))
    assert readable(numbers).tolist() == numbers.tokens.ravel().tolist()


@pytest.fixture
def labelled(tmp_path):
    """Options of a probe: dark and light photographs, six of each."""
    lines = []
    for label, level in (("dark", 40), ("light", 210)):
        for place in ("train", f"test/{label}"):
            (tmp_path / place).mkdir(parents=True, exist_ok=True)
        for number in range(6):
            grain = np.random.default_rng(number).normal(level, 8, (64, 64, 3)).clip(0, 255)
            drawn = tc.Picture(grain.astype(np.uint8)).to_pil().resize((256, 256))
            drawn.save(tmp_path / f"train/{label}{number}.png")
            drawn.save(tmp_path / f"test/{label}/{number}.png")
            lines.append(json.dumps({"file": f"{label}{number}.png", "source": "own", "label": label}))
    (tmp_path / "labels").write_text("\n".join(lines), "utf-8")
    return argparse.Namespace(
        train=[str(tmp_path / "train")],
        labels=str(tmp_path / "labels"),
        source="own",
        test=str(tmp_path / "test"),
        probe_limit=None,
        probes=None,
    )


def test_the_probe_names_what_is_plain(labelled, linear):
    found = probed([linear], labelled)[linear.info.name]
    assert found["accuracy"] == 1
    assert (found["photos"], found["learnt_from"]) == (12, 12)


def rows_of(number):
    """A fit that names this share of the test photographs."""
    return lambda train, test: (torch.full((len(test[0]),), number), float(len(train[0])))


def test_probes_are_kept_and_read_again_while_weights_and_photographs_are_the_same(
    tmp_path, monkeypatch, labelled, linear
):
    labelled.probes = tmp_path / "probes.json"
    monkeypatch.setattr(soft_and_hard_probe, "probe", rows_of(0.25))
    first = probed([linear], labelled)
    assert first[linear.info.name]["accuracy"] == 0.25
    kept = json.loads(labelled.probes.read_text("utf-8"))
    assert kept[linear.info.name]["checkpoint_id"] == linear.info.checkpoint_id
    monkeypatch.setattr(soft_and_hard_probe, "probe", rows_of(0.5))
    both = probed([linear, Cells()], labelled)
    assert {name: one["accuracy"] for name, one in both.items()} == {linear.info.name: 0.25, "cells": 0.5}
    assert both[linear.info.name] == first[linear.info.name]

    other = Cells()
    other.info = replace(other.info, checkpoint_id="1" * 12)
    monkeypatch.setattr(soft_and_hard_probe, "probe", rows_of(0.75))
    assert probed([other], labelled)["cells"]["accuracy"] == 0.75, "other weights"
    labelled.probe_limit = 10
    assert probed([linear], labelled)[linear.info.name]["accuracy"] == 0.75, "fewer photographs"
    labelled.train = None
    kept = probed([linear, Cells()], labelled)
    assert list(kept) == [linear.info.name], "what is kept serves without photographs, of its own weights"


def test_a_run_that_is_cut_has_kept_the_probes_it_found(tmp_path, monkeypatch, labelled, linear):
    labelled.probes = tmp_path / "probes.json"
    fits = iter([rows_of(0.25)])
    monkeypatch.setattr(soft_and_hard_probe, "probe", lambda *what: next(fits)(*what))
    with pytest.raises((StopIteration, RuntimeError)):
        probed([linear, Cells()], labelled)
    assert list(json.loads(labelled.probes.read_text("utf-8"))) == [linear.info.name]


def test_a_file_that_holds_no_probes_is_a_sentence(tmp_path, labelled, linear):
    labelled.probes = tmp_path / "probes.json"
    for text in ("[1]", "{", '{"pca": 1}'):
        labelled.probes.write_text(text, "utf-8")
        with pytest.raises(tc.TokenizerError, match="holds no probes"):
            probed([linear], labelled)


@pytest.mark.long
def test_other_processes_read_the_same_probes(labelled, linear):
    apart = probed([linear, Cells()], labelled, tc.Spread(2))
    assert apart == probed([linear, Cells()], labelled)
    assert list(apart) == [linear.info.name, "cells"]


def test_columns_that_nobody_measured_are_not_there():
    plain = {"ms": {}, "timed_on": "cuda:0", "probe": None}
    timed = plain | {"ms": {"encode": 1.0}, "timed_on": "cpu"}
    probed = plain | {"probe": {"accuracy": 0.5}}
    assert kinds.heads([timed, plain])[-2:] == [kinds.PROBE, f"{kinds.TIMES}, on a processor"]
    both = kinds.heads([timed, timed | {"timed_on": "cuda:0"}])
    assert both[-1] == f"{kinds.TIMES}, on a processor or on a GPU"
    assert kinds.heads([probed, plain])[-1] == kinds.PROBE
    assert kinds.heads([plain]) == list(kinds.HEAD)


def test_times_come_from_a_run_in_one_process_of_the_same_weights(found, tmp_path, monkeypatch):
    plain = found | {"models": [row | {"ms": {}, "timed_on": "cuda:0"} for row in found["models"]]}
    other = found["models"][1] | {"info": found["models"][1]["info"] | {"checkpoint_id": "1" * 12}}
    timed = found | {"models": [found["models"][0], other]}
    for name, data in (("kinds.json", plain), ("timed.json", timed)):
        (tmp_path / name).write_text(json.dumps(data), "utf-8")
    words = ["--out", str(tmp_path / "kinds.json"), "--times-of", str(tmp_path / "timed.json")]
    monkeypatch.setattr("sys.argv", ["soft_and_hard", *words])
    study.main()
    again = json.loads((tmp_path / "kinds.json").read_text("utf-8"))
    first, second = again["models"]
    assert (first["ms"], first["timed_on"]) == (found["models"][0]["ms"], "cpu")
    assert (second["ms"], second["timed_on"]) == ({}, "cuda:0"), "of other weights no times are taken"
    assert again == plain | {"models": [first, second]}, "nothing else changes"


def test_titles_are_short_where_that_tells_them_apart():
    titles = ["Grid, row by row", "Grid, from the middle", "Flow, 256 tokens"]
    assert [kinds.short(one, titles) for one in titles] == [*titles[:2], "Flow"]


PAIR = {"soft": "a", "hard": "b", "gain": 1.0}


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ([(0.5, 1.5), (0.1, 2.0)], "Here yes in 2 of 2 pairs."),
        ([(-2.0, -0.1)], "Here no in 1 of 1 pair."),
        ([(-2.0, 0.1)], "Here open in 1 of 1 pair."),
        (
            [(0.5, 1.5), (-2.0, -0.1), (-1.0, 1.0)],
            "The model decides it, not the kind: yes in 1, no in 1, open in 1 of 3 pairs.",
        ),
        ([(0.5, 1.5), (-1.0, 1.0)], "Here rather yes: yes in 1, open in 1 of 2 pairs."),
        ([(-1.5, -0.5), (-1.0, 1.0)], "Here rather no: no in 1, open in 1 of 2 pairs."),
        ([], "Not tested: there was no pair."),
    ],
)
def test_a_verdict_counts_only_what_is_clear(ends, words):
    assert kinds.verdict([PAIR | {"low": low, "high": high} for low, high in ends]) == words


def test_the_page_s_table_is_the_data_s(found, monkeypatch, tmp_path, linear):
    found = found | {"command": "python -m studies.soft_and_hard"}
    (tmp_path / "claims.json").write_text((kinds.PAGE / "claims.json").read_text("utf-8"), "utf-8")
    (tmp_path / "kinds.json").write_text(json.dumps(found), "utf-8")
    monkeypatch.setattr(kinds, "PAGE", tmp_path)
    html = markup("", info().to_dict())
    lost = f"<td>{kinds.signed(found['models'][0]['lost'][0]['psnr'], 2)}</td>"
    assert lost[4] in "+\N{MINUS SIGN}"
    assert lost in html
    assert "LLaMA-VID" in html
    assert html.count('<th scope="row">') - len(found["models"]) >= 0
    other = kinds.markup({linear.info.name: "0" * 12})
    assert lost not in other, "no figures of other weights than the measured ones"
    assert f">{linear.info.title}</th>" in other
    (tmp_path / "kinds.json").unlink()
    assert kinds.markup() == ""
