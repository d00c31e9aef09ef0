"""Who asks the question that is being answered: from which address, and whether they are still there.

The gate sets it for each request; the handlers, which run in threads, find it here, and so do the turn and
the device. Outside a request, as in the bench, nobody is known and nobody leaves.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import tokenizer_core as tc


@dataclass(frozen=True)
class Asker:
    """One request's.

    Attributes:
        address: as the proxies that are trusted say it; "" where it is unknown.
        gone: set when the line was closed before the answer was there.
    """

    address: str = ""
    gone: threading.Event = field(default_factory=threading.Event)


NOBODY = Asker()
_asker: ContextVar[Asker] = ContextVar("asker", default=NOBODY)


@contextmanager
def asked_by(asker: Asker) -> Iterator[None]:
    """Within it, and in threads that are started for it, this is who asks."""
    before = _asker.set(asker)
    try:
        yield
    finally:
        _asker.reset(before)


def address() -> str:
    """Where the question is from."""
    return _asker.get().address


def leaving() -> Callable[[], bool]:
    """What says, in any thread, whether who asks this question has left."""
    return _asker.get().gone.is_set


def stay() -> None:
    """Go on, if who asks is still there.

    Raises:
        Stopped: they have left.
    """
    if leaving()():
        raise tc.Stopped
