"""What Compare asks: the models, another model's film of the same photo, and a codec's files."""

import base64
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_alit
import toy
from PIL import Image

import tokenizer_core as tc
from demo import beside, examples, export, faults, handlers, links, shelf
from demo import studio as studios
from demo.film import MEAN, Take
from demo.studio import Studio
from tests.stand_in import StandIn, info, models

pytestmark = pytest.mark.usefixtures("one_thread")
TOP = 24
MAIN, OTHER = "prefix-flow-256", "pca"
ASK = {"k": 4, "steps": 8, "seed": 0, "rest": False, "means": [], "samples": [], "told": [], "n": 0, "of": ""}


@pytest.fixture
def studio():
    studio = Studio(lambda name, device: StandIn(studio.infos[name]), models(TOP))
    return studio


@pytest.fixture
def photo(tmp_path):
    down, across = np.mgrid[0:256, 0:320]
    path = tmp_path / "photo.png"
    Image.fromarray(np.stack([down, across * 0.8, 255 - down], 2).astype(np.uint8)).save(path)
    return str(path)


def opened(studio, photo, **ask):
    return handlers.start(studio, {"from": "upload", "path": photo, "model": MAIN} | ask)["start"]


def pane(studio, head, model=OTHER, **ask):
    return handlers.first(studio, ASK | {"from": "beside", "token": head["token"], "model": model} | ask)


def pulled(studio, head, **ask):
    """All frames of a film and all else that is told."""
    have, told = {"mean": {}, "sample": {}}, {}
    while True:
        lack = {"means": list(have["mean"]), "samples": list(have["sample"]), "told": list(told)}
        got = handlers.pull(studio, ASK | {"token": head["token"]} | lack | ask)
        assert "error" not in got, got
        told |= got.get("told", {})
        for mode, k, *frame in got.get("frames", ()):
            have[mode][k] = frame
        if not got.get("frames") and "note" not in got:
            return have, told


def test_the_models_are_those_whose_weights_are_here(studio):
    assert [one["name"] for one in handlers.models(studio, {})["models"]] == [MAIN, OTHER]
    studio.infos["far"] = replace(info("far"), checkpoint_id="")
    got = handlers.ANSWERS["models"](studio, {"what": "models"})
    assert [one["name"] for one in got["models"]] == [MAIN, OTHER]
    json.dumps(got)
    assert got["models"][1]["role"] == "baseline"
    assert got["models"][1]["lengths"][-1] == 64


def test_a_pane_s_film_is_of_the_same_photo_and_crop(studio, photo):
    first = opened(studio, photo)
    crop = {"from": "again", "token": first["token"], "crop": [0.2, 0.5, 2.0], "model": MAIN}
    cropped = handlers.start(studio, crop)["start"]
    got = pane(studio, cropped)
    assert got["start"]["info"]["name"] == OTHER
    assert got["start"]["original"] == cropped["original"] != first["original"]
    assert got["start"]["scale"] == cropped["scale"]
    main, other = studio.films[cropped["token"]], studio.films[got["start"]["token"]]
    assert main.photo is other.photo, "one photo, counted once"
    have, told = pulled(studio, got["start"], beside=True)
    assert sorted(have["mean"]) == list(range(65))
    assert have["sample"] == {}
    assert set(told) == {"tokens"}, "a pane needs its pictures alone"


def test_a_pane_s_film_is_forgotten_with_its_photo_and_counted_with_all_others(studio, photo):
    head = opened(studio, photo)
    before = studio.films.size
    got = pane(studio, head)
    pulled(studio, got["start"], beside=True)
    assert studio.films.size > before
    forgotten = handlers.forget(studio, {"token": head["token"]})["forgotten"]
    assert set(forgotten) == {head["token"], got["start"]["token"]}
    assert studio.films.size == 0
    assert pane(studio, head)["error"].startswith("The server no longer holds")


