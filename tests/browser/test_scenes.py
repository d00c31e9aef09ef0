"""The six scenes, and the lecture that they make; on the page without a server, which has them too."""

import itertools
import json

import pytest
from PIL import Image

from studies.build_figures import FIGURES, figures

pytestmark = pytest.mark.browser
SIZES = [(1440, 900), (390, 844)]


@pytest.fixture(params=SIZES, ids=["1440", "390"])
def page(request, browser, host):
    wide, high = request.param
    page = browser.new_page(viewport={"width": wide, "height": high}, reduced_motion="reduce")
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(host)
    page.wait_for_function("window.dial && dial.done")
    yield page
    assert page.problems == []
    page.close()


def test_the_figures_are_the_judge_s():
    assert json.loads(FIGURES.read_text("utf-8")) == figures(), "run python -m studies.build_figures"


def test_each_scene_is_two_sentences_one_thing_to_do_and_a_figure(page):
    scenes = page.locator(".scene")
    assert scenes.count() == 6
    for scene in scenes.all():
        words = scene.locator("p").first.inner_text()
        assert words.count(".") == 2, words
        assert scene.locator("a").count() == 1
        assert scene.locator("td").count() >= 2
        assert "tokendial judge" in scene.locator(".command").inner_text()


SHOWN = {
    "gist": "dial.k === 1 && dial.badge === 'sample'",
    "mean": "dial.k === 8 && dial.badge === 'mean' && document.querySelector('#panel-measure.shown')",
    "invented": "dial.k === 16 && dial.badge === 'what is not there yet'",
    "order": "dial.k === 4 && dial.badge === 'what changed'",
    "soft": "dial.k === 16 && document.querySelector('.att.on')",
    "faces": "dial.k === 256 && dial.address(true).includes('photo=astronaut')",
}


def test_a_scene_shows_what_it_says(page):
    for name, shown in SHOWN.items():
        page.locator(f"#scene-{name} a").click()
        page.wait_for_function(shown)
        page.locator(f"#scene-{name}.now").wait_for()
        assert page.locator(".scene.now").count() == 1
        kind = "mean" if name in ("mean", "order") else "sample"
        assert page.locator("#mode input:checked").input_value() == kind


def to_the_middle(page, name):
    """Scroll a scene to the middle of the screen, and wait until it could have come into force."""
    page.evaluate("(id) => document.querySelector(id).scrollIntoView({ block: 'center' })", f"#scene-{name}")
    page.wait_for_timeout(700)


def in_force(page):
    return page.locator(".scene.now").evaluate_all("all => all.map((card) => card.id.slice(6))")


WIDE_ONLY = pytest.mark.parametrize("page", [SIZES[0]], ids=["1440"], indirect=True)


@WIDE_ONLY
def test_a_scene_comes_into_force_in_the_middle_with_picture_and_dial_beside_it(page):
    for name, shown in SHOWN.items():
        to_the_middle(page, name)
        page.wait_for_function(shown.partition(" && document.querySelector('#panel")[0])
        page.wait_for_function(f"location.hash.endsWith('scene={name}')")
        assert in_force(page) == [name]
        words = page.locator(f"#scene-{name} h3").bounding_box()
        assert 112 < words["y"] < 900
        for seen in (".stage", ".rail", ".thumbnail"):
            box = page.locator(f"#dial {seen}").bounding_box()
            assert box["y"] >= 0, seen
            assert box["y"] + box["height"] <= 900, seen
        stage = page.locator("#dial .thumbnail").bounding_box()
        assert stage["x"] + stage["width"] < words["x"], "the words are beside the pictures"
        assert not page.locator("#dial .mini").is_visible(), "one picture is enough"
    page.evaluate("scrollTo(0, 0)")
    page.locator("#dial .top .pair").wait_for()
    assert page.locator("#dial .top").evaluate("node => node.style.minHeight") == ""


@WIDE_ONLY
def test_a_scene_never_takes_the_dial_from_who_turned_it(page):
    to_the_middle(page, "gist")
    page.wait_for_function("dial.k === 1")
    page.locator("#dial .range").press("End")
    page.wait_for_function("dial.k === 256")
    page.wait_for_function("!document.querySelector('.scene.now')")
    to_the_middle(page, "order")
    assert page.evaluate("dial.k") == 256
    page.locator("#scene-order a").click()
    page.wait_for_function(SHOWN["order"])
    to_the_middle(page, "soft")
    page.wait_for_function(SHOWN["soft"])  # who pressed one may scroll on
    page.locator("#dial .range").press("ArrowRight")
    to_the_middle(page, "mean")
    assert page.evaluate("dial.k") == 17


def test_the_first_sweep_is_nobody_s_turn(browser, host):
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(host)
    page.wait_for_function("window.dial && dial.k > 3")
    to_the_middle(page, "mean")
    page.wait_for_function(SHOWN["mean"].partition(" && document")[0])
    page.close()


