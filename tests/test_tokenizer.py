"""The flow tokenizer on drawn weights: encode once, decode any prefix, and a sentence for what cannot be."""

import dataclasses

import numpy as np
import pytest
import torch
from tiny_flow import CHANNELS, CONFIG, PATCHES, TOKENS, WIDTH, make_picture, make_tokenizer

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import LEVELS
from tokenizer_core.engine.devices import fastest_dtype
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.models.prefix_flow import painter as room
from tokenizer_core.models.remembered import Recent, key_of
from tokenizer_core.nn.sampler import draw_noise

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def tokenizer():
    return make_tokenizer()


@pytest.fixture
def encoding(tokenizer):
    return tokenizer.encode(make_picture())


def difference(a, b) -> float:
    return np.abs(a.array.astype(int) - b.array.astype(int)).max()


def test_it_is_a_tokenizer(tokenizer):
    assert isinstance(tokenizer, Tokenizer)
    assert (tokenizer.device, tokenizer.dtype) == ("cpu", "float32")
    info = tokenizer.info
    assert info.lengths == tuple(range(TOKENS + 1))
    assert (info.layers("read"), info.layers("write"), info.numbers_per_token) == (2, 2, WIDTH)
    assert (info.default_steps, info.default_guidance) == (4, 1.5)
    assert info.ordered
    assert info.generative


def test_a_photo_becomes_tokens(tokenizer, encoding):
    assert encoding.tokens.shape == (TOKENS, WIDTH)
    assert encoding.tokens.dtype == np.float32
    assert encoding.positions.tolist() == list(range(TOKENS))
    assert (encoding.checkpoint_id, encoding.model) == (tokenizer.info.checkpoint_id, "tiny")
    assert set(encoding.tokens.ravel().tolist()) <= set(LEVELS.tolist())
    assert np.allclose(np.square(encoding.tokens).mean(1), 1, atol=0.2)  # rounded
    assert Encoding.from_bytes(encoding.to_bytes()) == encoding
    assert np.array_equal(tokenizer.encode(make_picture()).tokens, encoding.tokens)
    assert not np.allclose(tokenizer.encode(make_picture(1)).tokens, encoding.tokens, atol=0.01)


def test_a_photo_is_cropped_by_centre_and_zoom(tokenizer):
    photo = make_picture().to_pil().resize((200, 100))
    left, right = (tokenizer.encode(photo, center=(x, 0.5)).tokens for x in (0.0, 1.0))
    near = tokenizer.encode(photo, center=(0.0, 0.5), zoom=2.0).tokens
    assert not np.allclose(left, right, atol=0.01)
    assert not np.allclose(left, near, atol=0.01)


def test_any_length_becomes_a_picture(tokenizer, encoding):
    pictures = dict(tokenizer.decode_many(encoding, range(TOKENS + 1), steps=1))
    assert list(pictures) == list(range(TOKENS + 1))
    assert all(picture.array.shape == (48, 48, 3) for picture in pictures.values())
    assert all(difference(pictures[k], pictures[k + 1]) > 1 for k in range(TOKENS))


def test_tokens_past_k_never_change_the_picture_of_the_first_k(tokenizer, encoding):
    other = tokenizer.encode(make_picture(1))
    for k in (0, 3, 7):
        mixed = encoding.mix(other, k)
        assert tokenizer.decode(mixed, k) == tokenizer.decode(encoding, k)
        assert difference(tokenizer.decode(encoding.prefix(k)), tokenizer.decode(encoding, k)) <= 1
    assert tokenizer.decode(encoding, 0) == tokenizer.decode(other, 0)


def test_many_at_once_are_each_alone(tokenizer, encoding):
    lengths = [5, 0, 8, 2, 2]
    for batch in (1, 2, 5, None):
        many = list(tokenizer.decode_many(encoding, lengths, seed=3, batch=batch))
        assert [k for k, _ in many] == lengths
        for k, picture in many:
            assert difference(picture, tokenizer.decode(encoding, k, seed=3)) <= 1


