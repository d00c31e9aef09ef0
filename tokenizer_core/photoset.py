"""Photographs in a folder, a zip or a tar, in name order, as bytes: what training and evaluation read."""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from PIL import Image

from tokenizer_core.errors import TokenizerError
from tokenizer_core.photo import open_photo

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".tif", ".tiff", ".bmp", ".heic"}


def photo_files(path: str | Path, limit: int | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield (name, file bytes) of every photograph under `path`, sorted by name.

    Raises:
        TokenizerError: there is no such folder or archive, or it holds no photograph.
    """
    path = Path(path)
    if not path.exists():
        raise TokenizerError(f"There is no folder or archive named {path.name}.")
    members = _members(path)
    first = next(members, None)
    if first is None:
        raise TokenizerError(f"{path.name} holds no photographs.")
    yield from islice(chain([first], members), limit)


def iter_photos(path: str | Path, limit: int | None = None) -> Iterator[tuple[str, Image.Image]]:
    """Like `photo_files`, opened by `open_photo` (oriented, RGB)."""
    for name, data in photo_files(path, limit):
        yield name, open_photo(io.BytesIO(data))


def _is_photo(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES and not Path(name).name.startswith(".")


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file() and _is_photo(p.name)):
            yield str(file.relative_to(path)), file.read_bytes()
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in sorted(n for n in archive.namelist() if _is_photo(n)):
                yield name, archive.read(name)
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            for member in sorted(
                (m for m in archive.getmembers() if m.isfile() and _is_photo(m.name)), key=lambda m: m.name
            ):
                content = archive.extractfile(member)
                assert content is not None, "a regular file has content"
                yield member.name, content.read()
    elif _is_photo(path.name):
        yield path.name, path.read_bytes()
    else:
        raise TokenizerError(f"{path.name} is neither a folder nor a zip, a tar or a photograph.")
