"""What happens when a visitor does something, without a browser: handlers called as the page calls them."""

import base64
import io
import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

import tokenizer_core as tc
from demo import examples, handlers, links
from demo.film import LADDER, MEAN, Crop, Film, Take, ladder, rest_of_ladder, small_parts
from demo.studio import Studio
from tests.stand_in import StandIn, models

TOP = 24  # tokens of the stand-in: few, so that a film is short
SHORT = {k for k in LADDER if k <= TOP}
FORM = ("prefix-flow-256", 8, 0, 0.5, 0.5, 1)


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


def collect(messages):
    """Everything that a run sends, merged."""
    out = {"frames": {}, "errors": [], "runs": set()}
    for message in messages:
        out["runs"].add(message["run"])
        out["errors"] += [message["error"]] if "error" in message else []
        for mode, k, webp, *_ in message.get("frames", ()):
            assert (mode, k) not in out["frames"], "a frame goes once"
            out["frames"][mode, k] = base64.b64decode(webp)
        for key in ("start", "tokens", "attention", "linear", "done"):
            out[key] = message.get(key, out.get(key))
    return out


@pytest.mark.parametrize("top", [256, 64, 10])
def test_every_length_comes_once_coarse_to_fine(top):
    lengths = tuple(range(top + 1))
    order = ladder(lengths) + rest_of_ladder(lengths)
    assert sorted(order) == list(lengths)
    assert order[: len(ladder(lengths))] == [k for k in LADDER if k <= top] + (
        [top] if top not in LADDER else []
    )


