"""The page's head: what stands beside a link to it, and what is fetched early."""

import gzip
import re
from collections.abc import Awaitable, Callable
from html import escape
from typing import Any

from gradio.route_utils import get_root_url
from starlette.datastructures import MutableHeaders
from starlette.requests import Request

TITLE = "How few tokens does a picture need?"
ABOUT = (
    "A photo becomes 256 tokens, the most telling first. Turn the dial: this is the picture that they hold."
)
THEIRS = re.compile(rb"<meta\s+(?:property=\"og:|name=\"twitter:)[^>]*>")


def tags(root: str, picture: str) -> str:
    """The head's lines.

    Args:
        root: the page's address, without a slash at its end.
        picture: the preview's, below that.
    """
    image = f"{root}/{picture}"
    named = {
        "og:title": TITLE,
        "og:description": ABOUT,
        "og:type": "website",
        "og:url": root,
        "og:image": image,
    }
    named |= {"twitter:card": "summary_large_image", "twitter:title": TITLE, "twitter:image": image}
    kinds = {name: "property" if name.startswith("og:") else "name" for name in named}
    return "".join(f'<meta {kinds[name]}="{name}" content="{escape(text)}">' for name, text in named.items())


class Head:
    """Puts these lines into the page's head, and sends it as gzip; all other answers pass as they are.

    Args:
        picture: of a link's preview, below the page's address.
        more: further lines.
    """

    def __init__(self, app: Any, picture: str, more: str = ""):
        self.app, self.picture, self.more = app, picture, more

    async def __call__(self, scope: Any, receive: Callable, send: Callable[[Any], Awaitable[None]]) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        head: dict[str, Any] = {}
        parts: list[bytes] = []
        request = Request(scope)

        async def keep(message: Any) -> None:
            if message["type"] == "http.response.start":
                head.update(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            body, headers = b"".join(parts), MutableHeaders(raw=list(head["headers"]))
            if b"<head>" in body:
                root = get_root_url(request, "/", scope.get("root_path") or None)
                ours = (tags(root, self.picture) + self.more).encode()
                body = THEIRS.sub(b"", body).replace(b"<head>", b"<head>" + ours, 1)
                headers.add_vary_header("Accept-Encoding")
                if "gzip" in request.headers.get("accept-encoding", ""):
                    body = gzip.compress(body, compresslevel=5)
                    headers["content-encoding"] = "gzip"
            headers["content-length"] = str(len(body))
            await send(head | {"headers": headers.raw})
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, keep)
