"""What every request passes: one address that asks for too much, who leaves, a full disk, the end."""

import asyncio
import errno
import signal
import subprocess
import sys
import threading
import time

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import tokenizer_core as tc
from demo import asker, gate, handlers, questions, uploads
from demo.asker import Asker, asked_by
from demo.ending import Ending
from demo.gate import TOO_MUCH, Gate, House
from demo.rate import A_MINUTE, REMEMBERED, Rate
from demo.studio import CROWD, Studio
from demo.turn import Turn
from tests.stand_in import StandIn, models

CLASSROOM = 60  # visitors behind one address


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_classroom_behind_one_address_is_left_alone():
    clock = Clock()
    rate = Rate(clock=clock)
    for minute in range(3):
        for visitor in range(CLASSROOM):
            clock.now = 60 * minute + visitor * 0.01  # all at once, as the teacher says so
            for _ in range(5):
                assert rate.allows("10.0.0.1"), "a photo is sent"
                assert rate.allows("10.0.0.1"), "and its film is begun"


def test_an_address_that_never_stops_is_told_so_and_others_are_not():
    clock = Clock()
    rate = Rate(clock=clock)
    allowed = 0
    for tick in range(60_000):  # a thousand a second, for a minute
        clock.now = tick / 1000
        allowed += rate.allows("10.0.0.2")
    assert A_MINUTE <= allowed <= 2 * A_MINUTE
    assert rate.allows("10.0.0.3")
    clock.now += 61
    assert rate.allows("10.0.0.2"), "after a minute of rest"


def test_addresses_that_are_remembered_are_bounded_and_no_limit_is_none():
    rate = Rate(2, Clock())
    for number in range(REMEMBERED + 50):
        rate.allows(str(number))
    assert len(rate._buckets) == REMEMBERED
    assert all(Rate(0).allows("10.0.0.4") for _ in range(5000))
    assert all(rate.allows("") for _ in range(9)), "an address that is not known"


@pytest.mark.parametrize("text", ["", "-1", "much", "1.5"])
def test_a_rate_that_is_no_number_is_a_sentence(text, monkeypatch):
    from demo.app import a_minute

    monkeypatch.setenv("TOKENDIAL_RATE", text)
    with pytest.raises(tc.TokenizerError, match="TOKENDIAL_RATE is how often a minute"):
        a_minute()


def page_of(house, *, answer=lambda: {}):
    """A page whose upload and questions are these, behind the gate."""

    async def reply(request):
        await request.body()
        return JSONResponse(answer())

    paths = ("upload", "component_server", "call/encode")
    there = [Route(f"/gradio_api/{path}", reply, methods=["POST"]) for path in paths]
    return Starlette(routes=there, middleware=[Middleware(Gate, house=house)])


def test_files_and_calls_over_the_rate_are_a_sentence_and_questions_are_the_handlers_matter():
    house = House(Rate(3))
    client = TestClient(page_of(house))
    answers = [client.post(f"/gradio_api/{path}") for path in ("upload", "call/encode", "upload", "upload")]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].json() == {"detail": TOO_MUCH}
    assert client.post("/gradio_api/component_server").status_code == 200


def studio_of(seconds=0.0):
    infos = models(24)
    made = {info.name: StandIn(info, seconds=seconds) for info in infos}
    studio = Studio(lambda name, device: made[name], infos)
    studio.warm_up()
    assert studio.ready(infos[0].name, 9)
    return studio


def test_films_over_the_rate_are_a_sentence_and_a_film_that_is_here_goes_on():
    studio, house = studio_of(), House(Rate(2))

    def ask(**question):
        with asked_by(Asker("10.0.0.5")):
            return questions.counted(studio, house, question, uploads.holds)

    begin = {
        "k": 9,
        "rest": False,
        "steps": 3,
        "seed": 0,
        "what": "start",
        "from": "example",
        "photo": "coffee",
    }
    first, _, third = (ask(**begin) for _ in range(3))
    assert third == {"error": TOO_MUCH}
    pull = begin | {"what": None, "token": first["start"]["token"], "means": [], "samples": [], "told": []}
    for _ in range(5):
        assert "frames" in ask(**pull)


