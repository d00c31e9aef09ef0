"""The page at every size, light and dark: nothing sticks out, nothing lies on something else."""

import itertools

import pytest

pytestmark = pytest.mark.browser
SIZES = [(360, 740), (390, 844), (768, 1024), (820, 1180), (912, 1368), (1024, 768), (1440, 900)]
SIZES += [(1920, 1080), (844, 390)]
PARTS = [".intro", ".pair", ".turn", ".status", "#choose", "#words"]
PANELS = [".tabs", ".panel.shown"]  # on a phone these are a sheet over the page, see test_sheet.py
BOXES = """(names) => names.map((name) => {
  const box = document.querySelector(name).getBoundingClientRect();
  const [top, bottom] = [box.top + scrollY, box.bottom + scrollY];
  return { name, left: box.left, top, right: box.right, bottom }; })"""
WORDS = ":is(button, label, dd, .about, .badge, figcaption)"
CUT = f"""() => Array.from(document.querySelectorAll('#dial {WORDS}'))
  .filter((node) => node.checkVisibility() && node.getBoundingClientRect().right > innerWidth + 1)
  .filter((node) => !node.closest('.tabs'))
  .map((node) => node.outerHTML.slice(0, 90))"""

# the picture: small beside the dial, or large beside the last scene
SEEN = """['.mini', '.beside-scenes .stage'].some((name) => {
  const box = document.querySelector('#dial ' + name)?.getBoundingClientRect();
  return box?.height > 50 && box.bottom > 50 && box.top < innerHeight - 50; })"""


def overlap(one, two):
    """How many pixels two boxes share in both directions."""
    wide = min(one["right"], two["right"]) - max(one["left"], two["left"])
    high = min(one["bottom"], two["bottom"]) - max(one["top"], two["top"])
    return min(wide, high)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("wide", "high"), SIZES, ids=[f"{wide}x{high}" for wide, high in SIZES])
def test_everything_has_its_place(browser, host, tmp_path, wide, high, scheme):
    page = browser.new_page(
        viewport={"width": wide, "height": high}, color_scheme=scheme, reduced_motion="reduce"
    )
    page.goto(host)
    page.wait_for_function("window.dial && dial.done")
    phone = page.locator("#dial .grip").is_visible()
    assert phone == (wide < 600 or high < 500)
    first = page.evaluate(BOXES, [".stage", ".rail", ".side"])
    for tab in page.locator("[role=tab]:visible").all():
        tab.click()
        page.wait_for_timeout(60)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
        assert page.evaluate(CUT) == []
        page.screenshot(path=tmp_path / f"{tab.get_attribute('id')}.png")
        if phone:
            sheet = page.evaluate(BOXES, [".side", ".panel.shown"])
            assert all(one["left"] >= -1 and one["right"] <= wide + 1 for one in sheet)
            page.keyboard.press("Escape")
        page.evaluate("scrollTo(0, 0)")
        boxes = page.evaluate(BOXES, PARTS if phone else PARTS + PANELS)
        for one, two in itertools.combinations(boxes, 2):
            assert overlap(one, two) <= 1, (one, two)
    stage, rail = (page.locator(f"#dial {name}").bounding_box() for name in (".stage", ".rail"))
    assert stage["width"] >= 150
    assert rail["y"] + rail["height"] <= high, "picture and dial are on the first screen"
    if phone:
        assert all(overlap(one, first[2]) <= 0 for one in first[:2]), "and the sheet lies on neither"
    small = page.locator("#dial .thumbnail").bounding_box()
    inside = small["x"] + small["width"] <= stage["x"] + stage["width"] + 1
    assert inside == (wide < 600), "the photo is beside the picture, or in its corner"
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_function(SEEN)
    pinned = page.locator("#dial .turn").bounding_box()
    assert pinned["y"] >= 0, "the dial stays in sight"
    assert pinned["height"] <= 0.32 * high
    page.evaluate("document.querySelector('#scene-soft').scrollIntoView({ block: 'center' })")
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if wide >= 1000:  # the picture is beside the scenes
        for one, two in itertools.combinations(page.evaluate(BOXES, [".turn", "#scene-soft", ".pair"]), 2):
            assert overlap(one, two) <= 1, (one, two)
    page.screenshot(path=tmp_path / "page.png")
    page.close()
