"""What a run writes down: a progress line, one JSON line in `log.jsonl`, and TensorBoard's event files.

Event files are written where the extra `tensorboard` is installed, into `tensorboard/` in the run's folder.
Only rank 0 writes.
"""

import importlib.util
import json
import math
import os
from pathlib import Path
from typing import Any

from tokenizer_core.training.place import Place


class RunLog:
    """The log of one run; `step` of what is written without one is that of the last line that had one."""

    def __init__(self, folder: Path, place: Place) -> None:
        self.folder, self.active = folder, place.rank == 0
        self.path = folder / "log.jsonl"
        self.step = 0
        self._events: Any = None
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, size: int | None = None, step: int = 0) -> None:
        """Begin behind what is there, or where a snapshot of `step` was taken: at `size` bytes.

        What a killed run wrote after its last snapshot is cut, since the run that goes on writes it again; so
        is a line that was never finished.
        """
        if not self.active:
            return
        self.step = step
        if self.path.exists():
            whole = self.path.read_bytes()[:size]
            os.truncate(self.path, whole.rfind(b"\n") + 1)
        self._events = event_writer(self.folder / "tensorboard", step if size is not None else None)

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self.path.stat().st_size if self.path.exists() else 0

    def write(self, **values: Any) -> None:
        """Print and append; numbers are rounded to four digits, and those that are not finite are null."""
        if not self.active:
            return
        self.step = values.get("step", self.step)
        short = {name: _short(value) for name, value in values.items()}
        print(" ".join(f"{name}={value}" for name, value in short.items()), flush=True)  # noqa: T201
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(short, default=str) + "\n")
        if self._events is not None:
            for name, value in _numbers(values).items():
                self._events.add_scalar(name, value, self.step)

    def flush(self) -> None:
        """Hand over to the disk what event files still keep in memory."""
        if self._events is not None:
            self._events.flush()

    def close(self) -> None:
        """Finish the event file."""
        if self._events is not None:
            self._events.close()
            self._events = None


def event_writer(folder: Path, purge_step: int | None) -> Any:
    """A writer of TensorBoard's event files, or None where the extra is not installed.

    Args:
        folder: made if need be.
        purge_step: of a run that goes on: what was written of this step and later ones no longer counts.
    """
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=purge_step)


def _short(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _numbers(values: dict[str, Any], room: str = "") -> dict[str, float]:
    """What can be plotted, by its name; of a dictionary inside, `outer/inner`."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, dict) and name == "psnr":
            found |= _numbers(value, f"{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool) and name != "step":
            found[room + name] = float(value)
    return found