def test_a_classroom_that_waits_for_a_full_queue_is_not_taken_for_too_much():
    studio, house = studio_of(), House(Rate(A_MINUTE))
    begin = {
        "k": 9,
        "rest": False,
        "steps": 3,
        "seed": 0,
        "what": "start",
        "from": "example",
        "photo": "coffee",
    }
    studio.turn.here = CROWD + 1
    with asked_by(Asker("10.0.0.7")):
        for _ in range(3 * A_MINUTE):  # sixty pages ask again every 1.5 seconds
            got = questions.counted(studio, house, begin, uploads.holds)
            assert (got["note"], got["full"]) == (handlers.CROWDED, True)
        studio.turn.here = 0
        assert "start" in questions.counted(studio, house, begin, uploads.holds)


def test_a_full_queue_says_so_within_a_second_before_the_photo_is_opened(monkeypatch, tmp_path):
    studio = studio_of()
    monkeypatch.setattr(tc, "open_photo", lambda path: pytest.fail("nothing is opened"))
    ask = {"what": "start", "from": "upload", "path": str(tmp_path / "a.jpg"), "k": 9, "rest": False}
    studio.turn.here = CROWD + 1
    house, began = House(), time.perf_counter()
    got = questions.counted(studio, house, ask, lambda path: True)
    assert got == {"note": handlers.CROWDED, "full": True, "again": 1.5}
    assert time.perf_counter() - began < 1
    assert b'tokendial_refused_total{why="crowd"} 1.0' in house.figures.text()


def test_a_full_disk_is_a_sentence_old_files_go_and_the_next_file_is_taken(monkeypatch):
    made = []

    def answer():
        if not made:
            raise OSError(errno.ENOSPC, "No space left on device", "/tmp/secret/holiday.jpg")
        return made

    monkeypatch.setattr(uploads, "make_room", lambda: made.append("there is room again"))
    house = House()
    client = TestClient(page_of(house, answer=answer))
    full = client.post("/gradio_api/upload")
    assert full.status_code == 507
    assert full.json()["detail"].startswith("The server's disk is full")
    assert "secret" not in full.text
    assert client.post("/gradio_api/upload").json() == ["there is room again"]
    assert b'tokendial_faults_total{kind="disk"} 1.0' in house.figures.text()


def test_room_is_made_of_files_that_became_films_long_ago(tmp_path, monkeypatch):
    import os

    monkeypatch.setattr(uploads, "get_upload_folder", lambda: str(tmp_path))
    for name, age in (("old.jpg", 100), ("new.jpg", 5)):
        (tmp_path / name).write_bytes(b"photo")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    uploads.make_room()
    assert [path.name for path in tmp_path.iterdir()] == ["new.jpg"]


def test_another_error_of_a_file_is_not_called_a_full_disk():
    def answer():
        raise OSError(errno.EACCES, "Permission denied")

    client = TestClient(page_of(House(), answer=answer), raise_server_exceptions=False)
    assert client.post("/gradio_api/upload").status_code == 500


def call(app, path, gone=None):
    """A POST of an ASGI program, whose client leaves when `gone` is set; what was sent."""
    sent = []

    async def run():
        first = True

        async def receive():
            nonlocal first
            if first:
                first = False
                return {"type": "http.request", "body": b"{}", "more_body": False}
            while not (gone and gone.is_set()):
                await asyncio.sleep(0.01)
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": path, "headers": [], "client": ("10.0.0.6", 1)}
        scope |= {"query_string": b"", "root_path": "", "http_version": "1.1", "scheme": "http"}
        await app(scope, receive, send)

    asyncio.run(run())
    return sent