def test_an_example_s_pane_is_everybody_s_and_its_own_crop_one_visitor_s(studio):
    ask = {"from": "example", "photo": "coffee", "model": MAIN}
    heads = [handlers.start(studio, ask)["start"] for _ in range(2)]
    panes = [pane(studio, head)["start"] for head in heads]
    films = [studio.films[one["token"]] for one in panes]
    assert films[0] is films[1]
    assert films[0].key.startswith("coffee/pca/")
    again = {"from": "again", "token": heads[0]["token"], "crop": [0.5, 0.5, 2.0], "model": MAIN}
    cropped = handlers.start(studio, again)["start"]
    own = studio.films[pane(studio, cropped)["start"]["token"]]
    assert own.key == ""
    assert own.family == studio.films[cropped["token"]].family


def test_a_link_has_no_other_model_s_pane_and_no_codec(studio, photo):
    _, told = pulled(studio, opened(studio, photo))
    text = links.text(base64.b64decode(told["tokens"]))
    link = handlers.start(studio, {"from": "link", "tokens": text})["start"]
    assert pane(studio, link) == {"error": beside.NO_PHOTO}
    codec = ASK | {"token": link["token"], "view": "codec", "of": "WebP", "sizes": [64]}
    assert handlers.view(studio, codec) == {"error": beside.NO_PHOTO}


def test_a_pane_stands_back_for_dials(studio, photo, monkeypatch):
    asked = []
    develop = Studio.develop

    def noted(self, film, take, lengths, urgent=False):
        asked.append((film.info.name, urgent))
        develop(self, film, take, lengths, urgent)

    monkeypatch.setattr(Studio, "develop", noted)
    head = opened(studio, photo)
    handlers.pull(studio, ASK | {"token": head["token"], "k": 13})
    while "note" in pane(studio, head, k=13, beside=True):
        pass
    assert asked == [(MAIN, True), (OTHER, False)]


def test_a_codec_s_files_are_the_best_of_their_sizes(studio, photo):
    head = opened(studio, photo)
    original = studio.films[head["token"]].original
    sizes = [8, 256, 1024, 4096]
    for codec in ("WebP", "JPEG"):
        ask = ASK | {"token": head["token"], "view": "codec", "of": codec, "sizes": sizes}
        files = handlers.view(studio, ask)["files"]
        wanted = tc.best_pictures(original, codec, sizes)
        assert [row is not None for row in files] == [size in wanted for size in sizes]
        assert files[0] is None, "no file has 8 bytes"
        for size, webp, levels, psnr, ssim, bands in filter(None, files):
            assert psnr == pytest.approx(tc.psnr(wanted[size], original), abs=0.006)
            assert 0 < ssim <= 1
            assert len(base64.b64decode(levels)) == 127
            assert len(bands) == 3
            shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(webp))), np.float64)
            assert np.square(shown - wanted[size].array).mean() < 30
    assert studio.films[head["token"]].encoding is None, "no model was needed"


def test_a_codec_s_files_are_made_once_kept_with_the_film_and_shed(studio, photo, monkeypatch):
    made, best = [], beside.tc.best_pictures
    monkeypatch.setattr(beside.tc, "best_pictures", lambda *of: made.append(of[2]) or best(*of))
    head = opened(studio, photo)
    film = studio.films[head["token"]]
    ask = ASK | {"token": head["token"], "view": "codec", "of": "WebP"}
    before = film.size
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: handlers.view(studio, ask | {"sizes": [256, 512]}), range(4)))
    assert all(answer == answers[0] for answer in answers)
    assert [size for sizes in made for size in sizes] == [256, 512]
    handlers.view(studio, ask | {"sizes": [512, 1024]})
    assert made[-1] == [1024]
    assert film.size > before
    film.shed()
    assert Take("WebP", 1, 0) not in film.reels


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"of": "PNG"}, "There is no such codec"),
        ({"of": []}, "There is no such codec"),
        ({"sizes": [9, 8]}, "Sizes are up to"),
        ({"sizes": [8, 8]}, "Sizes are up to"),
        ({"sizes": list(range(33))}, "Sizes are up to"),
        ({"sizes": [-1]}, "Sizes are up to"),
        ({"sizes": [1 << 21]}, "Sizes are up to"),
        ({"sizes": ["x"]}, faults.BROKEN),
        ({"sizes": None}, faults.BROKEN),
    ],
)
def test_nonsense_of_a_codec_is_a_sentence(studio, photo, change, sentence):
    head = opened(studio, photo)
    ask = ASK | {"token": head["token"], "view": "codec", "of": "WebP", "sizes": [64]} | change
    assert handlers.view(studio, ask)["error"].startswith(sentence)


