"""`python -m tokenizer_core.training ...`: `tokendial train ...` for torchrun, which starts modules."""

import os
import sys

from tokenizer_core.errors import TokenizerError
from tokenizer_core.training.cli import train


def main() -> int:
    """Train; what a user got wrong ends in one sentence on stderr and exit code 2."""
    try:
        train(sys.argv[1:])
    except TokenizerError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:  # before the first step; later ones are saved
        return 130
    return 0


def end(status: int) -> None:
    """End this process: at once where it is one of several, else as Python ends.

    A thread of gloo may let go of its last tensor while the interpreter is taken down. That aborts a process
    whose work is done ("terminate called without an active exception", pytorch issue 190489), and torchrun
    takes the whole run for failed. Everything is written and the group has been left, so nothing is lost.
    """
    if "RANK" not in os.environ:
        sys.exit(status)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    end(main())
