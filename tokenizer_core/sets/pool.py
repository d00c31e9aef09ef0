"""Processes that decode photographs into a ring of batches that they share with the process that encodes.

No pixel is copied between processes: each writes its rows where a GPU then reads them. Every process has a
pipe of its own, two chunks of photographs ahead. One that ends by itself (a decoder that crashes, a machine
that ran out of memory) is replaced, and its chunk is decoded photograph by photograph; one that ends a
process again is listed as damaged. Neighbours: `decoding` (what a process does), `machine` (how many of
them).
"""

import contextlib
import mmap
import os
import queue
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

import numpy as np

from tokenizer_core.engine.processes import start
from tokenizer_core.errors import TokenizerError
from tokenizer_core.sets.decoding import Batch, Job, decode_into

CHUNK = 8  # photographs that a process decodes at a time
AHEAD = 2  # chunks that a process has at once
SLOTS = 6  # batches of the ring: two at the device, the others being decoded
NOT_STARTED = "Processes that decode photographs end as they start; --workers 0 does without them."
ENDED = "This picture ends the program that opens it."


class Shared:
    """Memory that several processes see, by a name that each can open; it goes with the last of them.

    Args:
        size: bytes.
        name: of memory that another process made; None makes some.
    """

    def __init__(self, size: int, name: str | None = None) -> None:
        self._file: int | None = None
        self._path: str | None = None
        if name is not None:
            file = os.open(name, os.O_RDWR)
        elif hasattr(os, "memfd_create"):  # /dev/shm is often 64 MB in a container; this is not in there
            file = self._file = os.memfd_create("tokendial")
            name = f"/proc/{os.getpid()}/fd/{file}"
            os.ftruncate(file, size)
        else:
            file, name = tempfile.mkstemp(prefix="tokendial-")
            self._file, self._path = file, name
            os.ftruncate(file, size)
        self.name, self.map = name, mmap.mmap(file, size)
        if self._file is None:
            os.close(file)

    def close(self) -> None:
        """Forget it here; arrays that look into it stay valid."""
        if self._file is not None:
            os.close(self._file)
        if self._path is not None:
            with contextlib.suppress(OSError):  # another process still has it open, on Windows
                Path(self._path).unlink()


@dataclass
class _Chunk:
    """Photographs of one slot, from a row on."""

    slot: int
    row: int
    places: list[Any]
    alone: bool = False  # it is tried once more after a process that had it ended


@dataclass
class _Worker:
    """One process."""

    process: Any
    pipe: Connection
    ready: bool = False
    chunks: deque[_Chunk] = field(default_factory=deque)


@dataclass
class _Slot:
    """A batch that is being decoded."""

    job: Job
    left: int
    damaged: dict[int, str] = field(default_factory=dict)


