"""A page whose model runs in the visitor's browser: is it Python's, how long does it take, what does it need?

Run: `python -m studies.own_browser demo/examples --limit 20` on a machine at rest, with Chromium. Every
third photograph is uploaded as a large JPEG, as a phone has. Printed for one thread and for two: the share
of packed numbers that are Python's, dB between pictures, median seconds, memory, the page's longest stall.
"""

import argparse
import functools
import io
import json
import shutil
import statistics
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
LARGE = 3000  # pixels of the longer side of every third photograph
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


def uploads(folder: Path, limit: int) -> Iterator[tuple[str, bytes]]:
    """Photographs as files: as they are, and every third as a large JPEG."""
    kinds = {".webp", ".jpg", ".jpeg", ".png"}
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in kinds)[:limit]
    for number, path in enumerate(paths):
        data = path.read_bytes()
        if number % 3 == 2:
            photo, buffer = Image.open(path).convert("RGB"), io.BytesIO()
            factor = LARGE / max(photo.size)
            size = round(photo.width * factor), round(photo.height * factor)
            photo.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
            data = buffer.getvalue()
        yield path.stem, data


def compared(model: tc.Tokenizer, data: bytes, found: dict[str, Any]) -> dict[str, float]:
    """What the browser made of a photograph against what Python makes of it."""
    encoding = model.encode(tc.open_photo(data))
    own = tc.Encoding.from_bytes(b64decode(found["tokens"]))
    asked = ((LENGTH, 1), (ANOTHER, 1), (LENGTH, STEPS))
    wanted = [model.decode(encoding, length, steps=steps, seed=0) for length, steps in asked]
    pictures = [tc.square_crop(tc.open_photo(b64decode(one))) for one in found["pictures"]]
    near = [tc.psnr(picture, other) for picture, other in zip(pictures, wanted, strict=True)]
    return {"equal": float((own.tokens == encoding.tokens).mean()), "dB": min(near)}


def measure(page: Any, model: tc.Tokenizer, photos: list[tuple[str, bytes]], threads: int) -> dict[str, Any]:
    """All photographs, one after the other, in a page that is open."""
    loaded = page.evaluate(BEGIN, threads)
    rows, memory = [], []
    for name, data in photos:
        found = page.evaluate(VISIT, [b64encode(data).decode(), LENGTH, ANOTHER, STEPS])
        rows.append({"photo": name} | found["times"] | compared(model, data, found))
        memory.append(page.evaluate(MEMORY))
        print(json.dumps(rows[-1] | {"MB": memory[-1]}), flush=True)
    median = {
        name: round(statistics.median(row[name] for row in rows), 2)
        for name in ("first mean", "new prefix", "sample")
    }
    return {
        "threads": threads,
        "load": loaded,
        "median seconds": median,
        "least share equal": min(row["equal"] for row in rows),
        "mean share equal": statistics.fmean(row["equal"] for row in rows),
        "least dB": min(row["dB"] for row in rows),
        "MB, first and last": [memory[0], memory[-1]],
        "longest stall, ms": page.evaluate("stall"),
    }


def main() -> None:
    """Measure, and print a line for each number of threads."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("photos", type=Path, help="a folder")
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    manifest, files = tc.graph_files()
    model = tc.load(manifest["name"], "cpu", "float32")
    photos = list(uploads(options.photos, options.limit))
    with tempfile.TemporaryDirectory() as place, sync_playwright() as play:
        folder = Path(place) / "page"
        export(folder, WebModel(model.info, manifest, files, find(None, Path(place))))
        worker = folder / "page/onnx/worker.js"
        worker.write_text(worker.read_text("utf-8") + EXACT, "utf-8")
        flags = ["--no-sandbox", "--disable-gpu", "--enable-blink-features=ForceEagerMeasureMemory"]
        for threads in options.threads:
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            with hosted(folder) as address:
                page = browser.new_page()
                page.goto(address)
                page.wait_for_function("window.dial && dial.done")
                print(json.dumps(measure(page, model, photos, threads)), flush=True)
            browser.close()


if __name__ == "__main__":
    main()
