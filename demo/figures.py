"""The server's figures for Prometheus, by its own client: how many, how long, how full.

docs/serve.md lists every name and label. None of them names a photo, a visitor or a path.
"""

from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.process_collector import ProcessCollector

from .studio import Studio

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # bounds of the histogram of answers
KINDS = ("error", "note")  # of an answer that brings no pictures
ASKED = ("start", "pull", "view", "models", "whole", "forget", "need", "here")
disable_created_metrics()  # when each of them began is of no use to anybody


class Figures:
    """Counts of what one page answered; safe for several threads."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        labels = ["what", "kind"]
        self._answers = Counter("tokendial_answers", "Answers to the page.", labels, registry=own)
        self._seconds = Histogram(
            "tokendial_answer_seconds", "How long answers took.", ["what"], buckets=SECONDS, registry=own
        )
        self._pictures = Counter("tokendial_pictures", "Pictures sent.", registry=own)
        self._faults = Counter("tokendial_faults", "Failures of the server.", ["kind"], registry=own)
        self._refused = Counter("tokendial_refused", "What was not begun.", ["why"], registry=own)
        self._left = Counter("tokendial_left", "Visitors who left before their answer.", registry=own)
        ProcessCollector(registry=self.registry)

    def count(self, what: object, answer: dict[str, Any], seconds: float) -> None:
        """One answer to the page, what it was asked, and how long it took."""
        name, kind = self.names(what, answer)
        self._answers.labels(name, kind).inc()
        self._seconds.labels(name).observe(seconds)
        self._pictures.inc(len(answer.get("frames", ())))
        if "fault" in answer:
            self.fault(answer["fault"])

    def names(self, what: object, answer: dict[str, Any]) -> tuple[str, str]:
        """The labels of an answer: what was asked, of `ASKED`; "error", "note" or "pictures"."""
        name = what if isinstance(what, str) and what in ASKED else "pull"
        return name, next((kind for kind in KINDS if kind in answer), "pictures")

    def fault(self, kind: str) -> None:
        """Something went wrong with the server: of `tc.Fault`."""
        self._faults.labels(kind).inc()

    def refuse(self, why: str) -> None:
        """Something was not begun: "rate", "crowd" or "ending"."""
        self._refused.labels(why).inc()

    def leave(self) -> None:
        """A visitor left before the answer was there."""
        self._left.inc()

    def watch(self, studio: Studio) -> None:
        """Add what the studio holds, asked when the figures are."""
        gauges = {
            "tokendial_visitors": ("Films that somebody watches.", lambda: studio.films.watched),
            "tokendial_films": ("Films that the server holds.", lambda: len(set(studio.films.values()))),
            "tokendial_film_bytes": ("Bytes of these films.", lambda: studio.films.size),
            "tokendial_queue": ("Visitors who use the device or wait for it.", lambda: studio.turn.here),
        }
        for name, (what, value) in gauges.items():
            Gauge(name, what, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        """All of it as Prometheus reads it."""
        return generate_latest(self.registry)
