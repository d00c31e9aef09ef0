"""Memory: one limit, in bytes, for all photographs that are opened at once, and what each of them needs.

A photo waits until there is room for it, in the order of arrival, so that a large one is not kept waiting by
small ones for ever. Neighbours: `photo`, which takes its room here.
"""

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from tokenizer_core.photos.headers import CodedHeader

MOST = 500 * 10**6  # bytes that one photo may need while it is opened
AT_ONCE = 1000 * 10**6  # bytes that all may need together
RESULT = 7.0  # bytes a pixel: packed (3) and as Pillow keeps it (4) at the same time
WIDTHS = {
    "1": 1,
    "L": 1,
    "P": 1,
    "I;16": 2,
    "I;16B": 2,
    "I;16L": 2,
    "I;16N": 2,
}  # all others: 4 bytes a pixel


class MemoryBudget:
    """So many bytes for all who ask; whoever finds no room waits.

    Args:
        total: bytes. What needs more than that gets in alone.
    """

    def __init__(self, total: int) -> None:
        self.total, self.used = total, 0
        self._changed, self._line = threading.Condition(), deque[object]()

    @contextmanager
    def hold(self, amount: int) -> Iterator[None]:
        """Wait for room for `amount` bytes, and keep it inside a `with`."""
        amount, place = min(amount, self.total), object()
        with self._changed:
            self._line.append(place)
            try:
                self._changed.wait_for(lambda: self._line[0] is place and self.used + amount <= self.total)
                self.used += amount
            finally:
                self._line.remove(place)
                self._changed.notify_all()  # the next in the line may have room, too
        try:
            yield
        finally:
            with self._changed:
                self.used -= amount
                self._changed.notify_all()


opening = MemoryBudget(AT_ONCE)


def _after_fork() -> None:
    """A child process has none of the threads that hold room."""
    opening.__init__(opening.total)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def bytes_a_pixel(photo: Image.Image, coded: CodedHeader | None) -> float:
    """What opening this photo needs at its worst moment, measured for each format.

    Args:
        photo: not decoded yet.
        coded: of an AVIF or HEIC.
    """
    packed = 4 if photo.mode == "RGBA" else 3
    if photo.format == "WEBP":
        return 12.0  # two canvases of the decoder and the frame
    if coded is not None:
        planes = (3.0 if coded.whole_chroma else 1.5) * (2 if coded.deep else 1)
        copies = 2 if photo.format == "AVIF" else 1
        return max(planes + copies * packed, RESULT)
    return RESULT
