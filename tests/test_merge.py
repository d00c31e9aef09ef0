"""What several visitors wait for is encoded and decoded in one batch, and each visitor gets their own."""

import threading
import time

import numpy as np
import pytest
import torch

import tokenizer_core as tc
from demo import handlers, merge
from demo.film import MEAN, Take, b64
from demo.merge import MOST, Want, Wants
from tests.test_visitors import (  # noqa: F401
    Painter,
    ask_for,
    code,
    name_of,
    photo_file,
    quick,
    read,
    start,
    studio_with,
)

pytestmark = pytest.mark.usefixtures("one_thread")
VISITORS = 5


@pytest.fixture
def batches(monkeypatch):
    """The lengths of each request of each batch that was decoded."""
    made, decode = [], Painter.decode_batch

    def decode_batch(painter, requests):
        made.append([tuple(one.lengths) for one in requests])
        return decode(painter, requests)

    monkeypatch.setattr(Painter, "decode_batch", decode_batch)
    return made


def heads_of(studio, folder):
    """Films of so many visitors, encoded, each with its picture at 9."""
    heads = [start(studio, "upload", path=str(photo_file(folder / f"{n}.png", n))) for n in range(VISITORS)]
    for head in heads:
        handlers.pull(studio, ask_for(head))
    return heads


@pytest.fixture
def encoded(monkeypatch):
    """How many photos were encoded in each batch."""
    made, encode = [], Painter.encode_batch

    def encode_batch(painter, pictures):
        made.append(len(pictures))
        return encode(painter, pictures)

    monkeypatch.setattr(Painter, "encode_batch", encode_batch)
    return made


def new_heads_of(studio, folder):
    """Films of so many visitors, of which nothing was asked yet; what the model takes is known."""
    handlers.pull(studio, ask_for(start(studio, "upload", path=str(photo_file(folder / "0.png", 99)))))
    return [start(studio, "upload", path=str(photo_file(folder / f"{n}.png", n))) for n in range(VISITORS)]


def assert_own_pictures(studio, heads, answers):
    """Each visitor has their own tokens, which are those of `encode`, and their own picture at 9."""
    for head, answer in zip(heads, answers, strict=True):
        film = studio.films[head["start"]["token"]]
        mode, k, webp, *_ = answer["frames"][0]
        assert (mode, k) == ("mean", 9)
        assert read(webp) == (name_of(film.original), 9, 1, 0)
        own = b64(code(name_of(film.original), film.info).to_bytes())
        assert answer["told"]["tokens"] == film.told["tokens"] == own


def pulled_behind_one_another(studio, heads, **change):
    """What all get who ask while somebody else has the turn."""
    with studio.turn.take():
        threads, got = [], {}
        for number, head in enumerate(heads):
            ask = ask_for(head, **{"means": [9]} | change)

            def pull(number=number, ask=ask):
                got[number] = handlers.pull(studio, ask)

            threads.append(threading.Thread(target=pull))
            threads[-1].start()
        end = time.monotonic() + 30
        while studio.turn.here < 1 + len(heads):
            assert time.monotonic() < end, got
            time.sleep(0.001)
        time.sleep(0.05)
    for thread in threads:
        thread.join(20)
    return [got[number] for number in range(len(heads))]


def test_who_waits_is_taken_along_and_gets_their_own_pictures(tmp_path, monkeypatch, batches):
    monkeypatch.setenv("TOKENDIAL_MERGE", "1")
    studio = studio_with()
    heads = heads_of(studio, tmp_path)
    sample = {"k": 9, "rest": True, "means": [5, 9]}
    for change, take in (({"k": 5}, MEAN), (sample, Take("sample", 3, 0))):
        batches.clear()
        answers = pulled_behind_one_another(studio, heads, **change)
        assert batches == [[(change["k"],)] * VISITORS]
        for head, answer in zip(heads, answers, strict=True):
            mode, k, webp, *_ = answer["frames"][0]
            film = studio.films[head["start"]["token"]]
            assert (mode, k) == (take.mode, change["k"])
            assert read(webp) == (name_of(film.original), k, take.steps, take.seed)
    assert studio.turn.here == 0
    assert set(studio.painter.painted.values()) == {1}, "nothing is made twice"


SAID = [("0", True, 0), (None, False, 0), (None, True, 1), ("1", False, 1)]


