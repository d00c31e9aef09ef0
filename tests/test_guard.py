"""Headers of every answer, whether the server is well, and its figures, which name nobody."""

import re
import threading

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import tokenizer_core as tc
from demo import guard
from demo.studio import Studio
from tests.stand_in import StandIn, models


def client_of(studio, figures=None):
    own = Route("/own", lambda _: PlainTextResponse("", headers={"Referrer-Policy": "origin"}))
    there = [own, *guard.routes(studio, figures or guard.Figures())]
    return TestClient(Starlette(routes=there, middleware=[Middleware(guard.Headers)]))


def studio_of(load):
    return Studio(load, models(24))


def loaded(name, device):
    return StandIn(models(24)[0 if name == "prefix-flow-256" else 1])


def test_every_answer_has_the_headers_once():
    client = client_of(studio_of(loaded))
    for path in ("/health", "/metrics", "/nothing"):
        found = client.get(path).headers
        assert found["x-content-type-options"] == "nosniff"
        assert found["referrer-policy"] == "no-referrer"
        assert "object-src 'none'" in found["content-security-policy"]
    assert client.get("/own").headers.get_list("referrer-policy") == ["origin"]


@pytest.mark.parametrize(
    ("frames", "wanted"),
    [
        ("", r"frame-ancestors 'self' https://huggingface\.co .*https://\*\.hf\.space$"),
        (
            "https://school.example",
            r"frame-ancestors 'self' https://huggingface\.co .* https://school\.example$",
        ),
        ("*", r"frame-ancestors \*$"),
    ],
)
def test_a_space_may_frame_the_page_and_who_else_is_named(frames, wanted, monkeypatch):
    monkeypatch.setenv("TOKENDIAL_FRAMES", frames)
    policy = client_of(studio_of(loaded)).get("/health").headers["content-security-policy"]
    assert re.search(wanted, policy)


def test_health_says_loading_then_ready():
    go = threading.Event()

    def load(name, device):
        assert go.wait(9)
        return loaded(name, device)

    studio = studio_of(load)
    studio.warm_up()
    client = client_of(studio)
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (503, {"state": "loading"})
    go.set()
    assert studio.ready("prefix-flow-256", 9)
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"state": "ready"})


def test_a_model_that_cannot_be_loaded_is_not_health():
    def load(name, device):
        raise tc.TokenizerError("cut short")

    studio, figures = studio_of(load), guard.Figures()
    future = studio.loading("prefix-flow-256")
    with pytest.raises(tc.TokenizerError):
        future.result(9)
    answer = client_of(studio, figures).get("/health")
    assert (answer.status_code, answer.json()) == (503, {"state": "failed"})


def test_metrics_count_answers_and_pictures():
    figures = guard.Figures()
    for seconds in (0.1, 0.2, 0.9):
        figures.count({"frames": [["mean", 1], ["mean", 2]]}, seconds)
    figures.count({"error": "A sentence."}, 0.3)
    figures.count({"note": "A moment."}, 0.4)
    text = client_of(studio_of(loaded), figures).get("/metrics").text
    assert "\ntokendial_pictures_total 6\n" in text
    assert '\ntokendial_answers_total{kind="pictures"} 3\n' in text
    assert '\ntokendial_answers_total{kind="error"} 1\n' in text
    assert '\ntokendial_answer_seconds{quantile="0.5"} 0.3000\n' in text
    assert '\ntokendial_answer_seconds{quantile="0.95"} 0.9000\n' in text
    assert "\ntokendial_queue 0\n" in text
    line = re.compile(r'(# (HELP|TYPE) tokendial_\w+ .+|tokendial_\w+(\{\w+="[\w.]+"\})? [\d.]+)')
    assert all(line.fullmatch(one) for one in text.splitlines()), "Prometheus' text format"
