"""What happens when a visitor does something, without a browser: handlers called as the page calls them."""

import base64
import dataclasses
import gzip
import io
import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from PIL import Image

import tokenizer_core as tc
from demo import app, examples, faults, handlers, links, questions, views
from demo.film import LADDER, MEAN, Film, Take, b64, ladder, rest_of_ladder
from demo.store import GONE
from demo.studio import Studio
from demo.turn import Turn
from studies.build_examples import build, pack
from tests.stand_in import StandIn, models

TOP = 24  # tokens of the stand-in: few, so that a film is short
SHORT = {k for k in LADDER if k <= TOP}
MODEL = "prefix-flow-256"


@pytest.fixture
def studio():
    made, small = {}, models(TOP)

    def load(name, device):
        made[name] = StandIn(next(info for info in small if info.name == name))
        return made[name]

    studio = Studio(load, small)
    studio.warm_up()
    studio.made = made
    return studio


def photo(path, colour=(200, 60, 40), size=(320, 256)):
    gradient = np.linspace(0, 1, size[0])[None, :, None] * np.asarray(colour)
    Image.fromarray(np.broadcast_to(gradient, (size[1], size[0], 3)).astype(np.uint8)).save(path)
    return str(path)


def start(studio, source, model=MODEL, **ask):
    return handlers.start(studio, {"from": source, "model": model} | ask)


def pulls(studio, head, k=0, steps=8, seed=0, rest=False, means=()):
    """What the page does with a film's head: its questions' answers, until nothing is lacking."""
    have, told = {"mean": list(means), "sample": []}, []
    ask = {"token": head["start"]["token"], "k": k, "steps": steps, "seed": seed, "rest": rest}
    while True:
        got = handlers.pull(studio, ask | {"means": have["mean"], "samples": have["sample"], "told": told})
        yield got
        told += got.get("told", ())
        for mode, length, *_ in got.get("frames", ()):
            have[mode].append(length)
        if "error" in got or not ("note" in got or got["frames"]):
            return


def collect(messages):
    """All answers, merged."""
    out = {"frames": {}, "errors": []}
    for message in messages:
        out["errors"] += [message["error"]] if "error" in message else []
        for mode, k, webp, *_ in message.get("frames", ()):
            assert (mode, k) not in out["frames"], "a frame goes once"
            out["frames"][mode, k] = base64.b64decode(webp)
        assert not out.keys() & message.get("told", {}).keys(), "and so does everything else"
        out |= message.get("told", {})
    return out


def shown(studio, head, **ask):
    """A film's head and all that follows."""
    assert "error" not in head
    return collect(pulls(studio, head, **ask)) | head


def upload(studio, path, **ask):
    return shown(studio, start(studio, "upload", path=path), **ask)


@pytest.mark.parametrize("top", [256, 64, 10])
def test_every_length_comes_once_coarse_to_fine(top):
    lengths = tuple(range(top + 1))
    order = ladder(lengths) + rest_of_ladder(lengths)
    assert sorted(order) == list(lengths)
    few = len(lengths) <= len(LADDER)  # then all come first
    first = list(lengths) if few else [k for k in LADDER if k <= top] + [top] * (top not in LADDER)
    assert order[: len(ladder(lengths))] == first


