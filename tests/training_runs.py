"""Tiny runs of training for the tests: photographs, the words of a run, its log, and processes."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.cli import main

ROOT = Path(__file__).resolve().parent.parent


class Killed(BaseException):
    """What nothing in a run catches."""


def write_photos(folder: Path) -> Path:
    """Six photographs of smooth colours; the last is long, so it gives two crops."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for i in range(6):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8))
        coarse.resize((96 if i == 5 else 68, 68), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder


def words_of(photos: Path, out: Path) -> list[str]:
    """Options of a tiny run with a line in the log and a snapshot after every step."""
    words = ["--photos", str(photos), "--validation", str(photos), "--out", str(out), "--workers", "1"]
    return [*words, "--batch", "4", "--tiny", "--log-seconds", "-1", "--snapshot-seconds", "-1"]


def train_here(photos: Path, what: str, out: Path, *words: str) -> list[dict]:
    """Train in this process, through the command line; returns the log."""
    assert not main(["train", what, *words_of(photos, out), *words])
    return read_log(out)


def kill_in(patch: pytest.MonkeyPatch, owner: object, name: str, call: int, after: bool = True) -> None:
    """Kill the run at the n-th call of a function: after it has done its work, or before."""
    original, calls = getattr(owner, name), []

    def killing(*args: object, **options: object) -> object:
        calls.append(name)
        if len(calls) == call and not after:
            raise Killed
        result = original(*args, **options)
        if len(calls) == call:
            raise Killed
        return result

    patch.setattr(owner, name, killing)


def killed(train: Callable[[], object], owner: object, name: str, call: int, after: bool = True) -> None:
    """Train, and kill the run there."""
    with pytest.MonkeyPatch.context() as patch:
        kill_in(patch, owner, name, call, after)
        with pytest.raises(Killed):
            train()


def read_log(out: Path) -> list[dict]:
    """The lines of a run's log."""
    return [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]


def steps_of(out: Path) -> list[dict]:
    """Its lines of steps, without the seconds that they took."""
    rows = [row for row in read_log(out) if "step" in row]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def environment(**more: str) -> dict[str, str]:
    """Of a process that finds this repository and nothing outside this machine."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME") if name in os.environ}
    return kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"} | more


def free_port() -> str:
    """A port of this machine that nobody listens on."""
    with socket.socket() as box:
        box.bind(("127.0.0.1", 0))
        return str(box.getsockname()[1])


def start_ranks(code: str, folder: Path, world: int = 2) -> list[subprocess.Popen]:
    """Processes that run `code` as the ranks of one group."""
    (folder / "check.py").write_text(code)
    shared = {"WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    return [
        subprocess.Popen([sys.executable, folder / "check.py"], env=environment(**shared, RANK=str(rank)))
        for rank in range(world)
    ]


def ends(started: list[subprocess.Popen], seconds: float = 120) -> list[int]:
    """The exit codes, once all have ended."""
    try:
        return [process.wait(seconds) for process in started]
    finally:
        for process in started:
            process.kill()
