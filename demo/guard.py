"""What a server says beside its pages: headers that keep strangers out, whether it is well, and its figures.

`/health` is for a proxy or a container, `/metrics` for Prometheus. Neither names a photo or a visitor.
Neighbours: `figures` (what is counted), `gate` (what a request passes).
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .gate import House
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
GRADIO = "/assets/"  # Gradio's scripts and styles, each with a sum in its name: no browser need ask again
LASTING = (b"cache-control", b"public, max-age=31536000, immutable")


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


def routes(studio: Studio, house: House) -> list[Route]:
    """`/health` and `/metrics`."""
    house.figures.watch(studio)

    def health(_: Request) -> Response:
        """Ready once the first model is loaded; 503 before, and where it cannot be or the server ends."""
        state = "ending" if house.ending.begun else studio.health()
        return JSONResponse({"state": state}, 200 if state == "ready" else 503)

    def metrics(_: Request) -> Response:
        return Response(house.figures.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return [Route("/health", health), Route("/metrics", metrics)]
