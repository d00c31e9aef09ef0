"""When a page that found the queue full asks again: the later, the more of them wait.

A hundred and eighty pages that asked every 1.5 seconds took a quarter of two cores from those whose turn it
was. How many wait is not known, but what they were told is: who asks again after s seconds asks 1 / s times a
second, so the seconds told in a stretch of time, over that stretch, are as many as wait. Neighbours:
`handlers` (tells), page/source.js and page/pull.js (wait).
"""

import threading
import time
from collections import deque
from collections.abc import Callable

SPAN = 10.0  # seconds that are looked back on
QUESTIONS = 15.0  # a second, of all who wait together
TO_BEGIN, TO_GO_ON = (1.5, 12.0), (0.3, 2.0)  # seconds: the fewest and the most


class Again:
    """What was told of late; safe for several threads.

    Args:
        clock: seconds that pass.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._told, self._sum = deque[tuple[float, float]](), 0.0  # when, and how many seconds

    def after(self, fewest: float, most: float) -> float:
        """Seconds after which whoever is told so asks again, so that all do not ask too often together."""
        with self._lock:
            now = self._clock()
            while self._told and self._told[0][0] <= now - SPAN:
                self._sum -= self._told.popleft()[1]
            waiting = self._sum / SPAN
            seconds = round(min(most, max(fewest, waiting / QUESTIONS)), 1)
            self._told.append((now, seconds))
            self._sum += seconds
            return seconds
