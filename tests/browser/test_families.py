"""One page with every family, tiny: each opens, turns, shows what it has, reads an own photo, and is linked.

A family's tests are one visitor's, one after the other.
"""

import numpy as np
import pytest
from PIL import Image

from demo import app
from tests import enlarged
from tests.browser.conftest import open_panel

pytestmark = pytest.mark.browser
MODELS = enlarged.make_all()
WIDE = {"width": 1440, "height": 900}
HERE = "!document.querySelector('#dial .credit').textContent && dial.loaded.mean > 0"
LOOK = """() => { const pen = new OffscreenCanvas(32, 32).getContext('2d');
  pen.drawImage(document.querySelector('#dial .pic'), 0, 0, 32, 32);
  return Array.from(pen.getImageData(0, 0, 32, 32).data); }"""


@pytest.fixture(scope="module")
def served():
    """Where all of them are."""
    page = app.build(lambda name, device: MODELS[name], [one.info for one in MODELS.values()], "cpu")
    _, url, _ = app.serve(page, server_name="127.0.0.1", server_port=None, prevent_thread_lock=True)
    yield url
    page.close()


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return MODELS[request.param].info


@pytest.fixture(scope="module")
def page(browser, served, model):
    """Open at this model, all of an example there; nothing may go wrong until the last test."""
    page = browser.new_page(viewport=WIDE, reduced_motion="reduce")
    problems = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{served}?model={model.name}")
    page.wait_for_function("window.dial && dial.done", timeout=60_000)
    yield page
    assert problems == []
    page.close()


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    down, across = np.mgrid[0:300, 0:400]
    colours = np.stack([across / 2, down / 2, 128 + 90 * np.sin(across / 20)], -1).clip(0, 255)
    path = tmp_path_factory.mktemp("photo") / "own.png"
    Image.fromarray(colours.astype(np.uint8)).save(path)
    return path


def test_it_opens_with_a_picture_of_each_kind(page, model):
    assert page.locator(".model").input_value() == model.name
    kinds = {mode for mode in model.modes if mode != "flow"}
    shown = {radio.get_attribute("value") for radio in page.locator("#mode label:visible input").all()}
    assert shown == (kinds if len(kinds) > 1 else set())
    loaded = page.evaluate("dial.loaded")
    assert loaded["mean"] == len(model.lengths)
    assert (loaded["sample"] > 0) == (len(kinds) > 1)


def test_the_dial_goes_from_its_shortest_to_its_longest_code(page, model):
    page.locator(".range").focus()
    for key, length in (("End", model.lengths[-1]), ("Home", model.lengths[0])):
        page.keyboard.press(key)
        page.wait_for_function(f"dial.k === {length} && dial.shown === {length}")
        page.wait_for_function(
            "(bytes) => document.querySelector('.n-bytes').textContent === bytes",
            arg=f"{model.bytes_of(length):,}",
        )
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"dial.k === {model.lengths[1]}")


def test_explore_offers_what_the_model_has(page, model):
    page.evaluate(f"dial.set({model.lengths[-1]})")
    open_panel(page, "explore")
    offered = {
        ".att-on": model.has_attention,
        ".add-on": model.ordered,
        ".right-on": "halted" in model.views,
        ".view[value=less]": "less" in model.views,
    }
    assert {name: page.locator(name).first.is_visible() for name in offered} == offered
    assert page.locator("#tab-chance").is_visible() == bool({"seeds", "mix"} & set(model.views))
    assert page.locator("#tab-play").is_visible() == model.ordered
    if "less" in model.views:
        page.locator(".view[value=less]").click()
        page.wait_for_function("document.querySelectorAll('#panel-explore .pictures figure').length === 3")


def test_an_own_photo_is_read_and_its_link_opens_the_same_picture(page, model, browser, photo):
    page.set_input_files("#choose input[type=file]", str(photo))
    page.wait_for_function(HERE, timeout=30_000)
    assert page.locator(".model").input_value() == model.name, "the model stays"
    length = model.lengths[-2]
    page.evaluate(f"dial.set({length})")
    page.wait_for_function(f"dial.shown === {length}", timeout=30_000)
    friend = browser.new_page(viewport=WIDE, reduced_motion="reduce")
    friend.goto(page.evaluate("dial.address(true)"))
    friend.wait_for_function(f"window.dial && dial.shown === {length}", timeout=30_000)
    assert friend.locator(".model").input_value() == model.name
    assert not friend.locator(".thumbnail").is_visible(), "the photo stayed with the sender"
    for one in (page, friend) if len(model.modes) > 1 else ():
        one.locator("#mode [value=mean]").check()
        one.wait_for_function(f"dial.badge.trim() === 'mean' && dial.shown === {length}", timeout=30_000)
    ours, theirs = (np.array(one.evaluate(LOOK)) for one in (page, friend))
    assert ours.reshape(-1, 4)[:, :3].std(0).max() > 2, "there is something to see"
    assert np.abs(ours - theirs).mean() < 1, "up to how sums were rounded"
    friend.close()
