"""Pictures that several visitors wait for, decoded in one batch: whoever has the turn takes others' along.

Who waits for the turn has said what is wanted. The one whose turn it is decodes these too, if they are of the
same model and of as many steps, and leaves them with who wants them: their own turn then needs no device.
Photos that are new are encoded together first, and what was decoded is scored together. A batch that fails,
by whose photo is unknown, is made one by one.

On a GPU a small batch waits for launches, so four pictures cost little more than one. On a processor the
arithmetic decides: four means in one batch took 0.43 s, one by one 0.48 s (two busy cores, bfloat16), and
then all four wait for the last. So it is done on GPUs alone, unless TOKENDIAL_MERGE says otherwise.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

import tokenizer_core as tc

from .film import Film, Measured, Take, b64, measured

Asked = tuple[Film, Take, Sequence[int]]  # whose pictures, how they are decoded, and their lengths
Made = tuple[np.ndarray, Measured | None]  # a picture, (S, S, 3) uint8, and what was measured of it so far
log = logging.getLogger("tokendial")
MOST = 16  # pictures of one batch, together: the largest that is recorded


@dataclass(eq=False)
class Want:
    """What a visitor waits for.

    Attributes:
        film: which film's pictures.
        take: how they are decoded.
        lengths: which of them.
        given: by length, what somebody else has decoded meanwhile.
        alone: whether a batch with it failed: it goes into no other.
    """

    film: Film
    take: Take
    lengths: Sequence[int]
    given: dict[int, Made] = field(default_factory=dict)
    alone: bool = False


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

    def given(self, mine: Want) -> dict[int, Made]:
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
            fits = want is not mine and want.film.info is mine.film.info and not want.alone
            if not fits or want.given or want.take[:2] != mine.take[:2]:
                continue
            if want.film.begun(want.take, want.lengths):
                continue  # another visitor of the same film makes some of it, and need no longer wait
            if count + len(places) <= MOST and not places & taken:
                count, taken = count + len(places), taken | places
                found.append(want)
        return found

    def together(
        self, mine: Want, lengths: Sequence[int], record: Callable[[list[Asked]], Future]
    ) -> list[Made] | None:
        """Some lengths of mine, in one batch with what others wait for, who are given theirs.

        Args:
            mine: of who has the turn.
            lengths: what is lacking of it.
            record: has the device's thread do what `record_together` says.

        Returns:
            The picture of each length. None: nobody else waits for such pictures; or the batch failed, by
            whose photo is unknown, or had no room, and from now on each of it goes alone.

        Raises:
            Stopped: who has the turn has left; the others wait for theirs.
            Exception: the device failed, as it then may for good.
        """
        others = [] if mine.alone else self.beside(mine, len(lengths))
        if not others:
            return None
        asked: list[Asked] = [(mine.film, mine.take, lengths)]
        asked += [(one.film, one.take, one.lengths) for one in others]
        try:
            made, *theirs = record(asked).result()
        except Exception as error:
            if isinstance(error, tc.Stopped) or tc.fault_of(error) == "device":
                raise
            log.warning("A batch of %d films failed, and each of them goes alone: %s", len(asked), error)
            for one in (mine, *others):
                one.alone = True
            return None
        for one, given in zip(others, theirs, strict=True):
            one.given.update(zip(one.lengths, given, strict=True))
        return made


def wished(on_gpu: bool) -> bool:
    """Whether requests are merged: as TOKENDIAL_MERGE says, else on a GPU."""
    said = os.environ.get("TOKENDIAL_MERGE")
    return said == "1" if said in ("0", "1") else on_gpu


def record_together(tokenizer: tc.Tokenizer, asked: Sequence[Asked]) -> Iterator[list[Made]]:
    """Use the device for several films' pictures in one batch, and before that for their new photos in one.

    A few pictures cost a GPU as many launches to score as many do, so that is one batch, too.

    Args:
        tokenizer: the model of all films; those that have no tokens are told theirs.
        asked: by several visitors; a film may be among them more than once.

    Yields:
        The pictures of each, measured.

    Raises:
        TokenizerError: one of them cannot be encoded or decoded; who asked knows not which.
    """
    new = list(dict.fromkeys(film for film, *_ in asked if film.encoding is None))
    if new:
        codes = tokenizer.encode_batch([film.original for film in new])  # pyright: ignore[reportArgumentType]
        for film, code in zip(new, codes, strict=True):
            film.tell({"tokens": b64(code.to_bytes())})
    requests = [
        tc.DecodeRequest(
            encoding=tc.Encoding.from_bytes(film.encoding), lengths=lengths, steps=take.steps, seed=take.seed
        )
        for film, take, lengths in asked
    ]
    films, decoded = [film for film, *_ in asked], tokenizer.decode_batch(requests)
    made = [(film, [one.array for one in pictures]) for film, pictures in zip(films, decoded, strict=True)]
    for (_, arrays), found in zip(made, measured(made, tokenizer.device), strict=True):
        yield list(zip(arrays, found, strict=True))
