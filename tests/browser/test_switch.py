"""*Decode on my machine*, a switch of the served page: a photo is then sent to nobody; the film goes on."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

import tokenizer_core as tc
from tests.browser.dialing import choose_photo, turn

pytestmark = pytest.mark.browser
NAME = "Decode on my machine"
ON = "document.querySelector('#dial .dial').classList.contains('here')"
OWN = "!document.querySelector('#dial .credit').textContent && dial.loaded.mean > %d"
CROWD = {"note": "Many visitors are here. A moment, please…", "full": True}
SLOW = {"wait": {"mean": 9, "sample": 40}}


class Visit:
    """A visitor with a browser of their own, whose every question to the server is noted."""

    def __init__(self, browser, address, size=(1440, 900)):
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce"
        )
        self.address, self.sent, self.problems = address, [], []
        self.context.on("request", self.note)
        self.page = self.open()

    def note(self, request):
        if request.method == "POST":
            self.sent.append(request.post_data if "component_server" in request.url else request.url)

    def open(self, where=None):
        """The page, or where a link leads, in a new tab."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda m: self.problems.append(m.text) if m.type == "error" else None)
        page.goto(where or self.address)
        page.wait_for_function("window.dial && dial.loaded.mean > 8", timeout=60_000)
        return page

    def settings(self):
        """Open the settings; the switch in them."""
        if not self.page.get_by_role("dialog", name="Settings").count():
            self.page.get_by_role("button", name="Settings", exact=True).click()
        return self.page.get_by_label(NAME)

    def answer(self, words):
        """Answer what is asked before the model comes."""
        self.page.get_by_role("button", name=words).click()

    def switch_on(self):
        """Turn it on in the settings, and close them."""
        self.settings().check()
        self.answer("Fetch it")
        self.page.wait_for_function(ON, timeout=60_000)
        self.page.keyboard.press("Escape")

    def questions(self):
        """What the server was asked since this was called last."""
        asked, self.sent[:] = list(self.sent), []
        return asked


@pytest.fixture
def visit(browser, switched_address):
    """A first visit to a page that has the switch."""
    visitor = Visit(browser, switched_address)
    yield visitor
    assert visitor.problems == []
    visitor.context.close()


def test_a_photo_is_not_sent_and_the_film_goes_on(visit, own_model, photo):
    page = visit.page
    turn(page, 100)
    page.evaluate("dial.take(null, 7)")
    box = visit.settings()
    expect(box).not_to_be_checked()
    box.check()
    expect(page.locator(".offer .n-size")).to_have_text("5 MB")
    visit.answer("Fetch it")
    page.wait_for_function(ON, timeout=60_000)
    page.get_by_text("Your photos stay on this machine.").first.wait_for()
    expect(page.locator("#dial .settings")).to_be_focused()  # the question closed the form
    expect(visit.settings()).to_be_checked()
    page.keyboard.press("Escape")
    assert page.evaluate("[dial.k, dial.seed]") == [100, 7]
    assert page.locator("#dial .credit").inner_text() != "", "the example is still there"
    assert not page.locator("#tab-needs").is_visible(), "what needs a server is not offered"

    page.wait_for_function("dial.done", timeout=60_000)
    visit.questions()
    choose_photo(page, photo)
    page.wait_for_function(OWN % 16, timeout=120_000)
    assert page.evaluate("[dial.k, dial.seed]") == [100, 7]
    assert visit.questions() == []
    link = page.evaluate("dial.address(true)")
    own, theirs = tc.Encoding.from_bytes(tc.tokens_of_text(link)), own_model.tokenizer.encode(photo)
    assert (own.tokens == theirs.tokens).mean() >= 0.99

    shown = page.locator("#dial .thumbnail").get_attribute("src")
    visit.settings().uncheck()
    page.wait_for_function(f"!{ON}")
    page.keyboard.press("Escape")
    turn(page, 99)
    page.wait_for_function("dial.shown === 99", timeout=60_000)
    assert page.locator("#dial .thumbnail").get_attribute("src") == shown
    assert visit.questions() == [], "what came meanwhile stays on this machine"
    choose_photo(page, photo)
    page.wait_for_function(OWN % 16, timeout=120_000)
    assert any("/upload" in asked for asked in visit.questions()), "and a new photo is sent"


def test_a_link_made_in_one_mode_opens_in_the_other(visit, photo):
    choose_photo(visit.page, photo)
    visit.page.wait_for_function(OWN % 16, timeout=120_000)
    by_server = visit.page.evaluate("dial.address(true)")
    visit.switch_on()
    visit.page.wait_for_function(OWN % 16, timeout=120_000)
    assert visit.page.evaluate("dial.address(true)") == by_server, "the film that was sent goes on here"
    visit.page.close()
    friend = visit.open(by_server)
    friend.wait_for_function(ON)
    assert "stayed with the sender" in friend.locator("#dial .credit").inner_text()
    assert not any('"link"' in asked for asked in visit.questions()), "it is remembered, and opens here"


def test_who_does_not_want_it_stays_with_the_server(visit, photo):
    box = visit.settings()
    box.click()
    visit.answer("Not now")
    expect(visit.settings()).not_to_be_checked()
    assert not visit.page.evaluate(ON)
    visit.page.keyboard.press("Escape")
    visit.questions()
    choose_photo(visit.page, photo)
    visit.page.wait_for_function(OWN % 16, timeout=120_000)
    assert any("/upload" in asked for asked in visit.questions())


def told(answer, when):
    """A route that gives this answer to questions that contain some words, and passes the others on."""

    def reply(route):
        asked = json.dumps(json.loads(route.request.post_data)["data"])
        if all(words in asked for words in when):
            route.fulfill(json=answer)
        else:
            route.continue_()

    return reply


@pytest.mark.parametrize("size", [(390, 844), (820, 1180), (1440, 900)], ids=["390", "820", "1440"])
@pytest.mark.parametrize("why", ["full", "slow"])
def test_where_the_server_keeps_one_waiting_it_is_offered(browser, switched_address, photo, size, why):
    visit = Visit(browser, switched_address, size)
    page = visit.page
    page.wait_for_function("dial.done", timeout=120_000)
    offered = page.locator("#dial .status").get_by_role("button", name=NAME.lower())
    assert not offered.is_visible()
    when = ('"from": "upload"',) if why == "full" else ('"patient": false', '"token"')
    page.route(re.compile("component_server"), told(CROWD if why == "full" else SLOW, when))
    choose_photo(page, photo)
    offered.wait_for(timeout=20_000)
    box = offered.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size[0]
    assert Axe().run(page).response["violations"] == []
    offered.click()
    visit.answer("Fetch it")
    page.wait_for_function(f"{ON} && {OWN % 8}", timeout=120_000)
    assert not offered.is_visible()
    assert visit.problems == []
    visit.context.close()
