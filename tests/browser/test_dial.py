"""The page in headless Chromium: upload, turn, press keys; nothing is asked of the server in a drag."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.arrival import arrival, throttle
from tests.browser.conftest import another_document, close_panel, line, open_panel
from tests.browser.dialing import LADDER, ONE_WIDTH, PIXELS, choose_photo, settle, turn, uploaded
from tests.browser.drag import PROBE, drag, percentile
from tests.browser.kinds import EVERYWHERE, SERVED, STATIC, WITH_FORM

pytestmark = pytest.mark.browser
# the picture is in sight, large or small beside the dial
SEEN = """['.stage', '.mini'].some((name) => {
  const box = document.querySelector('#dial ' + name).getBoundingClientRect();
  return box.height > 50 && box.bottom > 50 && box.top < innerHeight - 50; })"""
# smooth scrolling is over: a visitor who clicks meanwhile stops it
AT_REST = """new Promise((done) => { let y = -1;
  const look = () => (scrollY === y ? done() : (y = scrollY, setTimeout(look, 200))); look(); })"""


@EVERYWHERE
def test_the_first_screen_is_alive(page):
    page.wait_for_function("dial.k > 3", timeout=20_000)
    assert page.evaluate("dial.badge") != ""
    assert len(set(page.evaluate(PIXELS))) > 8
    for selector in ("#dial .stage", "#dial .rail", "#examples"):
        box = page.locator(selector).bounding_box()
        assert box["y"] + box["height"] <= page.viewport_size["height"], (
            f"{selector} is below the first screen"
        )
    photo = page.locator("#dial .thumbnail").bounding_box()
    assert photo["y"] + photo["height"] <= page.viewport_size["height"], "the photo is beside its picture"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"


@EVERYWHERE
def test_the_words_turn_the_dial_that_stays_in_sight(page):
    page.wait_for_function("dial.done", timeout=120_000)
    for words, k, badge in (("what token 4 added", 4, "what changed"), ("One token", 1, "sample")):
        page.get_by_role("link", name=words).click()
        page.wait_for_function(f"dial.k === {k} && dial.badge === {badge!r}")
        assert page.evaluate("scrollY") > 0 or page.viewport_size["width"] < 760, "where the words are"
        page.evaluate(AT_REST)
        page.wait_for_function(SEEN)
    assert not page.locator("#dial .add-on").is_checked()
    address = page.url.partition("#")[0].partition("?")[0]
    page.goto("about:blank")  # else only the hash is another one, and the page is not opened anew
    page.goto(address + "?photo=coffee#k=16&show=less")
    page.wait_for_function("window.dial && dial.k === 16 && dial.badge === 'what is not there yet'")


@EVERYWHERE
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_that_a_screen_reader_would_trip_over(page, kind, scheme):
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function("dial.done", timeout=120_000)
    open_panel(page, "explore")
    page.check("#dial .att-on")
    found = Axe().run(page).response["violations"]
    close_panel(page)
    if kind != STATIC:
        page.get_by_role("button", name="Seed, steps").click()
        page.get_by_label("Steps of a sample").first.wait_for()
        found += Axe().run(page).response["violations"]
    assert [(f["id"], f["impact"], [n["target"] for n in f["nodes"]]) for f in found] == []


@EVERYWHERE
def test_upload_then_mouse_and_keyboard(page, photo, stand_ins, kind):
    page.emulate_media(reduced_motion="reduce")
    before = stand_ins["prefix-flow-256"].encoded
    turn(page, 0)
    choose_photo(page, photo)
    page.wait_for_function("dial.done && dial.k === 32", timeout=60_000)  # never at nothing
    assert stand_ins["prefix-flow-256"].encoded == before + (kind == SERVED)
    turn(page, 4)
    coarse, curve = page.evaluate(PIXELS), line(page, "spectrum", "sample")

    box = page.locator("#dial .rail").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 18)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] + 6, box["y"] + 18, steps=8)
    page.mouse.up()
    settle(page)
    assert page.evaluate("dial.k") == 256
    assert page.evaluate(PIXELS) != coarse
    assert line(page, "spectrum", "sample") != curve
    assert page.locator("#dial .n-bytes").inner_text() == "2,048"

    page.locator("#dial .range").focus()
    for key, expected in (("ArrowLeft", 255), ("PageDown", 192), ("Home", 0), ("PageUp", 1), ("End", 256)):
        page.keyboard.press(key)
        assert page.evaluate("dial.k") == expected
    page.wait_for_function("location.hash === '#k=256'")


@WITH_FORM
@ONE_WIDTH
def test_a_photo_is_forgotten(page, photo):
    uploaded(page, photo, 32, LADDER)
    page.get_by_role("button", name="Seed, steps").click()
    with another_document(page):
        page.get_by_role("button", name="Forget this photo").press("Enter")
    page.wait_for_function("window.dial && dial.loaded.mean > 20", timeout=60_000)
    assert page.locator("#dial .credit").inner_text() != "", "an example has its place"


@pytest.mark.timed
def test_a_drag_asks_nothing_and_paints_at_once(page):
    page.wait_for_function("dial.done", timeout=120_000)
    found = drag(page)
    ms = found["paint_ms"]
    print(f"frames {len(ms)}, paint p50 {percentile(ms, 0.5)} ms, p95 {percentile(ms, 0.95)} ms")  # noqa: T201
    assert found["requests"] == []
    assert len(ms) > 30
    assert percentile(ms, 0.95) <= 16, "6 ms on a machine that does nothing else; measure with drag.py"


@EVERYWHERE
def test_a_file_that_is_no_picture_ends_in_a_sentence(page, tmp_path, photo):
    for name in ("note.jpg", "empty.png"):
        (tmp_path / name).write_bytes(b"" if "empty" in name else b"not a picture at all" * 9)
        choose_photo(page, tmp_path / name)
        page.wait_for_selector("#dial .status.bad", timeout=20_000)
        sentence = page.locator("#dial .status").inner_text()
        assert sentence.endswith((".", "work."))
        assert "Traceback" not in sentence
        assert str(tmp_path) not in sentence
        choose_photo(page, photo)
        page.wait_for_function(
            "!document.querySelector('#dial .status.bad') && dial.loaded.mean > 16", timeout=60_000
        )


@pytest.mark.timed
def test_a_photo_arrives_over_a_slow_network(browser, address, photo):
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.add_init_script(PROBE)
    page.goto(address)
    page.wait_for_function(f"window.dial && {LADDER}", timeout=120_000)
    throttle(page, mbit=1.6, latency=150, cpu=4)
    found = arrival(page, str(photo))
    print(found)  # noqa: T201
    assert found["first"] < 12, "3 s on a machine that does nothing else; measure with arrival.py"
    assert found["first"] <= found["ladder"] < 25
    assert found["ladder"] <= found["samples"] < 60
    assert found["painted"] > 20
    page.close()


@EVERYWHERE
def test_the_first_example_moves_by_itself_until_it_is_touched(page):
    page.wait_for_function("dial.k > 0 && document.querySelector('#dial .play.on')", timeout=20_000)
    page.keyboard.press("Shift")
    stopped = page.evaluate("dial.k")
    page.wait_for_timeout(700)
    assert page.evaluate("dial.k") == stopped
    turn(page, 2)
    button = page.locator("#dial .play")
    button.click()
    page.wait_for_function("dial.k > 2")
    assert button.get_attribute("aria-label") == "Pause"
    button.press("Enter")
    stopped = page.evaluate("dial.k")
    page.wait_for_timeout(500)
    assert page.evaluate("dial.k") == stopped
    turn(page, 200)
    button.press("Space")
    page.wait_for_function("dial.k === 256")
    page.wait_for_function("document.querySelector('#dial .play:not(.on)')")


@EVERYWHERE
def test_nothing_moves_by_itself_where_motion_is_not_wanted(browser, address):
    page = browser.new_page(reduced_motion="reduce")
    page.goto(address)
    page.wait_for_function("window.dial && dial.loaded.mean > 16", timeout=60_000)
    page.wait_for_timeout(800)
    assert page.evaluate("dial.k") == 32
    page.close()


@ONE_WIDTH
def test_a_question_that_is_not_answered_is_asked_again(page, photo):
    page.wait_for_function("dial.done", timeout=120_000)
    asked = []

    def sometimes(route):
        asked.append(route.request.url)
        route.abort() if len(asked) % 3 == 1 else route.continue_()

    page.route(re.compile("component_server"), sometimes)
    choose_photo(page, photo)
    page.wait_for_function("dial.loaded.mean > 30 && !document.querySelector('#dial .credit').textContent",
                           timeout=60_000)  # fmt: skip
    page.unroute(re.compile("component_server"))
    assert len(asked) > 3
    page.wait_for_function("dial.done", timeout=120_000)
    assert page.evaluate("dial.loaded.mean") == 257
    assert page.locator("#dial .n-mass").inner_text().endswith("%")
    _, tokens = page.evaluate("dial.address(true)").split("&t=")
    assert len(tokens) > 2_000, "its own tokens"
    page.problems[:] = [text for text in page.problems if "Failed to load resource" not in text]
