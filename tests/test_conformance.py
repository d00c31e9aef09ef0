"""What every tokenizer must do, whatever its family: all models that are here, and tiny random ones.

A new family needs no line of its own here: it is in the catalog. `FEW` lengths of each are decoded.
"""

from dataclasses import replace

import numpy as np
import pytest
import tiny_alit
import tiny_flow
import tiny_grid
import tiny_linear
import tiny_published
import toy

import tokenizer_core as tc

TINY = {
    "tiny flow": tiny_flow.make_tokenizer,
    "tiny linear": tiny_linear.make_tokenizer,
    "tiny alit": tiny_alit.make_tokenizer,
    "tiny grid": tiny_grid.make_tokenizer,
    **tiny_published.MAKE,
    "tiny sharp alit": lambda: tiny_alit.make_tokenizer(tiny_alit.SHARP),
    "tiny bridged alit": lambda: tiny_alit.make_tokenizer(tiny_alit.BRIDGED),
}
RANDOM = {
    tiny_flow.CHECKPOINT_ID,
    tiny_alit.CHECKPOINT_ID,
    tiny_grid.CHECKPOINT_ID,
    tiny_published.CHECKPOINT_ID,
}  # drawn weights, which know no photographs
BUNDLED = list({info.family: info.name for info in reversed(tc.catalog())}.values())  # a model a family
FEW = 4
SLOW = {"prefix-flow", "alit", "grid"}  # families whose bundled weights take seconds a picture


@pytest.fixture(
    scope="module",
    params=["toy", *TINY, *(pytest.param(name, marks=pytest.mark.slow) for name in BUNDLED)],
)
def tokenizer(request, tmp_path_factory):
    if request.param in TINY:
        yield TINY[request.param]()
    elif request.param == "toy":
        with toy.installed(tmp_path_factory.mktemp("checkpoints")) as name:
            yield tc.load(name)
    else:
        yield tc.load(request.param, "cpu", "float32")