def test_keys_and_values_are_computed_once_a_photo(tokenizer, encoding, monkeypatch):
    calls, context = [], tokenizer.decoder.context
    monkeypatch.setattr(tokenizer.decoder, "context", lambda *args: calls.append(1) or context(*args))
    list(tokenizer.decode_many(encoding, range(TOKENS + 1), steps=3, seed=1))
    list(tokenizer.decode_many(encoding, [1, 5], steps=1, seed=2))
    tokenizer.decode(encoding, 3, guidance_scale=3.0)
    tokenizer.attention(encoding, "write", length=4)
    assert len(calls) == 1
    tokenizer.decode(tokenizer.encode(make_picture(1)), 3)
    tokenizer.decode(encoding, 6)
    assert len(calls) == 2


def test_a_photo_in_use_is_remembered_before_one_that_came_later(tokenizer):
    encodings = [tokenizer.encode(make_picture(seed)) for seed in range(room.REMEMBERED + 2)]
    for encoding in encodings[: room.REMEMBERED]:
        tokenizer.decode(encoding, 1, steps=1)
    first, second, third, *_, late, last = encodings
    kept = tokenizer._painter.contexts
    tokenizer.decode(first, 1, steps=1)
    tokenizer.decode(late, 1, steps=1)
    assert key_of(first) in kept
    assert key_of(second) not in kept, "the one that was not used for longest"
    kept.put(key_of(third), kept.get(key_of(third)))
    tokenizer.decode(last, 1, steps=1)
    assert [key_of(one) in kept for one in (first, third, late, last)] == [True] * 4
    assert len(kept) == room.REMEMBERED


def test_what_is_put_again_is_the_newest():
    recent = Recent(room.REMEMBERED)
    for number in range(room.REMEMBERED):
        recent.put(bytes([number]), number)
    recent.put(b"\0", "again")
    recent.put(b"more", "more")
    assert recent.get(b"\0") == "again"
    assert recent.get(b"\1") is None


def test_only_the_last_photos_are_remembered(tokenizer):
    encodings = [tokenizer.encode(make_picture(seed)) for seed in range(room.REMEMBERED + 1)]
    for encoding in encodings:
        tokenizer.decode(encoding, 1, steps=1)
    assert len(tokenizer._painter.contexts) == len(tokenizer._latents) == room.REMEMBERED
    with pytest.raises(TokenizerError, match=r"^Read maps need the photo; please encode it again\.$"):
        tokenizer.attention(encodings[0])
    assert tokenizer.attention(encodings[-1]).layer == 1


def test_every_length_starts_from_the_noise_of_the_seed(tokenizer, encoding, monkeypatch):
    noises, sample = [], room.sample
    monkeypatch.setattr(
        room,
        "sample",
        lambda decoder, context, noise, *args, **options: (
            noises.append(noise) or sample(decoder, context, noise, *args, **options)
        ),
    )
    list(tokenizer.decode_many(encoding, [0, 3, 8], seed=5, batch=2))
    assert [len(noise) for noise in noises] == [2, 1]
    for noise in noises:
        assert torch.equal(noise, draw_noise(5, PATCHES, CHANNELS).expand_as(noise))


def test_a_seed_is_a_picture(tokenizer, encoding):
    one = tokenizer.decode(encoding, 4, seed=1)
    assert one == tokenizer.decode(encoding, 4, seed=1)
    assert one == make_tokenizer().decode(encoding, 4, seed=1)
    assert difference(one, tokenizer.decode(encoding, 4, seed=2)) > 5
    assert tokenizer.decode(encoding, 4) == tokenizer.decode(encoding, 4, seed=0)


def test_steps_and_guidance_have_the_model_s_defaults(tokenizer, encoding):
    defaults = tokenizer.decode(encoding, 4)
    assert defaults == tokenizer.decode(encoding, 4, steps=4, guidance_scale=1.5)
    assert difference(defaults, tokenizer.decode(encoding, 4, steps=5)) > 0
    assert difference(defaults, tokenizer.decode(encoding, 4, guidance_scale=4.0)) > 0
    assert tokenizer.decode(encoding) == tokenizer.decode(encoding, TOKENS)


def test_the_model_s_time_shift_is_used(tokenizer, encoding):
    before = tokenizer.decode(encoding, 4)
    sampler = dataclasses.replace(CONFIG.sampler, time_shift=3.0)
    tokenizer.config = dataclasses.replace(CONFIG, sampler=sampler)
    assert difference(tokenizer.decode(encoding, 4), before) > 0


