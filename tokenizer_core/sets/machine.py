"""One machine: the shard function in a process a device, each fed by decoding processes of its own.

With one device it runs in this process. With several this process hands out shards, one at a time, to whoever
asks; a device's process that ends by itself leaves its shards to the others. Neighbours: `work`, `pool`.
"""

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

from tokenizer_core.engine.processes import start
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.registry import load
from tokenizer_core.sets.decoding import Decoder, InThisProcess
from tokenizer_core.sets.encoder import Encoder
from tokenizer_core.sets.plan import Plan
from tokenizer_core.sets.pool import Processes
from tokenizer_core.sets.settings import SetProgress, SetSettings, Told, local_devices, note
from tokenizer_core.sets.work import make_shards

MOST_WORKERS = 32  # processes that decode for one device


def devices(settings: SetSettings, info: ModelInfo, ray: str | None) -> list[str]:
    """The devices that encode."""
    return local_devices(settings.device, info)


def make(
    plan: Plan, numbers: list[int], settings: SetSettings, places: list[str], state: SetProgress, told: Told
) -> None:
    """Make shards on these devices.

    Raises:
        TokenizerError: see `work.make_shards`; or every device's process ended by itself.
    """
    places = places[: len(numbers)]
    state.devices = len(places)
    count = _workers(settings, places)
    if len(places) == 1:
        _here(plan, numbers, settings, places[0], count, state, told)
        return
    _Office(plan, numbers, settings, places, count, state, told).run()


