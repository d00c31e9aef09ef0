"""The page with an ordered model and an adaptive one: choice, modes, passes, links, what pictures need."""

import re
from dataclasses import replace

import numpy as np
import pytest
import tiny_alit
from PIL import Image
from playwright.sync_api import expect

from demo import app
from tests.browser.conftest import close_panel, line, open_panel, open_plots
from tests.browser.dialing import choose_photo
from tests.stand_in import StandIn, models
from tokenizer_core.models.alit.config import tiny_config

pytestmark = pytest.mark.browser
ALIT = "tiny-alit"
BOTH = "dial.loaded.mean === 3 && dial.loaded.sample === 3"
ALL_IN = "!document.querySelector('.needed .waits')"


@pytest.fixture(scope="module")
def tokenizers():
    alit = tiny_alit.make_tokenizer(replace(tiny_config(256), sharp=("writer", "decoder")))
    flow, linear = models()
    return {flow.name: StandIn(flow), ALIT: alit, "pca": StandIn(linear)}


@pytest.fixture(scope="module")
def address(tokenizers):
    page = app.build(lambda name, device: tokenizers[name], [each.info for each in tokenizers.values()])
    _, url, _ = app.serve(page, server_name="127.0.0.1", server_port=None, prevent_thread_lock=True)
    yield url
    page.close()


@pytest.fixture
def photo(tmp_path):
    y, x = np.mgrid[0:300, 0:400]
    rows = np.stack([x * 255 / 400, y * 255 / 300, 128 + 120 * np.sin(x / 9)], -1).astype(np.uint8)
    Image.fromarray(rows).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def choose(page, name):
    page.locator(".model").select_option(name)


def right(page):
    """Which places of the photo are lit, as a row."""
    return page.evaluate("""() => { const c = document.querySelector('#dial .spot');
      const rgba = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      return Array.from(rgba.filter((_, i) => i % 4 === 0), (red) => red > 40); }""")


def test_a_visitor_chooses_a_model_and_keeps_the_photo(page, photo):
    assert page.locator(".model").input_value() == "prefix-flow-256", "the first one is the default"
    box = page.locator(".model").bounding_box()
    assert box["y"] + box["height"] <= page.viewport_size["height"], "on the first screen"
    choose_photo(page, photo)
    page.wait_for_function("!document.querySelector('#dial .credit').textContent")
    before = page.locator(".thumbnail").get_attribute("src")
    choose(page, ALIT)
    page.wait_for_function(BOTH, timeout=20_000)
    assert page.locator(".thumbnail").get_attribute("src") == before
    assert page.locator(".marks span").all_inner_texts() == ["2", "4", "6"]
    assert page.locator(".intro p:visible").count() == 1
    assert page.locator(".intro p:visible").inner_text().startswith("A photo becomes a code of each length")
    for gone in ("Play", "Chance"):
        assert gone not in page.get_by_role("tab").all_inner_texts()
    choose(page, "prefix-flow-256")
    page.wait_for_function("dial.loaded.mean > 20")
    page.wait_for_function("!new URL(location.href).searchParams.has('model')")


def test_the_radio_has_the_model_s_modes(page):
    shown = page.locator("#mode label:visible")
    assert shown.all_inner_texts() == ["sample", "mean"]
    choose(page, ALIT)
    page.wait_for_function(BOTH, timeout=20_000)
    assert shown.all_inner_texts() == ["mean", "sharp"]
    page.wait_for_function("dial.badge === 'sharp'")
    page.get_by_label("mean", exact=True).check()
    page.wait_for_function("dial.badge === 'mean'")
    open_plots(page)
    assert sum(value is not None for value in line(page, "curves", "sharp")) == 3
    close_panel(page)
    choose(page, "pca")
    page.wait_for_function("dial.loaded.mean > 20", timeout=20_000)
    assert not page.locator("#mode").is_visible()


def test_an_address_names_the_model(page, address):
    page.goto(f"{address}?model={ALIT}&photo=china")
    page.wait_for_function(f"window.dial && {BOTH}", timeout=20_000)
    assert page.locator(".model").input_value() == ALIT
    page.evaluate("dial.set(4)")
    page.wait_for_url(re.compile(f"model={ALIT}.*k=4"))
    page.goto(f"{address}?model=gone")
    page.wait_for_function("window.dial && dial.loaded.mean > 0", timeout=20_000)
    expect(page.locator(".status")).to_have_text("There is no such model on this page.")


