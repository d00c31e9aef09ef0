"""The server's log: for people or one JSON object a line, and never what belongs to a visitor."""

import base64
import io
import json
import logging

import pytest

from demo import logs, questions
from demo.gate import House
from demo.studio import Studio
from tests.stand_in import StandIn, models

UPLOADS = "/tmp/tokendial-uploads-x1"
PHOTO = f"{UPLOADS}/ab12/My holiday.jpg"


@pytest.fixture
def log(monkeypatch):
    """Starts the log as the environment says; what it wrote."""
    logger, before = logging.getLogger("tokendial"), logging.getLogger("tokendial").handlers[:]
    level = logger.level

    def start(**words):
        for name, value in words.items():
            monkeypatch.setenv(name, value)
        stream = io.StringIO()
        logs.start(UPLOADS, stream)
        return stream

    yield start
    logger.handlers, logger.level = before, level


def a_fault():
    try:
        raise OSError(28, "No space left on device", PHOTO)
    except OSError as error:
        logging.getLogger("tokendial").error("It failed", exc_info=error)


def test_a_line_for_programs_is_one_json_object_with_its_traceback(log):
    stream = log(TOKENDIAL_LOG="json")
    a_fault()
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert (told["level"], told["message"]) == ("error", "It failed")
    assert "OSError" in told["traceback"]
    assert told["time"].endswith("+00:00")


@pytest.mark.parametrize("form", ["json", "plain"])
def test_no_line_has_a_picture_tokens_or_the_name_of_a_file_that_was_sent(log, form):
    stream = log(TOKENDIAL_LOG=form)
    a_fault()
    text = base64.urlsafe_b64encode(bytes(range(256)) * 4).decode()
    logging.getLogger("tokendial").warning("of %s", text)
    told = stream.getvalue()
    assert "It failed" in told
    assert "(an upload)" in told
    assert "holiday" not in told
    assert "ab12" not in told
    assert text[:100] not in told
    assert "(cut)" in told


def test_answers_are_facts_without_content_where_they_are_asked_for(log):
    stream = log(TOKENDIAL_LOG="json", TOKENDIAL_LOG_LEVEL="info")
    infos = models(24)
    studio = Studio(lambda name, device: StandIn(next(i for i in infos if i.name == name)), infos)
    studio.warm_up()
    assert studio.ready(infos[0].name, 9)
    begin = {
        "what": "start",
        "from": "example",
        "photo": "coffee",
        "k": 9,
        "rest": False,
        "steps": 3,
        "seed": 0,
    }
    answer = questions.counted(studio, House(), begin, lambda path: False)
    told = [json.loads(line) for line in stream.getvalue().splitlines()][-1]
    assert (told["what"], told["kind"], told["pictures"]) == ("start", "pictures", len(answer["frames"]))
    assert told["seconds"] >= 0
    assert answer["start"]["token"] not in stream.getvalue(), "a token leads to a visitor's photo"


@pytest.mark.parametrize(("level", "lines"), [("error", 1), ("warning", 2), ("nonsense", 2), ("info", 3)])
def test_the_level_is_the_environment_s_and_nonsense_is_warnings(log, level, lines):
    stream = log(TOKENDIAL_LOG_LEVEL=level)
    for kind in (logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger("tokendial").log(kind, "a line")
    assert len(stream.getvalue().splitlines()) == lines
