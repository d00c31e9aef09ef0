"""A visitor's own photo over a slow line: it is on the screen at once, and nothing old is said of it."""

import re

import numpy as np
import pytest
from PIL import Image

from tests.browser.arrival import throttle
from tests.browser.kinds import EVERYWHERE

pytestmark = pytest.mark.browser
WIDE = {"width": 1440, "height": 900}
WATCH = """() => { const from = performance.now(), seen = window.seen = { words: new Set(), parts: [] };
  const coming = document.querySelector('#dial .coming'), status = document.querySelector('#dial .status');
  const bar = document.querySelector('#dial .sending');
  const look = () => {
    const now = (performance.now() - from) / 1000;
    if (coming.checkVisibility() && coming.complete && coming.naturalWidth) seen.photo ??= now;
    if (!seen.first) seen.words.add(status.textContent);
    if (bar.checkVisibility()) seen.parts.push(bar.value);
    if (seen.photo && !coming.checkVisibility() && dial.loaded.mean) seen.first ??= now;
    if (!seen.first) requestAnimationFrame(look); };
  requestAnimationFrame(look); }"""


@pytest.fixture
def large(tmp_path):
    """A photo of more than half a megabyte."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:900, 0:1600]
    rows = np.stack([x / 7, y / 4, 128 + 90 * np.sin(x / 40)], -1) + rng.normal(0, 30, (900, 1600, 3))
    Image.fromarray(rows.clip(0, 255).astype(np.uint8)).save(tmp_path / "large.jpg", quality=92)
    assert (tmp_path / "large.jpg").stat().st_size > 500_000
    return tmp_path / "large.jpg"


def opened(browser, address):
    page = browser.new_page(viewport=WIDE, reduced_motion="reduce")
    page.goto(address)
    page.wait_for_function("window.dial && dial.loaded.mean >= 17", timeout=60_000)
    return page


@pytest.mark.timed
def test_over_a_slow_line_the_photo_and_its_progress_are_seen_at_once(browser, address, large, tmp_path):
    page = opened(browser, address)
    (tmp_path / "note.jpg").write_bytes(b"not a picture" * 9)
    page.set_input_files("#choose input[type=file]", str(tmp_path / "note.jpg"))
    page.wait_for_selector("#dial .status.bad", timeout=20_000)
    old = page.inner_text("#dial .status")
    throttle(page, mbit=1.6, latency=150, cpu=4)
    page.evaluate(WATCH)
    page.set_input_files("#choose input[type=file]", str(large))
    page.wait_for_function("seen.first", timeout=60_000)
    found = page.evaluate("({ ...seen, words: [...seen.words] })")
    print({name: found[name] for name in ("photo", "first")})  # noqa: T201
    assert found["photo"] < 1.5, "0.5 s on a machine that does nothing else"
    assert found["first"] < 20, "2 s on a machine that does nothing else, with a GPU"
    assert old not in found["words"][1:], "the last file's mistake"
    later = [words for words in found["words"] if words and words != old]
    assert any("Sending your photo" in words for words in later)
    others = [words for words in later if "your photo" not in words]
    assert all(re.match("[0-9] of 257 lengths are here", words) for words in others), others
    assert max(found["parts"]) > 0
    assert found["parts"] == sorted(found["parts"])
    page.close()


def test_a_photo_that_cannot_be_sent_leaves_what_was_there(browser, address, large):
    page = opened(browser, address)
    page.route("**/gradio_api/upload*", lambda route: route.fulfill(status=413, body=""))
    page.set_input_files("#choose input[type=file]", str(large))
    page.get_by_text("B was refused as too large").wait_for(timeout=20_000)
    assert not page.locator("#dial .coming").is_visible()
    assert page.locator("#dial .credit").inner_text() != "", "the example is still there"
    page.evaluate("dial.set(100)")
    page.wait_for_function("dial.k === 100 && dial.loaded.mean === 257", timeout=120_000)
    page.close()


def test_the_newest_photo_wins(browser, address, large, tmp_path):
    Image.new("RGB", (300, 200), (200, 30, 30)).save(tmp_path / "red.png")
    page = opened(browser, address)
    held = []
    page.route("**/gradio_api/upload*", lambda route: held.append(route))
    page.set_input_files("#choose input[type=file]", str(large))
    page.wait_for_timeout(500)
    page.set_input_files("#choose input[type=file]", str(tmp_path / "red.png"))
    page.wait_for_timeout(500)
    assert len(held) == 2
    held[1].continue_()
    page.wait_for_function("!document.querySelector('#dial .credit').textContent && dial.loaded.mean > 0",
                           timeout=30_000)  # fmt: skip
    shown = page.locator("#dial .thumbnail").get_attribute("src")
    held[0].continue_()
    page.wait_for_timeout(1500)
    assert page.locator("#dial .thumbnail").get_attribute("src") == shown
    page.close()


SWEPT = """() => { window.turned = []; const look = () => {
  if (dial.loaded.sample >= 17 && !document.querySelector('#dial .credit').textContent)
    turned.push([dial.k, document.querySelector('#dial .badge').textContent]);
  requestAnimationFrame(look); };
  requestAnimationFrame(look); }"""


def moving(browser, address):
    """A page where things may move by themselves, its first example's turn over."""
    page = browser.new_page(viewport=WIDE)
    page.goto(address)
    page.wait_for_function("window.dial && dial.loaded.mean >= 17", timeout=60_000)
    page.keyboard.press("Shift")
    page.evaluate("dial.set(32)")
    page.evaluate(SWEPT)
    return page


