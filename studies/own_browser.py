"""A page whose model runs in the visitor's browser: is it Python's, how long does it take, what does it need?

Run: `python -m studies.own_browser demo/examples val-256.zip --limit 20 --out found.json`, machine at rest,
with Chromium. Every third photograph is uploaded as a large JPEG, as a phone has. One line a photograph is
printed as it is done, then one for each number of threads: the share of packed numbers that are Python's, dB
between pictures, median seconds, heap, memory, the page's longest stall.

The first number of threads takes all photographs and is compared with Python; the others take a few, for
their seconds alone. Processor seconds are those of a whole visit, all three pictures, and say something on a
machine that is not at rest, too. The heap is onnxruntime's, the size of every WebAssembly memory that the
worker made; all of the page's memory, worker and scripts included, is what
`performance.measureUserAgentSpecificMemory` says.
"""

import argparse
import functools
import io
import json
import shutil
import statistics
import sys
import tempfile
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from PIL import Image

import tokenizer_core as tc
from demo.export import export
from demo.runtime import find
from demo.with_model import WebModel

LENGTH, ANOTHER, STEPS = 64, 100, 4
LARGE = 4032  # pixels of the longer side of every third photograph
EARLY = 2  # photographs after which memory should not grow
HEAP = """
const made = [], Memory = WebAssembly.Memory;
WebAssembly.Memory = function (size) { const one = new Memory(size); made.push(one); return one; };
WebAssembly.Memory.prototype = Memory.prototype;
const asker = new BroadcastChannel("heap");
asker.onmessage = () => asker.postMessage(made.reduce((sum, one) => sum + one.buffer.byteLength, 0));
"""
EXACT = """
const coded = OffscreenCanvas.prototype.convertToBlob; // pictures without a loss, to compare them
OffscreenCanvas.prototype.convertToBlob = function () { return coded.call(this, { type: "image/png" }); };
"""
BEGIN = """async (threads) => {
  const from = (name) => import(new URL(`page/onnx/${name}.js`, document.baseURI).href);
  const [{ Engine }, { Model, ALL }] = await Promise.all([from("engine"), from("manifest")]);
  Object.defineProperty(navigator, "hardwareConcurrency", { value: threads });
  const told = await (await fetch("model/graphs.json")).json();
  window.engine = new Engine(new Model(told, "model/"), new URL("./", document.baseURI));
  const began = performance.now();
  const got = await engine.load(ALL, () => {});
  window.stall = 0;
  let last = performance.now();
  setInterval(() => { const now = performance.now(); stall = Math.max(stall, now - last); last = now; }, 10);
  return { ...got, seconds: (performance.now() - began) / 1000, isolated: crossOriginIsolated };
}"""
VISIT = """async ([data, length, another, steps]) => {
  const file = new File([Uint8Array.from(atob(data), (char) => char.charCodeAt(0))], "photo");
  const times = {}, clock = async (name, work) => {
    const began = performance.now(), got = await work();
    times[name] = (performance.now() - began) / 1000;
    if (got.error) throw new Error(got.error);
    return got;
  };
  const ask = (k, rest, means) =>
    engine.ask({ token: start.token, k, rest, means, samples: [], told: [], steps, seed: 0 });
  let start, first;
  await clock("first mean", async () => {
    ({ start } = await engine.ask({ what: "start", from: "upload", file, steps, seed: 0 }));
    return first = await ask(length, false, []);
  });
  const mean = await clock("new prefix", () => ask(another, false, [length]));
  const sample = await clock("sample", () => ask(length, true, [length]));
  await engine.ask({ what: "forget", token: start.token });
  return { times, tokens: first.told.tokens, pictures: [first, mean, sample].map((one) => one.frames[0][2]) };
}"""
MEMORY = """async () => performance.measureUserAgentSpecificMemory ?
  (await performance.measureUserAgentSpecificMemory()).bytes / 1e6 : null"""
ASK_HEAP = """() => new Promise((done) => {
  const worker = new BroadcastChannel("heap");
  worker.onmessage = ({ data }) => { worker.close(); done(data / 2 ** 20); };
  worker.postMessage("?");
})"""


class Isolated(SimpleHTTPRequestHandler):
    """A host of files that lets a page use threads."""

    def end_headers(self) -> None:
        """With what isolates the page."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """No line a request."""


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """The address of a folder while it is served on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Isolated, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


def uploads(sources: list[Path], limit: int) -> list[tuple[str, bytes]]:
    """Photographs as files: as they are, and every third as a large JPEG.

    Args:
        sources: folders and archives, read in this order.
        limit: photographs at most.
    """
    files = [one for source in sources for one in tc.PhotoSet(source).files()][:limit]
    return [(name, enlarged(data) if at % 3 == 2 else data) for at, (name, data) in enumerate(files)]


