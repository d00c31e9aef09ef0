"""Whatever a stranger asks of the page is answered or is a sentence: no traceback, no status 500."""

import json
import logging

import httpx
import hypothesis
import pytest
from hypothesis import strategies as st
from PIL import Image

from demo import faults, handlers, links, questions, views
from demo.questions import ODD
from demo.store import GONE
from demo.studio import Studio
from tests.stand_in import StandIn, models

pytestmark = pytest.mark.usefixtures("one_thread")
TOP = 24


@pytest.fixture(scope="module")
def studio():
    made = {info.name: StandIn(info) for info in models(TOP)}
    studio = Studio(lambda name, device: made[name], models(TOP))
    assert all(studio.ready(name, 9) for name in made)
    return studio


@pytest.fixture(scope="module")
def heads(studio, tmp_path_factory):
    """Tokens of films that are there: of an upload, and of a link, which has no photo."""
    path = tmp_path_factory.mktemp("uploads") / "photo.png"
    Image.linear_gradient("L").save(path)
    code = made_link(studio)
    asked = [{"from": "upload", "path": str(path)}, {"from": "link", "tokens": code}]
    return [ask(studio, {"what": "start"} | one | PULL)["start"]["token"] for one in asked]


PULL = {"k": 3, "rest": True, "steps": 4, "seed": 0, "means": [], "samples": [], "told": []}


def made_link(studio):
    tokenizer = studio.loading(studio.default.name).result()
    return links.text(tokenizer.encode(Image.linear_gradient("L")).to_bytes())


def ask(studio, question):
    return questions.answer(studio, question, lambda path: path.endswith("photo.png"))


@pytest.mark.parametrize(
    "question",
    [
        None,
        3,
        "start",
        [],
        ["what", "start"],
        {"what": ["start"]},
        {"what": {}},
        {"what": "start"},
        {"what": "start", "from": ["example"]},
        {"what": "start", "from": "nowhere"},
        {"what": "start", "from": "upload", "path": "/tmp/\0.png"},
        {"what": "start", "from": "upload", "path": "/tmp/\ud800.png"},
        {"what": "start", "from": "upload", "path": ["photo.png"]},
        {"what": "start", "from": "upload"},
        {"what": "start", "from": "link", "tokens": {}},
        {"what": "start", "from": "again", "token": "x", "crop": [0.5, 0.5]},
        {"what": "start", "from": "again", "token": "x", "crop": [float("nan"), 0.5, 1]},
        {"what": "start", "from": "example", "photo": "coffee", "model": ["pca"]},
        {"what": "forget"},
        {"what": "forget", "token": []},
        {"what": "view", "token": 3},
        {"token": "x", **PULL, "k": "3"},
        {"token": "x", **PULL, "k": float("inf")},
        {"token": "x", **PULL, "steps": None},
        {"token": "x", **PULL, "means": 3},
        {"token": "x", **PULL, "means": [[]]},
        {"token": "x", **PULL, "means": [1] * 9999},
        {"token": "x", **PULL, "told": [{}]},
    ],
    ids=repr,
)
def test_a_question_of_another_kind_is_a_sentence_and_not_in_the_log(studio, caplog, question):
    assert ask(studio, question) == {"error": ODD}
    assert caplog.records == []


def test_a_field_that_is_lacking_is_the_same_sentence(studio, heads, caplog):
    whole = {"token": heads[0], **PULL}
    for field in whole:
        assert ask(studio, {name: value for name, value in whole.items() if name != field}) == {"error": ODD}
    assert caplog.records == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def strange(draw, tokens):
    """A question as a page asks it, with some fields changed, added or taken away."""
    right = {
        "what": st.sampled_from(["start", "view", "forget", "", "more"]),
        "from": st.sampled_from([*handlers.SOURCES]),
        "view": st.sampled_from([*views.VIEWS, "?"]),
        "token": st.sampled_from(tokens),
        "photo": st.sampled_from(["coffee", 1, "?"]),
        "path": st.sampled_from(["photo.png", "/etc/passwd"]),
        "tokens": st.text(max_size=9),
        "model": st.sampled_from(["", "pca", "prefix-flow-256", "?"]),
        "crop": st.lists(st.floats(-1, 5), min_size=3, max_size=3),
        "n": st.integers(),
        "of": st.sampled_from(["read", "write", "mean", "sample", *tokens, ""]),
        "sizes": st.lists(st.integers(), max_size=3),
    }
    right |= {name: st.just(value) for name, value in PULL.items()}
    right |= {"k": st.integers(-1, TOP + 1), "steps": st.integers(1, 51), "seed": st.integers(-1, 2**31)}
    question = {name: draw(values) for name, values in right.items()}
    for name in draw(st.lists(st.sampled_from([*right]), max_size=1)):
        question[name] = draw(JSON)
    if draw(st.integers(0, 3)) == 0:
        del question[draw(st.sampled_from([*right]))]
    return question


@hypothesis.settings(max_examples=400, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(data=st.data())
def test_any_question_is_answered_or_is_a_sentence(studio, heads, caplog, monkeypatch, data):
    question = data.draw(strange(heads))
    if question.get("what") == "forget":
        question["token"] = "somebody's"  # the films are for the next examples
    caplog.clear()
    got = ask(studio, question)
    assert json.dumps(got)
    failed = [record.exc_text for record in caplog.records if record.levelno >= logging.ERROR]
    assert failed == []
    assert got.get("error") != faults.BROKEN
    if "error" in got:
        assert got["error"][-1] in ".?"
        assert "/etc" not in got["error"]
    else:
        pictures = {"frames", "start", "note", "webp", "files"}
        assert (pictures | {"maps", "guess", "halted", "sharpness", "nesting", "need", "models"}) & set(got)


def test_over_http_nothing_is_a_status_of_500(address):
    """What Gradio makes of a question on its way to `ask`, and of one that cannot get there."""
    config = httpx.get(f"{address}config").json()
    (dial,) = [one["id"] for one in config["components"] if one["props"].get("elem_id") == "dial"]
    body = {"session_hash": "x", "component_id": dial, "fn_name": "ask"}
    for data in (None, [], ["a"], "start", 3, {"what": []}, {"what": {}}, {"token": "a\0b"}):
        got = httpx.post(f"{address}gradio_api/component_server", json=body | {"data": data})
        assert got.status_code == 200, data
        assert got.json() in ({"error": ODD}, {"error": GONE})
