"""Pictures that several visitors wait for are decoded in one batch, and each visitor gets their own."""

import threading
import time

import numpy as np
import pytest

from demo import handlers, merge
from demo.film import MEAN, Take
from demo.merge import MOST, Want, Wants
from tests.test_visitors import (  # noqa: F401
    Painter,
    ask_for,
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
        "my own film's of another seed",
    ]


def test_who_is_first_takes_what_was_decoded_for_another_of_the_same_film():
    wants, film, other = Wants(), object(), object()
    take = Take("sample", 3, 0)
    theirs, mine, seed = (
        Want(film, take, [4]),
        Want(film, take, [4, 5]),
        Want(film, take._replace(seed=1), [4]),
    )
    with wants.told(theirs), wants.told(mine), wants.told(seed), wants.told(Want(other, take, [5])):
        theirs.given[4] = np.zeros(1)
        assert list(wants.given(mine)) == [4]
        assert not wants.given(seed), "another seed is another picture"