def test_the_others_halve_the_gaps_of_every_octave_in_turn():
    order = rest_of_ladder(range(257))
    assert order[:12] == [5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224]
    for passed, parts in ((12, 4), (12 + 20, 8)):
        have = sorted(ladder(range(257)) + order[:passed])[1:]
        assert all(b - a <= max(1, (1 << (a.bit_length() - 1)) // parts) for a, b in itertools.pairwise(have))


def test_the_length_at_the_dial_comes_first_and_alone_then_its_sample(studio, tmp_path):
    head = start(studio, "upload", path=photo(tmp_path / "p.png"))
    answers = [m["frames"] for m in pulls(studio, head, k=13, rest=True) if "frames" in m]
    order = [[(mode, k) for mode, k, *_ in frames] for frames in answers]
    assert order[:3] == [[("mean", 13)], [("sample", 13)], [("mean", k) for k in (0, 1, 2, 3)]]
    means = [k for frames in order for mode, k in frames if mode == "mean"]
    assert means == [13, *sorted(SHORT), *(k for k in rest_of_ladder(range(TOP + 1)) if k != 13)]


def came(answers):
    """Which frames came, in order; answers within one turn are one part of it."""
    return [(mode, k) for frames in answers for mode, k, *_ in frames]


@pytest.mark.parametrize("again", [False, True], ids=["upload", "crop"])
def test_on_a_processor_the_ladder_of_samples_comes_before_the_other_means(studio, tmp_path, again):
    head = start(studio, "upload", path=photo(tmp_path / "p.png"))
    if again:
        head = start(studio, "again", token=head["start"]["token"], crop=[1.0, 0.5, 1])
    order = came(m["frames"] for m in pulls(studio, head, k=13, rest=True) if "frames" in m)
    ladder_of_means = [("mean", k) for k in sorted(SHORT)]
    ladder_of_samples = [("sample", k) for k in sorted(SHORT)]
    others = [("mean", k) for k in rest_of_ladder(range(TOP + 1)) if k != 13]
    assert order == [("mean", 13), ("sample", 13), *ladder_of_means, *ladder_of_samples, *others]


def test_on_a_gpu_all_samples_come_and_the_other_means_last(studio, tmp_path, monkeypatch):
    monkeypatch.setattr(studio, "on_gpu", lambda name: True)
    head = start(studio, "upload", path=photo(tmp_path / "p.png"))
    order = came(m["frames"] for m in pulls(studio, head, k=13, rest=True) if "frames" in m)
    ladder_of_means = [("mean", k) for k in sorted(SHORT)]
    others = [k for k in rest_of_ladder(range(TOP + 1)) if k != 13]
    samples = [("sample", k) for k in [*sorted(SHORT), *others]]
    assert order == [("mean", 13), ("sample", 13), *ladder_of_means, *samples, *(("mean", k) for k in others)]


def test_the_next_answer_follows_the_dial(studio, tmp_path):
    head = start(studio, "upload", path=photo(tmp_path / "p.png"))
    next(pulls(studio, head, k=13))
    answer = next(pulls(studio, head, k=7, means=[13]))
    assert [(mode, k) for mode, k, *_ in answer["frames"]] == [("mean", 7)]


def test_what_is_large_comes_after_the_ladder(studio, tmp_path):
    head = start(studio, "upload", path=photo(tmp_path / "p.png"))
    answers = [m for m in pulls(studio, head) if "frames" in m]
    order = [set(m["told"]) for m in answers if m["told"]]
    assert order == [{"tokens"}, {"attention", "linear", "webp"}]
    before = sum(
        len(m["frames"]) for m in itertools.takewhile(lambda m: "attention" not in m["told"], answers)
    )
    assert before >= len(LADDER)


def test_on_a_gpu_all_samples_come_in_large_parts(studio, tmp_path, monkeypatch):
    monkeypatch.setattr(studio, "on_gpu", lambda name: True)
    head = start(studio, "upload", path=photo(tmp_path / "p.png"))
    sizes = [len(m["frames"]) for m in pulls(studio, head) if "frames" in m]
    others = TOP + 1 - len(SHORT)
    assert sizes == [1, len(SHORT) - 1, len(SHORT), others, others, 0]


def test_an_upload_encodes_once_and_brings_all_means_and_the_ladder_of_samples(studio, tmp_path):
    found = upload(studio, photo(tmp_path / "p.png"))
    assert found["errors"] == []
    assert {k for m, k in found["frames"] if m == "mean"} == set(range(TOP + 1))
    assert {k for m, k in found["frames"] if m == "sample"} == SHORT
    assert studio.made[MODEL].encoded == 1
    maps, mass = found["attention"]
    assert (len(base64.b64decode(maps)), len(mass)) == (TOP * 16 * 16, TOP)
    assert len(found["linear"]) == 65
    tokens = tc.Encoding.from_bytes(base64.b64decode(found["tokens"]))
    assert tokens.tokens.shape == (TOP, 16)
    assert Image.open(io.BytesIO(found["frames"]["mean", TOP])).size == (256, 256)


def test_a_frame_has_its_scores(studio, tmp_path):
    head = start(studio, "upload", path=photo(tmp_path / "p.png"))
    (row,) = next(m["frames"] for m in pulls(studio, head, k=4) if m.get("frames"))
    original = studio.films.get(head["start"]["token"]).original
    encoding = studio.made[MODEL].encode(original)
    ((_, picture),) = studio.made[MODEL].decode_many(encoding, [4], steps=1)
    error = tc.spectrum_error(picture, original)
    wanted = [tc.psnr(picture, original), tc.ssim(picture, original), error.low, error.middle, error.high]
    assert [row[4], row[5], *row[6]] == pytest.approx(wanted, abs=0.006)


def test_an_upload_takes_the_part_that_is_asked_for_and_another_model_keeps_it(studio, tmp_path):
    path = photo(tmp_path / "p.png")
    assert start(studio, "upload", path=path)["start"]["crop"] == (0.5, 0.5, 1.0)
    head = start(studio, "upload", path=path, crop=[0.9, 0.5, 2])["start"]
    assert head["crop"] == (0.9, 0.5, 2.0)
    wanted = tc.square_crop(tc.open_photo(path), center=(0.9, 0.5), zoom=2.0)
    assert studio.films.get(head["token"]).original == wanted
    again = start(studio, "again", model="pca", token=head["token"])["start"]
    assert again["crop"] == head["crop"]
    assert "error" in start(studio, "upload", path=path, crop=[0.9, 0.5, 0.2])


def test_all_of_a_photo_is_shown_small_for_its_crop(studio, tmp_path):
    for size, shown_size in (((320, 200), (320, 200)), ((900, 1800), (320, 640))):
        head = start(studio, "upload", path=photo(tmp_path / "p.png", size=size), crop=[0.1, 0.5, 3])
        got = handlers.whole(studio, {"token": head["start"]["token"]})
        assert Image.open(io.BytesIO(base64.b64decode(got["webp"]))).size == shown_size
    sent = upload(studio, photo(tmp_path / "p.png"))
    linked = start(studio, "link", tokens=links.text(base64.b64decode(sent["tokens"])))
    assert handlers.whole(studio, {"token": linked["start"]["token"]}) == {"error": handlers.NO_PHOTO}
    assert handlers.whole(studio, {"token": "gone"}) == {"error": GONE, "gone": "gone"}


def test_another_seed_reuses_the_encoding_and_the_means(studio, tmp_path):
    first = upload(studio, photo(tmp_path / "p.png"))
    second = collect(pulls(studio, first, seed=5, means=range(TOP + 1)))
    assert studio.made[MODEL].encoded == 1
    assert {m for m, _ in second["frames"]} == {"sample"}
    assert second["frames"]["sample", 16] != first["frames"]["sample", 16]


def test_another_crop_encodes_again(studio, tmp_path):
    first = upload(studio, photo(tmp_path / "p.png"))
    second = shown(studio, start(studio, "again", token=first["start"]["token"], crop=[1.0, 0.5, 1]))
    assert studio.made[MODEL].encoded == 2
    assert second["frames"]["mean", TOP] != first["frames"]["mean", TOP]


def test_nothing_is_decoded_for_a_film_that_nobody_asks_for(studio, tmp_path):
    first = pulls(studio, start(studio, "upload", path=photo(tmp_path / "p.png")))
    assert next(m for m in first if m.get("frames"))
    decoded = studio.made[MODEL].decoded
    second = upload(studio, photo(tmp_path / "q.png", (10, 220, 90)))
    assert len(second["frames"]) == studio.made[MODEL].decoded - decoded


def test_two_visitors_never_see_each_others_picture(studio, tmp_path):
    a = pulls(studio, start(studio, "upload", path=photo(tmp_path / "p.png", (250, 0, 0))))
    b = pulls(studio, start(studio, "upload", path=photo(tmp_path / "q.png", (0, 0, 250))))
    seen = {"a": [], "b": []}
    for one, two in itertools.zip_longest(a, b):
        seen["a"] += [one] if one else []
        seen["b"] += [two] if two else []
    for name, channel in (("a", 0), ("b", 2)):
        frames = collect(seen[name])["frames"]
        assert len(frames) > TOP
        for (_, k), webp in frames.items():
            mean = np.asarray(Image.open(io.BytesIO(webp))).mean((0, 1))
            assert k < 3 or mean.argmax() == channel


def test_two_pages_of_one_film_decode_it_once(studio, tmp_path):
    head = start(studio, "upload", path=photo(tmp_path / "p.png"))
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: collect(pulls(studio, head)), range(2))
    assert one["frames"] == two["frames"]
    assert studio.made[MODEL].encoded == 1
    assert studio.made[MODEL].decoded == len(one["frames"])


def test_the_sample_where_the_dial_rests_is_the_one_of_the_film(studio, tmp_path):
    first = upload(studio, photo(tmp_path / "p.png"))
    parts = [message["frames"] for message in pulls(studio, first, k=13, rest=True, means=range(TOP + 1))]
    assert [len(frames) for frames in parts] == [len(SHORT), 1, 0], "what is there, and what was lacking"
    assert parts[1][0][:2] == ["sample", 13]
    fresh = shown(studio, start(studio, "upload", path=photo(tmp_path / "p.png")), k=16, rest=True)
    assert fresh["frames"]["sample", 16] == first["frames"]["sample", 16]


def test_a_crowd_is_asked_to_wait(studio, tmp_path):
    head = start(studio, "upload", path=photo(tmp_path / "p.png"))
    assert handlers.pull(studio, nothing(head))["frames"]
    studio.turn.here = 21
    assert "moment" in handlers.pull(studio, nothing(head) | {"means": [0]})["note"]
    assert handlers.view(studio, nothing(head) | SEEDS)["error"].startswith("The server is busy")
    studio.turn.here = 0
    assert handlers.pull(studio, nothing(head) | {"means": [0]})["frames"]


def test_an_urgent_turn_comes_before_all_but_one_of_the_others():
    turn, order, begun = Turn(), [], threading.Event()

    def visit(name, urgent):
        with turn.take(urgent):
            order.append(name)
            begun.wait(9)

    threads = []
    for name in ("first", "film", "film", "film", "urgent"):
        threads.append(threading.Thread(target=visit, args=(name, name == "urgent")))
        threads[-1].start()
        while turn.here < len(threads):
            pass
    time.sleep(0.1)  # all wait where they should
    begun.set()
    for thread in threads:
        thread.join(9)
    assert order[0] == "first"
    assert order.index("urgent") <= 2
    assert len(order) == 5
    assert turn.here == 0


def test_the_first_frames_come_with_a_new_film(studio, tmp_path):
    ask = {"model": "", "k": 5, "rest": True, "steps": 8, "seed": 0, "token": ""}
    path = photo(tmp_path / "p.png")
    assert studio.ready(MODEL, 9)
    got = handlers.ANSWERS["start"](studio, ask | {"from": "upload", "path": path})
    assert [row[:2] for row in got["frames"]] == [["mean", 5]]
    assert set(got["told"]) == {"tokens"}
    assert handlers.pull(
        studio, ask | {"token": got["start"]["token"], "means": [5], "samples": [], "told": []}
    )
    wrong = handlers.ANSWERS["start"](studio, ask | {"from": "link", "tokens": "?"})
    assert wrong == {"error": links.DAMAGED}
    for nonsense in (None, {}, ask, ask | {"from": "?"}, ask | {"from": "upload"}, ask | {"from": "again"}):
        assert "error" in (got := handlers.start(studio, nonsense))
        assert set(got) <= {"error", "gone", "fault"}


def test_an_unknown_example_is_the_first(studio):
    for name in ("nobody", "", 99, None):
        assert start(studio, "example", photo=name)["start"]["example"] == examples.EXAMPLES[0].name
    assert start(studio, "example", photo=2)["start"]["example"] == examples.EXAMPLES[2].name


def test_only_what_was_uploaded_is_opened(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    (tmp_path / "uploads").mkdir()
    page = app.build(lambda name, device: StandIn(next(i for i in models() if i.name == name)), models())
    ask = next(block for block in page.blocks.values() if block.elem_id == "dial").ask
    question = {"what": "start", "from": "upload", "k": 0, "rest": False, "steps": 8, "seed": 0}
    mine, other = photo(tmp_path / "uploads" / "p.png"), photo(tmp_path / "q.png")
    assert "start" in ask(question | {"path": mine})
    for path in (other, str(tmp_path / "uploads" / ".." / "q.png"), "/etc/passwd", "", None, 3):
        assert ask(question | {"path": path}) == {"error": questions.ODD}


def nothing(head):
    """The question of a page that has nothing."""
    token = head["start"]["token"]
    return {
        "token": token,
        "k": 0,
        "rest": False,
        "steps": 8,
        "seed": 0,
        "means": [],
        "samples": [],
        "told": [],
    }


NONE = {"start": {"token": "x"}}
UNSAID = {"error": faults.BROKEN, "fault": "other"}


@pytest.mark.parametrize("handler", [handlers.pull, handlers.view, handlers.forget])
@pytest.mark.parametrize(
    "ask",
    [None, {}, [], {"token": 3}, {"token": []}, nothing(NONE) | {"steps": "?"}, nothing(NONE) | {"means": 3}],
)
def test_nonsense_from_the_page_is_a_sentence(studio, handler, ask):
    answer = handler(studio, ask)
    token = str(dict(ask or {}).get("token"))
    assert answer in ({"error": GONE, "gone": token}, UNSAID)


@pytest.mark.parametrize(
    "change",
    [{"steps": float("inf")}, {"seed": None}, {"means": 3}, {"means": [[]]}, {"told": 4}, {"k": "many"},
     {"k": -1}, {"k": 10**400}, {"samples": ["x"]}, {"rest": []}, {"means": list(range(9000))}],
)  # fmt: skip
def test_nonsense_about_a_film_is_a_sentence_or_no_harm(studio, tmp_path, change):
    head = start(studio, "upload", path=photo(tmp_path / "p.png"))
    studio.ready(MODEL, 9)
    got = handlers.pull(studio, nothing(head) | change)
    assert got == UNSAID or got["frames"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seed": -1}, "seeds from 0"),
        ({"seed": 2**31}, "seeds from 0"),
        ({"seed": 12345678901234567890}, "seeds from 0"),
        ({"seed": 1.2345678901234567e19}, "seeds from 0"),
        ({"seed": "12345678901234567890"}, "seeds from 0"),
        ({"steps": 99}, "Steps go from 2 to 50"),
    ],
)
def test_settings_out_of_range_are_a_sentence(studio, change, sentence):
    head = start(studio, "example", photo=examples.EXAMPLES[0].name)
    tokens = base64.b64encode(encoding().to_bytes()).decode()
    studio.films[head["start"]["token"]].tell({"tokens": tokens})  # a view needs them
    for handler in (handlers.pull, handlers.view):
        assert sentence in handler(studio, nothing(head) | SEEDS | change)["error"]
    whole = {"from": "example", "photo": "", "model": MODEL}
    assert sentence in handlers.first(studio, nothing(head) | whole | change)["error"]


def test_a_film_that_is_gone_is_a_sentence(studio):
    assert handlers.pull(studio, nothing(NONE)) == {"error": GONE, "gone": "x"}
    assert start(studio, "again", token="gone", crop=[0.5, 0.5, 1]) == {"error": GONE, "gone": "gone"}


def test_a_mix_with_a_film_that_is_gone_says_which(studio, tmp_path):
    head = upload(studio, photo(tmp_path / "p.png"))
    mix = nothing(head) | {"view": "mix", "k": 4, "n": 0, "of": "other"}
    assert handlers.view(studio, mix) == {"error": GONE, "gone": "other"}


def test_a_page_hears_whether_the_server_is_there(studio):
    assert handlers.ANSWERS["here"](studio, {"what": "here"}) == {"here": True}


def test_a_model_that_cannot_be_loaded_is_a_sentence_and_is_tried_again(studio, tmp_path):
    head = start(studio, "upload", path=photo(tmp_path / "p.png"))
    shelf, load = studio.shelf, studio.shelf.load
    shelf._futures.clear()
    shelf.load = lambda name, device: tc.load("none")
    (answer,) = (m for m in pulls(studio, head) if "note" not in m)
    assert answer["error"].endswith(".")
    shelf.load = load
    assert collect(pulls(studio, head))["frames"]


def test_a_photo_is_forgotten_with_its_crops_and_no_other_is(studio, tmp_path):
    def forget(run):
        return handlers.forget(studio, {"token": run["start"]["token"]})

    kept = upload(studio, photo(tmp_path / "a.png"))
    first = upload(studio, photo(tmp_path / "b.png", (20, 200, 90)))
    crop = start(studio, "again", token=first["start"]["token"], crop=[1.0, 0.5, 1])
    codes = [links.text(base64.b64decode(run["tokens"])) for run in (kept, first)]
    linked = [start(studio, "link", tokens=code) for code in codes]
    tokens = [run["start"]["token"] for run in (kept, first, crop, *linked)]
    assert list(studio.films) == tokens
    assert forget(crop) == {"forgotten": tokens[1:3]}
    assert forget(crop) == {"error": GONE, "gone": crop["start"]["token"]}
    assert forget(linked[0]) == {"forgotten": tokens[3:4]}, "another film without a photo is of another photo"
    assert list(studio.films) == [tokens[0], tokens[4]]


SEEDS = {"view": "seeds", "n": 1, "of": ""}


def looked(studio, head, **change):
    """A view's caption and pixels."""
    got = handlers.view(studio, nothing(head) | SEEDS | change)
    assert "error" not in got, got
    pixels = got["webp"] and np.asarray(Image.open(io.BytesIO(base64.b64decode(got["webp"]))), np.float64)
    return got["caption"], pixels


@pytest.mark.parametrize("gpu", [False, True])
def test_five_other_seeds_leave_the_film_alone(studio, tmp_path, monkeypatch, gpu):
    monkeypatch.setattr(studio, "on_gpu", lambda name: gpu)
    head = upload(studio, photo(tmp_path / "p.png"))
    before = {take: set(reel) for take, reel in studio.films.get(head["start"]["token"]).reels.items()}
    for k in (13, 14):
        five = [looked(studio, head, k=k, n=n, seed=2**31 - 3) for n in (1, 2, 3, 4, 5)]
        assert [caption for caption, _ in five] == [f"Seed {s}" for s in (2**31 - 2, 2**31 - 1, 0, 1, 2)]
        assert len({pixels.tobytes() for _, pixels in five}) == 5
    assert {
        take: set(reel) for take, reel in studio.films.get(head["start"]["token"]).reels.items()
    } == before


def test_two_photos_are_mixed_and_each_may_begin(studio, tmp_path):
    red = upload(studio, photo(tmp_path / "a.png", (250, 0, 0)))
    blue = upload(studio, photo(tmp_path / "b.png", (0, 0, 250)))
    one, two = (tc.Encoding.from_bytes(base64.b64decode(film["tokens"])) for film in (red, blue))
    for k, n in ((9, 0), (9, 1), (0, 0), (TOP, 0)):
        caption, pixels = looked(studio, red, view="mix", k=k, n=n, of=blue["start"]["token"])
        tokens = two.mix(one, k) if n else one.mix(two, k)
        ((_, wanted),) = studio.made[MODEL].decode_many(tokens, [TOP], steps=4, seed=0)
        assert np.square(pixels - wanted.array).mean() < 60, "but for the WebP's own rounding"
        names = ["this photo", "the photo before"][:: -1 if n else 1]
        parts = {0: ("no token", f"tokens 1 to {TOP}"), TOP: (f"tokens 1 to {TOP}", "no token")}
        stretches = parts.get(k, (f"tokens 1 to {k}", f"tokens {k + 1} to {TOP}"))
        assert caption == "; ".join(f"{who}: {what}" for who, what in zip(names, stretches, strict=True))


def test_both_photos_of_a_mix_are_named_and_shown(studio, tmp_path):
    red = upload(studio, photo(tmp_path / "a.png", (250, 0, 0)))
    blue = upload(studio, photo(tmp_path / "b.png", (0, 0, 250)))
    ask = nothing(red) | {"view": "mix", "k": 9, "n": 1, "of": blue["start"]["token"]}
    first, rest = handlers.view(studio, ask)["given"]
    assert (first["name"], rest["name"]) == ("the photo before", "this photo")
    colours = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(one["webp"]))).convert("RGB")).mean((0, 1)).argmax()
        for one in (first, rest)
    ]
    assert colours == [2, 0], "blue, then red"
    example = handlers.start(studio, {"from": "example", "photo": "china", "model": ""})["start"]["token"]
    assert views.given_by(studio.films.get(example), present=False)["name"] == "Pagoda"


