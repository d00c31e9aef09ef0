"""What lies over the picture and beside it: attention, what a token added, the photo, the strip."""

import itertools

import numpy as np
import pytest

from tests.browser.conftest import close_panel, open_panel
from tests.browser.dialing import PIXELS, press, settle, turn, uploaded
from tests.browser.kinds import EVERYWHERE

pytestmark = pytest.mark.browser
DIFFER = """() => { const c = document.querySelector('#panel-explore .pictures canvas');
  return Array.from(c.getContext('2d').getImageData(0, 0, 64, 64).data.filter((_, i) => i % 4 < 3)); }"""
MAP = """() => { const c = document.querySelector('#dial canvas.att');
  return Array.from(c.getContext('2d').getImageData(0, 0, 16, 16).data); }"""
FILMSTRIP = """(all) => { const of = (node) => node.getBoundingClientRect();
  const strip = document.querySelector('#dial .filmstrip');
  const marks = [...document.querySelectorAll('#dial .marks span')].filter((m) => all.includes(+m.innerText));
  const room = of(strip).width, side = Math.min(36, 0.072 * (room - 36)), r = strip.width / room;
  const cells = (canvas, ...where) => { const few = new OffscreenCanvas(8, 8).getContext('2d');
    few.imageSmoothingQuality = 'high'; few.drawImage(canvas, ...where, 0, 0, 8, 8);
    return Array.from(few.getImageData(0, 0, 8, 8).data); };
  const middles = marks.map((m) => of(m).x + of(m).width / 2 - of(strip).x);
  return [cells(document.querySelector('#dial .pic'), 0, 0, 256, 256),
    ...middles.map((x) => cells(strip, (x - side / 2) * r, 0, side * r, side * r))]; }"""


@EVERYWHERE
def test_attention_follows_the_dial_or_stays(page):
    page.wait_for_function("document.querySelector('#dial .n-mass').textContent.includes('%')")
    open_panel(page, "explore")
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


def test_the_film_strip_shows_what_each_mark_stands_for(page):
    page.wait_for_function("dial.done", timeout=120_000)
    some = [0, 1, 256]
    for mode, (i, k) in itertools.product(("mean", "sample"), enumerate(some)):
        page.get_by_label(mode, exact=True).check()
        turn(page, k)
        picture, *cells = np.array(page.evaluate(FILMSTRIP, some), float)
        off = [np.abs(picture - cell).mean() for cell in cells]
        assert off[i] < 0.6 * min(off[:i] + off[i + 1 :]), f"{mode}, {k}: {off}"
    box, mark = (
        page.locator(f"#dial {what}").bounding_box() for what in (".filmstrip", ".marks span >> nth=6")
    )
    page.mouse.click(mark["x"] + mark["width"] / 2, box["y"] + 8)
    assert page.evaluate("dial.k") == 32, "pressed, it turns the dial"


def test_what_is_not_there_yet_grows_darker(page):
    page.wait_for_function("dial.done", timeout=120_000)
    page.get_by_label("mean", exact=True).check()
    brightness = """() => { const c = document.querySelector('#dial canvas.dif');
      const rgba = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      const gain = document.querySelector('#dial .n-gain').textContent.match(/([0-9]+) times/);
      return rgba.filter((_, i) => (i & 3) < 3).reduce((a, b) => a + b) / (gain ? +gain[1] : 1); }"""
    open_panel(page, "explore")
    page.check("#dial .add-on")
    page.check("#dial .less-on")
    assert not page.locator("#dial .add-on").is_checked(), "one at a time"
    turn(page, 2)
    few = page.evaluate(brightness)
    assert page.evaluate("dial.badge") == "what is not there yet"
    assert "differs from the photo" in page.locator("#dial .n-gain").inner_text()
    turn(page, 256)
    assert page.evaluate(brightness) < 0.7 * few
    page.uncheck("#dial .less-on")
    settle(page)
    assert page.evaluate("dial.badge") == "mean"


