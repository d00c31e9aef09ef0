"""The gate: what every request passes before Gradio sees it.

It knows who asks (`asker`), says no to one address that asks for too much (`rate`), notices who leaves before
the answer is there, counts what is being answered (`ending`), and makes a full disk a sentence.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse

import tokenizer_core as tc

from . import faults, uploads
from .asker import Asker, asked_by
from .ending import Ending
from .figures import Figures
from .rate import Rate

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
TOO_MUCH = "This address asks for very much at once. Please try again in a minute."
QUESTION, UPLOAD = "/component_server", "/upload"
PROGRAMS = ("/gradio_api/call/", "/queue/join", "/gradio_api/run/", "/gradio_api/api/")
TOO_MANY, AWAY, NO_ROOM = 429, 503, 507  # statuses


@dataclass
class House:
    """What all requests of one page share."""

    rate: Rate = field(default_factory=Rate)
    ending: Ending = field(default_factory=Ending)
    figures: Figures = field(default_factory=Figures)


class Gate:
    """Middleware around the page."""

    def __init__(self, app: Any, house: House):
        self.app, self.house = app, house

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer a request."""
        kind = _kind(scope) if scope["type"] == "http" and scope["method"] == "POST" else ""
        if not kind:
            await self.app(scope, receive, send)
            return
        address = (scope.get("client") or ("",))[0]
        if self.house.ending.begun:
            self.house.figures.refuse("ending")
            await _say(AWAY, "The server is being started anew.")(scope, receive, send)
        elif kind != QUESTION and not self.house.rate.allows(address):
            self.house.figures.refuse("rate")
            await _say(TOO_MANY, TOO_MUCH)(scope, receive, send)
        elif kind == QUESTION:
            await self._watched(Asker(address), scope, receive, send)
        else:
            await self._taken(Asker(address), scope, receive, send)

    async def _watched(self, asker: Asker, scope: Any, receive: Receive, send: Send) -> None:
        """A question of the page; who leaves before the answer is noticed at once."""
        messages: asyncio.Queue[Any] = asyncio.Queue()
        done = False

        async def read() -> None:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect" and not done:
                    asker.gone.set()
                    self.house.figures.leave()
                await messages.put(message)
                if message["type"] == "http.disconnect":
                    return

        async def say(message: Any) -> None:
            nonlocal done
            done = done or message["type"] == "http.response.start"
            await send(message)

        reading = asyncio.create_task(read())
        try:
            with asked_by(asker), self.house.ending.answering():
                await self.app(scope, messages.get, say)
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    async def _taken(self, asker: Asker, scope: Any, receive: Receive, send: Send) -> None:
        """A file or a call; where the disk is full old uploads go, and the next file may fit."""
        began = False

        async def say(message: Any) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            with asked_by(asker), self.house.ending.answering():
                await self.app(scope, receive, say)
        except OSError as error:
            if began or tc.fault_of(error) != "disk":
                raise
            self.house.figures.fault("disk")
            uploads.make_room()
            await _say(NO_ROOM, faults.told(error)["error"])(scope, receive, send)


def _kind(scope: Any) -> str:
    path = scope["path"].rstrip("/")
    if path.endswith((QUESTION, UPLOAD)):
        return QUESTION if path.endswith(QUESTION) else UPLOAD
    return next((each for each in PROGRAMS if each in path + "/"), "")


def _say(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status, headers={"retry-after": "5"})
