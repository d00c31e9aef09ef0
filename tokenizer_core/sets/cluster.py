"""Many machines: the shard function on Ray. Processors decode as tasks, one actor a GPU encodes.

An actor makes a few shards at a time. One that is lost with its machine leaves them to the others; decoding
tasks that are lost run again elsewhere. Every machine sees the source and the folder of shards under the same
names, and has this package. Ray is an extra, and is imported here alone. Neighbours: `work`, `machine`.

Source: Ray's tasks and actors, Moritz et al., arXiv 1712.05889.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tokenizer_core.engine.rays import A_CORE, connect, package
from tokenizer_core.engine.rays import places as places_of
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.registry import load
from tokenizer_core.sets.decoding import Batch, Job, decode_into
from tokenizer_core.sets.encoder import Encoder
from tokenizer_core.sets.plan import Mark, Plan
from tokenizer_core.sets.settings import SetProgress, SetSettings, Told, note
from tokenizer_core.sets.work import make_shards

A_TASK = 32  # photographs that a task decodes
AHEAD = 6  # batches that are decoded ahead
SHARDS_A_CALL = 4  # most that an actor makes in one call
PATIENCE = 600  # seconds without an actor


def devices(settings: SetSettings, info: ModelInfo, address: str | None) -> list[str]:
    """A device an actor: every GPU of the cluster, or half of its processors."""
    return places_of(connect(address).cluster_resources(), settings.device, info.devices)


class Tasks:
    """Decodes as tasks of Ray, on whatever machine has a processor free; see `decoding.Decoder`.

    Args:
        size: pixels on each side of a picture.
        batch: photographs of a batch.
        exact: see `decoding.decode_place`.
    """

    def __init__(self, size: int, batch: int, exact: bool) -> None:
        ray = package()
        self.ray, self.size, self.batch, self.exact = ray, size, batch, exact
        self.decode = ray.remote(num_cpus=A_CORE, max_retries=5)(_decode)

    def batches(self, jobs: Iterable[Job]) -> Iterator[Batch]:
        """Every job decoded, in order, some batches ahead."""
        waiting = deque[tuple[Job, list[Any]]]()
        for job in jobs:
            parts = [list(job.places[i : i + A_TASK]) for i in range(0, len(job.places), A_TASK)]
            waiting.append((job, [self.decode.remote(part, self.size, self.exact) for part in parts]))
            if len(waiting) > AHEAD:
                yield self._batch(*waiting.popleft())
        while waiting:
            yield self._batch(*waiting.popleft())

    def close(self) -> None:
        """Tasks end by themselves."""

    def _batch(self, job: Job, parts: list[Any]) -> Batch:
        levels = np.zeros((self.batch, self.size, self.size, 3), np.uint8)
        crops, damaged, row = np.zeros((len(job.places), 4), np.float32), {}, 0
        for part in parts:
            some, where, wrong = self.ray.get(part)
            levels[row : row + len(some)], crops[row : row + len(some)] = some, where
            damaged |= {row + place: sentence for place, sentence in wrong.items()}
            row += len(some)
        return Batch(job.mark, len(job.places), levels, crops, damaged)


def _decode(places: list[Any], size: int, exact: bool) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    levels, crops = np.zeros((len(places), size, size, 3), np.uint8), np.zeros((len(places), 4), np.float32)
    return levels, crops, decode_into(places, size, exact, levels, crops)


class Maker:
    """What an actor is: one model on one device, and tasks that decode for it.

    Args:
        folder: of the shards.
        root: of the source.
        device: "cuda" (the one that Ray has given) or "cpu".
        skip_damaged: see `SetSettings`.
    """

    def __init__(self, folder: str, root: str, device: str, skip_damaged: bool) -> None:
        self.plan, self.skip_damaged = Plan(Path(folder), Path(root)), skip_damaged
        about = self.plan.about
        tokenizer = load(about["model"], device, about["dtype"])
        if tokenizer.info.checkpoint_id != about["checkpoint_id"]:
            raise TokenizerError(f"A machine of the cluster has other weights of {about['model']}.")
        self.encoder = Encoder(tokenizer, about["batch"], about["compiled"])
        self.decoder = Tasks(about["picture_size"], about["batch"], about["exact"])

    def ready(self) -> None:
        """Comes back when the model is loaded."""

    def make(self, numbers: list[int]) -> tuple[list[Mark], float] | str:
        """Make shards: their marks, and the seconds that the device computed; or why that is not possible."""
        marks, before = list[Mark](), self.encoder.seconds
        try:
            make_shards(
                self.plan,
                [number for number in numbers if self.plan.mark(number) is None],
                self.encoder,
                self.decoder,
                skip_damaged=self.skip_damaged,
                done=marks.append,
            )
        except TokenizerError as error:
            return str(error)
        return marks, self.encoder.seconds - before


def make(
    plan: Plan, numbers: list[int], settings: SetSettings, places: list[str], state: SetProgress, told: Told
) -> None:
    """Make shards on a cluster that is connected.

    Raises:
        TokenizerError: see `work.make_shards`; or no machine of the cluster has taken the work.
    """
    _Driver(plan, numbers, settings, places, state, told).run()


class _Driver:
    """Hands shards to actors, and replaces those that are lost."""

    def __init__(
        self,
        plan: Plan,
        numbers: list[int],
        settings: SetSettings,
        places: list[str],
        state: SetProgress,
        told: Told,
    ) -> None:
        ray = package()
        self.ray, self.plan, self.settings, self.state, self.told = ray, plan, settings, state, told
        self.waiting = deque(numbers)
        self.at_once = max(1, min(SHARDS_A_CALL, len(numbers) // (4 * len(places))))
        self.device = places[0]
        self.running: dict[
            Any, tuple[Any, list[int]]
        ] = {}  # what an actor was asked -> the actor, its shards
        for _ in places[: len(numbers)]:
            self._add()

    def run(self) -> None:
        """Until every shard is done."""
        last = time.monotonic()
        while self.waiting or any(numbers for _, numbers in self.running.values()):
            if not self.running:
                self._add()
            ready, _ = self.ray.wait(list(self.running), timeout=5)
            for one in ready:
                last = time.monotonic()
                self._hear(one, *self.running.pop(one))
            if time.monotonic() - last > PATIENCE:
                raise TokenizerError(
                    "No machine of the Ray cluster has taken the work; the same command goes on."
                )
            self.told(self.state)
        for actor, _ in self.running.values():
            self.ray.kill(actor)

    def _add(self) -> None:
        """One more actor; it gets shards when it has loaded its model."""
        on_gpu = self.device == "cuda"
        kind = self.ray.remote(num_cpus=A_CORE, num_gpus=1 if on_gpu else 0, max_restarts=0)(Maker)
        words = (str(self.plan.folder.resolve()), str(self.plan.root.resolve()))
        actor = kind.remote(*words, self.device, self.settings.skip_damaged)
        self.running[actor.ready.remote()] = (actor, [])

    def _hear(self, answer: Any, actor: Any, numbers: list[int]) -> None:
        try:
            found = self.ray.get(answer)
        except self.ray.exceptions.RayActorError as error:
            if not numbers and isinstance(getattr(error, "cause", None), TokenizerError):
                raise TokenizerError(str(error.cause)) from None
            self.waiting.extendleft(reversed(numbers))
            self._add()
            return
        if isinstance(found, str):
            raise TokenizerError(found)
        if found is not None:
            marks, seconds = found
            self.state.device_seconds += seconds
            self.state.done += sum(map(self.plan.count, numbers))
            for mark in marks:
                note(self.state, mark)
        self.state.started = self.state.started or time.monotonic()
        some = [self.waiting.popleft() for _ in range(min(self.at_once, len(self.waiting)))]
        if some:
            self.running[actor.make.remote(some)] = (actor, some)
