"""What keeps a run whole: batches that are not finite are skipped, and a signal ends it with a snapshot."""

import math
import signal
import threading
from collections.abc import Iterable, Mapping
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from tokenizer_core.errors import TokenizerError


class Skips:
    """Counts the steps that were skipped because a loss or a gradient was not finite.

    Args:
        most: more than so many in all end the run.
        most_in_a_row: so many one after the other end the run.
    """

    def __init__(self, most: int, most_in_a_row: int) -> None:
        self.most, self.most_in_a_row = most, most_in_a_row
        self.total, self.in_a_row = 0, 0

    def accept(self) -> None:
        """A step was taken."""
        self.in_a_row = 0

    def skip(self) -> None:
        """A step was not taken."""
        self.total += 1
        self.in_a_row += 1

    def check(self, step: int, values: Mapping[str, float]) -> None:
        """End the run if there were too many.

        Raises:
            TokenizerError: too many steps were skipped, in a row or in all.
        """
        if self.in_a_row < self.most_in_a_row and self.total <= self.most:
            return
        count = f"{self.in_a_row} in a row" if self.in_a_row >= self.most_in_a_row else f"{self.total} in all"
        wrong = [name for name, value in values.items() if not math.isfinite(value)] or ["another process's"]
        raise TokenizerError(
            f"Too many steps were not finite, {count}: {', '.join(wrong)} at step {step}. "
            "None of them changed the weights; a lower rate may help."
        )


def not_finite(*values: Tensor) -> Tensor:
    """True if any number in any tensor is not finite: a tensor (), not read from the device yet."""
    return ~torch.stack([value.detach().isfinite().all() for value in values]).all()


def gradient_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Length of all gradients together, ()."""
    return nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])


class Stopped(SystemExit):
    """A signal ended the run after its snapshot was written; the exit code is a shell's, 128 + signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


class StopSignals:
    """Inside a `with`, SIGTERM and Ctrl-C are noted and nothing else; the first one counts.

    The loop asks after every step. torchrun passes a signal on that its processes may have got already, so a
    second one must not end them while they write. Only a process's main thread can listen; elsewhere nothing
    is ever noted.
    """

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.number = self.number or number
