"""The page below a path of another server, and in a frame of another page."""

import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from PIL import Image

from demo import app
from tests.browser.conftest import open_panel, open_plots

pytestmark = pytest.mark.browser
BELOW = "/some/dial"
FRAME = b"<!doctype html><body style='margin:0'><iframe src='/some/dial/?photo=coffee' width=900 height=700>"


class Proxy(BaseHTTPRequestHandler):
    """Passes on what is asked below BELOW, without it; all else is a page with a frame."""

    behind = ""

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def answer(self):
        if not self.path.startswith(BELOW):
            self.reply(200, [("content-type", "text/html")], FRAME)
            return
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        to = http.client.HTTPConnection(self.behind, timeout=60)
        to.request(self.command, self.path.removeprefix(BELOW) or "/", body, dict(self.headers))
        got = to.getresponse()
        drop = {"transfer-encoding", "content-length", "connection"}
        self.reply(got.status, [pair for pair in got.getheaders() if pair[0].lower() not in drop], got.read())
        to.close()

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


class Patient(ThreadingHTTPServer):
    """A visitor who leaves early is no error."""

    def handle_error(self, request, client_address):
        pass


@contextmanager
def in_front(url):
    """The address of a proxy before a page."""
    handler = type("Before", (Proxy,), {"behind": urlsplit(url).netloc})
    server = Patient(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def proxy(stand_ins):
    page = app.build(lambda name, device: stand_ins[name], [model.info for model in stand_ins.values()])
    options = {"server_name": "127.0.0.1", "prevent_thread_lock": True, "root_path": BELOW}
    _, url, _ = app.serve(page, **options)
    with in_front(url) as address:
        yield address
    page.close()


def test_below_a_path_of_another_server(browser, proxy):
    page = browser.new_page()
    asked, problems = [], []
    page.on("request", lambda request: asked.append(urlsplit(request.url)))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{proxy}{BELOW}/?photo=coffee")
    page.wait_for_function("window.dial && dial.loaded.mean > 20", timeout=60_000)
    modules = [url.path for url in asked if url.path.endswith("main.js")]
    assert modules
    assert all(path.startswith(f"{BELOW}/gradio_api/tokendial/") for path in modules)
    photos = page.locator("#examples img").evaluate_all("all => all.map(image => image.naturalWidth)")
    assert min(photos) > 0
    assert problems == []
    page.close()


def test_below_a_path_photos_are_sent_and_views_are_asked(browser, proxy, tmp_path):
    Image.new("RGB", (300, 200), (200, 30, 30)).save(tmp_path / "red.png")
    page = browser.new_page()
    sent = []
    page.on("request", lambda request: sent.append(urlsplit(request.url).path))
    page.goto(f"{proxy}{BELOW}/")
    page.wait_for_function("window.dial && dial.loaded.mean >= 17", timeout=60_000)
    page.set_input_files("#choose input[type=file]", str(tmp_path / "red.png"))
    page.wait_for_function("!document.querySelector('.credit').textContent && dial.loaded.mean >= 17")
    open_panel(page, "explore")
    page.click("#panel-explore .view[value=less]")
    page.locator("#panel-explore .pictures figure").nth(2).wait_for()
    assert f"{BELOW}/gradio_api/upload" in sent
    assert all(path.startswith(f"{BELOW}/") for path in sent if "gradio_api" in path)
    page.close()


def test_a_link_s_preview_is_ours(browser, proxy):
    page = browser.new_page()
    page.goto(f"{proxy}{BELOW}/")
    found = page.locator("meta").evaluate_all(META)
    assert found["og:title"] == found["twitter:title"] == ["How few tokens does a picture need?"]
    told = [text for texts in found.values() for text in texts]
    assert not [text for text in told if "radio" in text.replace("gradio_api", "")]
    (image,) = found["og:image"]
    assert image.startswith(f"{proxy}{BELOW}/")
    answer = page.request.get(image)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    page.close()


META = """(all) => { const found = {};
  for (const tag of all) {
    const name = tag.getAttribute('property') ?? tag.name;
    if (/^(og|twitter):/.test(name)) (found[name] ??= []).push(tag.content); }
  return found; }"""


def test_in_a_frame_of_another_page(browser, proxy):
    page = browser.new_page()
    page.goto(proxy)
    frame = page.frame_locator("iframe")
    frame.locator(".dial.ready").wait_for(timeout=60_000)
    frame.locator("#dial .range").press("End")
    frame.locator(".n-k", has_text="256").wait_for()
    page.close()


def test_the_page_s_files_are_kept_and_come_compressed(browser, address):
    page = browser.new_page()
    found = {}
    page.on("response", lambda answer: found.setdefault(urlsplit(answer.url).path, answer.headers))
    page.goto(address)
    page.wait_for_function("window.dial && dial.loaded.mean > 0", timeout=60_000)
    open_plots(page)
    plot = next(headers for path, headers in found.items() if path.endswith("uPlot.esm.js"))
    assert "immutable" in plot["cache-control"]
    assert plot["content-encoding"] == "gzip"
    assert not [path for path in found if "/gradio_api/file=" in path], "no path of this machine"
    page.close()