def test_who_leaves_is_noticed_while_the_answer_is_made_and_who_stays_is_not_taken_for_gone():
    seen, house, gone = [], House(), threading.Event()

    async def app(scope, receive, send):
        message = await receive()
        assert message["body"] == b"{}"
        seen.append(asker.address())
        leaving = asker.leaving()
        for _ in range(200):
            if leaving():
                break
            await asyncio.sleep(0.01)
        seen.append(leaving())
        await JSONResponse({})(scope, receive, send)

    threading.Timer(0.2, gone.set).start()
    began = time.perf_counter()
    call(Gate(app, house), "/gradio_api/component_server", gone)
    assert time.perf_counter() - began < 1.9
    assert seen == ["10.0.0.6", True]
    assert b"tokendial_left_total 1.0" in house.figures.text()
    call(page_of(house), "/gradio_api/component_server")
    assert b"tokendial_left_total 1.0" in house.figures.text()
    assert house.ending.answers == 0


def test_who_leaves_while_waiting_gives_up_the_place_and_the_turn_goes_on():
    turn, order, leaver = Turn(), [], Asker()

    def wait(name, who):
        with asked_by(who):
            try:
                with turn.take():
                    order.append(name)
            except tc.Stopped:
                order.append(f"{name} left")

    with turn.take():
        threads = [threading.Thread(target=wait, args=("first", leaver))]
        threads += [threading.Thread(target=wait, args=("second", Asker()))]
        for count, thread in enumerate(threads, 2):
            thread.start()
            while turn.here < count:
                time.sleep(0.001)
        leaver.gone.set()
        threads[0].join(2)
        assert order == ["first left"], "within two seconds"
    threads[1].join(5)
    assert order == ["first left", "second"]
    assert turn.here == 0


def test_who_leaves_in_the_moment_of_the_call_hands_the_turn_on():
    turn = Turn()
    called = threading.Event()
    turn._taken = True
    turn._others.append(called)
    turn._leave()
    assert called.is_set()
    turn._give_up(called)  # it had been called, and has left: nobody has the turn now
    with turn.take():
        assert turn.here == 1


def test_an_end_waits_for_answers_and_no_longer_than_its_grace():
    ending, go = Ending(grace=5), threading.Event()

    def answer():
        with ending.answering():
            assert go.wait(9)

    thread = threading.Thread(target=answer)
    thread.start()
    while not ending.answers:
        time.sleep(0.001)
    threading.Timer(0.3, go.set).start()
    assert ending.wait()
    assert go.is_set()
    thread.join(9)
    hurried = Ending(grace=0.1)
    with hurried.answering():
        assert not hurried.wait()


def test_a_server_that_ends_takes_no_question_and_the_page_asks_again():
    house = House()
    house.ending.begun = True
    client = TestClient(page_of(house))
    for path in ("upload", "component_server", "call/encode"):
        answer = client.post(f"/gradio_api/{path}")
        assert answer.status_code == 503, "which the page takes for a server that is away"
        assert "secret" not in answer.text


PROGRAM = """
import threading, time
from demo.ending import Ending
ending = Ending(grace={grace})
ending.on_terminate()
def answer():
    with ending.answering():
        print("begun", flush=True)
        time.sleep({seconds})
        print("answered", flush=True)
threading.Thread(target=answer, daemon=True).start()
while True:
    time.sleep(0.1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program hears")
@pytest.mark.parametrize(("grace", "signals", "words"), [(20, 1, "answered"), (0.1, 1, ""), (20, 2, "")])
def test_sigterm_lets_an_answer_be_made_and_twice_does_not(grace, signals, words):
    seconds = 1.5 if words else 60
    program = PROGRAM.format(grace=grace, seconds=seconds)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        left, _ = process.communicate(timeout=20)
    assert left.strip() == words
    assert process.returncode == 143


def test_the_gate_knows_questions_files_and_calls_and_lets_all_else_pass():
    kinds = {
        "/gradio_api/component_server": gate.QUESTION,
        "/below/gradio_api/component_server/": gate.QUESTION,
        "/gradio_api/upload": gate.UPLOAD,
        "/gradio_api/call/encode": "/gradio_api/call/",
        "/gradio_api/queue/join": "/queue/join",
        "/gradio_api/upload_progress": "",
        "/health": "",
    }
    assert {path: gate._kind({"path": path}) for path in kinds} == kinds
