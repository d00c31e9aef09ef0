"""Files that are written whole or not at all."""

import os
from pathlib import Path

from tokenizer_core.errors import TokenizerError


def write_whole(path: str | Path, data: bytes, make_folders: bool = False) -> None:
    """Write a file so that whoever reads it, even after a crash, finds the old one or the new one, whole.

    Args:
        path: an existing file is replaced in one move. A device or a pipe, such as /dev/stdout, is written to
            as it is.
        data: all of the file.
        make_folders: make those that are missing on the way.

    Raises:
        TokenizerError: the disk is full, or cannot be written to; what was there stays.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.part")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        if make_folders:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        _settle(path.parent)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the name is not one of a file"
        raise TokenizerError(f"{path.name} could not be written: {reason}.") from None


def _settle(folder: Path) -> None:
    """The folder's list of names on the disk, too; Windows does so by itself."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
