"""The page in headless Chromium: upload, turn, look, press keys; nothing is asked of the server in a drag."""

import numpy as np
import pytest
from PIL import Image

from tests.browser.drag import drag, percentile

pytestmark = pytest.mark.browser
PIXELS = """() => { const c = document.querySelector('#dial canvas.pic');
  const rgba = c.getContext('2d').getImageData(0, 0, 256, 256).data;
  return Array.from(rgba.filter((_, i) => i % 997 === 0)); }"""
CURVE = "document.querySelector('#dial .cur').getAttribute('d')"
MAP = """() => { const c = document.querySelector('#dial canvas.att');
  return Array.from(c.getContext('2d').getImageData(0, 0, 16, 16).data); }"""


def settle(page):
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def turn(page, k):
    page.evaluate(f"dial.set({k})")
    settle(page)


def choose_photo(page, path):
    page.set_input_files("#choose input[type=file]", str(path))


@pytest.fixture
def photo(tmp_path):
    y, x = np.mgrid[0:300, 0:400]
    rows = np.stack([x * 255 / 400, y * 255 / 300, 128 + 120 * np.sin(x / 9)], -1).astype(np.uint8)
    Image.fromarray(rows).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_the_first_screen_is_alive(page):
    assert page.evaluate("dial.badge") != ""
    assert len(set(page.evaluate(PIXELS))) > 8
    for selector in ("#dial .stage", "#dial .rail", "#examples"):
        box = page.locator(selector).bounding_box()
        assert box["y"] + box["height"] <= page.viewport_size["height"], (
            f"{selector} is below the first screen"
        )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"


def test_upload_then_mouse_and_keyboard(page, photo, stand_ins):
    before = stand_ins["prefix-flow-256"].encoded
    choose_photo(page, photo)
    page.wait_for_function("dial.done", timeout=60_000)
    assert stand_ins["prefix-flow-256"].encoded == before + 1
    turn(page, 4)
    coarse, curve = page.evaluate(PIXELS), page.evaluate(CURVE)

    box = page.locator("#dial .rail").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 18)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] + 6, box["y"] + 18, steps=8)
    page.mouse.up()
    settle(page)
    assert page.evaluate("dial.k") == 256
    assert page.evaluate(PIXELS) != coarse
    assert page.evaluate(CURVE) != curve
    assert page.locator("#dial .n-bytes").inner_text() == "2,048"

    page.locator("#dial .range").focus()
    for key, expected in (("ArrowLeft", 255), ("PageDown", 192), ("Home", 0), ("PageUp", 1), ("End", 256)):
        page.keyboard.press(key)
        assert page.evaluate("dial.k") == expected
    page.wait_for_function("location.hash === '#k=256'")


def test_attention_follows_the_dial_or_stays(page):
    page.wait_for_function("document.querySelector('#dial .n-mass').textContent.includes('%')")
    page.check("#dial .att-on")
    turn(page, 9)
    first = page.evaluate(MAP)
    turn(page, 70)
    assert page.evaluate(MAP) != first
    page.locator("#dial .pick").fill("9")
    settle(page)
    assert page.evaluate(MAP) == first
    turn(page, 200)
    assert page.evaluate(MAP) == first
    assert page.locator("#dial .n-token").inner_text() == "9"


def test_mean_and_sample_differ(page):
    turn(page, 16)
    page.wait_for_function("dial.badge === 'sample'", timeout=30_000)
    sample = page.evaluate(PIXELS)
    page.get_by_label("mean", exact=True).check()
    page.wait_for_function("dial.badge === 'mean'")
    settle(page)
    assert page.evaluate(PIXELS) != sample


def test_a_drag_asks_nothing_and_paints_at_once(page):
    page.wait_for_function("dial.done", timeout=120_000)
    found = drag(page)
    ms = found["paint_ms"]
    print(f"frames {len(ms)}, paint p50 {percentile(ms, 0.5)} ms, p95 {percentile(ms, 0.95)} ms")  # noqa: T201
    assert found["requests"] == []
    assert len(ms) > 30
    assert percentile(ms, 0.95) <= 16, "6 ms on a machine that does nothing else; measure with drag.py"


@pytest.mark.parametrize("name", ["note.jpg", "empty.png"])
def test_a_file_that_is_no_picture_ends_in_a_sentence(page, tmp_path, photo, name):
    (tmp_path / name).write_bytes(b"" if "empty" in name else b"not a picture at all" * 9)
    choose_photo(page, tmp_path / name)
    page.wait_for_selector("#dial .status.bad", timeout=20_000)
    sentence = page.locator("#dial .status").inner_text()
    assert sentence.endswith((".", "work."))
    assert "Traceback" not in sentence
    assert str(tmp_path) not in sentence
    choose_photo(page, photo)
    page.wait_for_function(
        "!document.querySelector('#dial .status.bad') && dial.loaded.mean > 20", timeout=60_000
    )


def test_an_example_by_link(browser, address):
    page = browser.new_page()
    page.goto(address + "?photo=coffee#k=64")
    page.wait_for_function("window.dial && dial.loaded.mean > 0", timeout=60_000)
    assert page.evaluate("dial.k") == 64
    assert "Michetti" in page.locator("#dial .credit").inner_text()
    page.close()
