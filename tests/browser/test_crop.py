"""The crop box: all of a photo that is no square, and the part of it that is taken, before and after."""

import json

import pytest
from PIL import Image

from tests.browser.kinds import EVERYWHERE

pytestmark = pytest.mark.browser
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
RED, GREEN, BLUE = (210, 30, 30), (30, 170, 30), (30, 30, 210)
COLOUR = """() => { const canvas = new OffscreenCanvas(1, 1), brush = canvas.getContext('2d');
  brush.drawImage(document.querySelector('#dial .thumbnail'), 0, 0, 1, 1);
  const rgb = [...brush.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  return ['red', 'green', 'blue'][rgb.indexOf(Math.max(...rgb))]; }"""
SQUARE = """() => ['left', 'top', 'width'].map((side) =>
  parseFloat(document.querySelector('#dial .square').style[side]))"""
OWN = "!document.querySelector('#dial .credit').textContent && dial.loaded.mean > 0"


@pytest.fixture
def stripes(tmp_path):
    """A photo thrice as wide as high: red, green, blue."""
    photo = Image.new("RGB", (900, 300), GREEN)
    photo.paste(RED, (0, 0, 300, 300))
    photo.paste(BLUE, (600, 0, 900, 300))
    photo.save(tmp_path / "stripes.png")
    photo.rotate(90, expand=True).save(tmp_path / "tall.tiff")
    return tmp_path / "stripes.png"


@pytest.fixture(params=[WIDE, PHONE], ids=["1440", "390"])
def page(request, browser, address):
    page = browser.new_page(viewport=request.param, reduced_motion="reduce", has_touch=True)
    page.starts = []

    def note(asked):
        if "component_server" in asked.url and '"start"' in (asked.post_data or ""):
            page.starts.append(json.loads(asked.post_data)["data"])

    page.on("request", note)
    page.goto(address)
    page.wait_for_function("window.dial && dial.loaded.mean >= 17", timeout=60_000)
    yield page
    page.close()


def choose(page, path):
    page.set_input_files("#choose input[type=file]", str(path))


def shown(page, colour):
    page.wait_for_function(f"{OWN} && ({COLOUR})() === '{colour}'", timeout=30_000)


@EVERYWHERE
def test_the_middle_is_read_at_once_and_a_drag_chooses_another_part(page, stripes):
    choose(page, stripes)
    box = page.locator("#dial .crop")
    box.wait_for()
    left, top, width = page.evaluate(SQUARE)
    assert (left, top, width) == pytest.approx((100 / 3, 0, 100 / 3), abs=0.1)
    shown(page, "green")
    whole = page.locator("#dial .whole").bounding_box()
    middle = whole["y"] + whole["height"] / 2
    page.mouse.move(whole["x"] + whole["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(whole["x"] + whole["width"] * 0.95, middle, steps=4)
    page.mouse.up()
    assert page.evaluate(SQUARE)[0] == pytest.approx(200 / 3, abs=0.1), "no farther than the border"
    page.locator("#dial .use").click()
    shown(page, "blue")
    assert not box.is_visible()
    assert page.evaluate("document.activeElement.className").endswith("recrop of-photo of-server")


def test_a_part_chosen_while_the_photo_is_sent_is_the_first_that_is_read(page, stripes):
    held = []
    page.route("**/gradio_api/upload*", lambda route: held.append(route))
    choose(page, stripes)
    square = page.locator("#dial .square")
    square.wait_for()
    square.focus()
    for _ in range(60):
        page.keyboard.press("ArrowLeft")
    assert page.evaluate(SQUARE)[0] == 0
    page.locator("#dial .use").click()
    before = len(page.starts)
    held[0].continue_()
    shown(page, "red")
    asked = page.starts[before:]
    assert len(asked) == 1, "not the middle first"


@EVERYWHERE
def test_the_same_box_opens_later_where_the_crop_is(page, stripes):
    choose(page, stripes)
    page.locator("#dial .keep").click()
    shown(page, "green")
    again = page.locator("#dial .recrop")
    assert again.get_attribute("aria-expanded") == "false"
    again.click()
    assert page.evaluate(SQUARE) == pytest.approx([100 / 3, 0, 100 / 3], abs=0.1)
    assert page.evaluate("document.activeElement.className") == "square"
    for key in [*["-"] * 6, *["ArrowRight"] * 90, "+"]:
        page.keyboard.press(key)
    page.keyboard.press("Enter")  # nothing happens on the square itself
    page.locator("#dial .use").press("Enter")
    shown(page, "blue")
    again.press("Enter")
    left, _, width = page.evaluate(SQUARE)
    assert left + width == pytest.approx(100, abs=0.5)
    assert 20 < width < 30
    page.keyboard.press("Escape")
    assert not page.locator("#dial .crop").is_visible()
    page.wait_for_function("document.activeElement.classList.contains('recrop')")


@EVERYWHERE
def test_wheel_corner_and_pinch_resize(page, stripes):
    choose(page, stripes)
    page.locator("#dial .crop").wait_for()
    whole = page.locator("#dial .whole").bounding_box()
    x, y = whole["x"] + whole["width"] / 2, whole["y"] + whole["height"] / 2
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"({SQUARE})()[2] < 30")
    wide = page.evaluate(SQUARE)[2]
    box = page.locator("#dial .square").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 12, box["y"] + 12, steps=3)
    page.mouse.up()
    narrow = page.evaluate(SQUARE)[2]
    assert narrow < wide
    fingers = page.context.new_cdp_session(page)

    def touch(kind, apart):
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}] if apart else []
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 4)
    for apart in (6, 8, 10):
        touch("touchMove", apart)
    touch("touchEnd", 0)
    assert page.evaluate(SQUARE)[2] > narrow


@EVERYWHERE
def test_a_square_photo_needs_no_box_and_an_untouched_one_closes_by_itself(page, stripes, tmp_path):
    Image.new("RGB", (300, 300), BLUE).save(tmp_path / "blue.png")
    choose(page, tmp_path / "blue.png")
    shown(page, "blue")
    assert not page.locator("#dial .crop").is_visible()
    choose(page, stripes)
    page.locator("#dial .crop").wait_for()
    page.locator("#dial .crop").wait_for(state="hidden", timeout=30_000)
    shown(page, "green")


def test_of_a_photo_that_this_browser_cannot_read_the_server_shows_all(page, stripes):
    choose(page, stripes.with_name("tall.tiff"))
    page.locator("#dial .crop").wait_for(timeout=30_000)
    assert page.evaluate(SQUARE) == pytest.approx([0, 100 / 3, 100], abs=0.3)
    shown(page, "green")


@EVERYWHERE
def test_an_example_can_be_cropped_and_the_box_of_an_older_photo_goes(page, stripes):
    page.locator("#dial .recrop").click()
    page.locator("#dial .crop").wait_for()
    assert page.evaluate(SQUARE)[2] < 99, "no example is a square"
    page.keyboard.press("Escape")
    choose(page, stripes)
    page.locator("#dial .square").click()
    page.locator("#examples button").nth(1).evaluate("button => button.click()")
    page.wait_for_function("document.querySelector('#dial .credit').textContent.includes('Stefan')")
    assert not page.locator("#dial .crop").is_visible()


def test_a_photo_that_cannot_be_sent_leaves_no_box(page, stripes):
    page.route("**/gradio_api/upload*", lambda route: route.fulfill(status=413, body=""))
    choose(page, stripes)
    page.get_by_text("was refused as too large").wait_for(timeout=20_000)
    assert not page.locator("#dial .crop").is_visible()
