"""Archives: what in a folder, a zip or a tar may be a photograph, in name order, looked at before it is read.

A member's size is checked before a byte of it is read, and reading stops at the limit whatever its size was
said to be. What is no photograph by its name or first bytes, folders, links and hidden files are passed over;
what cannot be read is a member whose reading ends in a sentence. A folder's links to other folders are not
followed. Neighbours: `names`, which tells photographs; `files`, which has the limits; `photoset`, which opens
what is found here.
"""

import bz2
import contextlib
import errno
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos.files import MAX_BYTES, BinaryFile, check_size
from tokenizer_core.photos.names import HEAD, begins_as_photo, is_photo, says_nothing

MAX_PASSED = 2**30  # bytes of one member of a compressed tar, which is unpacked even to be passed over
LONGEST_NAME = 120
ZIP_HEADS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
TELLING = (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ELOOP, errno.EIO, errno.ESTALE, errno.ENAMETOOLONG)
UNPACK: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
    b"\x5d\0\0": lzma.open,
}


@dataclass(frozen=True)
class Member:
    """`read` gives the bytes, or raises a `TokenizerError` whose sentence does not hold the name."""

    name: str
    read: Callable[[], bytes]


def shown_name(name: str) -> str:
    """A name for a sentence: one line, not endless."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in name)
    return plain if len(plain) <= LONGEST_NAME else plain[: LONGEST_NAME - 1] + "…"


def members(path: Path) -> Iterator[Member]:
    """All members of a folder or archive that may be photographs; of a photograph, itself.

    What makes all of an archive unsure, as a cut does, is a member of the archive's name, the first one.

    Raises:
        TokenizerError: there is no such folder or archive, or nothing of it can be read.
    """
    shown = shown_name(path.name)
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError):  # ValueError: a zero byte in the path
        raise TokenizerError(f"There is no folder or archive named {shown}.") from None
    if stat.S_ISDIR(kind):
        yield from _of_folder(path)
        return
    if is_photo(path.name):
        yield Member(path.name, partial(_read_file, path))
        return
    with _sentences(f"{shown} cannot be read"), path.open("rb") as file:
        head = file.read(HEAD)
    if begins_as_photo(head):
        yield Member(path.name, partial(_read_file, path))
        return
    if head.startswith(ZIP_HEADS) or zipfile.is_zipfile(path):
        yield from _of_zip(path)
    elif head[257:262] == b"ustar" or any(head.startswith(magic) for magic in UNPACK) or _is_old_tar(head):
        yield from _of_tar(path, head)
    else:
        raise TokenizerError(f"{shown} is neither a folder nor a zip, a tar or a photograph.")


@contextlib.contextmanager
def _sentences(beginning: str) -> Iterator[None]:
    """Whatever a reader of strangers' bytes raises inside a `with` is one sentence."""
    try:
        yield
    except TokenizerError:
        raise
    except Exception as error:  # readers of damaged archives raise nearly anything
        raise TokenizerError(f"{beginning}: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    """What of an error may be told: never a path."""
    text = str(error).lower()
    if "encrypt" in text or "password" in text:
        return "it is encrypted"
    if isinstance(error, NotImplementedError) or "compression method" in text:
        return "it is packed by a method that is not known here"
    if "crc" in text:
        return "it is damaged, its checksum is wrong"
    if isinstance(error, OSError) and error.errno in TELLING:
        return os.strerror(error.errno).lower()
    return "it is damaged or cut off"


def _read_to_limit(file: BinaryFile) -> bytes:
    data = file.read(MAX_BYTES + 1)
    check_size(len(data))
    return data


def _failing(sentence: str) -> Callable[[], bytes]:
    def read() -> bytes:
        raise TokenizerError(sentence)

    return read


def _of_folder(top: Path) -> Iterator[Member]:
    photos, broken, waiting = [], dict[Path, str](), [top]
    while waiting:
        folder = waiting.pop()
        try:
            with _sentences("This folder cannot be read"), os.scandir(folder) as entries:
                for entry in entries:
                    place = folder / entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(place)
                    elif _may_be_file(entry) and _is_photo(entry.name, partial(place.open, "rb")):
                        photos.append(place)
        except TokenizerError as error:
            broken[folder] = str(error)
    if top in broken:
        raise TokenizerError(f"{shown_name(top.name)}: {broken[top]}")
    for place in sorted([*photos, *broken]):
        read = _failing(broken[place]) if place in broken else partial(_read_file, place)
        yield Member(str(place.relative_to(top)), read)


def _may_be_file(entry: os.DirEntry) -> bool:
    """No pipe, device or link to a folder; a link that leads nowhere is a file that cannot be read."""
    try:
        return stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return True


def _is_photo(name: str, opened: Callable[[], Any]) -> bool:
    """By its name, or by its first bytes where the name says nothing and they can be read."""
    if is_photo(name):
        return True
    if not says_nothing(name):
        return False
    try:
        with opened() as file:
            return begins_as_photo(file.read(HEAD))
    except Exception:  # readers of damaged archives raise nearly anything
        return False


def _read_file(path: Path) -> bytes:
    with _sentences("This file cannot be read"):
        check_size(path.stat().st_size)
        with path.open("rb") as file:
            return _read_to_limit(file)


def _of_zip(path: Path) -> Iterator[Member]:
    with _sentences(f"{shown_name(path.name)} cannot be read"):
        archive = zipfile.ZipFile(path)
    with archive:
        found = [entry for entry in archive.infolist() if _is_zipped_photo(archive, entry)]
        for entry in sorted(found, key=lambda entry: entry.filename):
            yield Member(entry.filename, partial(read_zipped, archive, entry))


def _is_zipped_photo(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    is_folder = entry.filename.endswith("/") or bool(entry.external_attr & 0x10)
    if is_folder or kind not in (0, stat.S_IFREG):
        return False
    return _is_photo(entry.filename, partial(archive.open, entry))


def read_zipped(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The bytes of one member, never more than the limit.

    Raises:
        TokenizerError: it is encrypted, damaged, empty or too large.
    """
    with _sentences("This file cannot be read"):
        if entry.flag_bits & 1:
            raise TokenizerError("This file cannot be read: it is encrypted.")
        check_size(entry.file_size)
        with archive.open(entry) as file:
            return _read_to_limit(file)


class _Bounded:
    """A file whose single reads are bounded: a tar may say that its own headers are gigabytes."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes."""
        if not 0 <= size <= 2 * MAX_BYTES:
            raise tarfile.ReadError("a header of that size")
        return self.file.read(size)

    def seek(self, place: int) -> int:
        """Go to a place, counted from the start."""
        return self.file.seek(place)

    def tell(self) -> int:
        """The place."""
        return self.file.tell()


def _is_old_tar(head: bytes) -> bool:
    """Tars from before 1988 have no name of their format in them; an empty one is zeros."""
    if len(head) == tarfile.BLOCKSIZE and not head.strip(b"\0"):
        return True
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.TarError:  # no header of a tar
        return False
    return True


def _of_tar(path: Path, head: bytes) -> Iterator[Member]:
    beginning = f"{shown_name(path.name)} cannot be read"
    unpack = next((unpack for magic, unpack in UNPACK.items() if head.startswith(magic)), None)
    with _sentences(beginning):
        file = path.open("rb") if unpack is None else unpack(path)
    with file:
        with _sentences(beginning):
            archive = tarfile.TarFile(fileobj=_Bounded(file))  # pyright: ignore[reportArgumentType]
        found = list[tarfile.TarInfo]()
        try:
            with _sentences("Only a part of this archive can be read"):
                for entry in _entries(archive, unpack is not None):
                    if entry.isreg() and _is_photo(entry.name, partial(_open_tarred, archive, entry)):
                        found.append(entry)
        except TokenizerError as error:
            yield Member(path.name, _failing(str(error)))
        for entry in sorted(found, key=lambda entry: entry.name):
            yield Member(entry.name, partial(_read_tarred, archive, entry))


def _entries(archive: tarfile.TarFile, is_packed: bool) -> Iterator[tarfile.TarInfo]:
    """Every entry of a tar, once."""
    last = -1
    while (entry := archive.next()) is not None:
        if entry.size < 0 or entry.offset <= last:
            raise tarfile.ReadError("a header that leads back")
        if is_packed and entry.size > MAX_PASSED:
            raise TokenizerError("This archive has a file of over 1 GB in it; please unpack it first.")
        last = entry.offset
        yield entry
    # A header that is no header ends the list without a word.
    file = archive.fileobj
    assert file is not None
    file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError("a damaged header")


def _read_tarred(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    with _sentences("This file cannot be read"):
        check_size(entry.size)
        with _open_tarred(archive, entry) as content:
            return _read_to_limit(content)


def _open_tarred(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> Any:
    content = archive.extractfile(entry)
    assert content is not None, "a regular file has content"
    return content
