"""Compare: one dial drives several panes, which share a photo, a divider, a zoom and two plots."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import open_panel
from tests.browser.dialing import choose_photo
from tests.browser.drag import drag, percentile

pytestmark = pytest.mark.browser
ALL_FOUR = "prefix-flow-256+pca+WebP+JPEG"
PANES = "#dial .pane:not([hidden])"
SIZES = f"Array.from(document.querySelectorAll('{PANES} .pane-size'), (node) => node.textContent)"
LAID = "window.dial && document.querySelectorAll('#dial .pane:not([hidden], .blank)').length === %d"
NONE = "\N{EN DASH}"
SETTLED = 600  # ms until a dial that rests has said so in the address


def says(page, *sizes):
    """Wait until the panes say these sizes."""
    page.wait_for_function(
        f"(wanted) => JSON.stringify({SIZES}) === wanted", arg=as_json(sizes), timeout=30_000
    )


def as_json(texts):
    return "[" + ",".join(f'"{text}"' for text in texts) + "]"


def opened(page, address, hash_):
    """The page as a link says, its panes in sight: on a phone a link leaves the sheet closed."""
    page.goto("about:blank")  # else it is the same document
    page.goto(f"{address}?photo=coffee#{hash_}")
    page.wait_for_function("window.dial && dial.loaded.mean > 0", timeout=60_000)
    expect(page.locator("#tab-compare")).to_have_attribute("aria-selected", "true")
    open_panel(page, "compare")


def colours(page):
    """By plot the colours of the lines that have names, and those of the panes."""
    return page.evaluate(
        """() => { const style = getComputedStyle(document.querySelector('.dial'));
        const of = (plot) => dial.plots[plot].lines.filter((line) => line.name && line.name !== 'photo')
          .map((line) => [line.name, line.colour]);
        const panes = [...document.querySelectorAll('#dial .pane:not([hidden])')].map((pane) =>
          [pane.querySelector('select').selectedOptions[0].text,
           pane.style.getPropertyValue('--colour').slice(6, -1)]);
        const drawn = new Set(panes.map(([, name]) => style.getPropertyValue(`--${name}`)));
        return [of('panesSpectrum'), of('panesCurves'), panes, drawn.size]; }"""
    )


def test_what_is_chosen_before_the_page_is_drawn_again_stays(page, address):
    opened(page, address, f"k=64&panel=compare&panes={ALL_FOUR}")
    page.wait_for_function(LAID % 4, timeout=30_000)
    page.evaluate(
        """() => { const press = (label) => document.querySelector(`[aria-label="${label}"]`).click();
        const choose = (number, name) => {
          const box = document.querySelector(`select[aria-label="Pane ${number}"]`);
          box.value = name;
          box.dispatchEvent(new Event('change'));
        };
        press('Remove pane 4');
        choose(1, 'pca');
        choose(3, 'JPEG'); }"""
    )
    expect(page.locator(PANES)).to_have_count(3)
    chosen = [node.input_value() for node in page.locator(f"{PANES} select").all()]
    assert chosen == ["pca", "prefix-flow-256", "JPEG"]
    twice = "() => { const add = document.querySelector('.add-pane'); add.click(); add.click(); }"
    page.evaluate(twice)
    expect(page.locator(PANES)).to_have_count(4)


def test_the_dial_drives_two_panes_and_then_four(page, address):
    open_panel(page, "compare")
    page.evaluate("dial.set(128)")
    says(page, "128 tokens, 1,024 bytes", "64 tokens, 512 bytes")
    add = page.get_by_role("button", name="Add a pane")
    add.press("Enter")
    add.click()
    expect(page.locator(PANES)).to_have_count(4)
    expect(add).to_be_disabled()
    for number, name in ((3, "WebP"), (4, "JPEG")):
        page.get_by_label(f"Pane {number}", exact=True).select_option(name)
    says(page, "128 tokens, 1,024 bytes", "64 tokens, 512 bytes", "≤ 1,024 bytes", "≤ 1,024 bytes")
    spectrum, curves, panes, many = colours(page)
    assert spectrum == curves == panes, "a pane's colour means the same in both plots"
    assert many == 4
    assert page.locator(".panes-keys").inner_text().split("\n")[-1].endswith("photo")
    page.wait_for_timeout(SETTLED)
    assert page.url.endswith(f"#k=128&panel=compare&panes={ALL_FOUR}")
    shared = page.evaluate("dial.address(true)")
    assert len(shared) < 150
    opened(page, address, shared.partition("#")[2])
    page.wait_for_function(LAID % 4, timeout=30_000)
    assert [node.input_value() for node in page.locator(f"{PANES} select").all()] == ALL_FOUR.split("+")
    page.get_by_role("button", name="Remove pane 2").press("Enter")
    expect(page.locator(PANES)).to_have_count(3)
    page.get_by_role("button", name="Remove pane 1").click()
    expect(page.locator(PANES)).to_have_count(2)
    expect(page.locator(".pane-away:visible")).to_have_count(0)


def test_a_closed_sheet_asks_for_nothing(browser, address):
    page = browser.new_page(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    asked = []
    page.on("request", lambda request: asked.append(request.post_data or ""))
    page.goto(f"{address}?photo=coffee#k=64&panel=compare&panes={ALL_FOUR}")
    page.wait_for_function("window.dial && dial.done", timeout=120_000)
    page.evaluate("dial.set(128)")
    page.wait_for_function("location.hash.includes('k=128')")  # the dial rests
    beside = ('"models"', '"beside"', '"codec"')
    assert not [text for text in asked if any(word in text for word in beside)], "nobody looks"
    open_panel(page, "compare")
    page.wait_for_function(LAID % 4, timeout=60_000)
    assert all(any(word in text for text in asked) for word in beside)
    page.close()


def test_equal_tokens_or_equal_bytes(page, address):
    opened(page, address, f"k=3&panel=compare&panes={ALL_FOUR}&equal=bytes")
    page.wait_for_function(LAID % 2, timeout=30_000)
    says(page, "3 tokens, 24 bytes", "3 tokens, 24 bytes", NONE, NONE)
    page.get_by_text("No JPEG file has so few bytes.").wait_for()
    page.evaluate("dial.set(256)")
    says(page, "256 tokens, 2,048 bytes", "64 tokens, 512 bytes", "≤ 2,048 bytes", "≤ 2,048 bytes")
    assert page.evaluate("dial.plots.panesCurves.x.name") == "bytes"
    page.get_by_label("equal tokens").check()
    page.wait_for_function("dial.plots.panesCurves.x.name === 'tokens'")
    page.wait_for_timeout(SETTLED)
    assert "equal" not in page.url
    page.locator(".panes-measure").select_option(index=1)
    page.wait_for_function("dial.plots.panesCurves.y.name === 'SSIM'")


def test_one_divider_and_one_zoom_for_all(page, address):
    opened(page, address, f"k=64&panel=compare&panes={ALL_FOUR}")
    page.wait_for_function(LAID % 4, timeout=30_000)
    views = page.locator(f"{PANES} .pane-view")
    views.first.scroll_into_view_if_needed()
    page.evaluate("scrollBy(0, 120)")
    box = views.nth(1).bounding_box()
    x, y = box["x"] + box["width"] / 4, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] / 4, y, steps=4)
    page.mouse.up()
    clips = page.locator(f"{PANES} .pane-over").evaluate_all(
        "all => all.map((n) => getComputedStyle(n).clipPath)"
    )
    assert len(set(clips)) == 1
    assert "50%" in clips[0]
    over = page.get_by_label("Photo over all")
    over.press("Home")
    expect(page.locator("#dial .pane-over").first).not_to_be_visible()
    page.mouse.wheel(0, -1)  # the panes have the focus no more: the page scrolls
    assert zoom(page) == ["1"] * 4
    page.get_by_role("group", name="Panes").focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    once = zoom(page)
    assert len(set(once)) == 1
    assert float(once[0]) == 1.25
    views.first.scroll_into_view_if_needed()
    views.first.hover()
    page.mouse.wheel(0, -100)
    page.wait_for_function(f"({ZOOM})()[0] > 1.3")
    assert len(set(zoom(page))) == 1
    page.get_by_role("button", name="Whole").click()
    assert zoom(page) == ["1"] * 4
    pinch(page, views.first)
    page.wait_for_function(f"({ZOOM})()[3] === '3'")
    assert zoom(page) == ["3"] * 4


def pinch(page, pane):
    """Two fingers on a pane, three times as far apart afterwards."""
    session = page.context.new_cdp_session(page)
    box = pane.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for kind, apart in [
        ("touchStart", 15),
        ("touchMove", 20),
        ("touchMove", 32),
        ("touchMove", 45),
        ("touchEnd", 0),
    ]:
        fingers = [{"x": x + way * apart, "y": y, "id": way + 1} for way in (-1, 1)]
        touched = {"type": kind, "touchPoints": fingers if apart else []}
        session.send("Input.dispatchTouchEvent", touched)


ZOOM = """() => Array.from(document.querySelectorAll('#dial .pane:not([hidden]) canvas'),
  (canvas) => String(new DOMMatrix(getComputedStyle(canvas).transform).a))"""


def zoom(page):
    """How much each pane is zoomed."""
    return page.evaluate(ZOOM)


def test_it_fits_and_everybody_can_use_it(page, address):
    opened(page, address, f"k=64&panel=compare&panes={ALL_FOUR}")
    page.wait_for_function(LAID % 4, timeout=30_000)
    rows = {round(pane.bounding_box()["y"]) for pane in page.locator(PANES).all()}
    assert len(rows) == (2 if page.viewport_size["width"] < 600 else 1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
    found = Axe().run(page).response["violations"]
    assert [(f["id"], f["impact"], [n["target"] for n in f["nodes"]]) for f in found] == []


@pytest.mark.timed
def test_a_drag_of_four_panes_asks_nothing_and_paints_at_once(page, address):
    opened(page, address, f"k=64&panel=compare&panes={ALL_FOUR}")
    page.wait_for_function(f"{LAID % 4} && dial.done", timeout=120_000)
    page.wait_for_function(
        "dial.plots.panesCurves.data[2].filter((value) => value !== null).length === 65", timeout=60_000
    )
    page.locator("#dial .panes").scroll_into_view_if_needed()
    found = drag(page)
    ms = found["paint_ms"]
    print(f"frames {len(ms)}, paint p50 {percentile(ms, 0.5)} ms, p95 {percentile(ms, 0.95)} ms")  # noqa: T201
    assert found["requests"] == []
    assert len(ms) > 30
    k = page.evaluate("dial.k")
    page.wait_for_function(f"{SIZES}[0].startsWith('{k} tokens')")
    assert percentile(ms, 0.95) <= 16, "6 ms on a machine that does nothing else"


def test_an_upload_has_panes_and_its_link_only_its_own_model_s(page, photo, browser):
    open_panel(page, "compare")
    choose_photo(page, photo)
    page.wait_for_function(
        "!document.querySelector('#dial .credit').textContent && dial.loaded.mean > 16", timeout=30_000
    )
    page.evaluate("dial.set(8)")
    says(page, "8 tokens, 64 bytes", "8 tokens, 64 bytes")
    page.wait_for_timeout(SETTLED)
    assert page.url.endswith("#k=8&panel=compare"), "nothing of the photo"
    friend = browser.new_page()
    friend.goto(page.evaluate("dial.address(true)"))
    friend.wait_for_function(LAID % 2, timeout=60_000)
    friend.get_by_text("A link brings tokens and no photo").wait_for()
    names = friend.locator("#dial .pane-name").first.locator("option").all_inner_texts()
    assert names == ["Stand-in", "Stand-in: mean"]
    friend.close()
