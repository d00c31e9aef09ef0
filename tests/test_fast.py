"""Recorded and compiled calls give the pictures of plain ones; what fails is logged and called as it is."""

import logging
import threading
from contextlib import nullcontext

import numpy as np
import pytest
import torch

import tokenizer_core as tc
from tests import tiny_flow
from tokenizer_core.codes.packing import LEVELS as LEVELS_OF_A_NUMBER
from tokenizer_core.engine import fast
from tokenizer_core.engine.fast import COMPILED, Fast, Fetched, batch_sizes, plainly
from tokenizer_core.models.remembered import key_of
from tokenizer_core.models.requests import DecodeRequest

log = logging.getLogger(__name__)
LEVELS = 1  # of 255: the most that sums in another order may move a rounded level, in float32
CUDA_LEVELS = 6  # the same in bfloat16, at single pixels
CUDA_MEAN = 0.3  # and on average


@pytest.fixture
def tokenizer():
    return tiny_flow.make_tokenizer()


def furthest(pictures, wanted) -> int:
    pairs = zip(pictures, wanted, strict=True)
    return max(int(np.abs(a.array.astype(int) - b.array.astype(int)).max()) for a, b in pairs)


def turned_on(tokenizer):
    """The fixed shapes and filled batches of a GPU, on this processor: no call can be recorded here."""
    tokenizer._painter.turn_on()
    return tokenizer


@pytest.mark.parametrize("count", [1, 2, 5, 16, 17, 32, 40, 64, 65, 66, 240, 257, 514])
def test_batches_hold_all_rows_in_known_sizes(count):
    sizes = batch_sizes(count)
    assert sum(sizes) >= count > sum(sizes[:-1])
    assert set(sizes) <= {*fast.RECORDED, COMPILED}
    assert COMPILED not in batch_sizes(count, compiled=False)


def test_a_film_is_four_batches_nearly_full_and_a_ladder_is_recorded():
    assert batch_sizes(257) == [COMPILED] * 4
    assert batch_sizes(17) == [16, 1]


@pytest.mark.parametrize("steps", [1, 4, 5])
def test_fixed_shapes_give_the_pictures_of_plain_ones(tokenizer, steps, caplog):
    picture, lengths = tiny_flow.make_picture(), [0, 1, 3, 8, 8, 2]
    encoding = tokenizer.encode(picture)
    wanted = [one for _, one in tokenizer.decode_many(encoding, lengths, steps=steps, seed=3, batch=6)]
    other = turned_on(tiny_flow.make_tokenizer())
    with caplog.at_level(logging.WARNING, "tokendial"):
        again = other.encode(picture)
        got = list(other.decode_many(again, lengths, steps=steps, seed=3, batch=6))
    assert again == encoding
    assert [length for length, _ in got] == lengths
    assert furthest([one for _, one in got], wanted) <= LEVELS
    assert "is not recorded, but called as it is" in caplog.text


def test_tokens_that_are_not_all_there_are_as_good_with_fixed_shapes(tokenizer):
    encoding = tokenizer.encode(tiny_flow.make_picture())
    some = encoding.select(np.arange(len(encoding)) != 2)
    wanted = tokenizer.decode(some, 5, steps=3)
    assert furthest([turned_on(tiny_flow.make_tokenizer()).decode(some, 5, steps=3)], [wanted]) <= LEVELS


def test_what_was_kept_before_is_not_used_with_fixed_shapes(tokenizer):
    some = tokenizer.encode(tiny_flow.make_picture()).prefix(3)
    wanted, before = tokenizer.decode(some, 3, steps=3), tokenizer._painter.context(some)
    assert furthest([turned_on(tokenizer).decode(some, 3, steps=3)], [wanted]) <= LEVELS
    after, fresh = (one._painter.context(some) for one in (tokenizer, turned_on(tiny_flow.make_tokenizer())))
    assert before.length == 3
    assert [key.stride() for key in after.keys] == [key.stride() for key in fresh.keys], (
        "else nothing recorded fits"
    )


def requests_of(tokenizer):
    each = [tokenizer.encode(tiny_flow.make_picture(seed)) for seed in range(3)]
    return [
        DecodeRequest(encoding=each[0], lengths=[2, 8], steps=1),
        DecodeRequest(encoding=each[1], lengths=[0, 5], steps=3, seed=7),
        DecodeRequest(encoding=each[2].prefix(4), lengths=[4], steps=1),
        DecodeRequest(encoding=each[0], lengths=[7], steps=3, seed=1),
        DecodeRequest(encoding=each[1], lengths=[3]),
    ]