def test_without_another_photo_an_example_is_mixed(studio, tmp_path, monkeypatch):
    head, seen = upload(studio, photo(tmp_path / "p.png")), []
    other = upload(studio, photo(tmp_path / "q.png", (9, 200, 9)))["start"]["token"]
    monkeypatch.setattr(examples, "film", lambda about, *_: seen.append(about) or studio.films.get(other))
    assert looked(studio, head, view="mix", k=9)[1].shape == (256, 256, 3)
    assert seen == [examples.EXAMPLES[0]]


def test_all_tokens_but_one(studio, tmp_path):
    head = upload(studio, photo(tmp_path / "p.png"))
    tokens = tc.Encoding.from_bytes(base64.b64decode(head["tokens"]))
    for n in (0, 1, TOP):
        caption, pixels = looked(studio, head, view="less", k=3, n=n)
        assert caption == (f"all but token {n}" if n else "all tokens")
        some = tokens.select(np.arange(TOP) != n - 1)
        assert len(some) == TOP - (n > 0)
        ((_, wanted),) = studio.made[MODEL].decode_many(some, [len(some)], steps=1)
        assert np.square(pixels - wanted.array).mean() < 30, "but for the WebP's own rounding"


def test_maps_of_every_layer_of_both_directions(studio, tmp_path):
    head = upload(studio, photo(tmp_path / "p.png"))
    found, ask = {}, nothing(head) | {"view": "layer"}
    for way, n in itertools.product(("read", "write"), (0, 1)):
        maps, mass = handlers.view(studio, ask | {"of": way, "n": n})["maps"]
        found[way, n] = np.frombuffer(base64.b64decode(maps), np.uint8).reshape(TOP, 16, 16)
        wanted = studio.made[MODEL].attention(None, way, n)
        each = wanted.normalised if way == "read" else np.moveaxis(wanted.normalised, -1, 0)
        assert np.abs(found[way, n] - 255 * each).max() <= 1
        sums = wanted.raw.sum((1, 2)) if way == "read" else wanted.raw.mean((0, 1))
        np.testing.assert_allclose(mass, sums, atol=1e-4)
    assert not np.array_equal(found["read", 0], found["read", 1])
    assert base64.b64decode(head["attention"][0]) == found["read", 1].tobytes(), (
        "the middle one comes by itself"
    )


