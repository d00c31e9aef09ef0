"""What a server says beside its pages: headers that keep strangers out, whether it is well, and its figures.

`/health` is for a proxy or a container, `/metrics` for Prometheus, in its text format. Neither names a photo,
a visitor or a path.
"""

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .studio import Studio

# Gradio's page has scripts in its text, and makes functions of text; pictures and workers are blobs.
POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
SPACES = "https://huggingface.co https://*.huggingface.co https://*.hf.space"
GRADIO = (
    "/assets/"  # its scripts and styles, each with a sum in its name: a browser need not ask for them again
)
LASTING = (b"cache-control", b"public, max-age=31536000, immutable")
LATENCIES = 512  # answers that the quantiles are of
QUANTILES = (0.5, 0.95)


def headers() -> list[tuple[bytes, bytes]]:
    """Of every answer. TOKENDIAL_FRAMES names who else may frame the page; `*` is everybody."""
    frames = os.environ.get("TOKENDIAL_FRAMES", "")
    policy = POLICY | {"frame-ancestors": frames if frames == "*" else f"'self' {SPACES} {frames}".strip()}
    return [
        (b"content-security-policy", "; ".join(f"{name} {what}" for name, what in policy.items()).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]


class Headers:
    """Adds them to every answer that has none of that name."""

    def __init__(self, app: Any):
        self.app, self.headers = app, headers()

    async def __call__(self, scope: Any, receive: Callable, send: Callable[[Any], Awaitable[None]]) -> None:
        """Answer a request."""

        async def add(message: Any) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                lasts = scope["path"].startswith(GRADIO) and message["status"] == 200
                ours = [*self.headers, LASTING] if lasts else self.headers
                more = [(name, value) for name, value in ours if name not in there]
                message = message | {"headers": [*message["headers"], *more]}
            await send(message)

        await self.app(scope, receive, add if scope["type"] == "http" else send)


class Figures:
    """Counts of what was answered, and how long the latest answers took; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers, self._frames = Counter[str](), 0
        self._seconds = deque[float](maxlen=LATENCIES)
        self._began = time.monotonic()

    def count(self, answer: dict[str, Any], seconds: float) -> None:
        """One answer to the page, and what it took."""
        kind = next((name for name in ("error", "note") if name in answer), "pictures")
        with self._lock:
            self._answers[kind] += 1
            self._frames += len(answer.get("frames", ()))
            self._seconds.append(seconds)

    def text(self, studio: Studio) -> str:
        """All of it as Prometheus reads it."""
        with self._lock:
            answers, frames, seconds = dict(self._answers), self._frames, sorted(self._seconds)
        lines = _one("films", "gauge", "Films that the server holds.", len(set(studio.films.values())))
        lines += _one("film_bytes", "gauge", "Bytes of these films.", studio.films.size)
        lines += _one("queue", "gauge", "Visitors who use the device or wait for it.", studio.turn.here)
        lines += _one("pictures_total", "counter", "Pictures sent.", frames)
        lines += _head("answers_total", "counter", "Answers to the page.")
        lines += [f'tokendial_answers_total{{kind="{kind}"}} {count}' for kind, count in answers.items()]
        lines += _head("answer_seconds", "gauge", "Quantiles of the latest answers.")
        for share in QUANTILES if seconds else ():
            value = seconds[min(len(seconds) - 1, int(share * len(seconds)))]
            lines.append(f'tokendial_answer_seconds{{quantile="{share}"}} {value:.4f}')
        lines += _one("up_seconds", "gauge", "Since the start.", round(time.monotonic() - self._began, 1))
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, what: str) -> list[str]:
    return [f"# HELP tokendial_{name} {what}", f"# TYPE tokendial_{name} {kind}"]


def _one(name: str, kind: str, what: str, value: float) -> list[str]:
    return [*_head(name, kind, what), f"tokendial_{name} {value}"]


def routes(studio: Studio, figures: Figures) -> list[Route]:
    """`/health` and `/metrics`."""

    def health(_: Request) -> Response:
        """Ready once the first model is loaded; 503 before, and where it could not be loaded."""
        state = studio.state(studio.default.name)
        return JSONResponse({"state": state}, 200 if state == "ready" else 503)

    def metrics(_: Request) -> Response:
        return PlainTextResponse(figures.text(studio), media_type="text/plain; version=0.0.4")

    return [Route("/health", health), Route("/metrics", metrics)]
