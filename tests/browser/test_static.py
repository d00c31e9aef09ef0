"""`tokendial export-page`: a folder of files and a host, nothing else."""

import gzip
import json
import re

import numpy as np
import pytest
from PIL import Image

from demo.cli import main
from demo.examples import EXAMPLES, FOLDER
from demo.film import LADDER
from tests.browser.pictures import hosted

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    assert main(["export-page", str(folder)]) == 0
    with hosted(folder) as address:
        yield address


@pytest.fixture(params=[(1440, 900, "light"), (390, 844, "dark")], ids=["1440", "390"])
def page(request, browser, host):
    wide, high, scheme = request.param
    page = browser.new_page(
        viewport={"width": wide, "height": high}, color_scheme=scheme, reduced_motion="reduce"
    )
    page.problems, page.asked = [], []
    page.on("pageerror", lambda e: page.problems.append(str(e)))
    page.on("request", lambda r: page.asked.append(r.url))
    page.goto(host)
    page.wait_for_function("window.dial && dial.done")
    yield page
    assert page.problems == []
    assert all(url.startswith((host, "data:", "blob:")) for url in page.asked), "no request to another host"
    page.close()


def test_the_dial_turns_and_asks_for_nothing(page):
    asked = len(page.asked)
    for k in (0, 7, 64, 256):
        page.evaluate(f"dial.set({k})")
        nearest = 8 if k == 7 else k
        page.wait_for_function(f"dial.shown === {nearest}")
    page.locator(".range").press("PageDown")
    page.wait_for_function("dial.k === 192")
    assert page.evaluate("dial.badge") == "sample"
    page.locator("#mode input").nth(1).check()
    page.wait_for_function("dial.badge === 'mean'")
    assert len(page.asked) == asked
    assert page.evaluate("dial.loaded") == {"mean": len(LADDER), "sample": len(LADDER)}


def test_the_first_screen_and_all_below_fit(page):
    for selector in ("#dial .stage", "#dial .rail", "#examples"):
        box = page.locator(selector).bounding_box()
        assert box["y"] + box["height"] <= page.viewport_size["height"], selector
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
    assert not page.locator(".view").first.is_visible(), "what needs a server is not offered"
    assert "Embed" not in page.inner_text("#words")
    assert all(example.credit in page.inner_text("#words") for example in EXAMPLES)


def test_an_example_brings_maps_curves_and_spectra(page):
    page.locator("#examples button").nth(1).click()
    page.wait_for_function("document.querySelector('.credit').textContent.includes('Stefan')")
    page.wait_for_function("dial.done")
    for name in ("cur", "also", "ref", "c-mean", "c-sample", "c-linear", "c-WebP"):
        page.wait_for_function(f"document.querySelector('path.{name}').getAttribute('d').length > 40")
    page.locator(".att-on").check()
    page.evaluate("dial.set(16)")
    page.wait_for_function("document.querySelector('.n-mass').textContent.endsWith('%')")
    assert page.evaluate("new URL(dial.address(true)).searchParams.get('photo')") == "chelsea_cat"


MAP = """() => { const c = document.querySelector('canvas.att');
  return Array.from(c.getContext('2d').getImageData(0, 0, 16, 16).data); }"""


def test_maps_of_other_layers_are_read_and_written(page):
    page.evaluate("dial.set(16)")
    page.locator(".att-on").check()
    page.wait_for_function("document.querySelector('.n-mass').textContent.endsWith('%')")
    chosen, maps, words = page.locator(".layer"), set(), set()
    names = chosen.locator("option").all_inner_texts()
    assert [name.split(",")[0] for name in names] == ["read", "read", "read", "write", "write"]
    for name in names:
        chosen.select_option(name)
        page.wait_for_timeout(100)
        maps.add(tuple(page.evaluate(MAP)))
        words.add((name[:4], page.inner_text(".n-share")))
    assert len(maps) == len(names), "each layer has a map of its own"
    assert len(words) == 2, "and what was read is told from what was written"
    chosen.focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_function("document.querySelector('.layer').selectedIndex === 3")
    page.locator("#examples button").nth(2).click()
    page.wait_for_function("document.querySelector('.credit').textContent.includes('daniel')")
    page.wait_for_function("document.querySelectorAll('.layer option').length === 5")
    assert page.inner_text(".n-share").startswith("of its attention"), "another photo starts with the first"


