"""Links: an example, tokens, a seed, a round of *Name it*; and damaged ones."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import close_panel, open_panel
from tests.browser.dialing import LADDER, ONE_WIDTH, PIXELS, settle, turn, uploaded
from tests.browser.kinds import EVERYWHERE, WITH_FORM

pytestmark = pytest.mark.browser


@EVERYWHERE
def test_an_example_by_link(browser, address):
    page = browser.new_page()
    page.goto(address + "?photo=coffee#k=64")
    page.wait_for_function("window.dial && dial.loaded.mean > 0", timeout=60_000)
    assert page.evaluate("dial.k") == 64
    assert "Michetti" in page.locator("#dial .credit").inner_text()
    page.close()


def test_a_link_s_tokens_are_mixed_with_another_photo_s(page, photo, browser):
    uploaded(page, photo, 8, LADDER)
    friend = browser.new_page()
    friend.goto(page.evaluate("dial.address(true)"))
    friend.wait_for_function(f"window.dial && {LADDER}", timeout=60_000)
    open_panel(friend, "chance")
    friend.get_by_role("button", name="Mix two photos").click()
    friend.get_by_text("Choose another photo, let it load").wait_for(timeout=20_000)
    friend.close()


@EVERYWHERE
def test_a_link_holds_the_tokens(page, photo, browser, address):
    uploaded(page, photo, 24, LADDER)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_panel(page, "share")
    page.get_by_role("button", name="Copy link").press("Enter")
    page.wait_for_function("document.querySelector('#dial .status').textContent.includes('never the photo')")
    url = page.evaluate("navigator.clipboard.readText()")
    assert "#k=24&seed=0&mode=sample&t=" in url
    close_panel(page)
    page.get_by_label("mean", exact=True).check()
    settle(page)
    sent = page.evaluate(PIXELS)

    friend = browser.new_page()
    friend.goto(url.replace("mode=sample", "mode=mean"))
    friend.wait_for_function(f"window.dial && {LADDER}", timeout=60_000)
    assert friend.evaluate("[dial.k, dial.badge]") == [24, "mean"]
    assert friend.evaluate(PIXELS) == sent
    assert "stayed with the sender" in friend.locator("#dial .credit").inner_text()
    assert friend.locator("#dial .n-psnr").inner_text() == "\u2013"
    assert not friend.locator("#dial .thumbnail").is_visible()
    turn(friend, 25)
    friend.wait_for_function("location.hash.startsWith('#k=25&')")
    assert "&t=" in friend.url, "a reload opens the same tokens"
    friend.close()


@WITH_FORM
def test_a_link_brings_its_seed(browser, address):
    page = browser.new_page()
    page.goto(address + "?photo=coffee#k=64&seed=7&mode=sample")
    page.wait_for_function("window.dial && dial.done", timeout=120_000)
    page.get_by_role("button", name="Seed, steps").click()
    assert page.get_by_label("Seed").input_value() == "7"
    assert "seed=7" in page.evaluate("dial.address(true)")
    page.close()


DAMAGE = {
    "cut": lambda t: t[:-30],
    "oversized": lambda t: "A" * 50_000,
    "changed": lambda t: t[:99] + "*" + t[100:],
}


@EVERYWHERE
@ONE_WIDTH
def test_a_damaged_link_is_a_sentence_and_the_page_goes_on(page, photo, browser):
    uploaded(page, photo, 24, LADDER)
    head, tokens = page.evaluate("dial.address(true)").split("&t=")
    page.goto("about:blank")  # its film ends
    for what, damage in DAMAGE.items():
        other = browser.new_page(viewport=page.viewport_size)
        other.goto(head + "&name=1&t=" + damage(tokens))
        told = expect(other.get_by_text("This link is damaged"), f"a link that is {what}")
        told.to_be_visible(timeout=20_000)
        other.wait_for_function(LADDER, timeout=60_000)
        assert not other.locator("#dial .name").is_visible(), "there is nothing to name"
        other.close()


@EVERYWHERE
@pytest.mark.parametrize("example", [True, False])
def test_name_it(page, photo, browser, example):
    if not example:
        uploaded(page, photo, 12, LADDER)
    turn(page, 12)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_panel(page, "play")
    page.locator("#panel-play .challenge").click()
    page.wait_for_function("document.querySelector('#dial .status').textContent.includes('is copied')")
    url = page.evaluate("navigator.clipboard.readText()")

    friend = browser.new_page(viewport=page.viewport_size)
    friend.goto(url)
    friend.wait_for_function(f"window.dial && {LADDER}", timeout=60_000)
    assert friend.evaluate("dial.k") == 1
    for spoiler in ("#dial .thumbnail", "#dial .side", "#dial .photo", "#dial .filmstrip", "#examples"):
        assert not friend.locator(spoiler).is_visible(), f"{spoiler} gives it away"
    bottom = friend.locator("#dial .know").bounding_box()
    assert bottom["y"] + bottom["height"] <= friend.viewport_size["height"], "on the first screen"
    friend.get_by_role("button", name="One more token").click()
    friend.get_by_role("button", name="One more token").press("Enter")
    settle(friend)
    assert "So far: 3 tokens, 24 bytes" in friend.locator("#dial .said").inner_text()
    friend.locator("#dial .know").press("Enter")
    assert "You: 3 tokens, 24 bytes; sender: 12." in friend.locator("#dial .said").inner_text()
    assert friend.evaluate("dial.k") == 256
    assert friend.locator("#dial .thumbnail").is_visible() == example
    assert friend.locator("#dial .filmstrip").is_visible()
    assert friend.evaluate("localStorage.getItem('tokendial-rounds')").endswith("3]")
    assert friend.locator("#dial .again").is_visible()
    assert "k=3&" in friend.evaluate("dial.address(true, { k: 3, name: 1 })")
    friend.close()


@ONE_WIDTH
def test_a_link_of_a_round_starts_at_one_token(page):
    for name in ("round-4", "round-6"):
        page.goto(page.url.partition("?")[0].partition("#")[0] + f"?photo={name}#k=24&name=1")
        page.reload()
        page.wait_for_function("window.dial && dial.loaded.mean >= 17", timeout=60_000)
        assert page.evaluate("dial.k") == 1
        assert not page.locator("#dial .thumbnail").is_visible()
        page.locator("#dial .know").press("Enter")
        assert "You: 1 token, 8 bytes; sender: 24.\nYou win." in page.locator("#dial .said").inner_text()
        assert page.locator("#dial .thumbnail").is_visible()
