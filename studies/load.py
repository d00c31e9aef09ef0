"""How a served page bears many visitors: each uploads a photo and pulls by the page's own protocol.

Run: `make load ADDRESS=http://127.0.0.1:7860/`; start the server apart, on a machine at rest.
It prints and writes seconds to the first picture, to the ladder and (`--films`) to the film, how long a
visitor waited for the word that the queue is full (the longest wait of each), how many got a sentence
instead, and how many questions the network lost, which are asked again.
`--soak 500` uploads one photo after the other, and forgets each; with `--pid` it watches the server's memory,
threads and open files.
"""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4

import httpx
import numpy as np

from demo.crowd import photo, spread

CROWDS = (1, 4, 16, 50, 200)
PATIENT = 300.0  # seconds that a visitor stays
GOALS = ("first", "ladder", "film")  # pictures that a visitor waits for
PULL_AGAIN, START_AGAIN = 0.3, 1.5  # seconds after a note that names none, as the page waits
AWAY = (1.0, 2.0, 4.0)  # seconds after which a question without an answer is asked again, as the page does


class Visitor:
    """One page."""

    def __init__(self, address: str, number: int):
        self.client = httpx.Client(base_url=address, timeout=PATIENT)
        self.number, self.session = number, uuid4().hex
        self.lost = 0  # questions that the network lost, such as where the server closed an idle connection
        self.photo = photo(number)  # now: drawing it is no part of what a visitor waits for
        parts = self.client.get("config").json()["components"]
        self.dial = next(one["id"] for one in parts if one["props"].get("elem_id") == "dial")

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """What the page's `server.ask` does."""
        body = {"session_hash": self.session, "component_id": self.dial, "fn_name": "ask", "data": question}
        for seconds in AWAY:
            try:
                return self._post(body)
            except httpx.TransportError:
                self.lost += 1
                time.sleep(seconds)
        return self._post(body)

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.client.post("gradio_api/component_server", json=body).raise_for_status().json()

    def upload(self) -> str:
        """The path that the server gives a photo of this visitor's own."""
        files = {"files": (f"{self.number}.jpg", self.photo, "image/jpeg")}
        return self.client.post("gradio_api/upload", files=files).raise_for_status().json()[0]

    def visit(self, ready: Barrier, goal: str) -> dict[str, Any]:
        """Seconds to what of `GOALS` comes up to the goal; or the sentence, and after how long ("said")."""
        ready.wait(PATIENT)
        began, found = time.perf_counter(), dict[str, Any]()
        try:
            return self._watch(began, found, goal)
        except httpx.HTTPError as error:
            return found | {"sentence": f"no answer: {type(error).__name__}"}

    def _watch(self, began: float, found: dict[str, Any], goal: str) -> dict[str, Any]:
        have: dict[str, set[int]] = {"mean": set(), "sample": set()}
        told: list[str] = []
        ladder: set[int] = set()  # not known yet
        ask = {"k": 64, "rest": False, "steps": 8, "seed": 0}
        begin = {"what": "start", "from": "upload", "path": self.upload(), "told": []} | ask
        asked, answer = 0.0, self.ask(begin)  # asked: seconds since the visitor came; with the upload
        while time.perf_counter() - began < PATIENT:
            now = time.perf_counter() - began
            if "error" in answer:
                return found | {"sentence": answer["error"], "said": now}
            if "start" in answer:
                ask |= {"token": answer["start"]["token"]}
                ladder = set(answer["start"]["info"]["ladder"])
            for mode, length, *_ in answer.get("frames", []):
                have[mode].add(length)
                found.setdefault("first", now)
            told += list(answer.get("told", {}))
            if ladder and ladder <= have["mean"]:
                found.setdefault("ladder", now)
            done = "frames" in answer and not answer["frames"]
            if done or (goal != "film" and goal in found):
                self.ask({"what": "forget", "token": ask["token"]})
                return found | ({"film": now} if done else {})
            if "note" in answer:
                found["noted"] = max(found.get("noted", 0.0), now - asked)
                time.sleep(answer.get("again", PULL_AGAIN if "token" in ask else START_AGAIN))
            have_lists = {"means": sorted(have["mean"]), "samples": sorted(have["sample"])}
            # Where the queue is full there is no film yet: then it is begun anew, as the page does.
            asked = time.perf_counter() - began
            answer = self.ask(ask | have_lists | {"told": told} if "token" in ask else begin)
        return found | {"sentence": "no end in five minutes"}


def crowd(address: str, count: int, goal: str) -> dict[str, Any]:
    """So many visitors at once."""
    visitors, ready = [Visitor(address, n) for n in range(count)], Barrier(count)
    with ThreadPoolExecutor(count) as pool:
        found = list(pool.map(lambda visitor: visitor.visit(ready, goal), visitors))
    times = {
        what: [one[what] for one in found if what in one] for what in ("first", "ladder", "film", "noted")
    }
    sentences = [one["sentence"] for one in found if "sentence" in one]
    return {
        "visitors": count,
        **{what: spread(np.array(each)) for what, each in times.items() if each},
        "sentences": {text: sentences.count(text) for text in dict.fromkeys(sentences)},
        "lost": sum(visitor.lost for visitor in visitors),
        "fairness": round(max(times["first"]) / min(times["first"]), 1) if times["first"] else None,
    }


def soak(address: str, uploads: int, pid: int | None) -> list[dict[str, Any]]:
    """Upload after upload, each forgotten; what the server takes at every fiftieth.

    Most leave with the first picture, so that 500 take about ten minutes on two cores; a tenth stays for the
    ladder.
    """
    lines = []
    for number in range(1, uploads + 1):
        with_client = Visitor(address, number)
        with_client.visit(Barrier(1), "ladder" if number % 10 == 0 else "first")
        with_client.client.close()
        if number % min(50, uploads) == 0:
            lines.append({"uploads": number, **(taken_by(pid) if pid else {})})
            print(json.dumps(lines[-1]), flush=True)
    return lines


def taken_by(pid: int) -> dict[str, int]:
    """Memory in bytes, threads and open files of a process (Linux)."""
    place = Path(f"/proc/{pid}")
    lines = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
    files = len(list((place / "fd").iterdir()))
    memory = int(lines["VmRSS"].split()[0]) * 1024
    return {"memory": memory, "threads": int(lines["Threads"]), "files": files}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="of the page, with a slash at its end")
    parser.add_argument("--crowds", type=int, nargs="*", default=CROWDS, help="visitors at once")
    parser.add_argument("--films", action="store_true", help="until the film is there, not the ladder")
    parser.add_argument("--soak", type=int, default=0, help="so many uploads, one after the other")
    parser.add_argument("--pid", type=int, help="of the server, whose memory is watched in a soak")
    parser.add_argument("--out", type=Path, default=Path("runs/load.json"))
    asked = parser.parse_args()
    found: dict[str, Any] = {"crowds": []}
    for count in asked.crowds:
        found["crowds"].append(crowd(asked.address, count, "film" if asked.films else "ladder"))
        print(json.dumps(found["crowds"][-1]), flush=True)
    if asked.soak:
        found["soak"] = soak(asked.address, asked.soak, asked.pid)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