def test_distilled_steps_are_taken_at_the_guidance_that_they_were_distilled_at(
    tokenizer, encoding, monkeypatch
):
    taken, sample = [], room.sample
    monkeypatch.setattr(
        room, "sample", lambda *args, **options: taken.append(options) or sample(*args, **options)
    )
    tokenizer.decode(encoding, 4, steps=2)
    tokenizer.decode(encoding, 4, steps=2, guidance_scale=1.5)
    tokenizer.decode(encoding, 4, steps=2, guidance_scale=3.0)
    assert [options["distilled_steps"] for options in taken] == [2, 2, 0]


def test_a_mean_ignores_guidance(tokenizer, encoding):
    plain = tokenizer.decode(encoding, 4, steps=1)
    assert tokenizer.decode(encoding, 4, steps=1, guidance_scale=9.0) == plain


def test_guidance_1_asks_only_once_a_step(tokenizer, encoding, monkeypatch):
    lengths, forward = [], tokenizer.decoder.forward
    monkeypatch.setattr(
        tokenizer.decoder,
        "forward",
        lambda x, t, context, mask=None: lengths.append(context.length) or forward(x, t, context, mask),
    )
    tokenizer.decode(encoding, 4, steps=3, guidance_scale=1.0)
    assert lengths == [4, 4, 4]
    lengths.clear()
    tokenizer.decode(encoding, 4, steps=3, guidance_scale=2.0)
    assert lengths == [4, 4, 0, 4, 0], "guided in the middle of the path"


def test_pictures_come_from_packed_bytes_too(tokenizer, encoding):
    packed = Encoding.from_bytes(encoding.to_bytes())
    assert np.abs(packed.tokens - encoding.tokens)[np.abs(encoding.tokens) < 2].max() < 0.25
    assert difference(tokenizer.decode(packed, 5, steps=1), tokenizer.decode(encoding, 5, steps=1)) < 40
    some = Encoding.from_bytes(encoding.select(np.arange(TOKENS) % 2 == 1).to_bytes())
    assert len(some) == 4
    assert tokenizer.decode(some) == tokenizer.decode(some, 4)
    moved = dataclasses.replace(some, positions=np.arange(4))
    assert difference(tokenizer.decode(some), tokenizer.decode(moved)) > 0


@pytest.mark.parametrize("length", [-1, TOKENS + 1, 257])
@pytest.mark.parametrize("verb", ["decode", "decode_many", "attention"])
def test_a_length_out_of_range_is_a_sentence(tokenizer, encoding, verb, length):
    calls = {
        "decode": lambda: tokenizer.decode(encoding, length),
        "decode_many": lambda: tokenizer.decode_many(encoding, [3, length]),
        "attention": lambda: tokenizer.attention(encoding, "write", length=length),
    }
    with pytest.raises(TokenizerError, match=rf"^The length {length} is out of range; here it is 0 to 8\.$"):
        calls[verb]()


def test_a_prefix_has_no_more_than_its_own_tokens(tokenizer, encoding):
    with pytest.raises(TokenizerError, match=r"^The length 4 is out of range; here it is 0 to 3\.$"):
        tokenizer.decode(encoding.prefix(3), 4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": 0}, "The number of steps must be 1 to 1000, not 0."),
        ({"steps": 1001}, "The number of steps must be 1 to 1000, not 1001."),
        ({"guidance_scale": -0.5}, "The guidance scale must be 0 to 100, not -0.5."),
        ({"guidance_scale": 100.5}, "The guidance scale must be 0 to 100, not 100.5."),
        ({"guidance_scale": float("nan")}, "The guidance scale must be 0 to 100, not nan."),
    ],
)
def test_options_out_of_range_are_sentences(tokenizer, encoding, options, sentence):
    with pytest.raises(TokenizerError) as error:
        tokenizer.decode_many(encoding, [1], **options)  # before the first picture is asked for
    assert str(error.value) == sentence


