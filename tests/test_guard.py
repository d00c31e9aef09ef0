"""Headers of every answer, whether the server is well, and its figures, which name nobody."""

import re
import threading
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import tokenizer_core as tc
from demo import guard
from demo.gate import House
from demo.studio import Studio
from tests.stand_in import StandIn, models


def client_of(studio, house=None):
    own = Route("/own", lambda _: PlainTextResponse("", headers={"Referrer-Policy": "origin"}))
    there = [own, *guard.routes(studio, house or House())]
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

    studio = studio_of(load)
    future = studio.loading("prefix-flow-256")
    with pytest.raises(tc.TokenizerError):
        future.result(9)
    answer = client_of(studio).get("/health")
    assert (answer.status_code, answer.json()) == (503, {"state": "failed"})


def test_a_server_that_ends_or_whose_device_is_lost_is_not_health():
    studio, house = studio_of(loaded), House()
    assert studio.ready("prefix-flow-256", 9)
    client = client_of(studio, house)
    assert client.get("/health").json() == {"state": "ready"}
    studio.shelf.lost = True
    assert (client.get("/health").status_code, client.get("/health").json()) == (503, {"state": "lost"})
    house.ending.begun = True
    assert (client.get("/health").status_code, client.get("/health").json()) == (503, {"state": "ending"})


def values(client):
    """The figures as Prometheus reads them: (name, labels) -> value, and all names of metrics."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.text))
    found = {(one.name, *sorted(one.labels.values())): one.value for each in families for one in each.samples}
    return found, {each.name for each in families}


def test_metrics_count_answers_and_pictures():
    house = House()
    for seconds in (0.1, 0.2, 0.9):
        house.figures.count("start", {"frames": [["mean", 1], ["mean", 2]]}, seconds)
    house.figures.count(None, {"error": "A sentence.", "fault": "memory"}, 0.3)
    house.figures.count({"no": "text"}, {"note": "A moment."}, 0.4)
    house.figures.refuse("rate")
    house.figures.leave()
    found, _ = values(client_of(studio_of(loaded), house))
    assert found["tokendial_pictures_total",] == 6
    assert found["tokendial_answers_total", "pictures", "start"] == 3
    assert found["tokendial_answers_total", "error", "pull"] == 1
    assert found["tokendial_answers_total", "note", "pull"] == 1
    assert found["tokendial_answer_seconds_count", "start"] == 3
    assert found["tokendial_answer_seconds_bucket", "0.25", "start"] == 2
    assert found["tokendial_answer_seconds_sum", "start"] == pytest.approx(1.2)
    assert found["tokendial_faults_total", "memory"] == 1
    assert found["tokendial_refused_total", "rate"] == 1
    assert found["tokendial_left_total",] == 1
    assert found["tokendial_queue",] == 0


def test_visitors_are_films_that_somebody_watches(monkeypatch):
    from demo import handlers, store

    studio = studio_of(loaded)
    client = client_of(studio)
    for _ in range(3):
        handlers.start(studio, {"from": "example", "photo": "coffee"})
    found, _ = values(client)
    assert (found["tokendial_visitors",], found["tokendial_films",]) == (3, 1)
    monkeypatch.setattr(store, "WATCHED", 0.0)
    assert values(client)[0]["tokendial_visitors",] == 0


def test_every_figure_is_in_the_documentation_and_no_other():
    _, names = values(client_of(studio_of(loaded)))
    told = {name for name in names if name.startswith("tokendial_")}
    text = (Path(__file__).parent.parent / "docs" / "serve.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `(tokendial_\w+?)(?:_total)?`", text, re.MULTILINE))
    assert told == listed


def test_labels_are_of_short_lists_whatever_is_asked():
    house = House()
    for number in range(50):
        house.figures.count(f"what-{number}", {}, 0.1)
    found, _ = values(client_of(studio_of(loaded), house))
    assert not [labels for _, *labels in found if any("what-" in label for label in labels)]
    assert found["tokendial_answers_total", "pictures", "pull"] == 50