class Processes:
    """Decodes in processes of its own, `SLOTS` batches ahead.

    Args:
        workers: how many processes, 1 or more.
        size: pixels on each side of a picture.
        batch: photographs of a batch.
        exact: see `decoding.decode_place`.

    Attributes:
        whole: (bytes,) the memory that they share, from its first page on.
        levels: (SLOTS, batch, size, size, 3) in it.
        crops: (SLOTS, batch, 4) in it.
    """

    def __init__(self, workers: int, size: int, batch: int, exact: bool = False) -> None:
        self.size, self.batch, self.exact = size, batch, exact
        pixels, crops = SLOTS * batch * size * size * 3, SLOTS * batch * 4 * 4
        self.memory = Shared(pixels + crops)
        self.whole = np.frombuffer(self.memory.map, np.uint8)
        self.levels, self.crops = _views(self.memory.map, size, batch)
        self._stop, self._waker = Pipe(duplex=False)
        self._closed = False
        self._workers = [self._start() for _ in range(workers)]

    def batches(self, jobs: Iterable[Job]) -> Iterator[Batch]:
        """See `Decoder`. One call at a time."""
        done: queue.Queue[tuple[int, _Slot] | BaseException | None] = queue.Queue()
        free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(SLOTS):
            free.put(slot)
        thread = threading.Thread(target=self._serve, args=(iter(jobs), free, done), daemon=True)
        thread.start()
        while (found := done.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            slot, held = found

            def release(slot: int = slot) -> None:
                free.put(slot)
                self._wake()

            count = len(held.job.places)
            crops = self.crops[slot, :count].copy()
            yield Batch(held.job.mark, count, self.levels[slot], crops, held.damaged, release)
        thread.join()

    def close(self) -> None:
        """End the processes."""
        self._closed = True
        self._wake()
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(2)
            if worker.process.is_alive():
                worker.process.kill()
        self.memory.close()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send_bytes(b".")

    def _start(self) -> _Worker:
        here, there = Pipe()
        words = (there, self.memory.name, len(self.memory.map), self.size, self.batch, self.exact)
        process = start(_work, words, daemon=True)
        there.close()
        return _Worker(process, here)

    def _serve(self, jobs: Iterator[Job], free: Any, done: Any) -> None:
        """Hand chunks out and take results, until all jobs are done; in a thread of its own."""
        try:
            _Server(self, jobs, free, done).run()
            done.put(None)
        except BaseException as error:  # goes on in the thread that asked
            done.put(error)


class _Server:
    """One call of `Processes.batches`."""

    def __init__(self, pool: Processes, jobs: Iterator[Job], free: Any, done: Any) -> None:
        self.pool, self.jobs, self.free, self.done = pool, jobs, free, done
        self.slots: dict[int, _Slot] = {}
        self.order = deque[int]()  # slots in the order of their jobs
        self.waiting = deque[_Chunk]()
        self.no_more = False

    def run(self) -> None:
        """All jobs."""
        while not self.pool._closed:
            self._take_jobs()
            self._hand_out()
            self._give()
            if self.no_more and not self.slots:
                return
            pipes = {worker.pipe: worker for worker in self.pool._workers}
            for pipe in wait([*pipes, self.pool._stop]):
                if pipe is self.pool._stop:
                    self.pool._stop.recv_bytes()
                else:
                    self._listen(pipes[pipe])  # type: ignore[index]

    def _take_jobs(self) -> None:
        """Jobs for the slots that are free."""
        while not self.no_more:
            try:
                slot = self.free.get_nowait()
            except queue.Empty:
                return
            job = next(self.jobs, None)
            if job is None:
                self.no_more = True
                return
            places = list(job.places)
            chunks = [_Chunk(slot, row, places[row : row + CHUNK]) for row in range(0, len(places), CHUNK)]
            self.waiting.extend(chunks)
            self.slots[slot] = _Slot(job, len(chunks))
            self.order.append(slot)

    def _hand_out(self) -> None:
        """Chunks to processes, to those that have fewest first."""
        while self.waiting:
            worker = min(self.pool._workers, key=lambda one: len(one.chunks))
            if len(worker.chunks) >= AHEAD:
                return
            chunk = self.waiting.popleft()
            worker.chunks.append(chunk)
            with contextlib.suppress(OSError):  # it has ended: `_listen` finds its chunks
                worker.pipe.send((chunk.slot, chunk.row, chunk.places))

    def _give(self) -> None:
        """Slots that are whole, in the order of their jobs."""
        while self.order and self.slots[self.order[0]].left == 0:
            slot = self.order.popleft()
            self.done.put((slot, self.slots.pop(slot)))

    def _listen(self, worker: _Worker) -> None:
        try:
            damaged = worker.pipe.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        if worker.ready:
            self._finish(worker.chunks.popleft(), damaged)
        worker.ready = True

    def _finish(self, chunk: _Chunk, damaged: dict[int, str]) -> None:
        slot = self.slots[chunk.slot]
        slot.damaged |= {chunk.row + row: sentence for row, sentence in damaged.items()}
        slot.left -= 1

    def _replace(self, worker: _Worker) -> None:
        """A process that ended: another one, and its chunks again, the first photograph by photograph."""
        if self.pool._closed:
            return
        if not worker.ready:
            raise TokenizerError(NOT_STARTED)
        self.pool._workers.remove(worker)
        self.pool._workers.append(self.pool._start())
        chunks = list(worker.chunks)
        if chunks and chunks[0].alone:
            chunk = chunks.pop(0)
            self.pool.levels[chunk.slot, chunk.row] = 0
            self.pool.crops[chunk.slot, chunk.row] = 0
            self._finish(chunk, {0: ENDED})
        elif chunks:
            chunk = chunks.pop(0)
            single = [
                _Chunk(chunk.slot, chunk.row + row, [place], True) for row, place in enumerate(chunk.places)
            ]
            self.slots[chunk.slot].left += len(single) - 1
            self.waiting.extendleft(reversed(single))
        self.waiting.extendleft(reversed(chunks))


def _views(memory: Any, size: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """(SLOTS, batch, size, size, 3) levels and (SLOTS, batch, 4) crops."""
    pixels = SLOTS * batch * size * size * 3
    levels = np.frombuffer(memory, np.uint8, pixels).reshape(SLOTS, batch, size, size, 3)
    crops = np.frombuffer(memory, np.float32, SLOTS * batch * 4, pixels).reshape(SLOTS, batch, 4)
    return levels, crops


def _work(pipe: Connection, name: str, length: int, size: int, batch: int, exact: bool) -> None:
    """What a process does until its pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the first process ends the others
    levels, crops = _views(Shared(length, name).map, size, batch)
    with contextlib.suppress(EOFError, OSError):
        pipe.send({})  # ready
        while True:
            slot, row, places = pipe.recv()
            end = row + len(places)
            pipe.send(decode_into(places, size, exact, levels[slot, row:end], crops[slot, row:end]))
