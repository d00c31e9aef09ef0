"""What a screen reader or a keyboard would trip over, with all that opens open; and the page's own words."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import close_panel, open_panel

pytestmark = pytest.mark.browser
SIZES = [(390, 844), (820, 1180), (1440, 900)]
TABS = ["explore", "measure", "compare", "chance", "play", "share"]
# of our own making, or words that only the papers have
UNEXPLAINED = re.compile(r"\bdecades?\b|\bcontrol\b|\bwrite,|\bread, layer|\bpca\b", re.IGNORECASE)


@pytest.fixture(params=SIZES, ids=[str(wide) for wide, _ in SIZES])
def page(request, browser, address):
    wide, high = request.param
    page = browser.new_page(viewport={"width": wide, "height": high}, reduced_motion="reduce")
    page.goto(address)
    page.wait_for_function("window.dial && dial.loaded.mean > 16", timeout=60_000)
    page.wait_for_function("document.querySelector('#dial .layer option')", timeout=60_000)
    yield page
    page.close()


def clean(page, where):
    found = Axe().run(page).response["violations"]
    assert [(where, f["id"], [n["target"] for n in f["nodes"]]) for f in found] == []


def open_seeds(page):
    page.get_by_role("button", name="Other seeds").click()
    page.wait_for_function("document.querySelectorAll('.seed-grid img').length === 8", timeout=60_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_to_trip_over_in_any_panel(page, scheme):
    page.emulate_media(color_scheme=scheme)
    for name in TABS:
        open_panel(page, name)
        if name == "chance":
            open_seeds(page)
            page.check("#dial .open-on")
        clean(page, name)
    open_panel(page, "explore")
    for summary in page.locator("#dial summary:visible").all():
        summary.click()
    clean(page, "explore, unfolded")
    open_panel(page, "chance")
    page.locator("#panel-chance .term:visible").first.press("Enter")
    page.locator("#dial .word:popover-open").wait_for()
    clean(page, "a word")
    page.keyboard.press("Escape")
    page.locator("#dial .word:popover-open").wait_for(state="detached")
    close_panel(page)
    folded = page.locator("summary:visible")
    assert folded.count() >= 3, "what is long folds away"
    for summary in folded.all():
        summary.click()
    clean(page, "words")
    page.locator(".lecturing").click()
    page.locator(".lecture").wait_for()
    page.keyboard.press("ArrowRight")
    clean(page, "lecture")


def test_a_term_opens_by_mouse_and_by_keyboard_and_says_that_it_is_open(page):
    open_panel(page, "chance")
    term = page.locator("#panel-chance .term", has_text="seed").first
    word = page.locator("#word-seed")
    assert term.evaluate("node => getComputedStyle(node).textDecorationStyle") == "dotted"
    for act in (term.click, lambda: term.press("Enter")):
        assert not word.is_visible()
        act()
        word.wait_for()
        assert "noise" in word.inner_text()
        assert term.get_attribute("aria-expanded") == "true"
        box, button = word.bounding_box(), term.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.viewport_size["width"]
        nearest = min(abs(box["y"] - button["y"]), abs(box["y"] + box["height"] - button["y"]))
        assert nearest < 60, "beside its word"
        page.keyboard.press("Escape")
        word.wait_for(state="hidden")
        assert term.get_attribute("aria-expanded") == "false"
    assert term.evaluate("node => node === document.activeElement"), "the keyboard goes on from there"


def test_no_word_of_ours_is_left_unexplained(page):
    for name in TABS:
        open_panel(page, name)
        if name == "chance":
            open_seeds(page)
        assert not UNEXPLAINED.findall(page.locator("#dial").inner_text()), name
    options = " ".join(page.locator("#dial option").all_inner_texts())
    assert not UNEXPLAINED.findall(options)
    for term in page.locator("#dial .term").all():
        word = page.locator(f"#{term.get_attribute('popovertarget')}")
        assert len(word.text_content()) > 40, term.inner_text()


def test_examples_are_named_by_their_pictures(page):
    names = page.locator("#examples button img").evaluate_all("all => all.map(img => img.alt)")
    assert names == ["Coffee", "Cat", "Pagoda", "Car", "Astronaut", "Rocket"]
    assert page.get_by_role("button", name="Cat", exact=True).count() == 1


def test_the_badge_is_readable_on_white(page):
    """Its white words on its own ground, over a white picture: a contrast of 4.5 or more."""
    colour = page.locator("#dial .badge span").evaluate("node => getComputedStyle(node).backgroundColor")
    *rgb, alpha = map(float, re.findall(r"[\d.]+", colour))
    over_white = [(alpha * value + (1 - alpha) * 255) / 255 for value in rgb]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in over_white]
    light = sum(weight * v for weight, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    assert 1.05 / (light + 0.05) >= 4.5


def test_what_is_long_folds_away(page):
    for summary in (
        "Whose photographs these are",
        "Embed it, and call it from programs",
        "All words of this page",
    ):
        node = page.locator("details", has=page.get_by_text(summary, exact=True))
        assert node.get_attribute("open") is None
    assert not page.get_by_text("gradio_client").first.is_visible()