def foreign(encoding: Encoding) -> dict[str, tuple[Encoding, str]]:
    other = "These tokens were not made by these weights of tiny."
    misfit = "These tokens do not fit the model tiny."
    nan = encoding.tokens.copy()
    nan[2, 3] = np.nan
    return {
        "id": (dataclasses.replace(encoding, checkpoint_id="ba9876543210"), other),
        "model": (dataclasses.replace(encoding, model="pca"), other),
        "width": (dataclasses.replace(encoding, tokens=encoding.tokens[:, :8]), misfit),
        "slot": (dataclasses.replace(encoding, positions=np.arange(1, TOKENS + 1)), misfit),
        "nan": (dataclasses.replace(encoding, tokens=nan), "These tokens hold values that are not numbers."),
    }


@pytest.mark.parametrize("what", ["id", "model", "width", "slot", "nan"])
def test_foreign_tokens_are_a_sentence_not_a_wrong_picture(tokenizer, encoding, what):
    wrong, sentence = foreign(encoding)[what]
    for call in (tokenizer.decode, tokenizer.attention, lambda e: tokenizer.decode_many(e, [1])):
        with pytest.raises(TokenizerError) as error:
            call(wrong)
        assert str(error.value) == sentence


def test_read_maps(tokenizer, encoding):
    for layer in (0, 1):
        maps = tokenizer.attention(encoding, layer=layer)
        assert maps.raw.shape == maps.normalised.shape == (TOKENS, 3, 3)
        assert (maps.direction, maps.layer) == ("read", layer)
        assert np.all(maps.raw.sum((1, 2)) <= 1)
        assert np.allclose(maps.normalised.max((1, 2)), 1)
        ratio = maps.raw / maps.normalised
        assert np.allclose(ratio, ratio[:, :1, :1])
    expected = tokenizer.encoder.read_attention(tokenizer._latents.get(key_of(encoding)), 1)[0]
    assert np.allclose(tokenizer.attention(encoding).raw.reshape(TOKENS, 9), expected.numpy())


def test_write_maps(tokenizer, encoding):
    maps = tokenizer.attention(encoding, "write", layer=0, length=5, seed=2)
    assert maps.raw.shape == maps.normalised.shape == (3, 3, 5)
    assert (maps.direction, maps.layer) == ("write", 0)
    assert np.all(maps.raw.sum(2) <= 1)
    assert np.allclose(maps.normalised.max((0, 1)), 1)
    context = tokenizer.decoder.context(torch.from_numpy(encoding.tokens[:5])[None])
    noise = draw_noise(2, PATCHES, CHANNELS)
    expected = tokenizer.decoder.write_attention(noise, torch.ones(1), context, 0)[0]
    assert np.allclose(maps.raw.reshape(9, 5), expected.numpy(), atol=1e-5)
    assert not np.allclose(tokenizer.attention(encoding, "write", 0, 5, seed=3).raw, maps.raw)
    assert tokenizer.attention(encoding, "write", length=0).normalised.shape == (3, 3, 0)
    assert tokenizer.attention(encoding, "write").raw.shape == (3, 3, TOKENS)


@pytest.mark.parametrize(
    ("direction", "layer", "sentence"),
    [
        ("sideways", None, 'The direction must be "read" or "write".'),
        ("read", 2, "There is no read layer 2: 0 to 1."),
        ("read", -1, "There is no read layer -1: 0 to 1."),
        ("write", 2, "There is no write layer 2: 0 to 1."),
    ],
)
def test_maps_that_are_not_there_are_sentences(tokenizer, encoding, direction, layer, sentence):
    with pytest.raises(TokenizerError) as error:
        tokenizer.attention(encoding, direction, layer)
    assert str(error.value) == sentence


def test_read_maps_need_the_photo_of_this_very_object(encoding):
    with pytest.raises(TokenizerError, match=r"^Read maps need the photo; please encode it again\.$"):
        make_tokenizer().attention(encoding)


def test_a_photo_that_cannot_be_opened_is_a_sentence(tokenizer):
    with pytest.raises(TokenizerError, match=r"^This file is not a picture that can be opened here"):
        tokenizer.encode(b"text")


def test_the_number_type_is_one_of_two():
    assert fastest_dtype("cpu") in (torch.bfloat16, torch.float32)
    assert fastest_dtype("cuda:0") == torch.bfloat16
