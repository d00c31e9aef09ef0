"""A served page in a process of its own: who leaves frees the worker, links outlive it, its end lets a step
end, its disk may be full, and nothing that it does leaves the machine."""

import signal
import threading
import time

import httpx
import pytest

from demo import faults
from demo.store import GONE
from studies.load import Visitor
from tests.local_only import LEFT_THE_MACHINE
from tests.served import ASK, Server, begin, serving, tokens

pytestmark = pytest.mark.slow
STEP = 0.2  # seconds that a stand-in takes for a step


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """A server whose pictures take a while."""
    with serving(Server(tmp_path_factory.mktemp("slow"), words=("--seconds", str(STEP)))) as (server,):
        yield server


def sample(head, steps):
    """The question for one sample of a film, and nothing else."""
    have = {"means": list(range(257)), "samples": []}
    return ASK | have | {"token": head["start"]["token"], "rest": True, "steps": steps, "beside": True}


def test_a_visitor_who_leaves_frees_the_worker_within_two_seconds(slow):
    leaver, other = Visitor(slow.address, 1), Visitor(slow.address, 2)
    head = begin(leaver, path=leaver.upload())
    begun = begin(other, path=other.upload())
    body = {"session_hash": leaver.session, "component_id": leaver.dial, "fn_name": "ask"}
    with pytest.raises(httpx.ReadTimeout):  # fifty steps would take ten seconds
        leaver.client.post("gradio_api/component_server", json=body | {"data": sample(head, 50)}, timeout=0.7)
    leaver.client.close()
    left = time.perf_counter()
    answer = other.ask(ASK | {"token": begun["start"]["token"], "k": 3, "means": [64], "samples": []})
    waited = time.perf_counter() - left
    assert answer["frames"][0][:2] == ["mean", 3]
    assert waited < 2 + STEP
    figures = httpx.get(f"{slow.address}metrics").text
    assert "tokendial_left_total 1.0" in figures


@pytest.mark.long
def test_a_link_opens_on_a_server_that_was_killed_and_started_again(tmp_path):
    first = Server(tmp_path)
    with serving(first):
        visitor = Visitor(first.address, 3)
        head = begin(visitor, path=visitor.upload())
        text = tokens(visitor, head["start"]["token"])
        first.end(signal.SIGKILL)
        with serving(Server(tmp_path, first.port)):
            again = Visitor(first.address, 3)
            gone = again.ask(ASK | {"token": head["start"]["token"], "means": [], "samples": []})
            assert gone == {"error": GONE, "gone": head["start"]["token"]}, "one sentence"
            opened = begin(again, **{"from": "link", "tokens": text})
            assert opened["frames"][0][:2] == ["mean", 64]
            assert tokens(again, opened["start"]["token"]) == text


@pytest.mark.long
def test_the_end_of_a_server_lets_a_step_of_a_film_end(tmp_path):
    server = Server(tmp_path, words=("--seconds", "0.3"))
    with serving(server):
        visitor = Visitor(server.address, 4)
        head = begin(visitor, path=visitor.upload())
        got = []
        thread = threading.Thread(target=lambda: got.append(visitor.ask(sample(head, 8))))
        thread.start()  # 2.4 seconds
        time.sleep(0.8)
        assert server.end() == 143
        thread.join(10)
        (answer,) = got
        assert answer["frames"][0][:2] == ["sample", 64]
        assert not list((tmp_path / "uploads").glob("tokendial-uploads-*")), "and no upload is left"


@pytest.mark.long
def test_a_server_that_ends_says_so_and_takes_nothing_new(tmp_path):
    server = Server(tmp_path, words=("--seconds", "0.3"))
    with serving(server):
        one, two = Visitor(server.address, 5), Visitor(server.address, 6)
        head = begin(one, path=one.upload())
        thread = threading.Thread(target=lambda: one.ask(sample(head, 12)))
        thread.start()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        health = httpx.get(f"{server.address}health")
        assert (health.status_code, health.json()) == (503, {"state": "ending"})
        refused = two.client.post("gradio_api/component_server", json={})
        assert refused.status_code == 503
        thread.join(20)
        assert server.process.wait(20) == 143


def test_a_full_disk_is_a_sentence_and_the_next_upload_is_taken(address, upload_folder, monkeypatch):
    """In this process: Gradio's own way to write a file, which finds no room once."""
    import errno

    from gradio import route_utils

    monkeypatch.setenv("GRADIO_TEMP_DIR", upload_folder)
    real, full = route_utils.NamedTemporaryFile, [True]

    def file(*words, **options):
        if full:
            full.clear()
            raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/holiday.jpg")
        return real(*words, **options)

    monkeypatch.setattr(route_utils, "NamedTemporaryFile", file)
    visitor = Visitor(address, 7)
    files = {"files": ("holiday.jpg", b"photo", "image/jpeg")}
    answer = visitor.client.post("gradio_api/upload", files=files)
    assert answer.status_code == 507
    assert answer.json() == {"detail": faults.SENTENCES["disk"]}
    assert "frames" in begin(visitor, path=visitor.upload())


def test_no_request_leaves_the_machine_from_start_to_film_and_endpoint(tmp_path):
    server = Server(tmp_path, words=("--local-only",), HF_HUB_OFFLINE="0")
    with serving(server):
        visitor = Visitor(server.address, 8)
        for path in ("", "config", "theme.css", "gradio_api/startup-events"):
            assert visitor.client.get(path).status_code == 200
        head = begin(visitor, path=visitor.upload())
        found = visitor.visit(threading.Barrier(1), "ladder")
        assert "ladder" in found, found
        assert tokens(visitor, head["start"]["token"])
        view = {"what": "view", "view": "nesting", "n": 0, "of": ""} | ASK | {"token": head["start"]["token"]}
        assert "nesting" in visitor.ask(view)
        call = {"data": [{"path": visitor.upload(), "meta": {"_type": "gradio.FileData"}}]}
        event = visitor.client.post("gradio_api/call/spectrum", json=call).json()["event_id"]
        assert "event: complete" in visitor.client.get(f"gradio_api/call/spectrum/{event}").text
        assert server.end() == 143, server.log.read_text()


def test_the_watch_over_requests_sees_one_that_leaves(tmp_path):
    """Else the test above could not fail."""
    import subprocess
    import sys

    program = "import sys, socket; from tests.local_only import stay_here; sys.addaudithook(stay_here)\n"
    for call in ("socket.getaddrinfo('example.org', 80)", "socket.socket().connect(('192.0.2.1', 80))"):
        run = subprocess.run([sys.executable, "-c", program + call], capture_output=True, text=True)
        assert run.returncode == LEFT_THE_MACHINE
        assert "left the machine" in run.stderr
