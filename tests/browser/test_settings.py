"""The form of the settings: a button beside the dial brings it, and it goes back."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.kinds import WITH_FORM
from tests.browser.test_controls import MEANS, press

pytestmark = pytest.mark.browser
SIZES = [(390, 844), (820, 1180), (1440, 900)]


@WITH_FORM
@pytest.mark.parametrize("means", MEANS)
@pytest.mark.parametrize("size", SIZES, ids=[str(width) for width, _ in SIZES])
def test_the_settings_come_beside_the_dial_and_go_back(browser, address, means, size):
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    page.goto(address)
    page.wait_for_function("window.dial && dial.loaded.mean >= 17", timeout=60_000)
    button, form = page.get_by_role("button", name="Settings", exact=True), page.locator("#settings")
    field = form.get_by_label("Seed", exact=True)
    assert not field.is_visible()

    press(button, means)
    field.wait_for()
    assert button.get_attribute("aria-expanded") == "true"
    assert page.get_by_role("dialog", name="Settings").count() == 1
    page.wait_for_function("document.activeElement.closest('#settings')")
    page.wait_for_timeout(200)  # it is placed after it is laid out
    box = form.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size[0]
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= size[1]
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("button", name="Another seed").click()
    page.wait_for_function("dial.seed > 0")

    if means == "mouse":
        page.mouse.click(size[0] - 4, 4)
    else:
        page.keyboard.press("Escape")
    field.wait_for(state="hidden")
    expect(button).to_have_attribute("aria-expanded", "false")  # a browser tells of it a moment later
    expect(form).to_have_css("position", "relative")  # at its place below the page
    press(button, means)
    field.wait_for()
    press(button, means)
    field.wait_for(state="hidden")
    page.get_by_role("button", name="Seed, steps").wait_for()
    page.close()
