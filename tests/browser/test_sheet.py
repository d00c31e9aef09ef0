"""A phone's panels: a sheet that comes up under a small picture and dial, by tap, by finger and by key."""

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture(params=[(390, 844), (844, 390)], ids=["upright", "on its side"])
def phone(request, browser, host):
    wide, high = request.param
    page = browser.new_page(
        viewport={"width": wide, "height": high}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    page.goto(host)
    page.wait_for_function("window.dial && dial.done")
    yield page
    page.close()


def box(page, name):
    return page.locator(f"#dial {name}").bounding_box()


def is_open(page):
    """Whether a panel is seen, and then whether picture and dial are, whole and beside it."""
    if page.locator("#dial .panel:visible").count() == 0:
        assert page.locator("#dial .grip").get_attribute("aria-expanded") == "false"
        return False
    assert page.locator("#dial .grip").get_attribute("aria-expanded") == "true"
    side, size = box(page, ".side"), page.viewport_size
    for name in (".stage", ".thumbnail", ".rail", ".status"):
        seen = box(page, name)
        assert seen["y"] >= -1
        assert seen["y"] + seen["height"] <= size["height"] + 1
        below = seen["y"] + seen["height"] <= side["y"] + 1
        assert below or seen["x"] + seen["width"] <= side["x"] + 1, name
    assert side["y"] + side["height"] == pytest.approx(size["height"], abs=1)
    return True


def pull(page, by):
    """Drag the sheet's grip with a finger, pixels upwards."""
    fingers = page.context.new_cdp_session(page)
    grip = box(page, ".grip")
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2

    def touch(kind, *points):
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    touch("touchStart", {"x": x, "y": y})
    for part in (0.25, 0.5, 0.75, 1, 1):
        touch("touchMove", {"x": x, "y": y - part * by})
        page.wait_for_timeout(60)
    touch("touchEnd")
    page.wait_for_timeout(50)


def test_a_tab_opens_it_and_escape_closes_it(phone):
    assert not is_open(phone)
    phone.locator("#tab-measure").tap()
    assert is_open(phone)
    assert phone.locator("#panel-measure").is_visible()
    phone.keyboard.press("Escape")
    assert not is_open(phone)
    assert phone.evaluate("document.activeElement.className") == "grip"
    phone.keyboard.press("Enter")
    assert is_open(phone)
    phone.keyboard.press(" ")
    assert not is_open(phone)


def test_the_dial_is_turned_under_an_open_sheet(phone):
    phone.locator("#dial .grip").tap()
    assert is_open(phone)
    rail = box(phone, ".rail")
    phone.touchscreen.tap(rail["x"] + rail["width"] - 2, rail["y"] + 18)
    phone.wait_for_function("dial.k > 200")
    phone.locator("#dial .att-on").tap()
    assert is_open(phone)
    assert phone.locator("#dial .spot").is_visible(), "the photo lights up beside the picture"


def test_it_is_pulled_open_and_closed(phone):
    high = phone.viewport_size["height"]
    pull(phone, 0.1 * high)
    assert not is_open(phone), "too short a way"
    pull(phone, 0.4 * high)
    assert is_open(phone)
    pull(phone, -0.1 * high)
    assert is_open(phone)
    pull(phone, -0.4 * high)
    assert not is_open(phone)
    phone.locator("#dial .grip").tap()
    assert is_open(phone), "a tap after a pull is a tap"


def test_the_page_is_where_it_was_when_it_closes(phone):
    phone.evaluate("scrollTo(0, 700)")
    phone.wait_for_function("document.querySelector('.turn').classList.contains('pinned')")
    before = phone.evaluate("scrollY")
    phone.locator("#tab-share").tap()
    assert is_open(phone)
    phone.locator("#dial .grip").tap()
    assert not is_open(phone)
    assert phone.evaluate("scrollY") == pytest.approx(before, abs=2)


def test_a_link_into_a_panel_chooses_its_tab_and_covers_no_words(phone):
    phone.evaluate("dial.visit(new URLSearchParams('k=8&panel=share'))")
    phone.wait_for_function("document.querySelector('#tab-share').ariaSelected === 'true'")
    assert not is_open(phone)
    phone.locator("#dial .grip").tap()
    assert phone.locator("#panel-share").is_visible()
    assert is_open(phone)


def test_on_a_wide_screen_there_is_no_sheet(browser, host):
    page = browser.new_page(viewport={"width": 820, "height": 1180}, reduced_motion="reduce")
    page.goto(host)
    page.wait_for_function("window.dial && dial.done")
    assert not page.locator("#dial .grip").is_visible()
    page.locator("#tab-share").click()
    assert page.locator("#panel-share").is_visible()
    assert page.locator("#dial .intro").is_visible()
    page.close()
