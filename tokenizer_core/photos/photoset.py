"""Photographs in a folder, a zip or a tar, in name order, as bytes: what training and evaluation read."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos.photo import open_photo

TWO_CROPS_FROM = 280 / 256  # a photo this much longer than wide gives both of its ends
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".tif", ".tiff", ".bmp", ".heic"}


def photo_files(
    path: str | Path, limit: int | None = None, share: tuple[int, int] = (0, 1)
) -> Iterator[tuple[str, bytes]]:
    """Yield (name, file bytes) of every photograph under `path`, sorted by name.

    Args:
        path: a folder, a zip or a tar, or one photograph.
        limit: only the first so many.
        share: (r, n) yields of these the r-th and every n-th after it; the others are not read.

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
    first_share, shares = share
    wanted = islice(chain([first], members), limit)
    for name, read in islice(wanted, first_share, None, shares):
        yield name, read()


def iter_photos(path: str | Path, limit: int | None = None) -> Iterator[tuple[str, Image.Image]]:
    """Like `photo_files`, opened by `open_photo` (oriented, RGB)."""
    for name, data in photo_files(path, limit):
        yield name, open_photo(io.BytesIO(data))


def _is_photo(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES and not Path(name).name.startswith(".")


def _members(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Name of every photograph, and a function that reads it before the next one is asked for."""
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file() and _is_photo(p.name)):
            yield str(file.relative_to(path)), file.read_bytes
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in sorted(n for n in archive.namelist() if _is_photo(n)):
                yield name, partial(archive.read, name)
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            for member in sorted(
                (m for m in archive.getmembers() if m.isfile() and _is_photo(m.name)), key=lambda m: m.name
            ):
                yield member.name, partial(_read_member, archive, member)
    elif _is_photo(path.name):
        yield path.name, path.read_bytes
    else:
        raise TokenizerError(f"{path.name} is neither a folder nor a zip, a tar or a photograph.")


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = archive.extractfile(member)
    assert content is not None, "a regular file has content"
    return content.read()


def load_crops(
    path: str | Path, size: int, limit: int | None, workers: int, two: bool = True
) -> UInt8[np.ndarray, "M H W 3"]:
    """Decode every photograph under `path` into one crop, or two (both ends) where it is long enough."""
    return np.concatenate(load_photos(path, size, limit, workers, two))


def load_photos(
    path: str | Path,
    size: int,
    limit: int | None,
    workers: int,
    two: bool = True,
    share: tuple[int, int] = (0, 1),
) -> list[UInt8[np.ndarray, "_ H W 3"]]:
    """Like `load_crops`, an array a photograph; `share` is that of `photo_files`."""
    files = [(data, size, two) for _, data in photo_files(path, limit, share)]
    if workers <= 1:
        return [_crops_of(file) for file in files]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(_crops_of, files, chunksize=32))


def _crops_of(file: tuple[bytes, int, bool]) -> UInt8[np.ndarray, "m H W 3"]:
    data, size, two = file
    photo = open_photo(io.BytesIO(data))
    wide, high = (max(size, round(side * size / min(photo.size))) for side in photo.size)
    pixels = np.asarray(photo.resize((wide, high), 1))  # 1 is Lanczos; a copy if it has this size
    if two and max(high, wide) >= size * TWO_CROPS_FROM:
        return np.stack([pixels[:size, :size], pixels[high - size :, wide - size :]])
    top, left = (high - size) // 2, (wide - size) // 2
    return pixels[None, top : top + size, left : left + size]
