"""Memory that a GPU reads is registered once, by whole pages, and unregistered; every code that the CUDA
runtime returns is looked at. The runtime here is a stand-in that keeps books as the driver does."""

import contextlib
import logging
import mmap

import numpy as np
import pytest
import torch

import tokenizer_core as tc
from tokenizer_core.sets import pinned
from tokenizer_core.sets.decoding import Batch
from tokenizer_core.sets.encoder import Encoder
from tokenizer_core.sets.pinned import Pinned
from tokenizer_core.sets.pool import Processes

ALREADY_REGISTERED, NOT_REGISTERED = 712, 713


class Runtime:
    """The CUDA runtime's books: which memory is registered, and the error that nobody has taken yet."""

    def __init__(self):
        self.registered, self.last, self.calls = {}, 0, []

    def cudaHostRegister(self, address, size, flags):
        self.calls.append("register")
        overlaps = any(at < address + size and address < at + long for at, long in self.registered.items())
        if overlaps or address % mmap.PAGESIZE or size % mmap.PAGESIZE:
            self.last = ALREADY_REGISTERED
            return self.last
        self.registered[address] = size
        return 0

    def cudaHostUnregister(self, address):
        self.calls.append("unregister")
        if self.registered.pop(address, None) is None:
            self.last = NOT_REGISTERED
            return self.last
        return 0

    def launch(self, *_):
        """A kernel's launch: it reports what is left of earlier errors, once."""
        left, self.last = self.last, 0
        if left:
            raise RuntimeError(f"CUDA error: {left}")


@pytest.fixture
def runtime(monkeypatch):
    made = Runtime()
    zeros = torch.zeros
    monkeypatch.setattr(torch.cuda, "cudart", lambda: made)
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: made.calls.append("synchronize"))
    monkeypatch.setattr(
        torch, "zeros", lambda *size, device=None, **kinds: made.launch() or zeros(*size, **kinds)
    )
    return made


def pages(count, less=0):
    return np.frombuffer(mmap.mmap(-1, count * mmap.PAGESIZE), np.uint8)[: count * mmap.PAGESIZE - less]


def test_whole_pages_are_registered_and_unregistered_after_the_last_copy(runtime):
    memory = pages(3, less=100)
    held = Pinned(memory, "cuda:0")
    assert held.registered
    assert runtime.registered == {memory.ctypes.data: 3 * mmap.PAGESIZE}
    held.release()
    held.release()
    assert runtime.registered == {}
    assert runtime.calls == ["register", "synchronize", "unregister"], "once, whatever release is told"


def test_memory_that_is_registered_already_is_copied_plainly_and_the_next_launch_is_well(runtime, caplog):
    memory = pages(2)
    first = Pinned(memory, "cuda:0")
    with caplog.at_level(logging.WARNING, "tokendial"):
        second = Pinned(memory, "cuda:0")
    assert not second.registered
    assert f"cudaHostRegister returned {ALREADY_REGISTERED}" in caplog.text
    runtime.launch()  # raises what nobody has taken
    second.release()
    assert list(runtime.registered) == [memory.ctypes.data], "it was not the second one's"
    first.release()
    assert runtime.registered == {}


def test_pages_that_are_not_whole_and_a_runtime_that_raises_are_plain_copies_with_a_reason(
    runtime, caplog, monkeypatch
):
    with caplog.at_level(logging.WARNING, "tokendial"):
        assert not Pinned(pages(2)[7:], "cuda:0").registered
        assert "begins within a page" in caplog.text
        assert runtime.calls == []
        monkeypatch.delattr(Runtime, "cudaHostRegister")
        assert not Pinned(pages(2), "cuda:0").registered
    assert "cudaHostRegister" in caplog.records[-1].getMessage()


def test_a_device_that_failed_before_is_no_reason_to_keep_its_memory(runtime, monkeypatch):
    def synchronize(device):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    held = Pinned(pages(1), "cuda:0")
    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    held.release()
    assert runtime.registered == {}


def test_the_ring_of_batches_is_one_registration_and_goes_before_its_memory(runtime):
    encoder = Encoder(tc.load("pca", "cpu"), 2)
    encoder.on_gpu = True
    decoder = Processes(1, 256, 2)
    try:
        encoder.pin(decoder.whole)
        assert list(runtime.registered) == [decoder.levels.ctypes.data]
        assert next(iter(runtime.registered.values())) >= decoder.levels.nbytes + decoder.crops.nbytes
        encoder.pin(decoder.whole)
        assert len(runtime.registered) == 1, "again is once"
        encoder.close()
        assert runtime.registered == {}
    finally:
        decoder.close()


def test_one_run_after_another_leaves_no_memory_to_the_driver(runtime, monkeypatch, tmp_path):
    """As two data sets in one program: what the first one left registered was the second one's error."""
    from PIL import Image

    source = tmp_path / "photos"
    source.mkdir()
    Image.new("RGB", (40, 30), (200, 90, 30)).save(source / "a.png")
    made = Encoder.pin

    def pin(encoder, memory):
        encoder.on_gpu = True
        made(encoder, memory)

    monkeypatch.setattr(Encoder, "pin", pin)
    for run in ("first", "second"):
        settings = tc.SetSettings(model="pca", device="cpu", workers=1, batch=2, form="safetensors")
        assert tc.tokenize(source, tmp_path / run, settings).rows == 1
        assert runtime.registered == {}
    assert runtime.calls == ["register", "synchronize", "unregister"] * 2


def test_a_graph_that_is_not_recorded_is_tried_once_more_then_batches_are_launched_plainly(
    monkeypatch, caplog
):
    tries = []

    def record(encoder, compiled):
        tries.append(compiled)
        raise RuntimeError("CUDA error: resource already mapped")

    monkeypatch.setattr(Encoder, "_record", record)
    tokenizer = tc.load("pca", "cpu")
    wanted = tokens_of(Encoder(tokenizer, 2))
    with caplog.at_level(logging.WARNING, "tokendial"):
        encoder = Encoder(tokenizer, 2)
        encoder._record_or_say(False)
    assert tries == [False, False]
    assert caplog.text.count("resource already mapped") == 2
    assert np.array_equal(tokens_of(encoder), wanted)


def tokens_of(encoder):
    levels = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), np.uint8)
    packed = encoder.submit(Batch(None, 2, levels, np.zeros((2, 4), np.float32), {}))()
    return next(iter(packed.columns.values()))


def test_what_was_left_is_taken_by_one_launch(runtime):
    runtime.last = ALREADY_REGISTERED
    pinned.take_error("cuda:0")
    runtime.launch()
    assert runtime.last == 0