def test_a_classifier_says_what_it_sees_and_the_control_stands_beside(page):
    page.evaluate("dial.set(256)")
    page.wait_for_function("document.querySelector('.n-guess').textContent.includes('(the photo: espresso')")
    many = page.inner_text(".n-guess")
    assert many.startswith("espresso")
    control = page.locator("path.control").first.get_attribute("d")
    page.evaluate("dial.set(1)")
    page.wait_for_function(f"document.querySelector('.n-guess').textContent !== {json.dumps(many)}")
    assert page.locator("path.control").first.get_attribute("d") not in ("", control)
    assert page.locator(".of-control").is_visible()


def test_how_sure_the_classifier_is_at_each_length(page):
    page.get_by_label("Nearness to the photo").select_option("photo's name, says a classifier")
    assert len(page.locator(".c-sample").get_attribute("d").split("L")) == len(LADDER)
    assert page.locator(".c-linear").get_attribute("d") == ""
    page.locator(".goal").fill("0.5")
    film = next(example for example in EXAMPLES if example.name == "coffee")
    share = json.loads(gzip.decompress((FOLDER / f"{film.name}.json.gz").read_bytes()))["told"]["agreement"]
    first = min(int(k) for k, p in share["sample"].items() if p >= 0.5)
    assert f"sample {first}" in page.inner_text(".n-fewest")


def test_a_plot_is_saved_as_a_picture(page, tmp_path):
    page.evaluate("dial.set(32)")
    for plot, name in enumerate(("spectrum", "curves")):
        with page.expect_download() as caught:
            button = page.locator(".png").nth(plot)
            button.click() if plot else button.press("Enter")
        caught.value.save_as(tmp_path / f"{name}.png")
        picture = Image.open(tmp_path / f"{name}.png")
        assert (picture.format, picture.size) == ("PNG", (1600, 760)), name
        rows = np.asarray(picture.convert("RGB"), np.int16)
        ground = rows[2, 2]
        lines = (np.abs(rows - ground).max(-1) > 40).mean()
        assert 0.01 < lines < 0.3, f"lines and words on a plain ground: {name}"
        accent = page.evaluate("getComputedStyle(document.querySelector('path.cur')).stroke")
        wanted = [int(v) for v in re.findall(r"[0-9]+", accent)[:3]]
        assert (np.abs(rows - wanted).max(-1) < 24).sum() > 1000, f"the line in its colour: {name}"


def test_a_round_hides_its_photo_and_a_foreign_link_is_a_sentence(page, host):
    page.goto(host + "?photo=round-2#k=1&name=1")
    page.wait_for_function("window.dial && dial.done")
    assert not page.locator("#examples").is_visible()
    page.wait_for_function("document.querySelector('.said').textContent.includes('A classifier sees: ')")
    assert "the photo" not in page.inner_text(".said"), "that would give it away"
    page.locator(".know").press("Enter")
    page.wait_for_function("dial.k === 256")
    assert "sender: 1" in page.inner_text(".said")
    page.goto("about:blank")
    page.goto(host + "#t=AAAA&k=4")
    page.wait_for_selector(".status.bad")
    assert "no server" in page.inner_text(".status")
    assert page.evaluate("dial.loaded.mean") == len(LADDER), "the page goes on with an example"


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["export-page", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_each_film_is_an_answer_of_the_page(tmp_path):
    main(["export-page", str(tmp_path)])
    for example in EXAMPLES:
        film = json.loads((tmp_path / f"{example.name}.json").read_text("utf-8"))
        assert set(film) == {"start", "frames", "told"}
        assert film["start"]["example"] == film["start"]["token"] == example.name
        assert {(mode, k) for mode, k, *_ in film["frames"]} == {
            (m, k) for m in ("mean", "sample") for k in LADDER
        }
