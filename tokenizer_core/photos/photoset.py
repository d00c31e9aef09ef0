"""Photographs in a folder, a zip or a tar, in name order: what training, evaluation and studies read.

One that cannot be read or opened stops all with a sentence that names it, or, where the caller gives a list,
goes on that list and is left out. Neighbours: `archives`, which finds and reads; `photo`, which opens.
"""

import io
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos.archives import members, shown_name
from tokenizer_core.photos.photo import open_photo

TWO_CROPS_FROM = 280 / 256  # a photo this much longer than wide gives both of its ends
AT_LEAST = 512  # pixels that each side of a JPEG keeps: twice the square that a photo becomes
A_JOB = 32  # photographs that a process decodes at a time

Damaged = list[tuple[str, str]]  # names, and why each was left out
Job = tuple[bytes | None, int, bool, bool]


def photo_files(
    path: str | Path,
    limit: int | None = None,
    damaged: Damaged | None = None,
    share: tuple[int, int] = (0, 1),
) -> Iterator[tuple[str, bytes]]:
    """Yield (name, file bytes) of every photograph under `path`, sorted by name.

    Args:
        path: a folder, a zip, a tar (plain, gz, bz2 or xz), or a photograph.
        limit: at most so many.
        damaged: what cannot be read is left out and added here, (name, sentence). None: the first raises.
        share: (r, n) yields of these the r-th and every n-th after it; the others are not read.

    Raises:
        TokenizerError: there is no such folder or archive, it holds no photograph, or one cannot be read.
    """
    for name, data in _files(Path(path), limit, damaged, share):
        if data is not None:
            yield name, data


def _files(
    path: Path, limit: int | None, damaged: Damaged | None, share: tuple[int, int]
) -> Iterator[tuple[str, bytes | None]]:
    """What `photo_files` gives, and None for what is left out."""
    count, (first, shares) = 0, share
    for place, member in enumerate(members(path)):
        if limit is not None and count >= limit:
            return
        if place % shares != first:
            count += 1
            continue
        try:
            data = member.read()
        except TokenizerError as error:
            _leave_out(member.name, error, damaged)
            yield member.name, None
            continue
        count += 1
        yield member.name, data
    if count == 0 and limit != 0:
        raise TokenizerError(_nothing(path, damaged))


def iter_photos(
    path: str | Path,
    limit: int | None = None,
    damaged: Damaged | None = None,
    at_least: int = AT_LEAST,
    exact: bool = False,
) -> Iterator[tuple[str, Image.Image]]:
    """Like `photo_files`, opened by `open_photo` (oriented, RGB); `at_least` and `exact` are its arguments.

    Raises:
        TokenizerError: as `photo_files` does, or a photograph cannot be opened.
    """
    path, count = Path(path), 0
    for name, data in photo_files(path, None, damaged):
        if limit is not None and count >= limit:
            return
        try:
            photo = open_photo(io.BytesIO(data), at_least, exact)
        except TokenizerError as error:
            _leave_out(name, error, damaged)
            continue
        count += 1
        yield name, photo
    if count == 0 and limit != 0:
        raise TokenizerError(_nothing(path, damaged))


