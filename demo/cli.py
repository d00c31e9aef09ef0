"""The command `tokendial`: light until the verbs are needed, so that Ctrl-C at any moment ends it quietly.

What a user got wrong ends in one sentence on stderr and exit code 2.
"""

import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

STOPPED = 130  # what a shell gives a program that Ctrl-C ended
PIPE_CLOSED = 141  # and one whose reader went away


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; see `demo.commands.run`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a character shows its number
            stream.reconfigure(errors="backslashreplace")
    try:
        with _quiet_end():
            from .commands import run
        code = run(argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return STOPPED
    except BrokenPipeError:
        # Python would write what is left when it ends, and fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED


@contextmanager
def _quiet_end() -> Iterator[None]:
    """Ctrl-C ends the process at once inside a `with`: imports swallow a KeyboardInterrupt."""
    try:
        before = signal.signal(signal.SIGINT, lambda *_: os._exit(STOPPED))
    except ValueError:  # not the main thread, which alone gets signals
        yield
        return
    yield
    signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    sys.exit(main())
