"""The pictures of the page that stand in this repository, made from the page without a server.

    python -m tests.browser.pictures

exports the page and writes docs/page.webp (README.md), docs/dial.webp (the dial's turn, moving) and
demo/page/preview.jpg (what is shown beside a link to it).
"""

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from demo.export import export
from demo.film import LADDER
from tests.browser.drag import FLAGS, chromium
from tests.browser.hosted import hosted

ROOT = Path(__file__).parents[2]


def shot(page: Page, *selectors: str) -> Image.Image:
    """What is seen, of the screen or of the part of it that holds some elements."""
    boxes = [box for selector in selectors if (box := page.locator(selector).bounding_box())]
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    if not boxes:
        return picture
    left, top = (min(box[side] for box in boxes) for side in ("x", "y"))
    right = max(box["x"] + box["width"] for box in boxes)
    bottom = max(box["y"] + box["height"] for box in boxes)
    return picture.crop((round(left), round(top), round(right), round(bottom)))


def main() -> None:
    """Make them all."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        export(Path(folder))
        with hosted(Path(folder)) as address:
            browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
            for (width, height), path in {
                (1440, 900): ROOT / "docs" / "page.webp",
                (1200, 630): ROOT / "demo" / "page" / "preview.jpg",
                (400, 900): ROOT / "docs" / "dial.webp",
            }.items():
                page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
                page.goto(address)
                page.wait_for_function("window.dial && dial.done")
                if "dial" in path.name:
                    frames = []
                    for length in LADDER:
                        page.evaluate(f"dial.set({length})")
                        page.wait_for_timeout(200)
                        frames.append(shot(page, "#dial .pair", "#dial .turn"))
                    pause = [1200, *[350] * (len(LADDER) - 2), 2000]
                    frames[0].save(
                        path, save_all=True, append_images=frames[1:], duration=pause, loop=0, quality=70
                    )
                else:
                    page.wait_for_timeout(500)
                    shot(page).save(path, quality=82)
            browser.close()


if __name__ == "__main__":
    main()