def test_what_a_token_added_is_seen_beside_where_it_looks(page):
    page.wait_for_function("dial.done", timeout=120_000)
    turn(page, 5)
    open_panel(page, "explore")
    page.check("#dial .att-on")
    page.locator("#dial .add-on").press("Space")
    assert not page.is_checked("#dial .att-on"), "one of the two at a time"
    settle(page)
    fifth = page.evaluate(PIXELS.replace("pic", "dif"))
    assert len(set(fifth)) > 8
    assert "from 4 to 5 tokens" in page.locator("#dial .added").inner_text()
    page.locator("#dial .pick").fill("9")
    settle(page)
    assert page.evaluate(PIXELS.replace("pic", "dif")) != fifth
    page.uncheck("#dial .add-on")
    assert not page.locator("#dial .dif").is_visible()


@EVERYWHERE
def test_the_photo_wipes_over_the_picture(page):
    over = page.locator("#dial .photo")
    assert over.evaluate("node => getComputedStyle(node).opacity") == "0"
    knob, box = page.locator("#dial .edge"), page.locator("#dial .stage").bounding_box()
    knob.hover()
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    assert page.locator("#dial .wipe").input_value() == "50"
    page.locator("#dial .wipe").focus()
    assert over.evaluate("node => getComputedStyle(node).opacity") == "1"
    half = over.evaluate("node => getComputedStyle(node).clipPath")
    page.keyboard.press("ArrowRight")
    assert over.evaluate("node => getComputedStyle(node).clipPath") != half
    page.keyboard.press("Home")
    assert over.evaluate("node => getComputedStyle(node).opacity") == "0"


# what a button brings at 8 tokens
BESIDE = ["all tokens", "all but token 8", "where they differ"]


@EVERYWHERE
def test_pictures_beside_the_film(page, photo):
    page.wait_for_function("dial.done", timeout=120_000)
    uploaded(page, photo, 8)
    shown = page.evaluate("dial.loaded.sample")
    open_panel(page, "explore")
    boxes = page.locator("#panel-explore .pictures figure")
    press(page, page.get_by_role("button", name="All but a token"))
    page.wait_for_function(
        "document.querySelector('#panel-explore .open').textContent.startsWith('At 8 tokens')"
        f" && document.querySelectorAll('#panel-explore .pictures figure').length === {len(BESIDE)}",
        timeout=60_000,
    )
    found = boxes.evaluate_all("all => all.map(box => box.textContent)")
    assert all(text.startswith(wanted) for text, wanted in zip(found, BESIDE, strict=True)), found
    sources = boxes.locator("img").evaluate_all("all => all.map(img => img.src)")
    assert len(set(sources)) == len(sources), "no two are alike"
    assert page.evaluate(f"Math.max(...({DIFFER})())") > 0
    turn(page, 20)
    page.locator("#dial .range").press("ArrowRight")
    page.wait_for_function(
        "document.querySelector('#panel-explore .open').textContent.startsWith('At 21 tokens')"
    )
    assert "all but token 21" in boxes.nth(1).inner_text(), "where the dial rests, it is painted again"
    page.wait_for_function(f"dial.loaded.sample > {shown}")  # the sample where the dial rests
    assert page.evaluate("dial.loaded.sample") == shown + 1, "the film has its own take's frames alone"
    close_panel(page)
    page.locator("#examples button").first.click()
    page.wait_for_function("!document.querySelector('#panel-explore .open').textContent", timeout=20_000)
    assert page.locator("#dial .pictures figure").count() == 0, "another photo"


def test_a_patch_of_the_photo_shows_which_tokens_look_there(page):
    page.wait_for_function("document.querySelector('#dial .n-mass').textContent.includes('%')")
    bars, seen = "document.querySelector('#dial .bars').getAttribute('d')", page.locator("#dial .n-seen")
    mass = page.evaluate(bars)
    open_panel(page, "explore")
    stage = page.locator("#dial .stage")
    stage.hover(position={"x": 5, "y": 5})
    assert page.evaluate(bars) == mass, "only where attention is shown"
    page.check("#dial .att-on")
    box = stage.bounding_box()
    stage.hover(position={"x": box["width"] * 2.5 / 16, "y": box["height"] * 0.5 / 16})
    assert seen.inner_text().startswith("Row 1, column 3 is what tokens ")
    first = page.evaluate(bars)
    assert first != mass
    stage.press("ArrowDown")
    assert seen.inner_text().startswith("Row 2, column 3 is what tokens ")
    assert page.evaluate(bars) != first
    page.mouse.move(1, 1)
    page.wait_for_function("!document.querySelector('#dial .n-seen').textContent")
    assert page.evaluate(bars) == mass