@pytest.mark.parametrize("on", [False, True])
def test_several_visitors_in_one_batch_get_what_each_would_get_alone(tokenizer, on, monkeypatch):
    requests = requests_of(tokenizer)
    wanted = [
        [
            picture
            for _, picture in tokenizer.decode_many(one.encoding, one.lengths, steps=one.steps, seed=one.seed)
        ]
        for one in requests
    ]
    other = turned_on(tiny_flow.make_tokenizer()) if on else tokenizer
    batches, decode = [], other._painter._paint
    monkeypatch.setattr(
        other._painter, "_paint", lambda rows, *rest: batches.append(len(rows)) or decode(rows, *rest)
    )
    got = other.decode_batch(requests)
    assert [len(one) for one in got] == [2, 2, 1, 1, 1]
    for mine, alone in zip(got, wanted, strict=True):
        assert furthest(mine, alone) <= LEVELS
    assert len(batches) == 3, "one a number of steps, not one a visitor"


def test_every_family_takes_a_batch_of_requests():
    from tests.stand_in import StandIn

    one = StandIn()
    encoding = one.encode(tiny_flow.make_picture())
    (pictures,) = one.decode_batch([DecodeRequest(encoding=encoding, lengths=[3, 9], steps=2, seed=5)])
    assert pictures == [picture for _, picture in one.decode_many(encoding, [3, 9], steps=2, seed=5)]


@pytest.mark.parametrize("on", [False, True])
def test_several_photos_in_one_batch_get_the_tokens_that_each_gets_alone(tokenizer, on, monkeypatch):
    photos = [tiny_flow.make_picture(seed) for seed in range(5)]
    wanted = [tokenizer.encode(one) for one in photos]
    other = turned_on(tiny_flow.make_tokenizer()) if on else tiny_flow.make_tokenizer()
    rows, see = [], other._calls.see
    monkeypatch.setattr(other._calls, "see", lambda levels: rows.append(len(levels)) or see(levels))
    got = other.encode_batch(photos)
    assert rows == ([16] if on else [4, 1]), "a size that is recorded, or what is quick on a processor"
    step = np.diff(LEVELS_OF_A_NUMBER).max() * 1.001
    for mine, alone in zip(got, wanted, strict=True):
        assert (mine.model, mine.checkpoint_id) == (alone.model, alone.checkpoint_id)
        assert mine.positions.tolist() == alone.positions.tolist()
        off = np.abs(mine.tokens - alone.tokens)
        assert off.max() <= step
        assert (off > 0).mean() < 0.02, "sums in another order, at the border of two levels"
        assert np.allclose(other.attention(mine).raw, tokenizer.attention(alone).raw, atol=1e-5)
        latent = other._latents.get(key_of(mine))
        assert latent.untyped_storage().nbytes() == latent.nbytes, "no photo keeps the others' memory"
    assert other.encode_batch([]) == []


def test_a_request_that_is_out_of_range_is_a_sentence(tokenizer):
    encoding = tokenizer.encode(tiny_flow.make_picture())
    with pytest.raises(tc.TokenizerError, match="out of range"):
        tokenizer.decode_batch([DecodeRequest(encoding=encoding, lengths=[99])])


def doubled(x):
    return (2 * x,)


def test_what_is_compiled_is_used_for_its_shapes_alone(monkeypatch):
    made = []
    monkeypatch.setattr(torch, "compile", lambda function, **_: lambda *x: made.append(x) or function(*x))
    call = Fast(doubled, "Twice", "cpu")
    call.on = True
    call.compile_for(torch.ones(5, 2))
    made.clear()
    assert call(torch.ones(5, 2))[0].eq(2).all()
    assert len(made) == 1
    assert call.forms() == {"5": "compiled"}
    call(torch.ones(6, 2))
    with plainly():
        call(torch.ones(5, 2))
    call._threads += 1  # it would compile anew, and whoever asks would wait for that
    call(torch.ones(5, 2))
    assert len(made) == 1


class Replayed:
    """A CUDA graph's stand-in: it launches a function of what is in the recorded inputs."""

    def __init__(self, function, tensors):
        self.function, self.inputs, self.replays = function, [one.clone() for one in tensors], 0
        self.outputs = tuple(torch.zeros_like(one) for one in function(*tensors))

    def replay(self):
        self.replays += 1
        for output, value in zip(self.outputs, self.function(*self.inputs), strict=True):
            output.copy_(value)


