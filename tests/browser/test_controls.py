"""Every control of the page does what it says, by mouse and by keyboard; and none is missing here."""

import re

import pytest
from playwright.sync_api import TimeoutError, expect

from tests.browser.conftest import another_document, open_panel
from tests.browser.dialing import choose_photo
from tests.browser.kinds import EVERYWHERE, SERVED

pytestmark = pytest.mark.browser
MEANS = ["mouse", "keyboard"]
WIDE = {"width": 1440, "height": 900}
SAID = "document.querySelector('#dial .status').textContent.includes('is copied')"
# the status line says so of the last link for five seconds, whatever is pressed meanwhile
COUNT = """() => { const write = navigator.clipboard.writeText.bind(navigator.clipboard);
  window.copied = 0;
  navigator.clipboard.writeText = async (text) => { await write(text); window.copied += 1; }; }"""
BUTTONS = {  # by panel: what a press of a button changes
    "": {".play": "document.querySelector('#dial .play').getAttribute('aria-label')"},
    "explore": {
        "button:has-text('All but a token')": "document.querySelectorAll('#panel-explore img').length >= 2"
    },
    "compare": {
        ".zoom[value=in]": "document.querySelector('#dial .panes').style.getPropertyValue('--zoom')",
        ".zoom[value=out]": "document.querySelector('#dial .panes').style.getPropertyValue('--zoom')",
        ".add-pane": "document.querySelectorAll('#dial .pane:not([hidden])').length",
    },
    "chance": {
        "button:has-text('Other seeds')": "document.querySelectorAll('.seed-grid img').length >= 5",
        "button:has-text('Mix two photos')": "document.querySelectorAll('.mixes figure').length == 2",
    },
    "play": {"#panel-play .challenge": "window.copied"},
    "share": {".copy": "window.copied"},
}
FILES = {  # and what it saves
    "share": {".clip": r"tokens\.(mp4|webm)", ".card-button": r"tokens-card\.png"},
    "measure": {
        ".spectrum-png": r"spectrum\.png",
        ".curves-png": r"curves\.png",
        ".csv[value=spectra]": r"spectra-[0-9]+\.csv",
        ".csv[value=curves]": r"curves\.csv",
    },
    "compare": {
        ".panes-spectrum-png": r"panes-spectrum\.png",
        ".panes-curves-png": r"panes-curves\.png",
    },
}
BOXES = {
    ".less-on": "dial.badge",
    ".att-on": "document.querySelector('#dial .att').classList.contains('on')",
    ".add-on": "dial.badge",
    ".follow": "document.querySelector('#dial .follow').checked",
}
RANGES = {
    ".range": "dial.k",
    ".wipe": "document.querySelector('#dial .stage').style.getPropertyValue('--wipe')",
    ".pick": "document.querySelector('#dial .n-token').textContent",
}
CHOICES = {
    "measure": {".measure": "document.querySelector('#dial .n-unit').textContent"},
    "explore": {".layer": "document.querySelector('#dial .bars').getAttribute('d')"},
}
TABS = ["explore", "measure", "compare", "needs", "chance", "play", "share"]
# see below; examples, upload, kind and rounds have tests of their own
OTHERS = {".goal", ".more", ".know", ".compare", "#upload", "[type=file]", "#examples button", "#mode input"}
OTHERS |= {".again", "[role=tab]", ".round", ".typed input", ".typed button", ".next", ".tell"}
OTHERS |= {".scene a", ".lecturing", ".lecture button", ".term", ".first-seed", ".open-on"}
OTHERS |= {".settings", ".pane-stop"}  # test_settings.py, test_slow.py
OTHERS |= {".sorts a"}  # an address of test_compare.py
# tests/browser/test_compare.py
OTHERS |= {".pane-name", ".pane-away", "[name=equal]", ".wipe-all", ".panes-measure", ".zoom[value=whole]"}
OTHERS |= {".recrop", ".crop button", ".grip"}  # see test_crop.py and test_sheet.py
# test_adaptive.py has these
OTHERS |= {".right-on", ".codes summary", ".criterion", ".threshold", ".ours", ".several", ".none", ".model"}


LINEAR = "dial.plots.curves.data[3].some((value) => value !== null)"


def each(groups):
    """(panel, control, effect) of all of them."""
    return [(panel, *pair) for panel, group in groups.items() for pair in group.items()]


def changes(page, name, expression, act):
    """Act on the control of this name, and wait until an expression has another value."""
    before = page.evaluate(expression)
    act()
    try:
        page.wait_for_function(f"(before) => ({expression}) !== before", arg=before, timeout=20_000)
    except TimeoutError as late:
        now, line = page.evaluate(f"[{expression}, document.querySelector('#dial .status').textContent]")
        raise AssertionError(f"{name}: {expression} is {now!r} as before; the status says {line!r}") from late


def press(control, means, key="Enter"):
    """By mouse, or where the keyboard is; as a click does, a key waits until it can be pressed."""
    if means == "mouse":
        control.click()
        return
    expect(control).to_be_visible()
    expect(control).to_be_enabled()
    control.press(key)


