"""The page's own files as a browser gets them: from memory, compressed once.

Their address changes with them, so a browser keeps them for ever, and a second visit asks for none. They are
named in the page's head, too: fetched beside Gradio's scripts instead of after them, and behind those in the
queue of a browser with few connections.
"""

import functools
import gzip
import hashlib
from io import BytesIO
from pathlib import Path

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .examples import EXAMPLES, Example

PAGE = Path(__file__).parent / "page"
TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".jpg": "image/jpeg",
    ".wasm": "application/wasm",
}
FOR_EVER = "public, max-age=31536000, immutable"
BUTTONS = EXAMPLES[:6]  # the others are rounds of *Name it*
THUMBNAIL = 160  # px: an example's button is at most 80 wide, and screens have two pixels for one


def _version() -> str:
    """A name for the files of page/ and the photos as they are now."""
    sums = hashlib.sha256()
    for path in [*sorted(PAGE.rglob("*")), *(example.photo for example in EXAMPLES)]:
        if path.is_file():
            sums.update(path.read_bytes())
    return sums.hexdigest()[:12]


# Relative to the page, so that a proxy below a path needs to know nothing; below /gradio_api, so that a
# server in front of this one passes it on.
STATIC = f"gradio_api/tokendial/{_version()}"
FILES = {
    f"page/{path.relative_to(PAGE).as_posix()}": path for path in PAGE.rglob("*") if path.suffix in TYPES
}
PHOTOS = {f"photos/{example.name}.webp": example for example in BUTTONS}
WHOLE = {f"photos/whole/{example.name}.webp": example.photo for example in EXAMPLES}  # to be encoded
APART = ("vendor", "app", "onnx")  # folders that a page asks for later, or never
MODULES = sorted(
    path.relative_to(PAGE).as_posix() for path in PAGE.glob("**/*.js") if path.parent.name not in APART
)


def thumbnail(example: Example) -> bytes:
    """A small WebP of an example's photo, some 4 kB: six large ones took a second on a slow line."""
    out = BytesIO()
    with Image.open(example.photo) as photo:
        photo.convert("RGB").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS).save(
            out, "WEBP", quality=82
        )
    return out.getvalue()


def early(folder: str = f"{STATIC}/page/") -> str:
    """The head's lines for the page's scripts, which lie in a folder below the page."""
    line = '<link rel="modulepreload" fetchpriority="low" href="{}{}">'
    return "".join(line.format(folder, name) for name in MODULES)


@functools.cache
def kept(name: str, packed: bool) -> Response | None:
    """A file's answer; None where there is no such file.

    Args:
        name: below the address, "page/main.js".
        packed: whether a script may come as gzip.
    """
    if name in PHOTOS:
        return Response(thumbnail(PHOTOS[name]), headers={"cache-control": FOR_EVER}, media_type="image/webp")
    if name in WHOLE:
        return Response(
            WHOLE[name].read_bytes(), headers={"cache-control": FOR_EVER}, media_type="image/webp"
        )
    if name not in FILES:
        return None
    path = FILES[name]
    body, headers = path.read_bytes(), {"cache-control": FOR_EVER, "vary": "Accept-Encoding"}
    if packed and path.suffix != ".jpg":
        body, headers = gzip.compress(body, mtime=0), headers | {"content-encoding": "gzip"}
    return Response(body, headers=headers, media_type=TYPES[path.suffix])


async def answer(request: Request) -> Response:
    """A file of the page, or an example's photo, small or whole."""
    packed = "gzip" in request.headers.get("accept-encoding", "")
    return kept(request.path_params["name"], packed) or Response(status_code=404)


def routes() -> list[Route]:
    """Where these files are."""
    return [Route(f"/{STATIC}/{{name:path}}", answer)]
