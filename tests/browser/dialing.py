"""What tests of the dial share: turn it, choose a photo, press a button."""

import pytest

PIXELS = """() => { const c = document.querySelector('#dial canvas.pic');
  const rgba = c.getContext('2d').getImageData(0, 0, c.width, c.width).data;
  return Array.from(rgba.filter((_, i) => i % 997 === 0)); }"""
LADDER = "dial.loaded.mean > 16"  # with it come the tokens; the rest of a film takes seconds


def settle(page):
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def turn(page, k):
    page.evaluate(f"dial.set({k})")
    settle(page)


def choose_photo(page, path):
    page.set_input_files("#choose input[type=file]", str(path))


# for what has no place on the screen, and so no width
ONE_WIDTH = pytest.mark.parametrize("page", [(1440, 900)], ids=["1440"], indirect=True)


def press(page, button):
    """By mouse on a wide screen, by keyboard on a narrow one; test_controls.py presses each both ways."""
    button.click() if page.viewport_size["width"] > 760 else button.press("Enter")


def uploaded(page, photo, k, there="dial.done"):
    """An upload, turned to k, all of it there (or as much as is asked for)."""
    choose_photo(page, photo)
    page.wait_for_function("!document.querySelector('#dial .credit').textContent", timeout=20_000)
    turn(page, k)
    page.wait_for_function(there, timeout=120_000)
