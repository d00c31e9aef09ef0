"""The clock of a run, which is its schedule: the learning rate follows the share of it that has passed."""

import math
import time
from collections.abc import Iterator
from typing import Any

from tokenizer_core.training.place import Place

COMPILING = 10  # steps of a process before its clock starts
AGREED_EVERY = 10  # steps; between them all processes go by the last share


class Schedule:
    """Share of the run's minutes (or of `max_steps`, where given) that has passed, by rank 0's clock.

    The clock starts after ten steps (compilation), also in a run that goes on from a snapshot.

    Args:
        place: of this process.
        minutes: how long the run takes.
        max_steps: how many steps it takes instead.
        warm_up: steps until the learning rate is full.
        decay_from: share of the run from which on it falls.
    """

    def __init__(
        self,
        place: Place,
        minutes: float,
        max_steps: int | None,
        warm_up: int = 200,
        decay_from: float = 0.6,
    ) -> None:
        self.place, self.seconds, self.max_steps = place, minutes * 60, max_steps
        self.warm_up, self.decay_from = warm_up, decay_from
        self.step, self.share, self.start = 0, 0.0, math.inf
        self._first, self._before = 0, 0.0  # step and seconds where this process began

    def __iter__(self) -> Iterator[int]:
        """Count steps from 0, or from a snapshot's, until minutes or steps are used up."""
        if self.step > 0:  # the snapshot was taken inside its step
            self._end_step()
        while self.share < 1:
            if self.step == self._first + COMPILING:
                self.start = time.monotonic()
            self.step += 1
            yield self.step - 1
            self._end_step()

    def _end_step(self) -> None:
        if self.max_steps is not None:
            self.share = self.step / self.max_steps
        elif self.step % AGREED_EVERY == 0:
            self.share = self.place.agree(self.elapsed / self.seconds)

    @property
    def rate(self) -> float:
        """Factor of the learning rate: linear warm-up, flat, linear decay to a hundredth."""
        warm = min(1.0, self.step / self.warm_up)
        left = (1 - self.share) / (1 - self.decay_from)
        return warm * min(1.0, max(0.01, left))

    @property
    def elapsed(self) -> float:
        """Seconds on the clock: it stands until it has started, however long the first steps compile."""
        return self._before + max(0.0, time.monotonic() - self.start)

    def values(self) -> dict[str, Any]:
        """What a snapshot holds of it."""
        return {"step": self.step, "share": self.share, "elapsed": self.elapsed}

    def take(self, values: dict[str, Any]) -> None:
        """Go on from a snapshot's `values`."""
        self.step, self.share = values["step"], values["share"]
        self._first, self._before = values["step"], values["elapsed"]
