"""Nothing of a visitor's stays on the server's disk: after a while, at the end, after a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from demo import ending, uploads

ROOT = Path(__file__).resolve().parent.parent
SERVE = """
import sys
import tokenizer_core as tc
from demo.cli import main
from tests.stand_in import StandIn, models
tc.catalog = models
tc.load = lambda name, *_: StandIn(next(info for info in models() if info.name == name))
sys.exit(main(["demo"]))
"""


def aged(path: Path, seconds: float) -> Path:
    os.utime(path, (time.time() - seconds,) * 2)
    return path


@pytest.mark.parametrize("sign", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_server_that_is_told_to_end_leaves_nothing(tmp_path, sign):
    log = tmp_path / "log"
    old, theirs = tmp_path / f"{uploads.PREFIX}old", tmp_path / "somebody-elses"
    for folder in (old, theirs):
        folder.mkdir()
        (folder / "photo.jpg").write_bytes(b"left by a process that was killed")
        aged(folder, 2 * uploads.ABANDONED)
    environment = os.environ | {"GRADIO_TEMP_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with log.open("w") as file:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVE], cwd=ROOT, env=environment, stdout=file, stderr=file
        )
    try:
        address = wait_for_address(server, log)
        files = {"files": ("photo.jpg", b"a photo")}
        (path,) = httpx.post(f"{address}gradio_api/upload", files=files).json()
        assert Path(path).read_bytes() == b"a photo"
        assert uploads.PREFIX in path
        assert not old.exists()
        server.send_signal(sign)
        assert server.wait(20) in (0, ending.TERMINATED)
    finally:
        server.kill()
        server.wait()
    assert "Traceback" not in log.read_text()
    assert not list(tmp_path.glob(f"{uploads.PREFIX}*"))
    assert (theirs / "photo.jpg").exists()


def wait_for_address(server: subprocess.Popen, log: Path) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        address = next((word for word in log.read_text().split() if word.startswith("http://")), None)
        if address:
            return address
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_old_files_go_and_new_ones_stay(tmp_path):
    for name in ("old/a.jpg", "old/deeper/b.jpg", "both/old.jpg", "both/new.jpg", "broken-off"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for _ in range(3):  # what was in a folder makes it new once more
        for path in tmp_path.rglob("*"):
            if path.name != "new.jpg":
                aged(path, 100)
        uploads.remove_old(tmp_path, 50)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")} == {"both", "both/new.jpg"}
