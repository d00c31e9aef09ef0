"""A network's call in the quickest form that is ready: as it is, recorded, or compiled.

A small batch on a GPU waits for launches, not for arithmetic: its launches are recorded once as a CUDA graph
and replayed. A large one is bound by arithmetic: it is compiled. That is recorded, too: a processor that is
busy with other work would else be late with the launches. Recording takes a second and is done by the first
call; compiling takes a minute and is done by a thread beside, and until then the call is as it is.
Whatever fails is logged with its reason, and the call stays as it is. On a CPU nothing of this happens.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

log = logging.getLogger("tokendial")
Function = Callable[..., tuple[Tensor, ...]]
RECORDED = (1, 4, 16)  # rows of a batch whose launches are recorded
COMPILED = 65  # rows of a batch that is compiled: a film of 257 pictures is four of them, nearly full
MOST = 12  # recordings of one function, each with memory of its own
BREAK_EVEN = 33  # from so many rows on, a compiled batch with rows of nobody is quicker than recorded ones

_plain = threading.local()


@contextmanager
def plainly() -> Iterator[None]:
    """Within it this thread's calls are as they are: nothing recorded, nothing compiled."""
    before = getattr(_plain, "asked", False)
    _plain.asked = True
    try:
        yield
    finally:
        _plain.asked = before


def batch_sizes(count: int, compiled: bool = True) -> list[int]:
    """How so many rows are cut into batches of sizes that are recorded or compiled.

    Args:
        count: rows, 1 or more.
        compiled: whether the large batch is compiled, or will be soon.

    Returns:
        Sizes whose sum is at least `count`: what is over is filled with rows of nobody.
    """
    sizes, left = [], count
    while left > 0:
        large = compiled and left >= BREAK_EVEN
        size = COMPILED if large else next((size for size in RECORDED if size >= left), RECORDED[-1])
        sizes.append(size)
        left -= size
    return sizes


@dataclass(frozen=True)
class Recording:
    """A CUDA graph, the tensors that it reads, and those that it writes."""

    graph: Any
    inputs: list[Tensor]
    outputs: tuple[Tensor, ...]


class Fast:
    """A function of tensors on one device.

    Args:
        function: takes tensors, gives a tuple of tensors; draws nothing, asks the device nothing.
        name: for the log.
        device: "cpu", "cuda:0", ...

    Attributes:
        on: whether it may be recorded and compiled; false until `Tokenizer.accelerate`.
    """

    def __init__(self, function: Function, name: str, device: str) -> None:
        self._function, self.name, self._device = function, name, device
        self.on = False
        self._lock = threading.Lock()
        self._recordings = dict[tuple, Recording | None]()  # None: it failed, and is not tried again
        self._compiled = dict[tuple, Function]()
        self._threads = 0  # of the processor when it was compiled: another number would compile anew

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """What the function gives, in new tensors; the first axis of the first tensor counts the rows."""
        if not self.on or getattr(_plain, "asked", False):
            return self._function(*tensors)
        shapes = _shapes(tensors)
        if len(tensors[0]) in RECORDED or shapes in self._recordings:
            return self._replay(shapes, tensors)
        return self._launch(shapes, tensors)

    def forms(self) -> dict[str, str]:
        """By rows of the first tensor: "recorded", "compiled", "compiled, recorded", or "as it is"."""
        made = dict[str, str]()
        recordings = dict(self._recorded())
        for shapes in [*recordings, *list(self._compiled)]:
            forms = ["compiled"] if shapes in self._compiled else []
            forms += ["recorded"] if recordings.get(shapes) else []
            made[str(shapes[0][0][0])] = ", ".join(forms) or "as it is"
        return made

    def _launch(self, shapes: tuple, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Without a recording: what was compiled for these shapes, else the function as it is."""
        compiled = self._compiled.get(shapes)
        if compiled is not None and torch.get_num_threads() == self._threads:
            return compiled(*tensors)
        return self._function(*tensors)

    def _recorded(self) -> list[tuple[tuple, Recording | None]]:
        with self._lock:
            return list(self._recordings.items())

    def _replay(self, shapes: tuple, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        with self._lock:  # a recording has one set of inputs
            if shapes not in self._recordings and len(self._recordings) < MOST:
                self._recordings[shapes] = self._record(self._function, tensors)
            recording = self._recordings.get(shapes)
            if recording is not None:
                torch._foreach_copy_(recording.inputs, list(tensors))  # pyright: ignore[reportPrivateImportUsage]
                recording.graph.replay()
                return tuple(one.clone() for one in recording.outputs)
        return self._launch(shapes, tensors)

    def _record(self, function: Function, tensors: Sequence[Tensor]) -> Recording | None:
        try:
            with torch.cuda.device(self._device):
                return record(function, tensors)
        except Exception as error:  # whatever a driver or an operation may say
            log.warning(
                "%s of %d rows is not recorded, but called as it is: %s", self.name, len(tensors[0]), error
            )
            return None

    def compile_for(self, *tensors: Tensor) -> None:
        """Compile for tensors of these shapes, which takes up to some minutes; the caller's thread waits.

        On a GPU what was compiled is then recorded.
        """
        shapes = _shapes(tensors)
        self._threads = torch.get_num_threads()
        try:
            compiled = torch.compile(self._function, fullgraph=True, dynamic=False)
            for _ in range(2):
                compiled(*tensors)
            if self._device != "cpu":
                torch.cuda.synchronize(self._device)
        except Exception as error:
            log.warning(
                "%s of %d rows is not compiled, but called as it is: %s", self.name, len(tensors[0]), error
            )
            return
        self._compiled[shapes] = compiled
        if self._device != "cpu":
            with self._lock:
                self._recordings[shapes] = self._record(compiled, tensors)


def record(function: Function, tensors: Sequence[Tensor]) -> Recording:
    """The launches of a function of tensors of these shapes, as a CUDA graph."""
    inputs = [one.clone() for one in tensors]
    here, beside = torch.cuda.current_stream(), torch.cuda.Stream()
    beside.wait_stream(here)
    with torch.cuda.stream(beside):
        for _ in range(2):  # libraries choose their kernels and take their memory
            function(*inputs)
    here.wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    # other threads may use the device meanwhile
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        outputs = function(*inputs)
    return Recording(graph, inputs, outputs)


def _shapes(tensors: Sequence[Tensor]) -> tuple:
    return tuple((tuple(one.shape), one.stride(), one.dtype) for one in tensors)


class Fetched:
    """A tensor on its way from the device; asking for it waits, and whatever is launched meanwhile runs."""

    def __init__(self, tensor: Tensor) -> None:
        self._event = None
        if tensor.device.type != "cuda":
            self._here = tensor
            return
        self._here = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        self._here.copy_(tensor, non_blocking=True)
        self._event = torch.cuda.Event()
        self._event.record(torch.cuda.current_stream(tensor.device))

    def rows(self) -> Iterator[np.ndarray]:
        """Its rows as arrays of their own: what waits is pinned memory, which is scarce."""
        if self._event is not None:
            self._event.synchronize()
        for row in self._here.numpy():
            yield row.copy()