def test_a_classifier_names_the_ladder_of_means_and_of_samples(studio, tmp_path):
    head = upload(studio, photo(tmp_path / "p.png"))
    film = studio.films[head["start"]["token"]]
    judge = tc.LiteClassifier(2)
    names = json.loads((examples.FOLDER / "imagenet.json").read_text("utf-8"))
    share = judge.shares([film.original])[0]
    assert share.sum() == pytest.approx(1, abs=1e-5)
    for mode in ("mean", "sample"):
        got = handlers.view(studio, nothing(head) | {"view": "guess", "n": 0, "of": mode})
        assert set(got["guess"]) == set(got["agreement"]) == {str(k) for k in SHORT}
        webp = head["frames"][mode, 4]
        seen = judge.shares([tc.square_crop(Image.open(io.BytesIO(webp)))])[0]
        first, second = seen.argsort()[::-1][:2]
        assert got["guess"]["4"] == f"{names[first]} {seen[first]:.0%}, {names[second]} {seen[second]:.0%}"
        assert got["agreement"]["4"] == pytest.approx(seen[share.argmax()], abs=1e-3)
        assert got["photo"] == f"{names[share.argmax()]} {share.max():.0%}"


def test_a_classifier_names_pictures_of_another_size(studio, tmp_path):
    head = upload(studio, photo(tmp_path / "p.png"))
    film = studio.films[head["start"]["token"]]
    small = film.original.to_pil().resize((64, 64))
    film.original = tc.square_crop(small, 64)
    with film.reading(MEAN) as reel:
        for k, frame in reel.items():
            reel[k] = frame._replace(webp=b64(views.webp(small)))
    got = handlers.view(studio, nothing(head) | {"view": "guess", "n": 0, "of": "mean"})
    assert set(got["guess"]) == {str(k) for k in SHORT}


