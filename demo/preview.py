"""What is shown beside a link to the page: our words and picture, where Gradio's page has its own."""

import re
from collections.abc import Awaitable, Callable
from html import escape
from typing import Any

from gradio.route_utils import get_root_url
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


class Preview:
    """Puts the tags into the page's head; all other answers pass as they are."""

    def __init__(self, app: Any, picture: str):
        self.app, self.picture = app, picture

    async def __call__(self, scope: Any, receive: Callable, send: Callable[[Any], Awaitable[None]]) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        head: dict[str, Any] = {}
        parts: list[bytes] = []

        async def keep(message: Any) -> None:
            if message["type"] == "http.response.start":
                head.update(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            body = b"".join(parts)
            if b"<head>" in body:
                root = get_root_url(Request(scope), "/", scope.get("root_path") or None)
                ours = tags(root, self.picture).encode()
                body = THEIRS.sub(b"", body).replace(b"<head>", b"<head>" + ours, 1)
            headers = [(name, value) for name, value in head["headers"] if name != b"content-length"]
            await send(head | {"headers": [*headers, (b"content-length", str(len(body)).encode())]})
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, keep)
