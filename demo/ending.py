"""The end of a server that was told to end (SIGTERM): what was begun is answered, new questions are not.

A question that comes meanwhile gets status 503, which the page takes for a server that is away: it asks again
by itself, and the next server has the answer.
"""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

GRACE = 20.0  # seconds that answers may take; `docker stop` and Kubernetes wait 10 and 30
TERMINATED = 143  # what a shell gives a program that SIGTERM ended


class Ending:
    """Whether the server is ending, and how many answers are being made.

    Attributes:
        begun: whether it was told to end.
    """

    def __init__(self, grace: float = GRACE) -> None:
        self.grace, self.begun = grace, False
        self._lock, self._answers = threading.Lock(), 0

    @property
    def answers(self) -> int:
        """That are being made."""
        return self._answers

    @contextmanager
    def answering(self) -> Iterator[None]:
        """An answer is being made: the end waits for it."""
        with self._lock:
            self._answers += 1
        try:
            yield
        finally:
            with self._lock:
                self._answers -= 1

    def wait(self) -> bool:
        """Begin the end, and wait until the answers are there; whether they are."""
        self.begun = True
        last = time.monotonic() + self.grace
        while self._answers and time.monotonic() < last:
            time.sleep(0.02)
        return not self._answers

    def on_terminate(self) -> None:
        """End as told by SIGTERM, where this is the main thread; told twice, at once."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._end)

    def _end(self, *_: Any) -> None:
        """End as Python programs do, so that what is registered for the end happens."""
        if not self.begun:
            self.wait()
        sys.exit(TERMINATED)