def test_without_a_photo_all_tokens_are_what_the_classifier_goes_by(studio, tmp_path):
    sent = upload(studio, photo(tmp_path / "p.png"))
    head = start(studio, "link", tokens=links.text(base64.b64decode(sent["tokens"])))
    shown(studio, head)
    got = handlers.view(studio, nothing(head) | {"view": "guess", "n": 0, "of": "mean"})
    assert got["guess"][str(TOP)].startswith(got["photo"])


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        ({"view": "codec", "of": "WebP", "sizes": [8]}, "A link brings no photo"),
        ({"view": "mix"}, "Choose another photo"),
        ({"view": "layer", "of": "read"}, "A link brings no photo"),
        ({"view": "guess", "of": "sample"}, "There are no pictures yet"),
        ({"view": "none"}, "There is no such view"),
        ({"k": 999}, "The server is busy"),
        ({"n": "x"}, faults.BROKEN),
        ({"view": []}, "There is no such view"),
        ({"seed": -9}, "Steps go from"),
        ({"steps": 1000}, "Steps go from"),
    ],
)
def test_a_view_that_cannot_be_made_is_a_sentence(studio, tmp_path, ask, sentence):
    sent = upload(studio, photo(tmp_path / "p.png"))
    head = start(studio, "link", tokens=links.text(base64.b64decode(sent["tokens"])))
    got = handlers.view(studio, nothing(head) | SEEDS | ask)
    assert got["error"].startswith(sentence)


