"""A page of a toy family alone: three lengths, one picture each, no maps, no baseline, no cached examples."""

import pytest
from playwright.sync_api import expect

import tokenizer_core as tc
from demo import app
from tests import toy
from tests.browser.conftest import open_panel
from tests.browser.drag import PROBE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def toy_address(tmp_path_factory):
    """Where a page with nothing but that model is served."""
    with toy.installed(tmp_path_factory.mktemp("checkpoints")):
        page = app.build(lambda name, device: tc.load(name, device), tc.catalog())
        _, url, _ = app.serve(page, server_name="127.0.0.1", server_port=None, prevent_thread_lock=True)
        yield url
        page.close()


@pytest.fixture(params=[(1440, 900), (390, 844)], ids=["1440", "390"])
def page(request, browser, toy_address):
    wide, high = request.param
    page = browser.new_page(viewport={"width": wide, "height": high})
    problems = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: problems.append(str(e)))
    page.add_init_script(PROBE)
    page.goto(toy_address)
    page.wait_for_function("window.dial && dial.loaded.mean === 3 && dial.done", timeout=60_000)
    yield page
    assert problems == []
    page.close()


def test_the_dial_has_its_three_lengths(page):
    dial = page.get_by_role("slider", name="Number of tokens", exact=True)
    dial.focus()
    dial.press("Home")
    page.wait_for_function("dial.k === 4 && dial.shown === 4")
    for length in toy.LENGTHS[1:]:
        dial.press("ArrowRight")
        page.wait_for_function(f"dial.k === {length} && dial.shown === {length}")
    marks = page.evaluate("[...document.querySelectorAll('#dial .marks span')].map((m) => +m.textContent)")
    assert marks == list(toy.LENGTHS)
    expect(page.locator("#dial .n-bytes")).to_have_text("48")
    dial.press("ArrowLeft")
    page.wait_for_function("dial.k === 16")
    expect(page.locator("#dial .n-bytes")).to_have_text("12")


def test_nothing_is_offered_that_it_has_not(page):
    open_panel(page, "explore")
    for name in ("where it looks", "what it added"):
        assert name not in page.locator("#panel-explore").inner_text()  # of what is seen
    tabs = page.get_by_role("tab").all_inner_texts()
    assert "Measure" in tabs
    assert "Chance" not in tabs, "it draws no samples"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
