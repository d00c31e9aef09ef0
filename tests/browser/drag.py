"""How long from a pointer event's handler to the painted frame, while the dial is dragged.

    python tests/browser/drag.py http://127.0.0.1:7860 [--cpu 4] [--attention] [--runs 3]

measures a page that is being served and prints the percentiles. The clock starts when the page's handler of
the event runs and stops when the main thread has produced the frame (an animation frame, then a task).
"""

import argparse
import json
import os
import shutil
import time

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]

PROBE = """
window.probe = { out: [] };
const channel = new MessageChannel(), waiting = [];
channel.port1.onmessage = () => waiting.shift()(performance.now());
let started = null, before = -1;      // only events that change the length are timed
addEventListener('pointermove', () => { before = window.dial?.k; probe.at = performance.now(); }, true);
addEventListener('pointermove', () => {
  if (window.dial && dial.k !== before && started === null) started = probe.at; });
probe.listen = () => { dial.onpaint = (k, shown) => {
  const from = started; started = null;
  if (from === null) return;
  waiting.push((now) => probe.out.push([now - from, k, shown]));
  channel.port2.postMessage(0); }; };
"""


def chromium() -> str | None:
    """An installed Chromium, or None for Playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def drag(page, moves: int = 120) -> dict:
    """Drag over the whole rail in two seconds; ms per painted frame, and the requests made meanwhile."""
    requests = []
    page.evaluate("probe.listen()")
    box = page.locator("#dial .rail").bounding_box()
    left, right, y = box["x"] + 2, box["x"] + box["width"] - 2, box["y"] + 18
    page.mouse.move(left, y)
    page.mouse.down()
    page.wait_for_timeout(600)  # whatever the first press set off is over
    page.evaluate("probe.out.length = 0")
    page.on("request", lambda request: requests.append(request.url))
    start = time.perf_counter()
    for i in range(moves):
        page.mouse.move(left + (right - left) * (i + 1) / moves, y)
        time.sleep(max(0.0, start + (i + 1) / 60 - time.perf_counter()))
    page.wait_for_timeout(50)
    made = list(requests)
    out = page.evaluate("probe.out")
    page.mouse.up()
    return {
        "paint_ms": sorted(row[0] for row in out),
        "exact": sum(k == s for _, k, s in out),
        "requests": made,
    }


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of the sorted values lies."""
    return round(values[min(len(values) - 1, int(share * len(values)))], 2)


def main() -> None:
    """Measure a served page."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--cpu", type=float, default=1, help="slow the processor down by this factor")
    parser.add_argument("--attention", action="store_true", help="with the attention overlay on")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        for _ in range(options.runs):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(PROBE)
            page.goto(options.url)
            page.wait_for_function("window.dial && dial.done", timeout=300_000)
            page.wait_for_timeout(1000)
            if options.attention:
                page.click("#dial .att-on")
            session = page.context.new_cdp_session(page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": options.cpu})
            found = drag(page)
            ms = found["paint_ms"]
            row = {"frames": len(ms), "p50_ms": percentile(ms, 0.5), "p95_ms": percentile(ms, 0.95)}
            print(json.dumps(row | {"requests": len(found["requests"])}), flush=True)  # noqa: T201
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