@pytest.mark.parametrize(
    "ask", [{"of": "read", "n": 2}, {"of": "write", "n": -1}, {"of": "sideways", "n": 0}]
)
def test_a_layer_that_is_not_there_is_a_sentence(studio, tmp_path, ask):
    head = upload(studio, photo(tmp_path / "p.png"))
    got = handlers.view(studio, nothing(head) | {"view": "layer"} | ask)
    assert got == {"error": "There is no such layer."}


def hostile():
    """Name -> file bytes; those that are valid pictures simply work."""
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)

    def save(array, kind, mode=None, **options):
        picture = Image.fromarray(array)
        buffer = io.BytesIO()
        (picture.convert(mode) if mode else picture).save(buffer, kind, **options)
        return buffer.getvalue()

    jpeg, png = save(noise, "JPEG"), bytearray(save(noise, "PNG"))
    png[16:24] = (30000).to_bytes(4, "big") * 2
    return {
        "text.jpg": b"this is not a picture\n" * 50,
        "truncated.jpg": jpeg[: len(jpeg) // 3],
        "empty.png": b"",
        "bomb.png": bytes(png),
        "one.png": save(noise[:1, :1], "PNG"),
        "cmyk.jpg": save(noise, "JPEG", "CMYK"),
        "grey16.png": save((noise[..., 0].astype(np.uint16) * 257), "PNG"),
        "palette.gif": save(noise, "GIF", "P", transparency=3),
        "animated.webp": save(noise, "WEBP", save_all=True, append_images=[Image.fromarray(noise[::-1])]),
    }


@pytest.mark.parametrize("name", sorted(hostile()))
def test_hostile_uploads_end_in_a_sentence_or_work(studio, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(hostile()[name])
    head = start(studio, "upload", path=str(path))
    if name in ("text.jpg", "truncated.jpg", "empty.png", "bomb.png"):
        sentence = head["error"]
        assert sentence.endswith((".", "work."))
        assert str(tmp_path) not in sentence
        assert "Traceback" not in sentence
        again = shown(studio, start(studio, "example", photo=examples.EXAMPLES[0].name))
        assert again["frames"], "the server goes on"
    else:
        assert collect(itertools.islice(pulls(studio, head), 4))["frames"]


def test_a_cache_brings_back_what_was_packed(studio, tmp_path, monkeypatch):
    about, cat = models()[0], examples.EXAMPLES[1]
    path = cat.photo
    film = Film(tc.open_photo(path), about)
    sample = Take("sample", 8, 0)
    studio.develop(film, MEAN, [0, 4])
    studio.develop(film, sample, [4])
    studio.find_maps(film)
    film.tell(studio.rivals(film.original, film.info))
    monkeypatch.setattr(examples, "FOLDER", tmp_path)
    monkeypatch.setattr(examples.Example, "photo", path)
    assert not examples.film(cat, about, "t").told, "no cache"
    (tmp_path / "chelsea_cat.json.gz").write_bytes(pack(film))
    back = examples.film(cat, about, "t")
    assert back.reels == film.reels
    assert set(film.told) == {"tokens", "attention", "linear", "webp"}
    assert (back.told, back.scale, back.encoding) == (film.told, film.scale, film.encoding)
    other = dataclasses.replace(about, checkpoint_id="0" * 12)
    assert not examples.film(cat, other, "t").told, "of other weights"


def test_an_example_s_cache_holds_what_the_page_reads_of_it(studio, tmp_path, monkeypatch):
    about = examples.EXAMPLES[0]
    bundled = json.loads(gzip.decompress((examples.FOLDER / f"{about.name}.json.gz").read_bytes()))
    monkeypatch.setattr(examples, "EXAMPLES", (about,))
    build(studio, tmp_path, control=studio.loading(MODEL).result())
    made = json.loads(gzip.decompress((tmp_path / f"{about.name}.json.gz").read_bytes()))
    assert made.keys() == bundled.keys()
    assert {(mode, k) for mode, k, *_ in made["frames"]} == set(itertools.product(("mean", "sample"), SHORT))
    assert made["told"].keys() == bundled["told"].keys()
    for what in ("guess", "agreement"):
        assert made["told"][what].keys() == bundled["told"][what].keys()
        assert {int(k) for k in made["told"][what]["sample"]} == SHORT
    assert {int(k) for k in made["told"]["control"]} == SHORT
    assert [row[0] for row in made["told"]["layers"]] == [
        "read, layer 2 of 2",
        *(f"{way}, layer {n} of 2" for way in ("read", "write") for n in (1, 2)),
    ]


def test_beside_a_gpu_a_handler_has_few_threads_even_before_the_weights_are_there(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr("tokenizer_core.engine.devices.THREADS", 1)
    try:
        torch.set_num_threads(2)
        Studio(lambda name, device: None, models(TOP))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 1
    finally:
        torch.set_num_threads(before)


def noted(made, monkeypatch):
    """The threads in which a stand-in is used from now on."""
    used = []
    for name in ("encode", "decode_many", "attention"):
        do = getattr(made, name)
        monkeypatch.setattr(
            made, name, lambda *a, do=do, **b: used.append(threading.current_thread()) or do(*a, **b)
        )
    return used


def test_one_thread_uses_the_device_whoever_asks(studio, tmp_path, monkeypatch):
    """A new thread's first encode and decode on a GPU take 0.2 s longer, and a handler's thread soon ends."""
    head, answers, visitors = start(studio, "upload", path=photo(tmp_path / "p.png")), [], []
    used = noted(studio.loading(MODEL).result(), monkeypatch)
    ask = nothing(head)
    handle = [
        lambda: handlers.pull(studio, ask)["frames"],
        lambda: handlers.pull(studio, ask | {"k": 9, "rest": True, "means": list(range(TOP + 1))})["frames"],
        lambda: handlers.view(studio, ask | SEEDS)["webp"],
        lambda: handlers.view(studio, ask | {"view": "layer", "of": "write", "n": 1})["maps"],
        lambda: list(studio.record(MODEL, studio.films[ask["token"]].encoding, [(MEAN, [4])])),
    ]
    for one in handle:
        before = len(used)
        thread = threading.Thread(target=lambda one=one: answers.append(one()))
        thread.start()
        thread.join(20)
        visitors.append(thread)
        assert len(used) > before
    assert len(answers) == len(handle)
    assert all(answers)
    assert len(set(used)) == 1
    assert used[0] not in (*visitors, threading.main_thread())
    told = handlers.view(studio, ask | {"view": "layer", "of": "read", "n": 9})
    assert told == {"error": "There is no such layer."}


def test_a_gpu_s_first_pictures_are_made_for_nobody_in_the_thread_that_makes_all_others(monkeypatch):
    before, made, small = torch.get_num_threads(), StandIn(models(TOP)[0], "cuda:0"), models(TOP)
    used = noted(made, monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    try:
        studio = Studio(lambda name, device: made, small)
        studio.warm_up()
        studio.record(MODEL, np.zeros((256, 256, 3), np.uint8), [])
    finally:
        torch.set_num_threads(before)
    assert made.encoded == 2
    assert made.decoded == 2 * (1 + 16), "a mean and a sample, one and many at once"
    assert len(set(used)) == 1


def text_of(encoding: tc.Encoding) -> str:
    return base64.urlsafe_b64encode(encoding.to_bytes()).decode().rstrip("=")


def test_a_link_opens_on_a_fresh_server_with_the_same_tokens_and_picture(studio, tmp_path):
    sent = upload(studio, photo(tmp_path / "p.png"))
    fresh = Studio(studio.shelf.load, models(TOP))
    head = start(fresh, "link", tokens=links.text(base64.b64decode(sent["tokens"])))
    found = shown(fresh, head)
    assert found["errors"] == []
    assert found["tokens"] == sent["tokens"]
    assert found["frames"] == sent["frames"]
    assert found["start"]["original"] is found["start"]["reference"] is None
    assert not {"attention", "linear"} & found.keys()
    (row,) = handlers.pull(fresh, nothing(head) | {"means": sorted(set(range(TOP + 1)) - {4}),
                                                   "samples": range(TOP + 1)})["frames"]  # fmt: skip
    assert row[4] is row[5] is row[6] is None, "nothing to score against"


def test_a_link_has_no_photo_to_crop(studio, tmp_path):
    sent = upload(studio, photo(tmp_path / "p.png"))
    head = start(studio, "link", tokens=links.text(base64.b64decode(sent["tokens"])))
    crop = start(studio, "again", token=head["start"]["token"], crop=[1.0, 0.5, 1])
    assert crop == {"error": handlers.NO_PHOTO}
    assert shown(studio, head, seed=5)["frames"]


def test_in_a_space_a_link_is_the_spaces(monkeypatch, tmp_path):
    film = Film(tc.open_photo(photo(tmp_path / "p.png")), models()[0])
    assert film.start()["home"] == ""
    monkeypatch.setenv("SPACE_ID", "someone/dial")
    assert film.start()["home"] == "https://huggingface.co/spaces/someone/dial"


def encoding(count=TOP, width=16, checkpoint_id="57a2d100ab0e", model="prefix-flow-256", fill=1.0):
    tokens = np.full((count, width), fill, np.float32)
    return tc.Encoding(tokens, np.arange(count), checkpoint_id, model)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (encoding(checkpoint_id="0123456789ab"), links.FOREIGN),
        (encoding(model="another"), links.FOREIGN),
        (encoding(count=TOP - 1), links.DAMAGED),
        (encoding(width=15), links.DAMAGED),
        (encoding().select(np.arange(TOP) > 3), links.DAMAGED),
    ],
)
def test_a_link_of_another_kind_is_a_sentence(studio, code, sentence):
    with pytest.raises(tc.TokenizerError, match=sentence[:30]):
        links.film(text_of(code), studio.infos)


GOOD = text_of(encoding())


@hypothesis.settings(max_examples=200, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(
    text=st.one_of(
        st.text(max_size=200),
        st.binary(max_size=200).map(lambda b: base64.urlsafe_b64encode(b).decode()),
        st.integers(0, len(GOOD) - 1).map(lambda n: GOOD[:n]),
        st.tuples(st.integers(0, len(GOOD) - 1), st.sampled_from("AZaz09-_ =é")).map(
            lambda change: GOOD[: change[0]] + change[1] + GOOD[change[0] + 1 :]
        ),
        st.integers(1, 9).map(lambda n: GOOD + "A" * 10 ** min(n, 6)),
        st.sampled_from([None, 7, [], {}, "", GOOD * 50]),
    )
)
def test_any_text_as_a_link_is_a_film_or_a_sentence(studio, text):
    sentence = None
    try:
        film = links.film(text, studio.infos)
    except tc.TokenizerError as error:
        sentence = str(error)
    assert sentence in (links.DAMAGED, links.FOREIGN) or film.encoding == encoding().to_bytes()


def test_a_bad_link_is_a_sentence(studio):
    assert start(studio, "link", tokens=GOOD[:-9]) == {"error": links.DAMAGED}


@pytest.mark.slow
def test_a_link_shows_what_its_sender_saw_with_the_bundled_weights():
    """The tokens are the same, a mean differs by its batch's rounding at most, a sample not at all."""
    seen = []

    def frames_of(studio, head, k):
        frames = {}
        for message in pulls(studio, head, k=k, steps=2, seed=3, rest=True):
            frames |= {(mode, k): base64.b64decode(webp) for mode, k, webp, *_ in message.get("frames", ())}
            if len(frames) >= 9 and ("sample", 24) in frames:
                break
        (film,) = studio.films.values()
        seen.append((film.encoding, frames))
        return film

    sender, friend = (Studio(tc.load, tc.catalog()) for _ in range(2))
    film = frames_of(sender, start(sender, "upload", path=str(examples.EXAMPLES[1].photo)), 24)
    code = links.text(film.encoding)
    frames_of(friend, start(friend, "link", tokens=code), 24)
    (tokens, means), (same_tokens, same_means) = seen
    assert tokens == same_tokens
    assert means.pop(("sample", 24)) == same_means.pop(("sample", 24))
    both = sorted(set(means) & set(same_means))
    assert len(both) >= 5
    for key in both:
        one, two = (np.asarray(Image.open(io.BytesIO(m[key])), np.float64) for m in (means, same_means))
        assert np.square(one - two).mean() < 255**2 / 10**4, "40 dB, with the WebP's own rounding"


@pytest.mark.slow
def test_the_examples_are_of_the_bundled_weights():
    (info,) = [i for i in tc.catalog() if i.name == "prefix-flow-256"]
    for about in examples.EXAMPLES:
        cache = examples.FOLDER / f"{about.name}.json.gz"
        assert cache.stat().st_size <= 1e6, f"{cache.name} is over 1 MB"
        film = examples.film(about, info, "t")
        sample = Take("sample", info.default_steps, 0)
        assert set(film.reel(MEAN)) == set(LADDER), f"{cache.name}: run python -m studies.build_examples"
        assert set(film.reel(sample)) == set(LADDER)
        assert film.told["attention"]
        assert len(film.told["linear"]) == 65
        assert {k for k, _ in film.told["webp"]} <= set(LADDER)
        assert len(film.told["layers"]) == 5
        for found in (film.told["control"], film.told["guess"]["mean"], film.told["agreement"]["sample"]):
            assert {int(k) for k in found} == set(LADDER)
