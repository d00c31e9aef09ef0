"""A model that has little: three lengths, one picture each, no attention, no baseline, a part of a byte."""

import json

import numpy as np
import pytest
from PIL import Image

import tokenizer_core as tc
from demo.cli import main
from demo.film import MEAN, Film
from tests.browser.conftest import line, open_panel, open_plots
from tests.browser.hosted import hosted

pytestmark = pytest.mark.browser
LENGTHS = (4, 16, 64)


def info():
    return tc.ModelInfo(
        name="toy",
        title="Toy",
        family="mosaic",
        tokens="hard",
        vocabulary=64,
        lengths=LENGTHS,
        ordered=False,
        checkpoint_id="0" * 12,
        licence="none",
        views=("codes",),
    )


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """The page without a server, with a film of such a model."""
    folder = tmp_path_factory.mktemp("toy")
    assert main(["export-page", str(folder)]) == 0
    y, x = np.mgrid[0:256, 0:256]
    photo = np.stack([x, y, (x + y) // 2], -1).astype(np.uint8)
    film = Film(Image.fromarray(photo), info(), token="toy")
    for k in LENGTHS:
        side = 256 // int(k**0.5)
        film.keep(MEAN, k, film.frame(photo[::side, ::side].repeat(side, 0).repeat(side, 1)))
    frames = [["mean", k, *frame] for k, frame in film.reel(MEAN).items()]
    (folder / "toy.json").write_text(json.dumps({"start": film.start(), "frames": frames, "told": {}}))
    with hosted(folder) as address:
        yield address


@pytest.mark.parametrize(("wide", "high"), [(1440, 900), (390, 844)], ids=["1440", "390"])
def test_nothing_is_shown_that_the_model_has_not(browser, host, wide, high):
    page = browser.new_page(viewport={"width": wide, "height": high}, reduced_motion="reduce")
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(host + "?photo=toy")
    page.wait_for_function("window.dial && dial.done")
    assert page.locator(".marks span").all_inner_texts() == ["4", "16", "64"]
    assert page.evaluate("dial.k") in LENGTHS
    page.locator(".range").focus()
    for key, k in (("Home", 4), ("ArrowRight", 16), ("ArrowRight", 64), ("PageDown", 16), ("End", 64)):
        page.keyboard.press(key)
        assert page.evaluate("dial.k") == k
    page.wait_for_function("document.querySelector('.n-bytes').textContent === '48'")
    page.keyboard.press("Home")
    page.wait_for_function("document.querySelector('.n-bytes').textContent === '3'")  # 24 bits
    box = page.locator(".rail").bounding_box()
    page.mouse.click(box["x"] + 2, box["y"] + 18)
    assert page.evaluate("dial.k") == 4, "the rail begins at the shortest length"
    assert page.evaluate("dial.badge") == "decoded"
    assert not page.locator("#mode").is_visible(), "no other kind of picture"
    for gone in (".att-on", ".add-on", ".layer", ".view"):
        assert not page.locator(gone).first.is_visible(), gone
    open_plots(page)
    assert not page.locator(".n-linear").is_visible()
    assert not page.locator(".n-guess").is_visible()
    assert [value is not None for value in line(page, "curves", "mean")] == [True] * 3
    for name in ("sample", "linear", "WebP"):
        assert set(line(page, "curves", name)) <= {None}
    open_panel(page, "share")
    with page.expect_download() as caught:
        page.locator(".card-button").click()
    assert caught.value.suggested_filename == "tokens-card.png"
    assert problems == []
    page.close()
