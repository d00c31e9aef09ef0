"""Faults of the machine, injected: a full memory, a failed kernel, a lost device, a full disk. Each is one
sentence to the visitor, and the next request works."""

import errno
import logging

import pytest
import torch

import tokenizer_core as tc
from demo import faults, handlers
from demo.asker import Asker, asked_by
from demo.studio import Studio
from tests.stand_in import StandIn, models
from tokenizer_core import stopping

ASK = {"k": 9, "rest": False, "steps": 3, "seed": 0}
NOTHING = {"means": [], "samples": [], "told": []}


class Failing(StandIn):
    """A stand-in whose next pictures fail, as often as there are errors in the list."""

    def __init__(self, about, device="cpu"):
        super().__init__(about, device)
        self.errors = []

    def decode_many(self, encoding, lengths, **options):
        if self.errors:
            raise self.errors.pop(0)
        return super().decode_many(encoding, lengths, **options)


def failed_kernel():
    """As PyTorch raises it; older ones raise a RuntimeError of the same words."""
    kind = getattr(torch, "AcceleratorError", RuntimeError)
    return kind("CUDA error: an illegal memory access was encountered")


@pytest.fixture
def loads():
    return []


@pytest.fixture
def studio(loads):
    def load(name, device):
        loads.append((name, device))
        return Failing(next(info for info in models(24) if info.name == name), device)

    made = Studio(load, models(24))
    made.warm_up()
    assert made.ready("prefix-flow-256", 9)
    return made


def fail_next(studio, error):
    studio.loading("prefix-flow-256").result().errors.append(error)


def first(studio):
    return handlers.first(studio, ASK | NOTHING | {"from": "example", "photo": "coffee", "model": ""})


def pulled(studio, head, k):
    have = {"means": [ASK["k"]], "samples": []}  # which came with the start
    return handlers.pull(studio, ASK | have | {"told": [], "token": head["start"]["token"], "k": k})


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "memory"),
        (MemoryError(), "memory"),
        (failed_kernel(), "device"),
        (RuntimeError("CUDA error: unspecified launch failure"), "device"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "device"),
        (OSError(errno.ENOSPC, "No space left on device", "/srv/secret"), "disk"),
        (RuntimeError("shapes do not fit"), "other"),
        (OSError(errno.EACCES, "Permission denied", "/srv/secret"), "other"),
    ],
)
def test_a_fault_is_one_sentence_without_its_insides_and_the_next_request_works(studio, error, kind, caplog):
    head = first(studio)
    fail_next(studio, error)
    with caplog.at_level(logging.ERROR, "tokendial"):
        got = pulled(studio, head, 5)
    assert got == {"error": faults.SENTENCES[kind], "fault": kind}
    assert str(got["error"]).count(".") >= 1
    assert "secret" not in str(got)
    assert type(error).__name__ in caplog.text, "the log has all of it"
    again = pulled(studio, head, 5)
    assert [row[:2] for row in again["frames"]] == [["mean", 5]]
    assert studio.turn.here == 0


def test_memory_that_ran_out_is_given_back(studio, monkeypatch):
    freed = []
    monkeypatch.setattr(tc, "free_memory", freed.append)
    head = first(studio)
    fail_next(studio, torch.OutOfMemoryError("CUDA out of memory."))
    pulled(studio, head, 5)
    assert freed == ["cpu"]


def test_a_device_that_still_computes_after_a_failed_kernel_stays(studio, loads):
    head = first(studio)
    fail_next(studio, failed_kernel())
    before = list(loads)
    pulled(studio, head, 5)
    assert loads == before
    assert studio.health() == "ready"


def test_a_device_that_is_lost_is_left_and_the_next_request_is_answered_by_the_processor(
    studio, loads, monkeypatch
):
    head = first(studio)
    fail_next(studio, failed_kernel())
    monkeypatch.setattr(tc, "works", lambda device: False)
    assert pulled(studio, head, 5)["fault"] == "device"
    assert studio.health() == "lost", "whoever watches the server may start it anew"
    monkeypatch.setattr(tc, "works", lambda device: pytest.fail("it is lost, and not asked again"))
    before = len(loads)
    assert studio.ready("prefix-flow-256", 9)
    assert loads[before:] == [("prefix-flow-256", "cpu")]
    assert [row[:2] for row in pulled(studio, head, 5)["frames"]] == [["mean", 5]]


def test_a_device_is_asked_whether_it_computes(monkeypatch):
    assert tc.works("cpu")

    def ones(*size, device):
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(torch, "ones", ones)
    assert not tc.works("cuda:0")


def test_an_endpoint_of_a_program_says_the_same_sentence(studio, monkeypatch):
    import gradio as gr

    from demo import programs

    made = {}
    monkeypatch.setattr(gr.Button, "click", lambda button, told, *_, **options: made.setdefault("told", told))

    with gr.Blocks():

        @programs.endpoint([], gr.Textbox())
        def encode():
            raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(gr.Error) as caught:
        made["told"]()
    assert str(caught.value.message) == faults.SENTENCES["memory"]


def test_who_leaves_while_the_device_works_stops_it_between_two_steps():
    steps = []

    class Slow(StandIn):
        def decode_many(self, encoding, lengths, *, steps=None, **options):
            for step in range(50):
                stopping.go_on()
                done(step)
            return super().decode_many(encoding, lengths, steps=steps, **options)

    leaver = Asker()

    def done(step):
        steps.append(step)
        if step == 2:
            leaver.gone.set()

    infos = models(24)
    studio = Studio(lambda name, device: Slow(next(i for i in infos if i.name == name)), infos)
    studio.warm_up()
    assert studio.ready("prefix-flow-256", 9)
    with asked_by(leaver):
        got = first(studio)
    assert "error" in got or "frames" not in got
    assert steps == [0, 1, 2]
    assert studio.turn.here == 0
    steps.clear()
    assert first(studio)["frames"], "the next visitor's"
    assert len(steps) == 50


def test_real_samplers_stop_between_two_steps():
    from tests import tiny_flow

    tokenizer = tiny_flow.make_tokenizer()
    side = tokenizer.info.picture_size
    encoding = tokenizer.encode(tc.draw_picture(side))
    asked = []

    def unwanted():
        asked.append(True)
        return len(asked) > 4

    with stopping.stoppable(unwanted), pytest.raises(tc.Stopped):
        list(tokenizer.decode_many(encoding, [tokenizer.info.lengths[-1]], steps=50))
    assert len(asked) == 5
    assert list(tokenizer.decode_many(encoding, [tokenizer.info.lengths[-1]], steps=2)), (
        "outside nothing stops"
    )


def test_stopping_is_of_one_thread_and_ends_with_its_with():
    import threading

    heard = []
    with stopping.stoppable(lambda: True):
        thread = threading.Thread(target=lambda: heard.append(stopping.go_on()))
        thread.start()
        thread.join(9)
        with stopping.stoppable(lambda: False):
            stopping.go_on()
        with pytest.raises(tc.Stopped):
            stopping.go_on()
    stopping.go_on()
    assert heard == [None]
