"""The six scenes, and the lecture that they make; on the page without a server, which has them too."""

import json

import pytest

from demo.cli import main
from studies.build_figures import FIGURES, figures
from tests.browser.pictures import hosted

pytestmark = pytest.mark.browser
SIZES = [(1440, 900), (390, 844)]


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    assert main(["export-page", str(folder)]) == 0
    with hosted(folder) as address:
        yield address


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
    page.keyboard.press("ArrowLeft")
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
    first = page.evaluate("document.querySelector('.lecture .code').toDataURL()")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "(before) => document.querySelector('.lecture .code').toDataURL() !== before", arg=first
    )