@pytest.fixture(scope="module")
def picture(tokenizer) -> tc.Picture:
    size = tokenizer.info.picture_size
    down, across = np.mgrid[0:size, 0:size] / size
    colours = np.stack([down, across, 0.5 + 0.5 * np.sin(9 * down * across)], axis=2)
    grain = np.random.default_rng(0).normal(0, 0.05, (size, size, 3))
    return tc.Picture(((colours + grain) * 255).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def encoding(tokenizer, picture) -> tc.Encoding:
    """As it comes back from its bytes: what pages and files decode from."""
    return tc.Encoding.from_bytes(tokenizer.encode(picture).to_bytes())


def few(info: tc.ModelInfo) -> list[int]:
    """Some allowed lengths, the first and the last among them, longest first."""
    places = np.linspace(0, len(info.lengths) - 1, FEW).round().astype(int)
    return [info.lengths[place] for place in sorted(set(places.tolist()), reverse=True)]


def difference(a: tc.Picture, b: tc.Picture) -> int:
    """The largest one, in levels of 0..255."""
    return int(np.abs(a.array.astype(int) - b.array.astype(int)).max())


def sentence(call) -> str:
    """What a user is told; nothing else may be raised."""
    with pytest.raises(tc.TokenizerError) as error:
        call()
    text = str(error.value)
    assert text[0].isupper()
    assert text.endswith(".")
    return text


def test_it_says_what_it_is(tokenizer):
    info = tokenizer.info
    assert info.name
    assert info.title
    assert info.licence
    assert len(info.checkpoint_id) == 12
    assert tokenizer.device.split(":")[0] in info.devices
    assert tokenizer.dtype in ("float32", "bfloat16")
    assert set(info.ladder) <= set(info.lengths)
    assert info.lengths[-1] in info.ladder
    assert info.nearest(10**6) == info.lengths[-1]
    plain = info.to_dict()
    assert plain["bytes_per_token"] * 8 == plain["bits_per_token"] == info.bits_per_token


def test_a_photo_is_encoded_once_and_for_all_lengths(tokenizer, picture, encoding):
    info = tokenizer.info
    again = tokenizer.encode(picture)
    if info.deterministic:
        assert again == tokenizer.encode(picture)
    assert (again.model, again.checkpoint_id) == (info.name, info.checkpoint_id)
    assert (again.kind, again.vocabulary, again.ordered) == (info.tokens, info.vocabulary, info.ordered)
    assert len(again) == info.lengths[-1]
    assert set(info.lengths) <= set(again.lengths)
    assert again.positions.tolist() == list(range(len(again)))


def test_photos_of_several_visitors_are_encoded_in_their_order(tokenizer, picture, encoding):
    if tokenizer.info.bundled and type(tokenizer).encode_batch is tc.Tokenizer.encode_batch:
        pytest.skip("it encodes one by one, as its family's tiny one does here")
    other = tc.Picture(picture.array[::-1].copy())
    wanted = [tokenizer.encode(other), encoding]
    for mine, alone in zip(tokenizer.encode_batch([other, picture]), wanted, strict=True):
        assert mine.lengths == alone.lengths
        assert (mine.tokens == alone.tokens).mean() > 0.98, "sums of a batch are rounded otherwise"


def test_its_bytes_come_back_and_are_as_many_as_it_says(tokenizer, encoding):
    info = tokenizer.info
    assert tc.Encoding.from_bytes(encoding.to_bytes()) == encoding
    sizes = [len(encoding.code(length).to_bytes()) - info.bytes_of(length) for length in few(info)]
    assert len(set(sizes)) == 1, "the head of a file is the same for every length"
    assert sizes[0] < 80


def test_lengths_come_in_the_order_asked_for_as_pictures_of_one_size(tokenizer, encoding):
    lengths, size = few(tokenizer.info), tokenizer.info.picture_size
    made = list(tokenizer.decode_many(encoding, lengths, steps=1))
    assert [length for length, _ in made] == lengths
    assert {picture.array.shape for _, picture in made} == {(size, size, 3)}
    alone = tokenizer.decode(encoding, lengths[-1], steps=1)
    assert difference(alone, made[-1][1]) <= 1


def test_longer_codes_are_nearer(tokenizer, picture, encoding):
    if tokenizer.info.checkpoint_id in RANDOM:
        pytest.skip("random weights know no photographs")
    lengths = sorted(few(tokenizer.info))
    figures = [tc.psnr(one, picture) for _, one in tokenizer.decode_many(encoding, lengths, steps=1)]
    assert figures[-1] > figures[0] + 1  # dB
    assert min(np.diff(figures)) > -0.1


def test_the_same_seed_gives_the_same_picture(tokenizer, encoding):
    info = tokenizer.info
    length = info.lengths[-1]
    for steps in {max(2, info.default_steps // 2)} | {info.steps_of(mode) for mode in info.modes[1:]}:
        first, again, other = (tokenizer.decode(encoding, length, steps=steps, seed=s) for s in (1, 1, 2))
        assert first == again
        assert (first != other) == info.draws(steps)


def test_each_mode_makes_a_picture_of_its_own(tokenizer, encoding):
    info = tokenizer.info
    length = info.lengths[-1]
    made = [tokenizer.decode(encoding, length, steps=info.steps_of(mode)) for mode in info.modes]
    assert len({one.array.tobytes() for one in made}) == len(info.modes)
    assert [info.mode_of(info.steps_of(mode)) for mode in info.modes] == list(info.modes)
    for mode in set(tc.MODES) - set(info.modes):
        assert f"no pictures of the kind {mode}" in sentence(lambda mode=mode: info.steps_of(mode))


def test_a_prefix_does_not_depend_on_what_follows(tokenizer, encoding):
    info = tokenizer.info
    k = few(info)[1]
    if not info.ordered:
        assert "have no order" in sentence(lambda: encoding.prefix(k))
        assert "no order" in sentence(lambda: encoding.mix(encoding, k))
        return
    turned = replace(encoding, tokens=encoding.tokens[::-1].copy())
    whole, short, mixed = (
        tokenizer.decode(some, k, steps=1) for some in (encoding, encoding.prefix(k), encoding.mix(turned, k))
    )
    assert difference(whole, short) <= 1
    assert difference(whole, mixed) <= 1


def test_tokens_that_are_left_out_leave_the_others_in_their_slots(tokenizer, encoding):
    info = tokenizer.info
    if not info.ordered:
        pytest.skip("a code of another length, not a prefix")
    some = encoding.select(np.arange(len(encoding)) % 2 == 0)
    assert tokenizer.decode(some, len(some), steps=1).array.shape[0] == info.picture_size


def test_lengths_that_it_has_not_are_refused(tokenizer, encoding):
    info = tokenizer.info
    missing = next(k for k in range(-1, info.lengths[-1] + 2) if k not in info.lengths)
    for length in (-1, info.lengths[-1] + 1, missing):
        sentence(lambda length=length: tokenizer.decode(encoding, length))
    part = encoding.code(info.lengths[-2])
    assert tokenizer.decode(part, info.lengths[-2], steps=1)
    sentence(lambda: tokenizer.decode(part, info.lengths[-1]))


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"steps": 100_000},
        {"guidance_scale": -1.0},
        {"guidance_scale": float("nan")},
        {"seed": -1},
        {"seed": 10**20 - 1},
    ],
    ids=str,
)
def test_options_out_of_range_are_a_sentence(tokenizer, encoding, options):
    sentence(lambda: tokenizer.decode(encoding, tokenizer.info.lengths[-1], **options))


