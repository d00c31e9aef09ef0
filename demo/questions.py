"""The page's questions, checked: whatever a stranger sends is answered, or is one sentence and no traceback.

Each field that the handlers know has one type here; a field that they look up and that is not there is the
same sentence. Neighbour: `handlers`, which answers.
"""

import logging
import math
import re
import time
from collections.abc import Callable
from typing import Any

import tokenizer_core as tc

from . import asker, handlers
from .gate import TOO_MUCH, House
from .studio import CROWD, Studio

log = logging.getLogger("tokendial")
COSTLY = ("start", "need", "view", "whole")  # questions that one address may not ask without end
ODD = "The server does not understand what this page asks. Please load the page anew."
MOST = 1000  # of a list; the longest ladder has 257
NO_TEXT = re.compile("[\0\ud800-\udfff]")  # halves of a character, too: no file's name has them


class Question(dict[str, Any]):
    """A question whose missing fields are a sentence."""

    def __missing__(self, field: str) -> Any:
        raise tc.TokenizerError(ODD)

    def __or__(self, other: Any) -> "Question":
        return Question({**self, **other})


def _text(value: Any) -> bool:
    return isinstance(value, str) and not NO_TEXT.search(value)


def _whole(value: Any) -> bool:
    return type(value) is int or (isinstance(value, float) and value.is_integer())


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e9 and math.isfinite(value)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _list(of: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and len(value) <= MOST and all(map(of, value))


def _or_none(of: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or of(value)


FIELDS: dict[str, Callable[[Any], bool]] = {
    "what": _or_none(_text),
    "from": lambda value: _text(value) and value in handlers.SOURCES,
    "model": _or_none(_text),
    "path": _text,
    "photo": lambda value: value is None or _text(value) or _whole(value),
    "tokens": _text,
    "token": _text,
    "crop": _or_none(lambda value: _list(_number)(value) and len(value) == 3),
    "k": _whole,
    "rest": _flag,
    "steps": _whole,
    "seed": _whole,
    "means": _list(_whole),
    "samples": _list(_whole),
    "told": _list(_text),
    "view": _text,
    "n": _whole,
    "of": _or_none(_text),
    "sizes": _list(_whole),
    "beside": _or_none(_flag),
    "patient": _or_none(_flag),
    "criterion": _text,
    "threshold": _number,
    "ours": _or_none(_text),
}


def checked(question: Any) -> Question:
    """A question as the handlers take it; fields that are not known here are theirs to check.

    Raises:
        TokenizerError: it is no object, or a field has another type.
    """
    if not isinstance(question, dict):
        raise tc.TokenizerError(ODD)
    if not all(FIELDS[field](value) for field, value in question.items() if field in FIELDS):
        raise tc.TokenizerError(ODD)
    return Question(question)


def counted(studio: Studio, house: House, question: Any, is_upload: Callable[[str], bool]) -> dict:
    """`answer`, unless one address asks for too much; counted, and a line of the log."""
    began = time.perf_counter()
    what = question.get("what") if isinstance(question, dict) else None
    # who is told that the queue is full asks again and again, as a classroom does: that costs nothing
    full = what == "start" and studio.turn.here > CROWD
    if what in COSTLY and not full and not house.rate.allows(asker.address()):
        house.figures.refuse("rate")
        return {"error": TOO_MUCH}
    found = answer(studio, question, is_upload)
    seconds = time.perf_counter() - began
    house.figures.count(what, found, seconds)
    found.pop("fault", None)  # the page shows the sentence
    if found.get("note") == handlers.CROWDED:
        house.figures.refuse("crowd")
    if log.isEnabledFor(logging.INFO):
        name, kind = house.figures.names(what, found)
        facts = {"what": name, "kind": kind, "seconds": round(seconds, 3), "queue": studio.turn.here}
        log.info("answered", extra=facts | {"pictures": len(found.get("frames", ()))})
    return found


def answer(studio: Studio, question: Any, is_upload: Callable[[str], bool]) -> dict:
    """Answer the page: what it asks for, or {"error": one sentence}.

    Args:
        studio: what all visitors share.
        question: untrusted.
        is_upload: whether a path is one of a visitor's own file.
    """
    try:
        asked = checked(question)
    except tc.TokenizerError as error:
        return {"error": str(error)}
    if not is_upload(asked.get("path", "")):
        asked.pop("path", None)
    return handlers.ANSWERS.get(asked.get("what") or "", handlers.pull)(studio, asked)
