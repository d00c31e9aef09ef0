"""`make load` asks a served page by its own protocol, and says what its visitors got."""

import os

import httpx
import pytest

from demo import app
from studies import load
from studies.load import crowd, soak, taken_by


def test_two_visitors_of_a_served_page_get_their_first_pictures_and_the_ladder(
    address, upload_folder, monkeypatch
):
    monkeypatch.setenv("GRADIO_TEMP_DIR", upload_folder)
    found = crowd(address, 2, "ladder")
    assert found["visitors"] == 2
    assert found["sentences"] == {}
    assert found["lost"] == 0
    assert 0 < found["first"]["p50"] <= found["first"]["worst"] <= found["ladder"]["worst"]
    assert found["fairness"] >= 1


def test_a_question_that_the_network_loses_is_asked_again(address, upload_folder, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", upload_folder)
    monkeypatch.setattr(load, "AWAY", (0.0, 0.0))
    visitor, asked = load.Visitor(address, 0), []

    def closed(body):
        asked.append(body)
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.")

    monkeypatch.setattr(visitor, "_post", lambda body: {"models": []} if len(asked) == 2 else closed(body))
    assert visitor.ask({"what": "models"}) == {"models": []}
    assert visitor.lost == 2
    asked.clear()
    monkeypatch.setattr(visitor, "_post", closed)
    with pytest.raises(httpx.RemoteProtocolError):
        visitor.ask({"what": "models"})
    assert len(asked) == 3


def test_a_short_soak_says_what_the_server_takes(address, upload_folder, monkeypatch, capsys):
    monkeypatch.setenv("GRADIO_TEMP_DIR", upload_folder)
    lines = soak(address, 4, os.getpid())
    assert [line["uploads"] for line in lines] == [4]
    assert lines[0]["memory"] > 10e6
    assert '"uploads": 4' in capsys.readouterr().out


def test_a_visitor_whom_gradio_forgot_goes_on(stand_ins, upload_folder, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", upload_folder)
    monkeypatch.setattr(app, "SESSIONS", 2)
    page = app.build(lambda name, device: stand_ins[name], [model.info for model in stand_ins.values()])
    _, url, _ = app.serve(page, server_name="127.0.0.1", server_port=None, prevent_thread_lock=True)
    first, *others = [load.Visitor(url, number) for number in range(4)]
    ask = {"k": 4, "rest": False, "steps": 8, "seed": 0, "told": [], "means": [], "samples": []}
    token = first.ask({"what": "start", "from": "example", "photo": "coffee"} | ask)["start"]["token"]
    for visitor in others:
        assert visitor.ask({"what": "models"})["models"]
    assert len(page.state_holder.session_data) == 2
    assert first.session not in page.state_holder
    assert "error" not in first.ask(ask | {"token": token})
    page.close()


def test_what_a_server_takes_is_read_off_its_process():
    taken = taken_by(os.getpid())
    assert taken["memory"] > 10e6
    assert taken["threads"] >= 1
    assert taken["files"] >= 3


def test_a_served_page_and_its_files_have_the_headers(address):
    for path in ("", "config", "gradio_api/startup-events", "nothing"):
        found = httpx.get(f"{address}{path}").headers
        assert found["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'self' https://huggingface.co" in found["content-security-policy"]
    assert httpx.get(f"{address}health").status_code in (200, 503)
    assert "tokendial_queue" in httpx.get(f"{address}metrics").text