@pytest.fixture
def turned(browser, address, photo, kind):
    """A page with an example before and an upload now, its ladder and what comes after that there."""
    page = browser.new_page(viewport=WIDE, reduced_motion="reduce")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(address)
    page.wait_for_function("window.dial && dial.loaded.mean >= 17", timeout=60_000)
    choose_photo(page, photo)
    page.wait_for_function("!document.querySelector('#dial .credit').textContent", timeout=20_000)
    page.locator("#dial .keep").click()  # the crop box lies on the photo, and on what is pressed there
    ready = "document.querySelector('#dial .layer option')"
    ready += f" && {LINEAR}" if kind == SERVED else " && dial.done"  # a browser has no other codes
    page.wait_for_function(ready, timeout=60_000)
    page.evaluate(COUNT)
    yield page
    page.close()


def test_no_control_is_missing(turned):
    grouped = [*BUTTONS.values(), *FILES.values(), *CHOICES.values()]
    known = [*(control for group in grouped for control in group), *BOXES, *RANGES, *OTHERS]
    marked = "all => { for (const node of all) node.dataset.tested = 1; }"
    for control in known:
        found = turned.locator(f"#dial {control}")
        assert found.count(), control
        found.evaluate_all(marked)
    left = turned.locator(
        "#dial :is(button, input, select, a, summary, [contenteditable]):not([data-tested])"
    ).evaluate_all("all => all.map(node => node.outerHTML)")
    assert left == []


def press_the_buttons(page, means):
    for panel, control, effect in each(BUTTONS):
        if panel:
            press(page.locator(f"#tab-{panel}"), means)
        changes(page, control, effect, lambda c=control: press(page.locator(f"#dial {c}"), means))
        if effect == "window.copied":
            page.wait_for_function(SAID)
        if control == ".play":
            press(page.locator("#dial .play"), means)


def save_the_files(page, means):
    for panel, control, name in each(FILES):
        open_panel(page, panel)
        with page.expect_download(timeout=20_000) as caught:
            press(page.locator(f"#dial {control}"), means)
        assert re.fullmatch(name, caught.value.suggested_filename)


def tick_the_boxes(page, means):
    open_panel(page, "explore")
    for control, effect in BOXES.items():
        changes(page, control, effect, lambda c=control: press(page.locator(f"#dial {c}"), means, "Space"))


def choose_another(box, means):
    """Choose another entry of a box: the first one, or the second one where the first one is chosen."""
    is_first = box.input_value() == "PSNR, dB"
    if means == "keyboard":
        box.press("ArrowDown" if is_first else "ArrowUp")
    else:
        box.select_option(index=1 if is_first else 0)


def move_a_range(range_, means):
    if means == "keyboard":
        range_.press("ArrowRight")
    else:
        box = range_.bounding_box()  # by the knob, where the range lies under something
        if range_.evaluate("node => node.matches('.wipe')"):
            range_.page.locator("#dial .edge").hover()
            range_.page.mouse.down()
            range_.page.mouse.move(box["x"] + 60, box["y"] + 60)
            range_.page.mouse.up()
        else:
            range_.click(position={"x": 30, "y": 5}, force=True)


def raise_the_goal(page, means):
    goal = page.locator("#dial .goal")
    if means == "mouse":
        goal.click(click_count=3)
        page.keyboard.type("60")
        return
    for _ in range(12):
        goal.press("ArrowUp")


def hold_to_compare(page, means):
    hold, large = page.locator("#dial .compare"), page.locator("#dial .stage.peek")
    hold.hover() if means == "mouse" else hold.focus()
    assert hold.is_visible(), "what is not seen takes no focus, and says nothing"
    page.mouse.down() if means == "mouse" else page.keyboard.down("Space")
    large.wait_for(state="attached")
    page.mouse.up() if means == "mouse" else page.keyboard.up("Space")
    large.wait_for(state="detached")


@EVERYWHERE
@pytest.mark.parametrize("means", MEANS)
def test_what_is_on_the_dial_s_side(turned, kind, means):
    press_the_buttons(turned, means)
    save_the_files(turned, means)
    tick_the_boxes(turned, means)
    for panel, control, effect in each(CHOICES):
        open_panel(turned, panel)
        changes(
            turned, control, effect, lambda c=control: choose_another(turned.locator(f"#dial {c}"), means)
        )
    for control, effect in RANGES.items():
        changes(turned, control, effect, lambda c=control: move_a_range(turned.locator(f"#dial {c}"), means))
    open_panel(turned, "measure")
    turned.locator("#dial .measure").select_option("PSNR, dB")
    if kind != SERVED:  # no picture of drawn weights is near its photo
        turned.locator("#dial .goal").fill("1")
    fewest = "document.querySelector('#dial .n-fewest').textContent"
    changes(turned, ".goal", fewest, lambda: raise_the_goal(turned, means))
    hold_to_compare(turned, means)


