"""Work that may be stopped between two steps: whoever waited for it has gone.

A loop of steps calls `go_on`; who began the work says in a `with` how it is known that nobody waits. It is
kept for each thread, so that two pieces of work know nothing of each other.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tokenizer_core.errors import TokenizerError

_asked = threading.local()


class Stopped(TokenizerError):
    """Nobody waits for this any more."""

    def __init__(self) -> None:
        super().__init__("Nobody waits for this any more.")


@contextmanager
def stoppable(unwanted: Callable[[], bool]) -> Iterator[None]:
    """Within it `go_on` raises `Stopped` in this thread as soon as `unwanted()` is true."""
    before = getattr(_asked, "unwanted", None)
    _asked.unwanted = unwanted
    try:
        yield
    finally:
        _asked.unwanted = before


def go_on() -> None:
    """To be called before each step of what takes long.

    Raises:
        Stopped: nobody waits for it.
    """
    unwanted = getattr(_asked, "unwanted", None)
    if unwanted is not None and unwanted():
        raise Stopped