@pytest.mark.parametrize(("said", "on_gpu", "merged"), SAID)
def test_it_is_done_on_a_gpu_unless_something_else_is_said(
    said, on_gpu, merged, tmp_path, monkeypatch, batches
):
    monkeypatch.delenv("TOKENDIAL_MERGE", raising=False)
    if said is not None:
        monkeypatch.setenv("TOKENDIAL_MERGE", said)
    assert merge.wished(on_gpu) == bool(merged)
    if not on_gpu:
        studio = studio_with()
        answers = pulled_behind_one_another(studio, heads_of(studio, tmp_path), k=5)
        assert [answer["frames"][0][:2] for answer in answers] == [["mean", 5]] * VISITORS
        assert len(batches) == merged


def test_a_batch_that_fails_fails_one_visitor_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKENDIAL_MERGE", "1")
    studio, calls = studio_with(), []

    def decode_batch(painter, requests):
        calls.append(len(requests))
        if len(calls) == 1:
            raise RuntimeError("CUDA error: unspecified launch failure")
        return real(painter, requests)

    real = Painter.decode_batch
    heads = heads_of(studio, tmp_path)
    monkeypatch.setattr(Painter, "decode_batch", decode_batch)
    answers = pulled_behind_one_another(studio, heads, k=5)
    assert sum("error" in answer for answer in answers) == 1
    assert sum("frames" in answer for answer in answers) == VISITORS - 1
    assert calls == [VISITORS, VISITORS - 1]


def test_new_photos_are_encoded_in_one_batch_and_each_film_gets_its_own_tokens(
    tmp_path, monkeypatch, batches, encoded
):
    monkeypatch.setenv("TOKENDIAL_MERGE", "1")
    studio = studio_with()
    heads = new_heads_of(studio, tmp_path)
    answers = pulled_behind_one_another(studio, heads, means=[])
    assert encoded == [VISITORS]
    assert batches == [[(9,)] * VISITORS]
    assert_own_pictures(studio, heads, answers)
    assert studio.painter.encoded == 1 + VISITORS
    assert set(studio.painter.painted.values()) == {1}, "nothing is made twice"


def test_a_new_photo_goes_with_one_that_is_known(tmp_path, monkeypatch, batches, encoded):
    monkeypatch.setenv("TOKENDIAL_MERGE", "1")
    studio = studio_with()
    heads = new_heads_of(studio, tmp_path)
    handlers.pull(studio, ask_for(heads[0], k=5))
    assert_own_pictures(studio, heads, pulled_behind_one_another(studio, heads, means=[5]))
    assert (encoded, len(batches)) == ([VISITORS - 1], 1)


def test_a_new_photo_that_two_wait_for_is_encoded_once(tmp_path, encoded):
    studio = studio_with()
    head = start(studio, "upload", path=str(photo_file(tmp_path / "1.png", 1)))
    film = studio.films[head["start"]["token"]]
    made = list(merge.record_together(studio.painter, [(film, MEAN, [9]), (film, MEAN, [5, 4])]))
    assert [len(pictures) for pictures in made] == [1, 2]
    assert encoded == [1]


def test_without_merging_each_new_photo_is_encoded_alone(tmp_path, monkeypatch, batches, encoded):
    monkeypatch.setenv("TOKENDIAL_MERGE", "0")
    studio = studio_with()
    heads = new_heads_of(studio, tmp_path)
    assert_own_pictures(studio, heads, pulled_behind_one_another(studio, heads, means=[]))
    assert (encoded, batches) == ([], [])


@pytest.mark.parametrize("place", [0, 2])
def test_a_photo_that_cannot_be_encoded_fails_for_its_visitor_alone(
    place, tmp_path, monkeypatch, encoded, caplog
):
    monkeypatch.setenv("TOKENDIAL_MERGE", "1")
    studio, encode = studio_with(), Painter.encode
    heads = new_heads_of(studio, tmp_path)
    odd = name_of(studio.films[heads[place]["start"]["token"]].original)

    def encode_most(painter, photo, *crop):
        if name_of(photo) == odd:
            raise tc.TokenizerError("This photo is odd.")
        return encode(painter, photo, *crop)

    monkeypatch.setattr(Painter, "encode", encode_most)
    answers = pulled_behind_one_another(studio, heads, means=[])
    assert answers.pop(place) == {"error": "This photo is odd."}
    heads.pop(place)
    assert_own_pictures(studio, heads, answers)
    assert encoded == [VISITORS], "a batch that failed is not tried again"
    assert "A batch of 5 films failed, and each of them goes alone: This photo is odd." in caplog.text


def test_a_batch_that_has_no_room_is_made_one_by_one(tmp_path, monkeypatch, encoded):
    monkeypatch.setenv("TOKENDIAL_MERGE", "1")
    freed = []
    monkeypatch.setattr(tc, "free_memory", freed.append)
    studio = studio_with()
    heads = new_heads_of(studio, tmp_path)
    count = Painter.encode_batch

    def encode_batch(painter, pictures):
        count(painter, pictures)
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Painter, "encode_batch", encode_batch)
    assert_own_pictures(studio, heads, pulled_behind_one_another(studio, heads, means=[]))
    assert encoded == [VISITORS]
    assert freed == ["cpu"]


