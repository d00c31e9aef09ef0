"""One function over many items, in this process, in several, or on Ray: results in the order of the items.

Every worker makes its function once (a model is loaded then) and keeps it. Items are asked for a few ahead.
Neighbours: `processes`, `rays`; who merges results in order gets what one process would have given.
"""

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from tokenizer_core.engine.processes import start_method, without_main
from tokenizer_core.engine.rays import A_CORE, connect, places
from tokenizer_core.errors import TokenizerError

Item = TypeVar("Item")
Result = TypeVar("Result")
Make = Callable[[str | None], Callable[[Any], Any]]

AHEAD = 2  # items a worker
MOST_LOST = 8  # workers of Ray, for one item
_function: Callable[[Any], Any] | None = None  # of this worker


@dataclass(frozen=True)
class Spread:
    """Where the work is done.

    Attributes:
        processes: of this machine; 1 is this one alone.
        ray: address of a Ray cluster, or "auto"; then `processes` is of no effect.
        devices: of the processes, in turn; none leaves each worker its own choice.
    """

    processes: int = 1
    ray: str | None = None
    devices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Found out before anything is loaded."""
        if not 1 <= self.processes <= 1024:
            raise TokenizerError("The number of processes is 1 to 1024.")

    @property
    def alone(self) -> bool:
        """Whether all is done in this process."""
        return self.processes == 1 and self.ray is None

    def map(
        self, make: Callable[[str | None], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[Result]:
        """The function of every item, in order.

        Args:
            make: called once by each worker, with its device or None; gives the function. It, the items and
                the results can be pickled unless all is done in this process.
            items: asked for a few ahead.

        Raises:
            TokenizerError: that of an item, or a process has ended by itself.
        """
        if self.ray is not None:
            return _on_ray(make, items, self.ray)
        if self.processes == 1:
            return map(make(self.devices[0] if self.devices else None), items)
        return self._in_processes(make, items)

    def _in_processes(self, make: Make, items: Iterable[Any]) -> Iterator[Any]:
        context, threads = start_method(), max(1, torch.get_num_threads() // self.processes)
        with without_main():
            number = context.Value("i", 0)
        # tensors as they are, no shared files
        words = (pickle.dumps(make), self.devices, number, threads, dict(os.environ))
        waiting = deque[Future[Any]]()
        with ProcessPoolExecutor(self.processes, context, _begin, words) as pool:
            try:
                for item in items:
                    with without_main():
                        waiting.append(pool.submit(_do, item))
                    if len(waiting) >= AHEAD * self.processes:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            except BrokenProcessPool:
                raise TokenizerError(
                    "A process of the work ended by itself; is there enough memory?"
                ) from None
            finally:
                pool.shutdown(cancel_futures=True)


def _begin(
    make: bytes, devices: tuple[str, ...], number: Any, threads: int, environment: dict[str, str]
) -> None:
    """What a process does first.

    The server that processes come from has the environment of the moment in which it began, which may be
    hours ago; where models are found, for one, is said in an environment variable.
    """
    global _function
    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(threads)
    with number.get_lock():
        place, number.value = number.value, number.value + 1
    _function = pickle.loads(make)(devices[place % len(devices)] if devices else None)


def _do(item: Any) -> Any:
    assert _function is not None
    return _function(item)


class Worker:
    """An actor of Ray."""

    def __init__(self, make: Make, device: str) -> None:
        self.function = make(device)

    def do(self, item: Any) -> tuple[bool, Any]:
        """(True, result), or (False, the sentence that says why there is none)."""
        try:
            return True, self.function(item)
        except TokenizerError as error:
            return False, str(error)


def _on_ray(make: Make, items: Iterable[Any], address: str) -> Iterator[Any]:
    """An actor a GPU or two processors; one that is lost is replaced, and its item done again."""
    ray = connect(address)
    devices = places(ray.cluster_resources(), "auto", ("cuda", "cpu"))
    kind = ray.remote(num_cpus=A_CORE, num_gpus=int(devices[0] == "cuda"), max_restarts=0)(Worker)
    actors = [kind.remote(make, device) for device in devices]
    waiting = deque[tuple[Any, Any, int]]()  # the item, what was asked, which actor
    for place, item in enumerate(items):
        which = place % len(actors)
        waiting.append((item, actors[which].do.remote(item), which))
        if len(waiting) >= AHEAD * len(actors):
            yield _hear(ray, kind, make, devices, actors, waiting.popleft())
    while waiting:
        yield _hear(ray, kind, make, devices, actors, waiting.popleft())
    for actor in actors:
        ray.kill(actor)


def _hear(
    ray: Any, kind: Any, make: Make, devices: list[str], actors: list[Any], asked: tuple[Any, Any, int]
) -> Any:
    item, answer, which = asked
    for _ in range(MOST_LOST):
        try:
            is_result, found = ray.get(answer)
        except ray.exceptions.RayActorError:
            actors[which] = kind.remote(make, devices[which])
            answer = actors[which].do.remote(item)
            continue
        if not is_result:
            raise TokenizerError(found)
        return found
    raise TokenizerError("The workers of the Ray cluster are lost again and again.")