def enlarged(data: bytes) -> bytes:
    """A photograph as a JPEG whose longer side has as many pixels as a phone's."""
    photo, buffer = Image.open(io.BytesIO(data)).convert("RGB"), io.BytesIO()
    factor = LARGE / max(photo.size)
    size = round(photo.width * factor), round(photo.height * factor)
    photo.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def compared(model: tc.Tokenizer, data: bytes, found: dict[str, Any]) -> dict[str, float]:
    """What the browser made of a photograph against what Python makes of it: share of numbers, least dB."""
    encoding = model.encode(tc.open_photo(data))
    own = tc.Encoding.from_bytes(b64decode(found["tokens"]))
    asked = ((LENGTH, 1), (ANOTHER, 1), (LENGTH, STEPS))
    wanted = [model.decode(encoding, length, steps=steps, seed=0) for length, steps in asked]
    pictures = [tc.square_crop(tc.open_photo(b64decode(one))) for one in found["pictures"]]
    near = [tc.psnr(picture, other) for picture, other in zip(pictures, wanted, strict=True)]
    return {"equal": float((own.tokens == encoding.tokens).mean()), "dB": min(near)}


def processor_seconds(browser: Any) -> float:
    """What the pages of a browser have used so far, their workers included."""
    told = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    return sum(one["cpuTime"] for one in told["processInfo"] if one["type"] == "renderer")


def measure(
    page: Any, photos: list[tuple[str, bytes]], threads: int, model: tc.Tokenizer | None
) -> dict[str, Any]:
    """All photographs, one after the other, in a page that is open.

    Args:
        page: Playwright's.
        photos: names and files.
        threads: of the worker.
        model: what is compared with; None: nothing is.
    """
    loaded = page.evaluate(BEGIN, threads)
    rows = []
    for number, (name, data) in enumerate(photos, 1):
        before = processor_seconds(page.context.browser)
        found = page.evaluate(VISIT, [b64encode(data).decode(), LENGTH, ANOTHER, STEPS])
        used = processor_seconds(page.context.browser) - before
        row = {"photo": name} | found["times"] | {"processor": used, "heap": page.evaluate(ASK_HEAP)}
        if number in (EARLY, len(photos)):
            row["memory"] = page.evaluate(MEMORY)
        if model is not None:
            row |= compared(model, data, found)
        rows.append(row)
        say(f"{number} of {len(photos)}, {threads} threads", row)
    return {"threads": threads, "load": loaded, "longest stall, ms": page.evaluate("stall")} | summary(rows)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What all photographs together say."""
    median = {
        name: round(statistics.median(row[name] for row in rows), 2)
        for name in ("first mean", "new prefix", "sample", "processor")
    }
    found = {
        "median seconds": median,
        "heap, MiB, early and last": [rows[min(EARLY, len(rows)) - 1]["heap"], rows[-1]["heap"]],
        "memory, MB, early and last": [row["memory"] for row in rows if "memory" in row],
        "photographs": rows,
    }
    if "equal" in rows[0]:
        equal = [row["equal"] for row in rows]
        found |= {"least share equal": min(equal), "mean share equal": statistics.fmean(equal)}
        found["least dB"] = min(row["dB"] for row in rows)
    return found


def say(words: str, what: dict[str, Any]) -> None:
    """A line of progress."""
    short = {name: round(one, 4) if isinstance(one, float) else one for name, one in what.items()}
    print(f"{words}: {json.dumps(short)}", file=sys.stderr, flush=True)


def main() -> None:
    """Measure, and print a line for each number of threads."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("photos", type=Path, nargs="+", help="folders and archives")
    parser.add_argument("--limit", type=int, default=20, help="photographs for the first number of threads")
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    parser.add_argument("--few", type=int, default=6, help="photographs for each other number of threads")
    parser.add_argument(
        "--without-python", action="store_true", help="nothing is compared: seconds and memory"
    )
    parser.add_argument("--out", type=Path, help="a JSON file for all of it")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    manifest, files = tc.graph_files()
    model = tc.load(manifest["name"], "cpu", "float32")
    photos, found = uploads(options.photos, options.limit), []
    with tempfile.TemporaryDirectory() as place, sync_playwright() as play:
        folder = Path(place) / "page"
        export(folder, WebModel(model.info, manifest, files, find(None, Path(place))))
        worker = folder / "page/onnx/worker.js"
        worker.write_text(worker.read_text("utf-8") + HEAP + EXACT, "utf-8")
        flags = ["--no-sandbox", "--disable-gpu", "--enable-blink-features=ForceEagerMeasureMemory"]
        for turn, threads in enumerate(options.threads):
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            with hosted(folder) as address:
                page = browser.new_page()
                page.goto(address)
                page.wait_for_function("window.dial && dial.done")
                some = photos[: options.few] if turn else photos
                compare = None if turn or options.without_python else model
                found.append(measure(page, some, threads, compare))
            browser.close()
            print(json.dumps({name: one for name, one in found[-1].items() if name != "photographs"}))
            if options.out:
                options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
