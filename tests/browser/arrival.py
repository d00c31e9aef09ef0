"""How long a chosen photo takes to arrive over a slow network, and how a drag looks meanwhile.

    python tests/browser/arrival.py http://127.0.0.1:7860 photo.jpg [--mbit 1.6] [--latency 150] [--cpu 4]

uploads to a page that is being served and prints, as JSON, the seconds from the file's choice until the photo
itself is seen (`photo`), to the first true picture (`first`), the first `sample`, the `ladder` of means (17
lengths) and that of `samples`; and of a drag that begins at the ladder of means the share of painted frames
that showed the length under the finger. All 257 means take minutes on a processor without a GPU, so nobody
waits for them. On a machine that does anything else meanwhile the figures say little: `uptime` should say a
load below 0.5 before the page is served.
"""

import argparse
import json
import sys
import time
from contextlib import suppress
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import TimeoutError

from tests.browser.drag import FLAGS, PROBE, chromium, drag, percentile

MOMENTS = ("photo", "first", "sample", "ladder", "samples")

WATCH = """() => {
  const seen = window.arrival = {};
  const credit = document.querySelector('#dial .credit');       // a visitor's own photo has none
  const coming = document.querySelector('#dial .coming');
  let start = 0;
  const look = () => {
    const { mean, sample } = credit.textContent ? { mean: 0, sample: 0 } : dial.loaded;
    const now = (performance.now() - start) / 1000;
    const photo = coming.checkVisibility() && coming.complete && coming.naturalWidth;
    const ends = { photo, first: mean, sample, ladder: mean >= 17, samples: sample >= 17 };
    for (const name of Object.keys(ends)) if (ends[name]) seen[name] ??= now;
    if (!seen.samples) requestAnimationFrame(look);
  };
  addEventListener('change', () => { start = performance.now(); look(); }, { capture: true, once: true });
}"""


def throttle(page, mbit: float, latency: float, cpu: float) -> None:
    """Slow down a page's network (Mbit/s both ways, ms a round trip) and processor."""
    session = page.context.new_cdp_session(page)
    each = mbit * 1e6 / 8
    speeds = {"latency": latency, "downloadThroughput": each, "uploadThroughput": each}
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", {"offline": False} | speeds)
    session.send("Emulation.setCPUThrottlingRate", {"rate": cpu})


def arrival(page, photo: str, most: float = 120) -> dict:
    """Choose a photo on an open page; seconds to what WATCH names, and what a drag showed.

    Args:
        page: that is at rest.
        photo: its file.
        most: seconds after which the samples that are not there yet are None.
    """
    until = time.monotonic() + most
    page.evaluate(WATCH)
    page.set_input_files("#choose input[type=file]", photo)
    page.wait_for_function("arrival.ladder", timeout=1000 * most)
    found = drag(page)
    with suppress(TimeoutError):
        page.wait_for_function("arrival.samples", timeout=max(1, 1000 * (until - time.monotonic())))
    seen = page.evaluate("arrival")
    times = {name: round(seen[name], 2) if name in seen else None for name in MOMENTS}
    painted = found["paint_ms"]
    return times | {"painted": len(painted), "exact": found["exact"], "p95_ms": percentile(painted, 0.95)}


def main() -> None:
    """Measure a served page."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("photo")
    parser.add_argument("--mbit", type=float, default=1.6)
    parser.add_argument("--latency", type=float, default=150, help="ms a round trip")
    parser.add_argument("--cpu", type=float, default=4, help="slow the processor down by this factor")
    parser.add_argument("--most", type=float, default=120, help="seconds")
    options = parser.parse_args()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(PROBE)
        page.goto(options.url)
        # not all of the example's lengths: without a GPU they take minutes
        page.wait_for_function("window.dial && dial.loaded.sample >= 17", timeout=300_000)
        throttle(page, options.mbit, options.latency, options.cpu)
        print(json.dumps(arrival(page, options.photo, options.most)))  # noqa: T201
        browser.close()


if __name__ == "__main__":
    main()