@dataclass
class PhotoSet:
    """Photographs that a command goes through, and what of them it left out.

    Attributes:
        path: a folder, a zip, a tar, or a photograph.
        limit: only the first so many, by name.
        skip_damaged: leave out what cannot be opened, instead of stopping there.
        exact: decode JPEGs as large as versions before 0.2 did, see `open_photo`.
        damaged: what was left out so far, (name, sentence) each.
    """

    path: str | Path
    limit: int | None = None
    skip_damaged: bool = False
    exact: bool = False
    damaged: Damaged = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of the folder or archive, without the way there."""
        return Path(self.path).name

    def __iter__(self) -> Iterator[tuple[str, Image.Image]]:
        """(name, opened photograph) of each, see `iter_photos`."""
        return iter_photos(self.path, self.limit, self._list, exact=self.exact)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """(name, bytes) of each, not opened."""
        return photo_files(self.path, self.limit, self._list)

    def leave_out(self, name: str, error: TokenizerError) -> None:
        """Go on without a photograph that turned out to be damaged, or stop there.

        Raises:
            TokenizerError: damaged ones are not to be skipped; the sentence names it.
        """
        _leave_out(name, error, self._list)

    @property
    def _list(self) -> Damaged | None:
        return self.damaged if self.skip_damaged else None


def photo_set(photos: str | Path | PhotoSet, limit: int | None = None) -> PhotoSet:
    """A path as a set of photographs; a set as it is."""
    return photos if isinstance(photos, PhotoSet) else PhotoSet(photos, limit)


def _leave_out(name: str, error: TokenizerError, damaged: Damaged | None) -> None:
    if damaged is None:
        raise TokenizerError(f"{shown_name(name)}: {error}") from None
    damaged.append((shown_name(name), str(error)))


def _nothing(path: Path, damaged: Damaged | None) -> str:
    shown = shown_name(path.name)
    if not damaged:
        return f"{shown} holds no photographs."
    return f"{shown} holds no photograph that can be opened; {damaged[0][0]}: {damaged[0][1]}"


def load_crops(
    path: str | Path,
    size: int,
    limit: int | None,
    workers: int,
    two: bool = True,
    damaged: Damaged | None = None,
    exact: bool = False,
) -> UInt8[np.ndarray, "M H W 3"]:
    """Decode every photograph under `path` into one crop, or two (both ends) where it is long enough.

    Args:
        path: as `photo_files` takes it.
        size: pixels on each side of a crop. A JPEG is decoded at twice that or more.
        limit: photographs at most.
        workers: processes that decode.
        two: False takes the middle alone.
        damaged: as in `photo_files`.
        exact: a JPEG keeps 1,024 pixels a side, see `open_photo`.

    Raises:
        TokenizerError: as `iter_photos` does.
    """
    crops = load_photos(path, size, limit, workers, two, damaged=damaged, exact=exact)
    if not any(map(len, crops)):
        raise TokenizerError(_nothing(Path(path), damaged))
    return np.concatenate(crops)


def load_photos(
    path: str | Path,
    size: int,
    limit: int | None,
    workers: int,
    two: bool = True,
    *,
    share: tuple[int, int] = (0, 1),
    damaged: Damaged | None = None,
    exact: bool = False,
) -> list[UInt8[np.ndarray, "_ H W 3"]]:
    """Like `load_crops`, an array a photograph, without crops of one that is left out.

    `share` is that of `photo_files`.
    """
    names, crops = deque[str](), []

    def jobs() -> Iterator[Job]:
        for name, data in _files(Path(path), limit, damaged, share):
            names.append(name)
            yield data, size, two, exact

    for result in _results(jobs(), workers):
        name = names.popleft()
        if isinstance(result, str):
            _leave_out(name, TokenizerError(result), damaged)
            result = np.empty((0, size, size, 3), np.uint8)
        crops.append(result)
    return crops


def _results(jobs: Iterator[Job], workers: int) -> Iterator[UInt8[np.ndarray, "m H W 3"] | str]:
    """What `_crops_of` gives, in order; only so many files as the processes need soon are read ahead."""
    if workers <= 1:
        yield from map(_crops_of, jobs)
        return
    with ProcessPoolExecutor(workers) as pool:
        waiting = deque()
        while batch := list(islice(jobs, A_JOB)):
            waiting.append(pool.submit(_crops_of_all, batch))
            if len(waiting) > 2 * workers:
                yield from waiting.popleft().result()
        for job in waiting:
            yield from job.result()


def _crops_of_all(files: Iterable[Job]) -> list[UInt8[np.ndarray, "m H W 3"] | str]:
    return [_crops_of(file) for file in files]


def _crops_of(file: Job) -> UInt8[np.ndarray, "m H W 3"] | str:
    """The crops, none of what was left out, or the sentence that says why there are none."""
    data, size, two, exact = file
    if data is None:
        return np.empty((0, size, size, 3), np.uint8)
    try:
        photo = open_photo(io.BytesIO(data), 2 * size, exact)
    except TokenizerError as error:
        return str(error)
    wide, high = (max(size, round(side * size / min(photo.size))) for side in photo.size)
    pixels = np.asarray(photo.resize((wide, high), 1))  # 1 is Lanczos; a copy if it has this size
    if two and max(high, wide) >= size * TWO_CROPS_FROM:
        return np.stack([pixels[:size, :size], pixels[high - size :, wide - size :]])
    top, left = (high - size) // 2, (wide - size) // 2
    return pixels[None, top : top + size, left : left + size]
