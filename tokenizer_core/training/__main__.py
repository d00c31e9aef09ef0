"""`python -m tokenizer_core.training ...`: `tokendial train ...` for torchrun, which starts modules."""

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


if __name__ == "__main__":
    sys.exit(main())
