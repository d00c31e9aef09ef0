"""Memory: one limit, in bytes, for all photographs that are opened at once, and what each of them needs.

A photo waits until there is memory for it, in the order of arrival, so that a large one is not kept waiting
by small ones for ever. Neighbours: `photo`, which takes its share here.
"""

import math
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from tokenizer_core.photos.headers import CodedHeader

MOST = 500 * 10**6  # bytes that one photo may need while it is opened
AT_ONCE = 1000 * 10**6  # bytes that all may need together
RESULT = 8.0  # bytes a pixel: before and after, as Pillow keeps both, at the same time
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
    """So many bytes for all who ask; whoever finds too few waits.

    Args:
        total: bytes. What needs more than that gets in alone.
    """

    def __init__(self, total: int) -> None:
        self.total, self.used = total, 0
        self._changed, self._line = threading.Condition(), deque[object]()

    @contextmanager
    def hold(self, amount: int) -> Iterator[None]:
        """Wait for `amount` bytes, and keep them inside a `with`."""
        amount, place = min(amount, self.total), object()
        with self._changed:
            self._line.append(place)
            try:
                self._changed.wait_for(lambda: self._line[0] is place and self.used + amount <= self.total)
                self.used += amount
            finally:
                self._line.remove(place)
                self._changed.notify_all()  # the next in the line may find enough, too
        try:
            yield
        finally:
            with self._changed:
                self.used -= amount
                self._changed.notify_all()


A_ROW = 9  # bytes: Pillow keeps where each row begins
HEIF_PLANES = {  # bytes a pixel, for more than 8 bits and for 4:4:4
    (False, False): 3.0,
    (False, True): 4.5,
    (True, False): 5.0,
    (True, True): 11.0,
}
opening = MemoryBudget(AT_ONCE)


def _after_fork() -> None:
    """A child process has none of the threads that hold bytes."""
    opening.__init__(opening.total)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def beside(photo: Image.Image, coded: CodedHeader | None) -> float:
    """Bytes that the decoder holds beside the picture, measured for each format.

    Args:
        photo: not decoded yet, and of its whole size.
        coded: of an AVIF or HEIC.
    """
    pixels = photo.width * photo.height
    if photo.format == "WEBP":
        return 8.0 * pixels  # two canvases, and the frame instead of the picture
    if coded is not None and photo.format == "HEIF":
        return HEIF_PLANES[coded.deep, coded.whole_chroma] * pixels
    if coded is not None:
        planes = (3.0 if coded.whole_chroma else 1.5) * (2 if coded.deep else 1)
        packed = 4 if photo.mode == "RGBA" else 3
        return (planes + 2 * packed - 4) * pixels  # the frame twice, instead of the picture
    if isinstance(photo, JpegImageFile) and photo.info.get("progressive"):
        return 2.0 * pixels * _samples_a_pixel(photo.layer)  # all coefficients, until the last scan
    if isinstance(photo, TiffImageFile):
        return _strip_of(photo)
    return 0.0


def need_of(photo: Image.Image, beside: float) -> int:
    """Bytes that opening needs at its worst moment: while decoding, or while the result is put together."""
    pixels = photo.width * photo.height
    return math.ceil(max(beside + 4 * pixels, RESULT * pixels) + A_ROW * photo.height)


def _samples_a_pixel(layers: list[tuple[int, int, int, int]]) -> float:
    """Of a JPEG with these components: (number, samples across, samples down, table) each."""
    across, down = max(layer[1] for layer in layers), max(layer[2] for layer in layers)
    return sum(layer[1] * layer[2] for layer in layers) / (across * down)


def _strip_of(photo: TiffImageFile) -> float:
    """Bytes of one strip or tile, which libtiff decodes as a whole."""
    tags = photo.tag_v2
    bits, colours = max(tags.get(258, (1,))), tags.get(277, 1) if tags.get(284, 1) == 1 else 1
    if 322 in tags:
        pixels = tags[322] * tags.get(323, photo.height)
    else:
        pixels = photo.width * min(tags.get(278, photo.height), photo.height)
    return pixels * colours * bits / 8