@EVERYWHERE
@pytest.mark.parametrize("means", MEANS)
def test_a_round_is_played(browser, address, means):
    page = browser.new_page(viewport=WIDE)
    page.goto(address + "?photo=round-1#k=8&name=1")
    page.wait_for_function("window.dial && dial.loaded.mean > 16", timeout=60_000)
    changes(page, ".more", "dial.k", lambda: press(page.locator("#dial .more"), means))
    assert not page.locator("#dial .thumbnail").is_visible()
    press(page.locator("#dial .know"), means)
    assert page.locator("#dial .thumbnail").is_visible()
    assert "You: 2 tokens" in page.locator("#dial .said").inner_text()
    page.close()


@EVERYWHERE
@pytest.mark.parametrize("means", MEANS)
def test_examples_upload_and_kind_of_picture(turned, means):
    credit = "document.querySelector('#dial .credit').textContent"
    for number in (3, 0):
        button = turned.locator("#examples .thumbnail-item").nth(number)
        changes(turned, f"example {number}", credit, lambda b=button: press(b, means))
    with turned.expect_file_chooser() as chooser:
        press(turned.locator("#upload"), means)
    assert not chooser.value.is_multiple()
    turned.wait_for_function("dial.badge === 'sample'", timeout=60_000)
    for kind in ("mean", "sample"):
        radio = turned.get_by_label(kind, exact=True)
        changes(turned, kind, "dial.badge", lambda r=radio: press(r, means, "Space"))


@EVERYWHERE
@pytest.mark.parametrize("means", MEANS)
def test_the_words_links(turned, means):
    for name, k in (("one token", 1), ("16", 16), ("what token 4 added", 4)):
        link = turned.get_by_role("link", name=name).first
        changes(turned, name, "dial.k", lambda one=link: press(one, means))
        assert turned.evaluate("dial.k") == k
    open_panel(turned, "play")
    press(turned.get_by_role("button", name="Round 2", exact=True), means)
    turned.wait_for_function("document.querySelector('.dial.guess.riddle') && dial.k === 1", timeout=20_000)


SETTINGS = ["Steps of a sample", "Seed"]
SAVED = {"picture": ".png", "curves": "curves.csv", "spectra": "spectra-{k}.csv", "tokens": ".tokens"}


def slide(page, name, means):
    """Move a slider's range."""
    slider = page.get_by_label(f"range slider for {name}")
    if means == "mouse":
        box = slider.bounding_box()
        slider.click(position={"x": box["width"] * 0.8, "y": box["height"] / 2})
    else:
        slider.press("ArrowRight")


def choose_the_other_model(page, means):
    model = page.get_by_label("Model", exact=True)
    if means == "mouse":
        model.select_option("Stand-in, linear")
    else:
        model.press("ArrowDown")


@pytest.mark.parametrize("means", MEANS)
def test_the_settings(turned, means):
    photo_shown = "document.querySelector('#dial .thumbnail').src"
    press(turned.get_by_role("button", name="Seed, steps"), means)
    turned.get_by_label("Seed", exact=True).wait_for()
    form = turned.locator("button:has-text('Seed, steps')").locator("xpath=..")
    names = form.locator("input[type=number], input[role=combobox]").evaluate_all(
        "all => all.map(n => n.ariaLabel)"
    )
    assert len(names) == len(SETTINGS), names

    seed = turned.get_by_label("Seed", exact=True)
    if means == "mouse":
        seed.click(click_count=3)
        turned.keyboard.type("77")
    else:
        seed.press("ArrowUp")
    turned.wait_for_function(f"dial.address(true).includes('seed={77 if means == 'mouse' else 1}')")
    another = turned.get_by_role("button", name="Another seed")
    changes(turned, "Another seed", "dial.address(true)", lambda: press(another, means))

    with turned.expect_request(
        lambda r: "component_server" in r.url and '"steps":8' not in (r.post_data or "")
    ):
        slide(turned, "Steps of a sample", means)
    press(turned.locator("#dial .recrop"), means)
    turned.keyboard.press("-")
    part = turned.get_by_role("button", name="Use this part")
    changes(turned, "Use this part", photo_shown, lambda: press(part, means))
    turned.wait_for_function(LINEAR, timeout=60_000)
    for name, kind in SAVED.items():
        with turned.expect_download() as caught:
            press(turned.get_by_role("button", name=f"Save the {name}"), means)
        assert caught.value.suggested_filename.endswith(kind.format(k=turned.evaluate("dial.k")))

    longest = "document.querySelector('#dial .range').max"
    changes(turned, "Model", longest, lambda: choose_the_other_model(turned, means))
    with another_document(turned):
        press(turned.get_by_role("button", name="Forget this photo"), means)


@EVERYWHERE
@pytest.mark.parametrize("means", MEANS)
def test_one_panel_at_a_time(turned, kind, means):
    there = [name for name in TABS if kind == SERVED or name != "needs"]  # which needs a server
    for number, name in enumerate(there):
        tab = turned.locator(f"#tab-{name}")
        if means == "mouse":
            tab.click()
        elif number:
            turned.keyboard.press("ArrowRight")
        else:
            tab.focus()
            turned.keyboard.press("Home")
        assert tab.get_attribute("aria-selected") == "true"
        shown = turned.locator("#dial .panel:visible").evaluate_all("all => all.map(node => node.id)")
        assert shown == [f"panel-{name}"]