def test_foreign_tokens_are_a_sentence(tokenizer, encoding):
    info, last = tokenizer.info, tokenizer.info.lengths[-1]

    def refused(**wrong) -> str:
        return sentence(lambda: tokenizer.decode(replace(encoding, **wrong), last))

    assert "were not made by these weights" in refused(checkpoint_id="ffffffffffff")
    assert "were not made by these weights" in refused(model="another")
    assert "do not fit" in refused(positions=encoding.positions + 1)
    assert "do not fit" in refused(kind="hard" if info.tokens == "soft" else "soft", vocabulary=0)
    assert "do not fit" in refused(ordered=not info.ordered, shorter=())
    if info.tokens == "soft":
        assert "not numbers" in refused(tokens=np.full_like(encoding.tokens, np.nan))
        assert "do not fit" in refused(tokens=encoding.tokens[:, :-1])
    elif info.tokens == "hard":
        assert "Hard tokens of this model" in refused(tokens=np.full_like(encoding.tokens, info.vocabulary))
        assert "do not fit" in refused(vocabulary=info.vocabulary + 1)


def test_codes_grow_one_at_a_time_into_those_of_all_lengths(tokenizer, picture):
    lengths = sorted(few(tokenizer.info))[:3]
    encoding, grown = tokenizer.encode(picture), tokenizer.grow(picture, lengths=lengths)
    for length in lengths[:2]:
        code, made = next(grown)
        assert code == encoding.code(length)
        assert difference(made, tokenizer.decode(encoding, length, steps=1)) <= 1
    assert len([*grown]) == 1
    assert len(next(tokenizer.grow(picture))[0]) == tokenizer.info.ladder[0]
    missing = tokenizer.info.lengths[-1] + 1
    assert "no code of" in sentence(lambda: next(tokenizer.grow(picture, lengths=[missing])))
    sentence(lambda: next(tokenizer.grow(picture, lengths=[])))


def test_halted_positions_are_there_if_it_is_adaptive(tokenizer, picture):
    encoding = tokenizer.encode(picture)
    if not tokenizer.info.adaptive:
        sentence(lambda: tokenizer.halted(encoding))
        return
    halted = tokenizer.halted(encoding)
    assert list(halted) == list(encoding.lengths)
    assert len({mask.shape for mask in halted.values()}) == 1
    assert {mask.dtype for mask in halted.values()} == {np.dtype(bool)}


def test_attention_maps_are_what_it_says(tokenizer, picture):
    info, encoding = tokenizer.info, tokenizer.encode(picture)
    if not info.attention:
        sentence(lambda: tokenizer.attention(encoding))
        return
    for one in info.attention:
        for layer in (0, one.layers - 1):
            maps = tokenizer.attention(encoding, one.direction, layer)
            place = (one.side, one.side)
            assert maps.raw.shape == (
                (len(encoding), *place) if one.direction == "read" else (*place, len(encoding))
            )
            assert maps.raw.min() >= 0
            mass = maps.raw.sum((1, 2)) if one.direction == "read" else maps.raw.sum(2)
            assert mass.max() <= 1 + 1e-4
            assert maps.normalised.max() == pytest.approx(1)
            assert (maps.direction, maps.layer) == (one.direction, layer)
        for layer in (-1, one.layers):
            sentence(lambda layer=layer, one=one: tokenizer.attention(encoding, one.direction, layer))
    sentence(lambda: tokenizer.attention(encoding, "sideways"))


def test_its_goal_is_there_if_it_says_so(tokenizer, picture):
    if tokenizer.info.reconstructs:
        assert tokenizer.reconstruct(picture).array.shape == picture.array.shape
    else:
        sentence(lambda: tokenizer.reconstruct(picture))


def test_crops_are_taken_and_refused(tokenizer, picture):
    photo = picture.to_pil().resize((90, 60))
    assert tokenizer.encode(photo, (0.2, 0.5), 2.0) != tokenizer.encode(photo)
    sentence(lambda: tokenizer.encode(photo, (2.0, 0.5)))
    sentence(lambda: tokenizer.encode(photo, (0.5, 0.5), 0.5))
    sentence(lambda: tokenizer.encode(b"no photo"))


def test_it_is_measured_like_every_other(tokenizer, picture, tmp_path):
    picture.to_pil().save(tmp_path / "photo.png")
    lengths = few(tokenizer.info)[:2]
    steps = [1, 2] if tokenizer.info.generative else [1]
    if tokenizer.info.picture_size != 256:
        pytest.skip("evaluation is of pictures of 256 x 256")
    report = tc.evaluate(tokenizer, tmp_path, lengths, steps, limit=1)
    assert [(row.length, row.steps) for row in report.rows] == [(k, s) for s in steps for k in lengths]
    assert [row.bytes for row in report.rows] == [tokenizer.info.bytes_of(k) for k in lengths] * len(steps)


def test_it_is_timed_like_every_other(tokenizer):
    info = tokenizer.info
    if info.family in SLOW and info.checkpoint_id not in RANDOM:
        pytest.skip("everything runs twice: the family's tiny one is timed")
    timed = tc.bench(tokenizer, runs=1)
    assert [one.name.split(",")[0].split(" of ")[0] for one in timed.timings][:2] == ["encode", "mean"]
    assert [one.name.startswith("sample") for one in timed.timings][2] == info.generative
