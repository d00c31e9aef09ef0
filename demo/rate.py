"""How much one address may ask for: so much at once, and then so much a minute.

What counts is what costs: a photo sent, a film begun, a view, a call of an endpoint. The frames of a film do
not count, as the turn shares the device among all who wait. A classroom behind one address, sixty visitors
with five photos a minute each, stays below the limit; a program that sends without end does not.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

A_MINUTE = 600  # sixty visitors who, every minute, send and begin five photos each
REMEMBERED = 10_000  # addresses


class Rate:
    """A bucket for each address, which empties steadily.

    Args:
        a_minute: what an address may ask for in a minute, and at once after a rest; 0 is no limit.
        clock: seconds.
    """

    def __init__(self, a_minute: int = A_MINUTE, clock: Callable[[], float] = monotonic):
        self.a_minute, self._clock = a_minute, clock
        self._lock = threading.Lock()
        self._buckets = OrderedDict[str, tuple[float, float]]()  # how full at which second, oldest first

    def allows(self, address: str) -> bool:
        """Count one more of an address, unless that is too much; of one that is unknown all is allowed."""
        if not self.a_minute or not address:
            return True
        with self._lock:
            now = self._clock()
            full, then = self._buckets.pop(address, (0.0, now))
            full = max(0.0, full - (now - then) * self.a_minute / 60)
            allowed = full + 1 <= self.a_minute
            self._buckets[address] = (full + allowed, now)
            if len(self._buckets) > REMEMBERED:
                self._buckets.popitem(last=False)
            return allowed
