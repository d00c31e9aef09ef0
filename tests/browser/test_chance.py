"""Chance: other seeds as large as fit, the map of what is invented, and two photos mixed."""

import numpy as np
import pytest

from tests.browser.conftest import close_panel, open_panel
from tests.browser.kinds import EVERYWHERE, STATIC

pytestmark = pytest.mark.browser
READY = "document.querySelector('.n-chance').textContent.startsWith('8 seeds at ')"
MAP = """() => { const c = document.querySelector('.doubt');
  const rgba = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  return Array.from(rgba.filter((_, i) => i % 4 === 3)); }"""
TILE = """(n) => { const c = Object.assign(document.createElement('canvas'), { width: 256, height: 256 });
  const brush = c.getContext('2d');
  brush.drawImage(document.querySelectorAll('.seed-grid img')[n], 0, 0, 256, 256);
  return Array.from(brush.getImageData(0, 0, 256, 256).data); }"""


@pytest.fixture
def chance(page):
    """The page at 16 tokens, where the film is whole, with the panel open."""
    page.wait_for_function("dial.done", timeout=120_000)
    page.evaluate("dial.set(16)")
    open_panel(page, "chance")
    return page


def paint(page):
    page.get_by_role("button", name="Other seeds").click()
    page.wait_for_function(READY, timeout=60_000)


@EVERYWHERE
def test_seeds_are_large_and_a_press_puts_one_on_the_dial(chance, kind):
    back = chance.get_by_role("button", name="Back to the first seed")
    assert not back.is_visible()
    paint(chance)
    tiles = chance.locator(".seed-grid button")
    assert tiles.count() == 8
    assert len(set(tiles.locator("img").evaluate_all("all => all.map(img => img.src)"))) == 8
    room, tile = (box.bounding_box()["width"] for box in (chance.locator(".seed-grid"), tiles.first))
    assert tile >= min(280, room * 0.45), "as large as fits"
    assert tiles.first.get_attribute("aria-pressed") == "true"
    tiles.nth(3).press("Enter")
    chance.wait_for_function("dial.seed === 3 && dial.badge === 'sample'", timeout=60_000)
    chance.wait_for_function("location.hash.includes('seed=3')")
    assert tiles.nth(3).get_attribute("aria-pressed") == "true"
    assert tiles.first.get_attribute("aria-pressed") == "false"
    chance.wait_for_function("dial.shown === 16")
    if kind != STATIC:
        close_panel(chance)
        chance.get_by_role("button", name="Seed, steps").click()
        form = chance.get_by_label("Seed", exact=True)
        form.wait_for()
        assert form.input_value() == "3", "the form of the settings shows it, too"
        open_panel(chance, "chance")
    back.click()
    chance.wait_for_function("dial.seed === 0 && !location.hash.includes('seed')")
    assert not back.is_visible()


@EVERYWHERE
def test_an_address_brings_its_seed_back(chance):
    paint(chance)
    chance.locator(".seed-grid button").nth(2).click()
    chance.wait_for_function("location.hash.includes('seed=2')")
    chance.reload()
    chance.wait_for_function("window.dial?.seed === 2 && dial.k === 16", timeout=60_000)


@EVERYWHERE
def test_the_map_is_the_deviation_of_the_pictures_that_are_shown(chance):
    paint(chance)
    chance.get_by_label("invention map").check()
    chance.locator(".legend").wait_for()
    assert "48 of 255" in chance.inner_text(".legend")
    tiles = np.array([chance.evaluate(TILE, n) for n in range(8)], np.float64).reshape(8, -1, 4)[..., :3]
    wanted = np.sqrt(tiles.var(0).mean(-1))
    alpha = np.array(chance.evaluate(MAP), np.float64)
    assert np.abs(alpha - 255 * 0.9 * np.minimum(1, wanted / 48)).max() <= 1.5
    assert alpha.std() > 1, "it is not the same everywhere"
    chance.wait_for_function("location.hash.includes('show=open')")
    before = alpha
    chance.locator("#dial .range").press("End")
    chance.wait_for_function(READY.replace("seeds at ", "seeds at 256"), timeout=60_000)
    after = np.array(chance.evaluate(MAP), np.float64)
    assert after.mean() < before.mean(), "more tokens leave less open"
    chance.locator("#tab-explore").click()
    chance.locator(".att-on").check()
    chance.locator(".legend").wait_for(state="hidden")  # one overlay at a time
    assert not chance.locator(".open-on").is_checked()


@EVERYWHERE
def test_a_mix_names_both_photos(chance):
    close_panel(chance)
    chance.locator("#examples button").nth(1).click()
    chance.wait_for_function("document.querySelector('.credit').textContent.includes('Stefan')")
    chance.wait_for_function("dial.loaded.mean > 16", timeout=60_000)
    chance.evaluate("dial.set(24)")
    open_panel(chance, "chance")
    chance.get_by_role("button", name="Mix two photos").click()
    chance.wait_for_function("document.querySelectorAll('.mixes figure').length === 2", timeout=60_000)
    told = chance.locator(".mixes figcaption > span").all_inner_texts()
    assert told == [
        "Cat: tokens 1 to 24",
        "Coffee: tokens 25 to 256",
        "Coffee: tokens 1 to 24",
        "Cat: tokens 25 to 256",
    ]
    photos = chance.locator(".mixes figcaption img").evaluate_all("all => all.map(img => img.src)")
    assert photos[0] == photos[3] != photos[1] == photos[2]
    chance.locator("#dial .range").press("ArrowRight")
    chance.wait_for_function("document.querySelector('.mixes').textContent.includes('Cat: tokens 1 to 25')")


@EVERYWHERE
def test_what_is_open_says_so_and_closes_again(chance):
    seeds, mix = (chance.get_by_role("button", name=name) for name in ("Other seeds", "Mix two photos"))
    paint(chance)
    assert seeds.get_attribute("aria-expanded") == "true"
    mix.click()
    assert mix.get_attribute("aria-expanded") == "true"
    assert seeds.get_attribute("aria-expanded") == "false"
    assert chance.locator(".seed-grid button").count() == 0
    mix.click()
    assert mix.get_attribute("aria-expanded") == "false"
    chance.wait_for_timeout(300)
    assert chance.locator(".mixes figure").count() == 0
