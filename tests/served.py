"""The page with stand-ins for models, served by a process of its own: it can be killed and watched.

    python -m tests.served --port 7999 --seconds 0.5 [--local-only]

A stand-in takes `--seconds` for each step of a picture, and stops between two where nobody waits for it. With
`--local-only` a connection or a look-up that leaves this machine ends the process with status 77.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from studies.load import Visitor
from tests import local_only

ROOT = Path(__file__).resolve().parent.parent
ASK = {"k": 64, "rest": False, "steps": 8, "seed": 0, "told": []}


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--local-only", action="store_true")
    asked = parser.parse_args()
    if asked.local_only:
        sys.addaudithook(local_only.stay_here)
    _serve(asked.port, asked.seconds)


def _serve(port: int, seconds: float) -> None:
    from demo import app
    from tests.stand_in import StandIn, models
    from tokenizer_core.stopping import go_on

    class Steps(StandIn):
        """It sleeps step by step, as a sampler computes."""

        def decode_many(self, encoding, lengths, *, steps=None, **options):
            for _ in range((steps or 1) * len(lengths)):
                go_on()
                time.sleep(seconds)
            yield from super().decode_many(encoding, lengths, steps=steps, **options)

    made = {info.name: Steps(info) for info in models()}
    app.tc.catalog = lambda: [one.info for one in made.values()]
    app.tc.load = lambda name, device, dtype: made[name]
    app.launch("cpu", server_name="127.0.0.1", server_port=port)


def free_port() -> int:
    """A port of this machine that nobody has."""
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return some.getsockname()[1]


class Server:
    """One such process."""

    def __init__(
        self, folder: Path, port: int | None = None, words: tuple[str, ...] = (), **environment: str
    ):
        self.port = port or free_port()
        self.address = f"http://127.0.0.1:{self.port}/"
        self.log = folder / f"server-{self.port}-{time.monotonic_ns()}.log"
        command = [sys.executable, "-m", "tests.served", "--port", str(self.port), *words]
        around = (
            os.environ | {"GRADIO_TEMP_DIR": str(folder / "uploads"), "PYTHONPATH": str(ROOT)} | environment
        )
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=around, cwd=ROOT)

    def wait(self, seconds: float = 120.0) -> "Server":
        """Until it is ready."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if httpx.get(f"{self.address}health", timeout=5).status_code == 200:
                    return self
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def end(self, how: int = signal.SIGTERM, seconds: float = 60.0) -> int:
        """Tell it to end; its status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(10)


@contextmanager
def serving(*servers: Server):
    """Ready inside a `with`, ended after it."""
    try:
        yield [server.wait() for server in servers]
    finally:
        for server in servers:
            server.end(signal.SIGKILL)


def begin(visitor: Visitor, **question: Any) -> dict[str, Any]:
    """The answer to a film's start, once the server has room for it."""
    while True:
        answer = visitor.ask({"what": "start", "from": "upload"} | ASK | question)
        if "note" not in answer or "start" in answer:
            return answer
        time.sleep(0.1)


def tokens(visitor: Visitor, token: str) -> str:
    """A film's tokens, as its link has them."""
    have: list[int] = []
    while True:
        ask = ASK | {"token": token, "means": have, "samples": []}
        answer = visitor.ask(ask)
        assert "error" not in answer, answer
        if "tokens" in answer.get("told", {}):
            return answer["told"]["tokens"]
        have += [row[1] for row in answer.get("frames", []) if row[0] == "mean"]


if __name__ == "__main__":
    main()