def test_a_scene_s_address_opens_it(page, host):
    page.goto("about:blank")
    page.goto(host + "?photo=china#k=16&show=less&scene=invented")
    page.wait_for_function(f"window.dial && {SHOWN['invented']}")
    page.locator("#scene-invented.now").wait_for()
    wide = page.viewport_size["width"] > 1000
    page.wait_for_timeout(600)
    assert (page.evaluate("scrollY") > 300) == wide, "a phone's picture is above the cards"


def test_on_a_phone_scenes_are_cards_one_after_the_other(page):
    if page.viewport_size["width"] > 1000:
        pytest.skip("a wide screen has them beside the picture")
    boxes = [card.bounding_box() for card in page.locator(".scene").all()]
    assert len({box["x"] for box in boxes}) == 1
    for above, below in itertools.pairwise(boxes):
        assert above["y"] + above["height"] <= below["y"]
    before = page.evaluate("dial.k")
    to_the_middle(page, "order")
    assert page.evaluate("dial.k") == before, "nothing comes by itself"


def test_a_photo_of_one_s_own_stays_through_the_scenes(browser, address, tmp_path):
    Image.new("RGB", (300, 300), (40, 160, 90)).save(tmp_path / "own.png")
    page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page.goto(address)
    page.wait_for_function("window.dial && dial.loaded.mean > 16", timeout=60_000)
    page.set_input_files("#choose input[type=file]", str(tmp_path / "own.png"))
    page.wait_for_function("!document.querySelector('.credit').textContent", timeout=20_000)
    page.wait_for_function("dial.loaded.mean > 16", timeout=60_000)
    page.evaluate("dial.set(64)")
    to_the_middle(page, "gist")
    assert page.evaluate("dial.k") == 64
    page.locator("#scene-gist a").click()
    page.wait_for_function("dial.k === 1")
    to_the_middle(page, "faces")
    page.wait_for_function("dial.k === 256")
    assert page.locator(".credit").inner_text() == "", "it is still the visitor's"
    page.close()


def test_a_lecture_asks_before_it_answers(page):
    page.locator(".lecturing").click()
    asked = page.locator(".lecture .asked")
    page.wait_for_function("dial.k === 1")
    assert "One token" in asked.inner_text()
    assert page.locator(".lecture .answer").inner_text() == ""
    for spoiler in (".filmstrip", ".thumbnail", ".side", "#examples"):
        assert not page.locator(f"#dial {spoiler}").is_visible(), spoiler
    page.keyboard.press("ArrowRight")
    page.wait_for_function("dial.k === 256")
    assert "8 bytes" in page.locator(".lecture .answer").inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("dial.k === 8")
    page.keyboard.press("p")
    assert page.locator(".stage.peek").count() == 1
    page.keyboard.press("p")
    assert page.locator(".stage.peek").count() == 0
    page.keyboard.press("p")
    page.keyboard.press("ArrowLeft")
    assert page.locator(".stage.peek").count() == 0, "the photo goes when the lecture goes on"
    page.wait_for_function("dial.k === 256")
    page.locator(".lecture .on").click()
    page.wait_for_function("dial.k === 8")
    page.keyboard.press("Escape")
    page.locator(".lecture").wait_for(state="hidden")
    assert page.locator("#examples").is_visible()


def test_the_code_is_the_present_address(page):
    if page.viewport_size["width"] < 1000:
        pytest.skip("a phone shows none to itself")
    page.locator(".lecturing").click()
    page.wait_for_function("document.querySelector('.lecture .code').width > 30")
    for k in (1, 256, 8):
        page.wait_for_function(f"dial.k === {k}")
        page.wait_for_function(DRAWN)
        page.keyboard.press("ArrowRight")
    assert "scene=mean" in page.evaluate("dial.address(true)")


# the code's cells are those of the address, within a quiet zone of four
DRAWN = """async () => {
  const { generate } = await import("./page/vendor/lean-qr.mjs");
  const code = generate(dial.address(true)), canvas = document.querySelector(".lecture .code");
  if (canvas.width !== code.size + 8) return false;
  const rgba = canvas.getContext("2d").getImageData(4, 4, code.size, code.size).data;
  for (let y = 0; y < code.size; y++) for (let x = 0; x < code.size; x++)
    if ((rgba[4 * (y * code.size + x)] === 0) !== !!code.get(x, y)) return false;
  return true; }"""


def test_a_lecture_fills_the_screen_with_large_type(page):
    page.locator(".lecturing").click()
    page.wait_for_function("document.fullscreenElement")
    assert page.locator(".lecturing").get_attribute("aria-expanded") == "true"
    size = page.locator(".lecture .asked").evaluate("node => parseFloat(getComputedStyle(node).fontSize)")
    assert size >= 24
    page.locator(".lecture .leave").click()
    page.wait_for_function("!document.fullscreenElement")
    assert page.locator(".lecturing").get_attribute("aria-expanded") == "false"
