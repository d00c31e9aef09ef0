"""Pictures that several visitors wait for, decoded in one batch: whoever has the turn takes others' along.

Who waits for the turn has said what is wanted. The one whose turn it is decodes these too, if they are of the
same model and of as many steps, and leaves them with who wants them: their own turn then needs no device.

On a GPU a small batch waits for launches, so four pictures cost little more than one. On a processor the
arithmetic decides: four means in one batch took 0.43 s, one by one 0.48 s (two busy cores, bfloat16), and
then all four wait for the last. So it is done on GPUs alone, unless TOKENDIAL_MERGE says otherwise.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from .film import Film, Take

MOST = 16  # pictures of one batch, together: the largest that is recorded


@dataclass(eq=False)
class Want:
    """What a visitor waits for.

    Attributes:
        film: which film's pictures.
        take: how they are decoded.
        lengths: which of them.
        given: by length, (S, S, 3) uint8: what somebody else has decoded meanwhile.
    """

    film: Film
    take: Take
    lengths: Sequence[int]
    given: dict[int, np.ndarray] = field(default_factory=dict)


class Wants:
    """What all visitors wait for who have not had their turn; safe for several threads."""

    def __init__(self) -> None:
        self._lock, self._waiting = threading.Lock(), list[Want]()

    @contextmanager
    def told(self, want: Want) -> Iterator[None]:
        """Within it others may take this along."""
        with self._lock:
            self._waiting.append(want)
        try:
            yield
        finally:
            with self._lock:
                self._waiting.remove(want)

    def given(self, mine: Want) -> dict[int, np.ndarray]:
        """By length, what was decoded for me, or for others who wait for the same pictures."""
        with self._lock:
            alike = [one for one in self._waiting if (one.film, one.take) == (mine.film, mine.take)]
        found = dict(mine.given)
        for one in alike:
            found |= one.given
        return found

    def beside(self, mine: Want, count: int) -> list[Want]:
        """What goes into one batch with `count` pictures of mine, who came first first; each picture once."""
        with self._lock:
            waiting = list(self._waiting)
        # pictures that are in this batch, or that somebody has been given before their turn
        taken = {(mine.film, mine.take, k) for k in mine.lengths}
        taken |= {(want.film, want.take, k) for want in waiting for k in want.given}
        found = list[Want]()
        for want in waiting:
            places = {(want.film, want.take, k) for k in want.lengths}
            fits = want is not mine and want.film.info is mine.film.info and want.film.encoding is not None
            if not fits or want.given or want.take[:2] != mine.take[:2]:
                continue
            if want.film.begun(want.take, want.lengths):
                continue  # another visitor of the same film makes some of it, and need no longer wait
            if count + len(places) <= MOST and not places & taken:
                count, taken = count + len(places), taken | places
                found.append(want)
        return found


def wished(on_gpu: bool) -> bool:
    """Whether requests are merged: as TOKENDIAL_MERGE says, else on a GPU."""
    said = os.environ.get("TOKENDIAL_MERGE")
    return said == "1" if said in ("0", "1") else on_gpu