@pytest.mark.parametrize("model", ["none", "", None, ["pca"]])
def test_nonsense_of_a_pane_is_a_sentence_or_the_first_model(studio, photo, model):
    got = pane(studio, opened(studio, photo), model=model)
    assert got.get("error") == "There is no such model on this page." or got["start"]["info"]["name"] == MAIN


def test_a_crowd_s_codecs_wait(studio, photo):
    head = opened(studio, photo)
    studio.turn.here = studios.CROWD + 1
    ask = ASK | {"token": head["token"], "view": "codec", "of": "WebP", "sizes": [64]}
    assert handlers.view(studio, ask) == {"error": handlers.BUSY}


def test_only_so_many_weights_stay_loaded_and_the_page_s_own_two_always(monkeypatch):
    monkeypatch.setattr(shelf, "WEIGHTS", 25)
    more = [replace(info(name, 8, generative=False), role="main", size_bytes=10) for name in "abc"]
    loads, gate = [], threading.Event()

    def load(name, device):
        loads.append(name)
        gate.wait(5)
        return StandIn(studio.infos[name])

    studio = Studio(load, [*models(8), *more])
    first = studio.loading("a")
    studio.loading("b")
    studio.loading("c")
    assert not first.done()
    gate.set()  # what is on its way is not let go
    for name in (MAIN, OTHER, "a", "b", "c"):
        studio.loading(name).result()
    assert set(studio.shelf.names()) == {MAIN, OTHER, "b", "c"}
    studio.loading("b").result()
    studio.loading("a").result()
    assert set(studio.shelf.names()) == {MAIN, OTHER, "b", "a"}, "the one that was asked for longest ago went"
    assert first.result().info.name == "a", "and whoever has it keeps it"


def several():
    """A studio with the toy family's model and a tiny ALIT beside the stand-in."""
    alit = tiny_alit.make_tokenizer()
    mosaic = tc.load(toy.NAME, "cpu")
    made = {MAIN: StandIn(info(tokens=TOP)), toy.NAME: mosaic, alit.info.name: alit}
    return Studio(lambda name, device: made[name], [one.info for one in made.values()])


def test_panes_of_other_families_with_lengths_of_their_own(tmp_path, photo):
    with toy.installed(tmp_path / "checkpoints"):
        studio = several()
        head = opened(studio, photo)
        for name, one in list(studio.infos.items())[1:]:
            got = pane(studio, head, model=name, k=one.lengths[0])
            have, _ = pulled(studio, got["start"], beside=True, k=one.lengths[0])
            assert sorted(have["mean"]) == list(one.lengths)
            assert all(frame[2] is not None for frame in have["mean"].values()), "each is scored"
            assert got["start"]["info"]["bytes_per_token"] == one.bytes_per_token


def test_a_page_without_a_server_has_the_baseline_and_codecs_beside_each_example(tmp_path, monkeypatch):
    about = examples.EXAMPLES[0]
    monkeypatch.setattr(export, "EXAMPLES", (about,))
    export.write_beside(tmp_path, 8.0)
    models = json.loads((tmp_path / "beside.json").read_text())["models"]
    assert [one["name"] for one in models] == ["pca"]
    stored = json.loads((Path(tmp_path) / f"{about.name}-beside.json").read_text())
    assert set(stored) == {"pca", "WebP", "JPEG"}
    lengths = {k for mode, k, *_ in stored["pca"]["frames"] if mode == MEAN.mode}
    assert {0, 1, 64} <= lengths
    assert stored["pca"]["start"]["scale"] == pytest.approx(
        examples.film(about, tc.catalog()[0], "t").scale, abs=1e-6
    )
    (best,) = [row for row in stored["WebP"]["files"] if row and row[0] == 2048]
    assert best[3] > 25
