"""The page with an adaptive model, without a browser: modes, passes, links, what a picture needs."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
import tiny_alit
from PIL import Image

import tokenizer_core as tc
from demo import examples, handlers, links, views
from demo.export import choice
from demo.ours import OURS
from demo.studio import Studio
from studies.build_examples import build
from tests.stand_in import StandIn, StandInClassifier, models
from tokenizer_core.models.alit.config import tiny_config

pytestmark = pytest.mark.usefixtures("one_thread")
FLOW, ALIT = "prefix-flow-256", "tiny-alit"
SIDE = 16  # places of the tiny model, in a row


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_alit.make_tokenizer(replace(tiny_config(256), sharp=("writer", "decoder")))


@pytest.fixture
def studio(tokenizer):
    flow, linear = models(24)
    own = {FLOW: StandIn(flow), "pca": StandIn(linear), ALIT: tokenizer}
    return Studio(lambda name, device: own[name], [flow, tokenizer.info, linear])


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(5).integers(0, 256, (90, 120, 3), np.uint8)).save(path)
    return str(path)


def begin(studio, path, model=ALIT):
    head = handlers.start(studio, {"from": "upload", "path": path, "model": model})
    return head["start"]


def everything(studio, start):
    """All frames and all that is told of a film."""
    ask = {"token": start["token"], "k": 6, "rest": True, "steps": 8, "seed": 0}
    frames, told = {}, {}
    while True:
        have = {
            what: [k for mode, k in frames if (mode == "mean") == (what == "means")]
            for what in ("means", "samples")
        }
        got = handlers.pull(studio, ask | have | {"told": list(told)})
        assert "error" not in got
        frames |= {(mode, k): base64.b64decode(webp) for mode, k, webp, *_ in got.get("frames", ())}
        told |= got.get("told", {})
        if not got.get("frames") and "note" not in got:
            return frames, told


def view(studio, start, name, **more):
    ask = {"token": start["token"], "k": 4, "steps": 8, "seed": 0, "view": name, "n": 0, "of": ""}
    return handlers.view(studio, ask | more)


def test_a_film_has_the_model_s_modes_and_no_seeds(studio, photo):
    start = begin(studio, photo)
    assert start["info"]["modes"] == ("mean", "sharp")
    frames, _ = everything(studio, start)
    assert set(frames) == {(mode, k) for mode in ("mean", "sharp") for k in (2, 4, 6)}
    assert all(frames["mean", k] != frames["sharp", k] for k in (2, 4, 6))
    reels = studio.films[start["token"]].reels
    assert {(take.mode, take.steps, take.seed) for take in reels} == {("mean", 1, 0), ("sharp", 2, 0)}
    assert "no such view" in view(studio, start, "seeds")["error"]


def test_whoever_chooses_a_model_keeps_photo_and_crop(studio, photo):
    start = begin(studio, photo, FLOW)
    names = [one["name"] for one in start["models"]]
    assert names == [FLOW, ALIT, "pca"], "the first is the default"
    again = {"from": "again", "token": start["token"]}
    cropped = handlers.start(studio, again | {"model": FLOW, "crop": [0.2, 0.7, 2.0]})["start"]
    other = handlers.start(studio, again | {"token": cropped["token"], "model": ALIT})["start"]
    assert other["info"]["name"] == ALIT
    assert studio.films[other["token"]].crop == (0.2, 0.7, 2.0)
    assert "no such model" in handlers.start(studio, again | {"model": "another"})["error"]


def test_a_link_holds_the_code_that_is_shown(studio, photo):
    start = begin(studio, photo)
    frames, told = everything(studio, start)
    assert set(told["codes"]) == {"2", "4", "6"}, "text, as JSON has it"
    text = links.text(base64.b64decode(told["codes"]["4"]))
    linked = handlers.start(studio, {"from": "link", "tokens": text})["start"]
    assert linked["info"]["lengths"] == (4,)
    found, _ = everything(studio, linked)
    assert found == {(mode, 4): frames[mode, 4] for mode in ("mean", "sharp")}
    assert "brings no photo" in view(studio, linked, "halted")["error"]


def test_a_full_link_of_a_code_of_256_hard_tokens_is_short():
    code = np.random.default_rng(0).integers(0, 4096, 256)
    encoding = tc.Encoding.of_codes({256: code}, "0" * 12, "alit-256", "hard", 4096)
    address = "https://huggingface.co/spaces/somebody/tokendial?model=alit-256#k=256&seed=0&mode=sharp&t="
    assert len(address) + len(links.text(encoding.to_bytes())) < 700


def test_halting_masks_come_by_length(studio, photo, tokenizer):
    start = begin(studio, photo)
    everything(studio, start)
    got = view(studio, start, "halted")["halted"]
    expected = tokenizer.halted(tokenizer.encode(studio.films[start["token"]].original))
    for length, mask in expected.items():
        assert np.array_equal(np.frombuffer(base64.b64decode(got[str(length)]), np.uint8), mask.ravel())


def test_a_photo_that_the_model_forgot_is_encoded_again(studio, photo, tokenizer):
    start = begin(studio, photo)
    everything(studio, start)
    first = view(studio, start, "halted")
    tokenizer._memory.forget()
    assert view(studio, start, "halted") == first
    assert first["halted"]


def test_maps_follow_the_code_s_length_and_their_entropy_says_how_sharp_they_are(studio, photo, tokenizer):
    start = begin(studio, photo)
    everything(studio, start)
    maps, mass = view(studio, start, "layer", of="read", n=1, k=4)["maps"]
    encoding = tokenizer.encode(studio.films[start["token"]].original)
    raw = tokenizer.attention(encoding, "read", 1, 4)
    assert len(mass) == 4
    levels = np.frombuffer(base64.b64decode(maps), np.uint8).reshape(4, SIDE, SIDE)
    assert np.array_equal(levels, (raw.normalised * 255).astype(np.uint8))
    bits = view(studio, start, "sharpness")["sharpness"]
    shares = raw.raw.reshape(4, -1) / raw.raw.sum((1, 2))[:, None]
    assert bits["4"] == pytest.approx(-(shares * np.log2(shares)).sum(1).mean(), abs=1e-3)
    assert all(0 <= value <= np.log2(SIDE**2) for value in bits.values())


def test_nesting_is_there_for_both_kinds_of_model(studio, photo):
    start = begin(studio, photo)
    everything(studio, start)
    rows = view(studio, start, "nesting")["nesting"]
    assert [row[:2] for row in rows] == [[2, 4], [4, 6]]
    assert all(row[2] > 0 for row in rows)
    ordered = begin(studio, photo, FLOW)
    everything(studio, ordered)
    rows = view(studio, ordered, "nesting")["nesting"]
    assert [row[:2] for row in rows] == [[1, 2], [2, 4], [4, 8], [8, 16]]
    assert {tuple(row[2:]) for row in rows} == {(0, 0)}


def test_examples_are_cached_for_another_model_too_and_exported(studio, tmp_path, monkeypatch):
    some = [one for one in examples.EXAMPLES if one.name in ("coffee", "round-1")]
    paths = {one.name: one.photo for one in some}
    monkeypatch.setattr(examples, "EXAMPLES", some)
    monkeypatch.setattr(examples, "FOLDER", tmp_path)
    monkeypatch.setattr(examples.Example, "photo", property(lambda self: paths[self.name]))
    monkeypatch.setattr(views, "classifier", lambda: (StandInClassifier(), StandInClassifier.names))
    info = studio.infos[ALIT]
    build(studio, tmp_path / ALIT, info=info)
    assert examples.others() == [ALIT]
    assert [path.name for path in (tmp_path / ALIT).iterdir()] == ["coffee.json.gz"], (
        "rounds are of single tokens"
    )
    back = examples.film(some[0], info, "t")
    assert {take.mode: sorted(reel) for take, reel in back.reels.items()} == {
        "mean": [2, 4, 6],
        "sharp": [2, 4, 6],
    }
    assert {"codes", "guess", "linear"} <= set(back.told)
    assert not examples.film(some[0], studio.default, "t").told, "not of this model"
    kept = examples.stored(some[0], ALIT)
    assert kept is not None
    assert choice(kept)["name"] == ALIT


# How many tokens does it need?


def asked(studio, **more):
    return handlers.ANSWERS["need"](studio, {"criterion": "l1", "threshold": 1.0, "model": ALIT} | more)


def shown(webp):
    return tc.open_photo(base64.b64decode(webp))


def test_a_picture_stops_where_it_is_near_enough(studio, tokenizer, photo, monkeypatch):
    passes, run = [], tokenizer.encoder.forward
    monkeypatch.setattr(tokenizer.encoder, "forward", lambda start: passes.append(1) or run(start))
    got = asked(studio, path=photo)
    assert len(passes) == 1, "no pass behind the one that is enough"
    assert got["need"] | {"seconds": 0, "score": 0} == {
        "tokens": 2,
        "bytes": 3,
        "reached": True,
        "score": 0,
        "tried": 1,
        "seconds": 0,
    }
    assert shown(got["original"]).size == shown(got["webp"]).size == (192, 192)
    never = asked(studio, path=photo, threshold=0.0)["need"]
    assert (never["reached"], never["tried"]) == (False, 3)


@pytest.mark.parametrize("model", [FLOW, ALIT, "pca"])
@pytest.mark.parametrize("name", OURS)
def test_each_of_ours_is_answered_by_every_model(studio, model, name):
    got = asked(studio, ours=name, model=model, criterion="psnr", threshold=10)
    assert got["need"]["tokens"] in studio.infos[model].ladder
    assert json.dumps(got, allow_nan=False)


def test_the_other_criteria_are_asked_too(studio):
    for criterion, threshold in (("spectrum", 3.0), ("feature", 1.0), ("label", 0.5)):
        got = asked(studio, ours="sky", criterion=criterion, threshold=threshold)
        assert "error" not in got


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({}, "did not arrive"),
        ({"ours": "another"}, "did not arrive"),
        ({"ours": "sky", "criterion": "taste"}, "no such criterion"),
        ({"ours": "sky", "threshold": "nan"}, "is a number"),
        ({"ours": "sky", "model": "another"}, "no such model"),
    ],
    ids=str,
)
def test_a_mistake_is_a_sentence(studio, wrong, sentence):
    assert sentence in asked(studio, **wrong)["error"]


def test_a_damaged_file_is_a_sentence(studio, tmp_path):
    (tmp_path / "text.jpg").write_text("no photo")
    error = asked(studio, path=str(tmp_path / "text.jpg"))["error"]
    assert error.endswith(".")
    assert str(tmp_path) not in error


def test_ours_are_the_same_each_time_and_of_one_size():
    for draw in OURS.values():
        first, second = draw(), draw()
        assert first.mode == "RGB"
        assert first.size == (256, 256)
        assert first.tobytes() == second.tobytes()
