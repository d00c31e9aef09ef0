"""Whose turn it is: one visitor at a time uses the device, in the order in which they came.

An urgent one (a dial rests, a photo is new) goes before those who only fill a film, but not for ever: after
`PATIENCE` urgent ones in a row the first of the others is next.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import tokenizer_core as tc

from . import asker

PATIENCE = 4  # urgent turns in a row that others stand back for
LOOK = 0.25  # seconds after which who waits is asked for again


class Turn:
    """One at a time, first come, first served, urgent ones first.

    Attributes:
        here: how many have the turn, wait for it, or wait for what somebody else's turn brings.
    """

    def __init__(self):
        self.here = 0
        self._lock, self._taken = threading.Lock(), False
        self._urgent, self._others = deque[threading.Event](), deque[threading.Event]()
        self._in_a_row = 0

    @contextmanager
    def take(self, urgent: bool = False) -> Iterator[None]:
        """Wait for the turn and hold it.

        Raises:
            Stopped: who asked has left meanwhile.
        """
        with self.attend():
            self._enter(urgent)
            try:
                yield
            finally:
                self._leave()

    @contextmanager
    def attend(self) -> Iterator[None]:
        """Be counted, without the turn: a thread is busy or waits."""
        with self._lock:
            self.here += 1
        try:
            yield
        finally:
            with self._lock:
                self.here -= 1

    def _enter(self, urgent: bool) -> None:
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            called = threading.Event()
            (self._urgent if urgent else self._others).append(called)
        leaving = asker.leaving()
        while not called.wait(LOOK):
            if leaving():
                self._give_up(called)
                raise tc.Stopped

    def _give_up(self, called: threading.Event) -> None:
        """Wait no more; who was called in this very moment hands the turn on."""
        with self._lock:
            for queue in (self._urgent, self._others):
                if called in queue:
                    queue.remove(called)
                    return
        self._leave()

    def _leave(self) -> None:
        """Hand the turn on; it is nobody's only if nobody waits."""
        with self._lock:
            if self._urgent and (self._in_a_row < PATIENCE or not self._others):
                self._in_a_row = self._in_a_row + 1 if self._others else 0
                self._urgent.popleft().set()
            elif self._others:
                self._in_a_row = 0
                self._others.popleft().set()
            else:
                self._in_a_row, self._taken = 0, False