@EVERYWHERE
def test_the_dial_turns_once_by_itself_when_the_samples_of_an_own_photo_are_there(browser, address, large):
    page = moving(browser, address)
    page.set_input_files("#choose input[type=file]", str(large))
    page.wait_for_function("window.turned.some(([k]) => k === 0)", timeout=60_000)
    page.wait_for_function("window.turned.at(-1)[0] === 256", timeout=20_000)
    badges = {words for _, words in page.evaluate("turned")}
    assert all(re.fullmatch(r"sample|showing \d+", words.strip()) for words in badges), badges
    page.evaluate("dial.set(32), turned.length = 0")
    page.wait_for_timeout(1500)
    assert {k for k, _ in page.evaluate("turned")} == {32}, "once"
    page.close()


@EVERYWHERE
@pytest.mark.parametrize("how", ["touched", "calm"])
def test_it_does_not_turn_by_itself_where_it_was_touched_or_nothing_may_move(browser, address, large, how):
    page = moving(browser, address) if how == "touched" else opened(browser, address)
    if how == "calm":
        page.evaluate("dial.set(32)")
        page.evaluate(SWEPT)
    page.set_input_files("#choose input[type=file]", str(large))
    if how == "touched":
        page.locator("#dial .range").press("ArrowRight")
    page.wait_for_function("window.turned.length", timeout=60_000)
    page.wait_for_timeout(1500)
    assert {k for k, _ in page.evaluate("turned")} == {33 if how == "touched" else 32}
    page.close()


def test_of_an_older_photo_nothing_is_said_while_a_newer_example_comes(browser, address, large):
    page = opened(browser, address)
    example, older = [], []

    def hold(route):
        asked = route.request.post_data or ""
        if '"upload"' in asked:
            route.continue_()
        else:
            (example if '"example"' in asked else older).append(route)

    page.wait_for_function("dial.done", timeout=120_000)
    page.route(re.compile("component_server"), hold)
    page.set_input_files("#choose input[type=file]", str(large))
    page.wait_for_function("!document.querySelector('#dial .credit').textContent && dial.loaded.mean > 0",
                           timeout=30_000)  # fmt: skip
    page.wait_for_timeout(500)
    assert len(older) == 1, "a question about the photo, on its way"
    page.locator("#examples button").nth(1).click()
    page.wait_for_timeout(500)
    older[0].fulfill(json={"error": "said of the older photo"})
    page.wait_for_timeout(500)
    assert len(older) == 1, "nothing more is asked about it"
    assert page.inner_text("#dial .status") == "Reading the photo…"
    example[0].continue_()
    page.wait_for_function("document.querySelector('#dial .credit').textContent.includes('Stefan')")
    assert "older" not in page.inner_text("#dial .status")
    page.close()


SAY = """() => { const line = document.querySelector('#dial .status');
  window.said = [];
  new MutationObserver(() => said.push(line.textContent))
    .observe(line, { childList: true, characterData: true, subtree: true }); }"""
SAMPLES = "(words) => words.includes(' 17 of them as samples')"


def test_the_samples_at_the_marks_come_before_the_other_means(browser, address, photo):
    page = opened(browser, address)
    page.wait_for_function("dial.done", timeout=60_000)
    page.evaluate(SAY)
    page.set_input_files("#choose input[type=file]", str(photo))
    page.wait_for_function(f"said.some({SAMPLES})", timeout=60_000)
    words = page.evaluate(f"said.find({SAMPLES})")
    assert int(words.split()[0]) <= 18, words
    page.close()
