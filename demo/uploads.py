"""Visitors' files on the server's disk: in a folder of this process alone, emptied by age, gone at its end.

Gradio writes what is uploaded, and pictures for programs, below GRADIO_TEMP_DIR. By itself it leaves them
there when the process is told to end, and uploads that were broken off for ever.
"""

import atexit
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

from gradio.utils import get_upload_folder

SCHEDULE = (600, 3600)  # seconds: how often files are looked at, and how old they become
ABANDONED = 86_400  # seconds after which the folder of another process is one that was killed
PREFIX = "tokendial-uploads-"
OPENED = 60  # seconds after which a file has surely become a film, which needs it no more


def own_folder() -> Path:
    """Make a folder for this process's uploads, and see to it that nothing stays in it.

    It is below GRADIO_TEMP_DIR, or else the system's folder for such files.
    """
    place = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
    place.mkdir(parents=True, exist_ok=True)
    for left in place.glob(f"{PREFIX}*"):
        if _age(left) > ABANDONED:
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    threading.Thread(target=_keep_clean, args=(folder,), daemon=True).start()
    return folder


def holds(path: str) -> bool:
    """Whether a path is one of an uploaded file; no other file is a visitor's."""
    return Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())


def remove_old(folder: Path, age: float) -> None:
    """Remove files older than `age` seconds, and folders that are empty for as long."""
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder comes before it
        try:
            if _age(path) > age:
                path.rmdir() if path.is_dir() else path.unlink()
        except OSError:  # it is not empty, or somebody else removed it
            continue


def make_room() -> None:
    """The disk is full: remove what was opened long ago; a page that needs it again sends it again."""
    remove_old(Path(get_upload_folder()), OPENED)


def _keep_clean(folder: Path) -> None:
    every, age = SCHEDULE
    while True:
        time.sleep(every)
        remove_old(folder, age)


def _age(path: Path) -> float:
    """Seconds since it was written; 0 of what is gone."""
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0
