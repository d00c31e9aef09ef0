"""Two strangers' walks through the page, a screenshot a step.

    python -m tests.browser.walks

serves the page with the bundled weights and leaves the screenshots in runs/walks. The strangers' tasks: *find
out whether your own face survives 64 tokens and send it to somebody*, and *show a class what a token holds*.
tests/browser/test_walks.py walks the same ways with stand-ins.
"""

import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Page, ViewportSize, sync_playwright

import tokenizer_core as tc
from demo import app
from demo.examples import FOLDER
from tests.browser.conftest import FLAGS, chromium

ROOT = Path(__file__).parents[2]
PHONE = ViewportSize(width=390, height=844)
DESK = ViewportSize(width=1440, height=900)
LADDER = "window.dial && dial.loaded.mean > 16"
Shot = Callable[[Page, str], None]


def own_face(page: Page, friend: Page, address: str, photo: Path, shot: Shot) -> None:
    """On a phone: choose a photo, turn to 64 tokens, compare, and send a link, which a friend opens."""
    page.goto(address)
    page.wait_for_function(LADDER, timeout=120_000)
    shot(page, "face-1-arrives")
    page.set_input_files("#choose input[type=file]", str(photo))
    page.wait_for_function("document.querySelector('.dial.arriving')")
    shot(page, "face-2-is-sent")
    page.wait_for_function(f"{LADDER} && !document.querySelector('.dial.arriving')", timeout=300_000)
    page.wait_for_function("!document.querySelector('#dial .credit').textContent")
    shot(page, "face-3-is-there")
    page.locator("#dial .range").fill("64")
    page.wait_for_function("dial.k === 64 && dial.badge === 'sample'", timeout=300_000)
    shot(page, "face-4-at-64-tokens")
    page.locator("#dial .thumbnail").dispatch_event("pointerdown")
    page.locator("#dial .stage.peek").wait_for()
    shot(page, "face-5-the-photo-held")
    page.locator("#dial .thumbnail").dispatch_event("pointerup")
    page.locator("#tab-share").click()
    page.wait_for_function("document.querySelector('.n-link').textContent.includes('never the photo')")
    page.locator("#panel-share").scroll_into_view_if_needed()
    shot(page, "face-6-share")
    page.locator("#dial .copy").click()
    page.wait_for_function("document.querySelector('#dial .status').textContent.includes('is copied')")
    shot(page, "face-7-link-copied")
    friend.goto(page.evaluate("navigator.clipboard.readText()"))
    friend.wait_for_function(LADDER, timeout=300_000)
    friend.wait_for_function("dial.badge === 'sample'", timeout=300_000)
    shot(friend, "face-8-what-the-friend-sees")


def for_a_class(page: Page, address: str, shot: Shot) -> None:
    """On a desk: find the scenes, scroll along, press one, then show them large with guesses and answers."""
    page.goto(address)
    page.wait_for_function("window.dial && dial.loaded.sample > 16", timeout=120_000)
    page.wait_for_function("document.querySelector('#dial .layer option')", timeout=120_000)
    page.wait_for_timeout(8000)  # the first sweep is over
    shot(page, "class-1-arrives")
    page.evaluate("document.querySelector('#scene-gist').scrollIntoView({ block: 'center' })")
    page.wait_for_function("dial.k === 1")
    shot(page, "class-2-scrolls-to-the-scenes")
    page.locator("#scene-soft").evaluate("node => node.scrollIntoView({ block: 'center' })")
    page.wait_for_function("dial.k === 16 && document.querySelector('.spot.on')")
    shot(page, "class-3-where-a-token-looked")
    page.locator("#scene-soft .term").first.click()
    page.locator(".word:popover-open").wait_for()
    shot(page, "class-4-a-word-explained")
    page.keyboard.press("Escape")
    page.locator(".lecturing").click()
    page.locator(".lecture").wait_for()
    page.wait_for_function("dial.k === 1")
    shot(page, "class-5-a-question")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("dial.k === 256")
    shot(page, "class-6-its-answer")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.asked').textContent.startsWith('3 tokens')")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("dial.k === 4 && dial.badge === 'what changed'", timeout=60_000)
    shot(page, "class-7-what-token-4-added")
    page.keyboard.press("p")
    page.locator(".stage.peek").wait_for()
    shot(page, "class-8-the-photo")
    page.keyboard.press("Escape")
    page.locator(".lecture").wait_for(state="hidden")
    shot(page, "class-9-back-on-the-page")


def main() -> None:
    """Walk both with the bundled weights."""
    out = ROOT / "runs" / "walks"
    out.mkdir(parents=True, exist_ok=True)
    built = app.build(lambda name, device: tc.load(name, device), tc.catalog())
    _, address, _ = app.serve(built, server_name="127.0.0.1", prevent_thread_lock=True)

    def shot(page: Page, name: str) -> None:
        page.wait_for_timeout(500)
        page.screenshot(path=out / f"{name}.png")

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        phone = browser.new_context(viewport=PHONE, reduced_motion="reduce")
        phone.grant_permissions(["clipboard-read", "clipboard-write"])
        own_face(phone.new_page(), browser.new_page(viewport=DESK), address, FOLDER / "astronaut.webp", shot)
        for_a_class(browser.new_page(viewport=DESK), address, shot)
        browser.close()
    while "tokendial_queue 0" not in urlopen(f"{address}metrics").read().decode():
        time.sleep(0.5)  # what was asked for last is still being painted
    built.close()


if __name__ == "__main__":
    main()