def test_the_others_halve_the_gaps_of_every_octave_in_turn():
    order = rest_of_ladder(range(257))
    assert order[:12] == [5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224]
    for passed, parts in ((12, 4), (12 + 20, 8)):
        have = sorted(ladder(range(257)) + order[:passed])[1:]
        assert all(b - a <= max(1, (1 << (a.bit_length() - 1)) // parts) for a, b in itertools.pairwise(have))


def test_the_length_at_the_dial_comes_first_and_alone(studio, tmp_path):
    ticket = {"run": 1, "k": 13}
    messages = handlers.upload(studio, "a", ticket, FORM, photo(tmp_path / "p.png"))
    first = next(m["frames"] for m in messages if "frames" in m)
    assert [(mode, k) for mode, k, *_ in first] == [("mean", 13)]
    found = collect(messages)
    assert {k for m, k in found["frames"] if m == "mean"} == set(range(TOP + 1)) - {13}


def test_a_plan_in_small_parts_is_the_plan():
    sample = Take("sample", 8, 0)
    parts = list(small_parts([(MEAN, [5, 0, 1, 2, 3, 4]), (MEAN, [6, 7, 8, 9, 10]), (sample, [0, 1])]))
    assert [lengths for ((_, lengths),) in parts] == [[5], [0, 1, 2, 3], [4], [6, 7, 8, 9], [10], [0], [1]]
    assert list(small_parts([(MEAN, [])])) == []


def test_an_upload_encodes_once_and_brings_all_means_and_the_ladder_of_samples(studio, tmp_path):
    found = collect(handlers.upload(studio, "a", {"run": 1}, FORM, photo(tmp_path / "p.png")))
    assert found["errors"] == []
    assert found["done"]
    assert {k for m, k in found["frames"] if m == "mean"} == set(range(TOP + 1))
    assert {k for m, k in found["frames"] if m == "sample"} == SHORT
    assert studio.made["prefix-flow-256"].encoded == 1
    assert len(base64.b64decode(found["attention"])) == TOP * 16 * 16
    assert len(found["linear"]) == 65
    tokens = tc.Encoding.from_bytes(base64.b64decode(found["tokens"]))
    assert tokens.tokens.shape == (TOP, 16)
    assert Image.open(io.BytesIO(found["frames"]["mean", TOP])).size == (256, 256)


def test_another_seed_reuses_the_encoding_and_the_means(studio, tmp_path):
    first = collect(handlers.upload(studio, "a", {"run": 1}, FORM, photo(tmp_path / "p.png")))
    ticket = {"run": 2, "token": first["start"]["token"], "means": list(range(TOP + 1))}
    second = collect(handlers.again(studio, "a", ticket, ("prefix-flow-256", 8, 5, 0.5, 0.5, 1)))
    assert studio.made["prefix-flow-256"].encoded == 1
    assert second["start"] is None
    assert {m for m, _ in second["frames"]} == {"sample"}
    assert second["frames"]["sample", 16] != first["frames"]["sample", 16]


def test_another_crop_encodes_again(studio, tmp_path):
    first = collect(handlers.upload(studio, "a", {"run": 1}, FORM, photo(tmp_path / "p.png")))
    ticket = {"run": 2, "token": first["start"]["token"], "means": []}
    second = collect(handlers.again(studio, "a", ticket, ("prefix-flow-256", 8, 0, 1.0, 0.5, 1)))
    assert studio.made["prefix-flow-256"].encoded == 2
    assert second["frames"]["mean", TOP] != first["frames"]["mean", TOP]


def test_a_second_upload_stops_the_first(studio, tmp_path):
    first = handlers.upload(studio, "a", {"run": 1}, FORM, photo(tmp_path / "p.png"))
    assert next(m for m in first if "frames" in m)
    second = handlers.upload(studio, "a", {"run": 2}, FORM, photo(tmp_path / "q.png", (10, 220, 90)))
    assert next(second)["run"] == 2
    left = sum(len(m.get("frames", ())) for m in first)
    assert left <= 4, "the first film ends within a batch"
    assert collect(second)["done"]


def test_two_visitors_never_see_each_others_picture(studio, tmp_path):
    a = handlers.upload(studio, "a", {"run": 1}, FORM, photo(tmp_path / "p.png", (250, 0, 0)))
    b = handlers.upload(studio, "b", {"run": 1}, FORM, photo(tmp_path / "q.png", (0, 0, 250)))
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


def test_the_sample_where_the_dial_rests_is_the_one_of_the_film(studio, tmp_path):
    film = collect(handlers.upload(studio, "a", {"run": 1}, FORM, photo(tmp_path / "p.png")))
    ask = {"token": film["start"]["token"], "mode": "sample", "steps": 8, "seed": 0, "counts": [13]}
    ((mode, k, webp, *_),) = handlers.frames(studio, ask)
    assert (mode, k) == ("sample", 13)
    ((_, _, again, *_),) = handlers.frames(studio, ask)
    assert webp == again
    (row,) = handlers.frames(studio, ask | {"counts": [16]})
    assert base64.b64decode(row[2]) == film["frames"]["sample", 16]


@pytest.mark.parametrize("gpu", [False, True])
def test_five_other_seeds_beside_a_film_leave_its_own_frames(studio, tmp_path, monkeypatch, gpu):
    run = collect(handlers.upload(studio, "a", {"run": 1}, FORM, photo(tmp_path / "p.png")))
    film = studio.films.get(run["start"]["token"])
    before = set(film.reels[Take("sample", 8, 0)])
    monkeypatch.setattr(studio, "on_gpu", lambda name: gpu)
    ask = {"token": film.token, "mode": "sample", "steps": 8, "seed": 0, "counts": [13]}
    for k in (13, 14):  # again at another length
        chance = ask | {"mode": "chance", "counts": [k]}
        rows = [handlers.frames(studio, chance | {"seed": seed})[0] for seed in (1, 2, 3, 4, 5)]
        assert {(mode, length) for mode, length, *_ in rows} == {("sample", k)}
        assert len({webp for _, _, webp, *_ in rows}) == 5
    assert set(film.reels[Take("sample", 8, 0)]) == before
    for seed in (0, 6):  # where the dial rests: on a GPU the film brings it, and there is no second call
        assert len(handlers.frames(studio, ask | {"seed": seed})) == (0 if gpu else 1)


@pytest.mark.parametrize(
    "ask",
    [None, {}, [], {"token": 3}, {"token": "x", "mode": "mean", "steps": "?", "seed": 0, "counts": [1]},
     {"token": "x", "mode": "mean", "steps": 8, "seed": 0, "counts": None}],
)  # fmt: skip
def test_nonsense_from_the_page_is_harmless(studio, ask):
    assert handlers.frames(studio, ask) == []


def test_a_film_that_is_gone_is_a_sentence(studio):
    ask = {"token": "gone", "mode": "mean", "steps": 8, "seed": 0, "counts": [1]}
    assert handlers.frames(studio, ask) == {"error": handlers.GONE}


def test_a_photo_is_forgotten_with_its_crops_and_no_other_is(studio, tmp_path):
    def shown(handler, who, *what, form=FORM, **ticket):
        return collect(handler(studio, who, {"run": 1, **ticket}, form, *what))

    def forget(run):
        ask = {"token": run["start"]["token"], "mode": "forget", "steps": 8, "seed": 0, "counts": []}
        return handlers.frames(studio, ask)

    kept = shown(handlers.upload, "a", photo(tmp_path / "a.png"))
    first = shown(handlers.upload, "b", photo(tmp_path / "b.png", (20, 200, 90)))
    token, form = first["start"]["token"], ("prefix-flow-256", 8, 0, 1.0, 0.5, 1)
    crop = shown(handlers.again, "b", form=form, run=2, token=token)
    codes = [links.text(base64.b64decode(run["tokens"])) for run in (kept, first)]
    linked = [shown(handlers.link, who, code, "") for who, code in zip("cd", codes, strict=True)]
    tokens = [run["start"]["token"] for run in (kept, first, crop, *linked)]
    assert list(studio.films.films) == tokens
    assert forget(crop) == tokens[1:3]
    assert forget(crop) == {"error": handlers.GONE}
    assert forget(linked[0]) == tokens[3:4], "another film without a photo is not of the same photo"
    assert list(studio.films.films) == [tokens[0], tokens[4]]


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        (("prefix-flow-256", 8, -1, 0.5, 0.5, 1), "seeds from 0"),
        (("prefix-flow-256", 99, 0, 0.5, 0.5, 1), "Steps go from 2 to 50"),
        (("prefix-flow-256", "many", 0, 0.5, 0.5, 1), "not numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_settings_out_of_range_are_a_sentence(studio, form, sentence):
    found = collect(handlers.example(studio, "a", {"run": 1}, form, examples.EXAMPLES[0].name))
    assert sentence in found["errors"][0]


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


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", sorted(hostile()))
def test_hostile_uploads_end_in_a_sentence_or_work(studio, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(hostile()[name])
    found = collect(itertools.islice(handlers.upload(studio, "a", {"run": 1}, FORM, str(path)), 40))
    if name in ("text.jpg", "truncated.jpg", "empty.png", "bomb.png"):
        (sentence,) = found["errors"]
        assert sentence.endswith((".", "work."))
        assert str(tmp_path) not in sentence
        assert "Traceback" not in sentence
        again = collect(handlers.example(studio, "a", {"run": 2}, FORM, examples.EXAMPLES[0].name))
        assert again["done"], "the server goes on"
    else:
        assert found["errors"] == []
        assert found["frames"]


def test_a_cache_brings_back_what_was_packed(studio, tmp_path):
    about = models()[0]
    film = Film(tc.open_photo(photo(tmp_path / "p.png")), about, Crop())
    sample = Take("sample", 8, 0)
    for _ in handlers.recorded(studio, film, [(MEAN, [0, 4]), (sample, [4])], lambda: True):
        pass
    film.linear = [1.0, 2.0]
    back = examples.fill(Film(film.photo, about), examples.pack(film, sample))
    assert back.reels[MEAN] == film.reels[MEAN]
    assert back.reels[sample].keys() == {4}
    assert (back.encoding, back.attention[0], back.linear) == (film.encoding, film.attention[0], film.linear)


def text_of(encoding: tc.Encoding) -> str:
    return base64.urlsafe_b64encode(encoding.to_bytes()).decode().rstrip("=")


def open_link(studio, text, run=1):
    return collect(handlers.link(studio, "a", {"run": run}, FORM, text, examples.EXAMPLES[0].name))


def test_a_link_opens_on_a_fresh_server_with_the_same_tokens_and_picture(studio, tmp_path):
    sent = collect(handlers.upload(studio, "a", {"run": 1}, FORM, photo(tmp_path / "p.png")))
    tokens = base64.b64decode(sent["tokens"])
    fresh = Studio(studio._load, models(TOP))
    found = open_link(fresh, base64.urlsafe_b64encode(tokens).decode().rstrip("="))
    assert found["errors"] == []
    assert base64.b64decode(found["tokens"]) == tokens
    assert found["frames"] == sent["frames"]
    assert found["start"]["original"] is found["start"]["reference"] is found["attention"] is None
    assert found["linear"] is None
    (row,) = handlers.frames(fresh, {"token": found["start"]["token"], "mode": "mean", "steps": 8, "seed": 0,
                                     "counts": [4]})  # fmt: skip
    assert row[4] is row[5] is None, "nothing to score against"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_link_has_no_photo_to_crop(studio, tmp_path):
    sent = collect(handlers.upload(studio, "a", {"run": 1}, FORM, photo(tmp_path / "p.png")))
    found = open_link(studio, sent["tokens"].replace("+", "-").replace("/", "_"), 2)
    ticket = {"run": 3, "token": found["start"]["token"], "means": []}
    crop = collect(handlers.again(studio, "a", ticket, ("prefix-flow-256", 8, 0, 1.0, 0.5, 1)))
    assert crop["errors"] == [handlers.NO_PHOTO]
    seed = collect(handlers.again(studio, "a", ticket | {"run": 4}, ("prefix-flow-256", 8, 5, 0.5, 0.5, 1)))
    assert seed["done"]


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


def test_after_a_bad_link_the_page_goes_on(studio):
    with pytest.warns(UserWarning, match="damaged"):
        found = open_link(studio, GOOD[:-9])
    assert found["start"]["example"] == examples.EXAMPLES[0].name
    assert found["done"]


@pytest.mark.slow
def test_a_link_shows_what_its_sender_saw_with_the_bundled_weights():
    """The tokens are the same, a mean differs by its batch's rounding at most, a sample not at all."""
    form, shown = ("prefix-flow-256", 2, 3, 0.5, 0.5, 1), []

    def frames_of(studio, start):
        pictures = {}
        for message in start(studio):
            pictures |= {(mode, k): base64.b64decode(webp) for mode, k, webp, *_ in message.get("frames", ())}
            if len(pictures) >= 9:
                break
        (film,) = studio.films.films.values()
        ask = {"token": film.token, "mode": "sample", "steps": 2, "seed": 3, "counts": [24]}
        shown.append((film.encoding, pictures, handlers.frames(studio, ask)[0][2]))
        return film

    sender, friend = (Studio(tc.load, tc.catalog()) for _ in range(2))
    about, ticket = examples.EXAMPLES[1], {"run": 1, "k": 24}
    film = frames_of(sender, lambda s: handlers.upload(s, "a", ticket, form, str(about.photo)))
    text = base64.urlsafe_b64encode(film.encoding).decode()
    frames_of(friend, lambda s: handlers.link(s, "b", ticket | {"k": 5}, form, text, about.name))
    (tokens, means, sample), (same_tokens, same_means, same_sample) = shown
    assert tokens == same_tokens
    assert sample == same_sample
    both = sorted(set(means) & set(same_means))
    assert len(both) >= 5
    for key in both:
        one, two = (np.asarray(Image.open(io.BytesIO(m[key])), np.float64) for m in (means, same_means))
        assert np.square(one - two).mean() < 255**2 / 10**4, "40 dB, with the WebP's own rounding"


@pytest.mark.slow
def test_the_examples_are_of_the_bundled_weights():
    (info,) = [i for i in tc.catalog() if i.name == "prefix-flow-256"]
    for about in examples.EXAMPLES:
        cache = examples.CACHE / f"{about.name}.json.gz"
        assert cache.stat().st_size <= 1e6, f"{cache.name} is over 1 MB"
        film = examples.film(about.name, info, "t")
        sample = Take("sample", info.default_steps, 0)
        assert set(film.reel(MEAN)) == set(LADDER), f"{cache.name}: run python -m demo.build_examples"
        assert set(film.reel(sample)) == set(LADDER)
        assert film.attention
        assert len(film.linear) == 65