def test_a_link_opens_on_the_code_that_is_shown(page, photo):
    choose(page, ALIT)
    page.wait_for_function(BOTH, timeout=20_000)
    choose_photo(page, photo)
    page.wait_for_function(f"!document.querySelector('#dial .credit').textContent && {BOTH}", timeout=20_000)
    page.evaluate("dial.set(4)")
    link = page.evaluate("dial.address(true)")
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_function(
        "window.dial && dial.loaded.mean === 1 && dial.loaded.sample === 1", timeout=20_000
    )
    assert page.evaluate("dial.k") == 4
    assert page.locator(".marks span").all_inner_texts() == ["4"]
    assert page.locator(".right-on").is_hidden()


def test_what_is_right_already_is_light_pass_by_pass(page, tokenizers):
    choose(page, ALIT)
    page.wait_for_function(BOTH, timeout=20_000)
    open_panel(page, "explore")
    page.locator(".right-on").check()
    alit = tokenizers[ALIT]
    for length in (2, 6):
        page.evaluate(f"dial.set({length})")
        expect(page.locator(".n-halted")).to_contain_text(f"At {length} tokens")
        mask = alit._memory.newest().halted[length // 2 - 1]
        assert right(page) == mask.tolist()
        share = f"{round(100 * float(mask.mean()) + 1e-9)} % of the picture was right by now"
        expect(page.locator(".n-halted")).to_contain_text(share)
    page.locator(".right-on").uncheck()
    expect(page.locator(".n-halted")).to_be_empty()


def test_maps_follow_the_dial_s_pass(page):
    choose(page, ALIT)
    page.wait_for_function(BOTH, timeout=20_000)
    counts = "document.querySelector('#dial .bars').getAttribute('d').split('M').length - 1"
    for length in (2, 4, 6):
        page.evaluate(f"dial.set({length})")
        page.wait_for_function(f"{counts} === {length}")
        assert page.locator(".n-token").inner_text() == str(length)


def test_a_code_is_nested_or_not_and_it_is_said(page):
    summary, words = page.locator(".codes summary"), page.locator(".nested")
    open_panel(page, "explore")
    expect(words).to_be_hidden()
    summary.press("Enter")
    expect(words).to_contain_text("Yes, here: the first 32 of 64 tokens are the code of 32")
    close_panel(page)
    choose(page, ALIT)
    page.wait_for_function(BOTH, timeout=20_000)
    expect(words).to_contain_text("of the first 2 tokens are others")
    open_panel(page, "explore")
    for name in ("nesting", "sharpness"):
        page.locator(f".{name}").scroll_into_view_if_needed()
        page.locator(f".{name} canvas").wait_for()


def test_each_of_ours_stops_by_itself_and_they_are_sorted(page):
    choose(page, ALIT)
    page.wait_for_function(BOTH, timeout=20_000)
    open_panel(page, "needs")
    page.get_by_label("Near enough:").select_option("psnr")
    page.get_by_label("Threshold").fill("12")
    page.get_by_role("button", name="Six of ours").click()
    page.wait_for_function(
        f"document.querySelectorAll('.needed li').length === 6 && {ALL_IN}", timeout=60_000
    )
    words = page.locator(".needed li figure:nth-child(2) figcaption").all_inner_texts()
    reached = [int(text.split()[0]) for text in words if not text.startswith("not reached")]
    assert reached == sorted(reached)
    assert words == [*words[: len(reached)], *(text for text in words if text.startswith("not reached"))]
    beside = page.locator(".needed li figure:nth-child(3) figcaption").all_inner_texts()
    assert all("bytes" in text for text in beside)
    told = page.locator(".n-needs")
    expect(told).to_contain_text("In the middle: Tiny random ALIT. None of 6 is ever near enough.")
    expect(told).to_contain_text(
        "On the right: Stand-in. 4 of 6 pictures are near enough, with 1 token on average."
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
    page.get_by_label("Threshold").fill("30")
    expect(page.locator(".needed figcaption").nth(1)).to_contain_text("not reached", timeout=30_000)
    page.get_by_role("button", name="Take them away").press("Enter")
    assert page.locator(".needed li").count() == 0


def test_pictures_of_one_s_own_and_a_damaged_one(page, photo, tmp_path):
    (tmp_path / "text.jpg").write_text("no photo")
    open_panel(page, "needs")
    page.set_input_files("#panel-needs input[type=file]", [str(photo), str(tmp_path / "text.jpg")])
    page.wait_for_function(
        f"document.querySelectorAll('.needed li').length === 2 && {ALL_IN}", timeout=60_000
    )
    assert page.locator(".needed h4").all_inner_texts() == ["photo.png", "text.jpg"]
    sentence = page.locator(".needed .wrong").inner_text()
    assert sentence.endswith(".")
    assert "/" not in sentence
    assert page.evaluate("dial.loaded.mean") > 20, "the film stays"
