"""The one error that users see: its text is a sentence that the page and the command line show as it is."""

import operator
from numbers import Real
from typing import Any


class TokenizerError(ValueError):
    """A mistake that the user can mend (a file that is no picture, a length out of range, damaged weights).

    `str(error)` is a full sentence without paths of the machine or tracebacks.
    """


def whole_number(value: Any, what: str) -> int:
    """A whole number of any library as Python's own.

    Args:
        value: Python's or numpy's integer, or a tensor of one.
        what: it is, as the sentence begins: "The length".

    Raises:
        TokenizerError: it is none; a fraction, a text and a truth value are none.
    """
    try:
        if not _is_truth(value):
            return operator.index(value)
    except TypeError:
        pass
    raise TokenizerError(f"{what} is a whole number, not {_kind(value)}.")


def real_number(value: Any, what: str) -> float:
    """A number of any library as Python's own; see `whole_number`."""
    if isinstance(value, Real) and not _is_truth(value):
        return float(value)
    raise TokenizerError(f"{what} is a number, not {_kind(value)}.")


def _is_truth(value: Any) -> bool:
    return "bool" in str(getattr(value, "dtype", type(value).__name__))


def _kind(value: Any) -> str:
    return f"{value:g}" if isinstance(value, Real) and not _is_truth(value) else type(value).__name__
