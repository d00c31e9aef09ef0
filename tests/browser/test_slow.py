"""A slow model on the page: how long it takes is said before the first picture, and it can be stopped."""

import re
import threading

import pytest
from playwright.sync_api import expect

from demo import app
from tests.browser.conftest import open_panel
from tests.stand_in import StandIn, info

pytestmark = pytest.mark.browser
WIDE = {"width": 1440, "height": 900}
TOP = 24  # tokens
LADDER = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24)
LOADED = "window.dial ? dial.loaded.mean + dial.loaded.sample : 0"
SETTLED = 1200  # ms in which a page that still asked would get another picture


class Slow(StandIn):
    """One that says it takes a second a step, and paints a picture when the test lets it."""

    permits = threading.Semaphore(0)

    def waiting_time(self, pictures=1, *, steps=None, guidance_scale=None):
        """Seconds."""
        return pictures * float(steps or self.info.default_steps)

    def decode_many(self, encoding, lengths, **options):
        """One by one, each with a permit."""
        for length in lengths:
            self.permits.acquire()
            yield from super().decode_many(encoding, [length], **options)


QUICK = StandIn(info(tokens=TOP))
SLOW = Slow(info("slow", TOP))


@pytest.fixture(scope="module")
def served():
    """A page with a quick and a slow model."""
    made = {one.info.name: one for one in (QUICK, SLOW)}
    page = app.build(lambda name, device: made[name], [one.info for one in made.values()], "cpu")
    _, url, _ = app.serve(page, server_name="127.0.0.1", server_port=None, prevent_thread_lock=True)
    yield url
    page.close()


@pytest.fixture
def visit(browser, served):
    """Open the page somewhere; afterwards whatever still waits may paint."""
    SLOW.permits, page = threading.Semaphore(0), browser.new_page(viewport=WIDE, reduced_motion="reduce")
    yield lambda where: page.goto(served + where) and page
    page.close()
    SLOW.permits.release(1000)


def test_it_says_how_long_before_it_starts_and_stops_when_told(visit):
    page = visit("?model=slow&photo=coffee#k=3")
    status = page.locator("#dial .status")
    expect(status).to_contain_text(
        "A picture takes about 1 second on this server, a sample 8 seconds: 10 lengths in about 2 minutes.",
        timeout=30_000,
    )
    stop = status.get_by_role("button")
    expect(stop).to_have_text("stop")
    assert page.evaluate(LOADED) == 0, "nothing is painted yet"
    SLOW.permits.release(2)
    page.wait_for_function(f"{LOADED} === 2")
    expect(status).to_contain_text(
        "1 of 10 lengths are here, the rest in about 81 seconds."
    )  # and its sample
    stop.click()
    expect(status).to_contain_text("Stopped: 1 of 10 lengths are here.")
    SLOW.permits.release(1)
    page.wait_for_function(f"{LOADED} === 3")  # the one that was being painted
    SLOW.permits.release(1)
    page.wait_for_timeout(SETTLED)
    assert page.evaluate(LOADED) == 3, "nobody asks for more"
    expect(stop).to_have_text("go on")
    SLOW.permits.release(1000)
    stop.click()
    page.wait_for_function("dial.done")
    expect(status).to_contain_text("All 10 first lengths are here; another one comes where the dial rests.")
    expect(stop).to_have_count(0)
    assert page.evaluate("dial.loaded") == {"mean": len(LADDER), "sample": len(LADDER)}
    page.locator("#mode [value=mean]").check()
    page.evaluate("dial.set(5)")
    page.wait_for_function("dial.shown === 5")


def test_a_pane_of_compare_has_a_stop_of_its_own(visit):
    page = visit("?photo=rocket#k=3&panes=prefix-flow-256+slow")
    pane = page.locator("#dial .pane").nth(1)
    page.wait_for_function("window.dial && dial.done", timeout=60_000)
    open_panel(page, "compare")
    note, stop = pane.locator(".pane-note"), pane.locator(".pane-stop")
    expect(note).to_contain_text("A picture takes about 1 second on this server", timeout=30_000)
    expect(page.locator("#dial .status").get_by_role("button")).to_have_count(0)
    stop.click()
    expect(note).to_have_text("Stopped: 0 of 10 lengths are here.")
    expect(stop).to_have_text("go on")
    SLOW.permits.release(1000)
    expect(pane).not_to_have_class(re.compile("blank"))  # the picture that was being painted
    page.wait_for_timeout(SETTLED)
    expect(stop).to_have_text("go on")
    stop.click()
    expect(stop).to_be_hidden(timeout=30_000)
    page.evaluate("dial.set(24)")
    expect(pane.locator(".pane-size")).to_contain_text("24 tokens")