def _workers(settings: SetSettings, places: list[str]) -> int:
    """Decoding processes a device: every core but one for each device's own process."""
    if settings.workers is not None:
        return settings.workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if places[0] == "cpu":
        return 1 if cores < 8 else cores // 8
    return max(1, min(MOST_WORKERS, cores // len(places) - 1))


def _tools(plan: Plan, settings: SetSettings, device: str, workers: int) -> tuple[Encoder, Decoder]:
    """A decoder and an encoder of the plan; the decoder's processes start while the model is loaded."""
    about = plan.about
    size, batch, exact = about["picture_size"], about["batch"], about["exact"]
    decoder = Processes(workers, size, batch, exact) if workers else InThisProcess(size, batch, exact)
    try:
        tokenizer = load(about["model"], device, about["dtype"])
        if tokenizer.info.checkpoint_id != about["checkpoint_id"]:
            raise TokenizerError(f"The weights of {about['model']} have changed since this was begun.")
        encoder = Encoder(tokenizer, batch, about["compiled"])
        if isinstance(decoder, Processes):
            encoder.pin(decoder.whole)
    except BaseException:
        decoder.close()
        raise
    return encoder, decoder


def _here(
    plan: Plan,
    numbers: list[int],
    settings: SetSettings,
    device: str,
    workers: int,
    state: SetProgress,
    told: Told,
) -> None:
    encoder, decoder = _tools(plan, settings, device, workers)
    state.started = time.monotonic()

    def progress(count: int) -> None:
        state.done += count
        state.device_seconds = encoder.seconds
        told(state)

    try:
        make_shards(
            plan,
            numbers,
            encoder,
            decoder,
            skip_damaged=settings.skip_damaged,
            done=lambda mark: note(state, mark),
            progress=progress,
        )
    finally:
        encoder.close()
        decoder.close()


@dataclass
class _Device:
    """A device's process."""

    place: str
    process: Any
    pipe: Connection
    ready: bool = False
    asks: bool = False
    shards: set[int] = field(default_factory=set)
    seconds: float = 0.0


class _Office:
    """Hands shards to the processes of several devices."""

    def __init__(
        self,
        plan: Plan,
        numbers: list[int],
        settings: SetSettings,
        places: list[str],
        workers: int,
        state: SetProgress,
        told: Told,
    ) -> None:
        self.plan, self.settings, self.state, self.told = plan, settings, state, told
        self.waiting, self.left = deque(numbers), set(numbers)
        self.finished_seconds = 0.0
        self.workers, self.rested, self.failed = workers, list[str](), None
        self.devices = [self._start(place) for place in places]

    def run(self) -> None:
        """Until every shard is done, or no device is left."""
        try:
            while self.left and self.failed is None and self._anybody():
                self._hand_out()
                pipes = {device.pipe: device for device in self.devices}
                for pipe in wait(list(pipes)):
                    self._listen(pipes[pipe])  # type: ignore[index]
        finally:
            self._end()
        if self.failed is not None:
            raise TokenizerError(self.failed)
        if self.left:
            raise TokenizerError(
                f"The processes of all devices ended by themselves with {len(self.left)} shards to do; "
                "the same command goes on."
            )

    def _anybody(self) -> bool:
        """Whether somebody works; a device that had nothing to do any more begins again with another's."""
        if not self.devices and self.waiting and self.rested:
            self.devices.append(self._start(self.rested.pop()))
        return bool(self.devices)

    def _start(self, place: str) -> _Device:
        here, there = Pipe()
        words = (there, str(self.plan.folder), str(self.plan.root), self.settings, place, self.workers)
        process = start(_work, words, daemon=False)
        there.close()
        return _Device(place, process, here)

    def _hand_out(self) -> None:
        """Nobody begins before all can: so the rate is that of all devices."""
        if not all(device.ready for device in self.devices):
            return
        if self.state.started is None:
            self.state.started = time.monotonic()
        for device in self.devices:
            if device.asks:
                number = self.waiting.popleft() if self.waiting else None
                device.asks = False
                device.shards |= set() if number is None else {number}
                with contextlib.suppress(OSError):  # it has ended: `_listen` takes its shards back
                    device.pipe.send(number)

    def _listen(self, device: _Device) -> None:
        try:
            word, value = device.pipe.recv()
        except (EOFError, OSError):
            self.devices.remove(device)
            self.waiting.extendleft(sorted(device.shards, reverse=True))
            return
        if word == "ready":
            device.ready = True
        elif word == "next":
            device.asks = True
        elif word == "count":
            count, device.seconds = value
            self.state.done += count
            self.state.device_seconds = self.finished_seconds + sum(one.seconds for one in self.devices)
            self.told(self.state)
        elif word == "done":
            device.shards.discard(value)
            self.left.discard(value)
            mark = self.plan.mark(value)
            if mark is not None:
                note(self.state, mark)
        elif word == "end":
            self.devices.remove(device)
            self.rested.append(device.place)
            self.finished_seconds += device.seconds
        elif word == "failed":
            self.failed = value

    def _end(self) -> None:
        for device in self.devices:
            device.pipe.close()
        for device in self.devices:
            device.process.join(10)
            if device.process.is_alive():
                device.process.kill()


def _work(pipe: Connection, folder: str, root: str, settings: SetSettings, place: str, workers: int) -> None:
    """What a device's process does until its pipe is closed."""
    lock = threading.Lock()

    def say(word: str, value: Any = None) -> None:
        with lock:
            pipe.send((word, value))

    def numbers() -> Iterator[int]:
        say("next")
        while (number := pipe.recv()) is not None:
            yield number
            say("next")

    try:
        plan = Plan(Path(folder), Path(root))
        encoder, decoder = _tools(plan, settings, place, workers)
        say("ready")
        make_shards(
            plan,
            numbers(),
            encoder,
            decoder,
            skip_damaged=settings.skip_damaged,
            done=lambda mark: say("done", mark.shard),
            progress=lambda count: say("count", (count, encoder.seconds)),
        )
        say("end")
    except TokenizerError as error:
        say("failed", str(error))
    except (EOFError, OSError, KeyboardInterrupt):  # the first process has ended, or wants this one to
        pass
    os._exit(0)  # its decoding processes end when their pipes close