@pytest.mark.parametrize("works", [True, False])
def test_on_a_gpu_what_is_compiled_is_recorded_too(monkeypatch, works):
    compiled, graphs = [], []

    def compile(function, **_):
        return lambda *x: compiled.append(len(x[0])) or function(*x)

    def record(function, tensors):
        if not works:
            raise RuntimeError("no graph of this")
        graphs.append(Replayed(function, tensors))
        return fast.Recording(graphs[-1], graphs[-1].inputs, graphs[-1].outputs)

    monkeypatch.setattr(torch, "compile", compile)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: None)
    monkeypatch.setattr(torch.cuda, "device", lambda *_: nullcontext())
    monkeypatch.setattr(fast, "record", record)
    call = Fast(doubled, "Twice", "cuda:0")
    call.on = True
    call.compile_for(torch.ones(5, 2))
    compiled.clear()
    call._threads += 1  # what was recorded does not mind
    first = call(torch.full((5, 2), 3.0))[0]
    second = call(torch.full((5, 2), 4.0))[0]
    assert first.eq(6).all(), "a tensor of its own"
    assert second.eq(8).all()
    assert call.forms() == {"5": "compiled, recorded" if works else "compiled"}
    assert [one.replays for one in graphs] == ([2] if works else [])
    assert compiled == ([5, 5] if works else []), "the graph is of what was compiled"


def test_what_cannot_be_compiled_says_why_and_is_called_as_it_is(monkeypatch, caplog):
    def compile(*_, **__):
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(torch, "compile", compile)
    call = Fast(doubled, "Twice", "cpu")
    call.on = True
    with caplog.at_level(logging.WARNING, "tokendial"):
        call.compile_for(torch.ones(5, 2))
    assert "Twice of 5 rows is not compiled, but called as it is: no compiler here" in caplog.text
    assert call(torch.ones(5, 2))[0].eq(2).all()


def test_plainly_is_a_thread_s_own():
    seen = []
    with plainly():
        thread = threading.Thread(target=lambda: seen.append(getattr(fast._plain, "asked", False)))
        thread.start()
        thread.join()
        assert fast._plain.asked
    assert seen == [False]
    assert not fast._plain.asked


def test_a_fetched_row_is_an_array_of_its_own():
    tensor = torch.arange(6, dtype=torch.uint8).view(2, 3)
    first, second = Fetched(tensor).rows()
    first[:] = 9
    assert second.tolist() == [3, 4, 5]
    assert tensor.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_processor_has_nothing_to_prepare(tokenizer):
    tokenizer.accelerate(wait=True)
    assert tokenizer.forms == {}
    assert not tokenizer._calls.on


cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: recording was not tried")


@cuda
@pytest.mark.slow
def test_on_a_gpu_recorded_and_compiled_calls_give_the_pictures_of_plain_ones():
    from tokenizer_core.reports.bench import draw_picture

    plain, quick = (tc.load("prefix-flow-256", "cuda", "bfloat16") for _ in range(2))
    quick.accelerate(wait=True)
    one, two = plain.encode(draw_picture()), quick.encode(draw_picture())
    log.info("tokens differ by %g", np.abs(one.tokens - two.tokens).max())
    for steps, lengths in ((1, [64]), (8, [64]), (1, list(range(257))), (8, list(range(257)))):
        wanted = [picture for _, picture in plain.decode_many(one, lengths, steps=steps, seed=5)]
        got = [picture for _, picture in quick.decode_many(one, lengths, steps=steps, seed=5)]
        gaps = [np.abs(a.array.astype(int) - b.array.astype(int)) for a, b in zip(got, wanted, strict=True)]
        log.info("%d pictures of %d steps: furthest %d", len(lengths), steps, max(gap.max() for gap in gaps))
        log.info("on average %.4f levels", np.mean([gap.mean() for gap in gaps]))
        if steps == 1:  # samples' rounding grows over the steps
            assert max(gap.max() for gap in gaps) <= CUDA_LEVELS
        assert np.mean([gap.mean() for gap in gaps]) <= CUDA_MEAN * steps
    log.info(quick.forms)
    assert quick.forms["The encoder"] == {"1": "recorded", "4": "recorded", "16": "recorded"}
    assert quick.forms["The decoder"] == {
        "1": "recorded",
        "4": "recorded",
        "16": "recorded",
        "65": "compiled, recorded",
    }
