"""Which files beside others are photographs: by name, and where a name says nothing, by their first bytes.

So notes, tables and videos in a folder of photographs are passed over, and a JPEG without a suffix is not. A
TIFF has to be named so: the raw files of cameras, which often lie beside their JPEGs, begin in the same way.
Neighbour: `archives`, which looks into folders, zips and tars.
"""

import mimetypes
from pathlib import Path

from tokenizer_core.photos.headers import kind_of

# Of every format that can be opened, all that cameras, phones, browsers and programs write.
SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".jfi", ".pjpeg", ".pjp", ".mpo"}
SUFFIXES |= {".png", ".apng", ".webp", ".avif", ".avifs", ".gif", ".tif", ".tiff", ".bmp", ".dib"}
SUFFIXES |= {".heic", ".heics", ".heif", ".heifs", ".hif"}
UNFINISHED = {".part", ".partial", ".crdownload", ".download", ".tmp", ".temp", ".bak", ".old", ".orig"}
LONGEST_SUFFIX = 10  # what is longer is a part of a name with a dot in it
HEAD = 512  # bytes that show what a file is
BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # their sizes; two letters alone may begin any text

_TYPES = mimetypes.MimeTypes()  # Python's own list, the same on every machine


def is_photo(name: str) -> bool:
    """Whether a file of this name is to be a photograph: by its suffix, hidden files left out."""
    path = Path(name)
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def says_nothing(name: str) -> bool:
    """Whether a file of this name may be anything: without a suffix, or with one of no known kind."""
    path = Path(name)
    suffix = path.suffix.lower()
    if not path.name or path.name.startswith(".") or path.name.endswith("~") or suffix in UNFINISHED:
        return False
    known = _TYPES.guess_type(f"a{suffix}", strict=False)
    return len(suffix) > LONGEST_SUFFIX or known in ((None, None), ("application/octet-stream", None))


def begins_as_photo(head: bytes) -> bool:
    """Whether a file that begins so is a picture of a kind that can be opened, but for TIFF."""
    kind = kind_of(head)
    if kind == "BMP":
        return int.from_bytes(head[14:18], "little") in BMP_HEADERS
    if kind == "WEBP":
        return head.startswith(b"RIFF")
    return kind not in (None, "TIFF")
