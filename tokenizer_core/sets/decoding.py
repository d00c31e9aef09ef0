"""Places to pixels: one photograph is one middle square of 8-bit levels, or one sentence.

Decoders of three kinds do the same to the same jobs: `InThisProcess` here, `pool.Processes` on one machine,
`cluster.Tasks` on Ray. They give batches in the order of the jobs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos.photo import open_photo, square_crop
from tokenizer_core.sets.sources import Place, read_place


@dataclass(frozen=True)
class Job:
    """A batch to decode.

    Attributes:
        mark: whose it is; goes through unchanged.
        places: of its photographs, in order; at most as many as a batch holds.
    """

    mark: Any
    places: Sequence[Place]


@dataclass
class Batch:
    """A decoded batch.

    Attributes:
        mark: of its job.
        count: photographs, with those that could not be decoded.
        levels: (B, size, size, 3); rows from `count` on, and rows that could not be decoded, are anything.
        crops: (count, 4) left, top, right, bottom of the square in 0..1 of the upright photograph.
        damaged: row -> sentence.
        release: to be called when `levels` is not needed any more; then it may change.
    """

    mark: Any
    count: int
    levels: UInt8[np.ndarray, "B H W 3"]
    crops: Float[np.ndarray, "n 4"]
    damaged: dict[int, str]
    release: Callable[[], None] = lambda: None


@runtime_checkable
class Decoder(Protocol):
    """Whatever decodes jobs."""

    def batches(self, jobs: Iterable[Job]) -> Iterator[Batch]:
        """Every job decoded, in order; jobs are asked for some batches ahead."""
        ...

    def close(self) -> None:
        """End what it has started."""
        ...


def decode_place(
    place: Place, size: int, exact: bool = False
) -> tuple[UInt8[np.ndarray, "H W 3"], tuple[float, float, float, float]]:
    """The middle square of a photograph, `size` pixels a side, and where it is in it.

    Args:
        place: see `sources.Item`.
        size: pixels. A JPEG is decoded at twice that or more.
        exact: a JPEG keeps 1,024 pixels a side, see `open_photo`.

    Raises:
        TokenizerError: it cannot be read or opened.
    """
    photo = open_photo(read_place(place), 2 * size, exact)
    across, down = (0.5 - min(photo.size) / side / 2 for side in photo.size)
    return square_crop(photo, size).array, (across, down, 1 - across, 1 - down)


def decode_into(
    places: Sequence[Place], size: int, exact: bool, levels: np.ndarray, crops: np.ndarray
) -> dict[int, str]:
    """Decode photographs into the rows of `levels` and `crops`; row -> sentence of what could not be."""
    damaged = {}
    for row, place in enumerate(places):
        try:
            levels[row], crops[row] = decode_place(place, size, exact)
        except TokenizerError as error:
            levels[row], crops[row] = 0, 0
            damaged[row] = str(error)
    return damaged


class InThisProcess:
    """Decodes a job when it is asked for.

    Args:
        size: pixels on each side of a picture.
        batch: photographs of a batch.
        exact: see `decode_place`.
    """

    def __init__(self, size: int, batch: int, exact: bool = False) -> None:
        self.size, self.batch, self.exact = size, batch, exact

    def batches(self, jobs: Iterable[Job]) -> Iterator[Batch]:
        """See `Decoder`."""
        for job in jobs:
            levels = np.zeros((self.batch, self.size, self.size, 3), np.uint8)
            crops = np.zeros((len(job.places), 4), np.float32)
            damaged = decode_into(job.places, self.size, self.exact, levels, crops)
            yield Batch(job.mark, len(job.places), levels, crops, damaged)

    def close(self) -> None:
        """Nothing was started."""