def test_who_leaves_while_their_batch_is_made_leaves_the_others_theirs(tmp_path, monkeypatch, encoded):
    monkeypatch.setenv("TOKENDIAL_MERGE", "1")
    studio = studio_with()
    heads, count = new_heads_of(studio, tmp_path), Painter.encode_batch

    def encode_batch(painter, pictures):
        codes = count(painter, pictures)
        if len(encoded) == 1:
            raise tc.Stopped
        return codes

    monkeypatch.setattr(Painter, "encode_batch", encode_batch)
    answers = pulled_behind_one_another(studio, heads, means=[])
    stayed = [one for one, answer in enumerate(answers) if "error" not in answer]
    assert len(stayed) == VISITORS - 1
    assert_own_pictures(studio, [heads[one] for one in stayed], [answers[one] for one in stayed])
    assert encoded == [VISITORS, VISITORS - 1], "they go together again"


@pytest.mark.parametrize("made", ["kept", "being made"])
def test_a_film_knows_what_of_it_was_begun(tmp_path, made):
    studio = studio_with()
    head = start(studio, "upload", path=str(photo_file(tmp_path / "1.png", 1)))
    film = studio.films[head["start"]["token"]]
    take = Take("sample", 3, 0)
    assert not film.begun(take, [4, 5])
    with film.making([(take, 4)]):
        if made == "kept":
            film.keep(take, 4, film.frame(film.original.array))
        assert film.begun(take, [4, 5])
        assert not film.begun(take, [5])
        assert not film.begun(take._replace(seed=1), [4])
    assert film.begun(take, [4]) == (made == "kept")


def test_who_leaves_is_taken_along_no_more():
    wants, film = Wants(), object()
    one = Want(film, MEAN, [1])  # type: ignore[arg-type]
    with pytest.raises(RuntimeError), wants.told(one):
        raise RuntimeError
    assert wants._waiting == []


class Encoded:
    """As much of a film as a batch looks at."""

    def __init__(self, info="a model", encoding=b"tokens", frames=()):
        self.info, self.encoding, self.frames = info, encoding, frames

    def begun(self, take, lengths):
        return any(k in self.frames for k in lengths)


def test_a_batch_is_of_one_model_and_of_as_many_steps_each_picture_once_and_not_too_large():
    wants, film, popular = Wants(), Encoded(), Encoded()
    sample = Take("sample", 8, 0)
    told = {
        "the same": Want(Encoded(), sample, [1]),
        "another seed": Want(Encoded(), Take("sample", 8, 9), [2, 3]),
        "other steps": Want(Encoded(), Take("sample", 4, 0), [1]),
        "a mean": Want(Encoded(), MEAN, [1]),
        "another model": Want(Encoded("another"), sample, [1]),
        "not encoded": Want(Encoded(encoding=None), sample, [1]),
        "of a batch that failed": Want(Encoded(), sample, [1], alone=True),
        "my own film's": Want(film, sample, [4]),
        "my own film's of another seed": Want(film, Take("sample", 8, 1), [4]),
        "given": Want(popular, sample, [1], {1: None}),
        "what another was given": Want(popular, sample, [1]),
        "begun": Want(Encoded(frames=[1]), sample, [1, 2]),
        "too many": Want(Encoded(), sample, list(range(MOST))),
    }
    wants._waiting = list(told.values())
    mine = Want(film, sample, [4, 5])
    found = wants.beside(mine, 2)
    assert [name for name, want in told.items() if want in found] == [
        "the same",
        "another seed",
        "not encoded",
        "my own film's of another seed",
    ]


def test_who_goes_alone_takes_nobody_along():
    wants, mine = Wants(), Want(Encoded(), MEAN, [1], alone=True)
    wants._waiting = [Want(Encoded(), MEAN, [1]), mine]
    assert wants.together(mine, [1], lambda asked: pytest.fail("a batch")) is None


def test_who_is_first_takes_what_was_decoded_for_another_of_the_same_film():
    wants, film, other = Wants(), object(), object()
    take = Take("sample", 3, 0)
    theirs, mine, seed = (
        Want(film, take, [4]),
        Want(film, take, [4, 5]),
        Want(film, take._replace(seed=1), [4]),
    )
    with wants.told(theirs), wants.told(mine), wants.told(seed), wants.told(Want(other, take, [5])):
        theirs.given[4] = np.zeros(1), None
        assert list(wants.given(mine)) == [4]
        assert not wants.given(seed), "another seed is another picture"
