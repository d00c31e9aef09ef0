"""The server's log, for people or, with TOKENDIAL_LOG=json, one JSON object a line for programs.

No line has picture content: what visitors send and get is cut out, as are the names of their files.
"""

import json
import logging
import os
import re
import sys
from datetime import datetime, timezone
from typing import TextIO

LEVELS = ("debug", "info", "warning", "error")
LETTERS = re.compile(r"[A-Za-z0-9+/_=-]{80,}")  # tokens and pictures as text; no word is as long
PLAIN = "%(asctime)s %(levelname)s %(message)s"
FACTS = ("what", "kind", "seconds", "pictures", "queue")  # of a line that has more than its message


class Discreet(logging.Formatter):
    """Cuts out what belongs to visitors.

    Args:
        uploads: gives the folder of what they sent.
    """

    def __init__(self, uploads: str, form: str = PLAIN):
        super().__init__(form)
        self._names = re.compile(re.escape(uploads) + r"[^'\"\n]*") if uploads else None

    def format(self, record: logging.LogRecord) -> str:
        """A line for people; a fault's traceback follows."""
        return self.cut(super().format(record))

    def cut(self, text: str) -> str:
        """The same without a visitor's tokens, pictures and file names."""
        text = self._names.sub("(an upload)", text) if self._names else text
        return LETTERS.sub("(cut)", text)


class Lines(Discreet):
    """One JSON object a line: time, level, message; of an answer its facts; of a fault its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """A line for programs."""
        when = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        line = {"time": when, "level": record.levelname.lower(), "message": self.cut(record.getMessage())}
        line |= {name: getattr(record, name) for name in FACTS if hasattr(record, name)}
        if record.exc_info:
            line["traceback"] = self.cut(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def start(uploads: str, stream: TextIO = sys.stderr) -> None:
    """Log from now on, as TOKENDIAL_LOG ("json", or for people) and TOKENDIAL_LOG_LEVEL say."""
    level = os.environ.get("TOKENDIAL_LOG_LEVEL", "warning").lower()
    handler = logging.StreamHandler(stream)
    kind = Lines if os.environ.get("TOKENDIAL_LOG") == "json" else Discreet
    handler.setFormatter(kind(uploads))
    log = logging.getLogger("tokendial")
    log.handlers = [handler]
    log.setLevel(level.upper() if level in LEVELS else "WARNING")
