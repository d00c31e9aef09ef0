"""The page while its server is away, and after it came back: nothing is lost, and nothing waits for ever."""

import contextlib
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from gradio.context import Context
from PIL import Image

from demo.commands.files import load_tokens, read_about
from demo.handlers import ANSWERS
from tests.browser.conftest import another_document, open_panel
from tests.browser.test_places import Patient, Proxy
from tests.conftest import served
from tokenizer_core import TokenizerError

pytestmark = pytest.mark.browser
LOADED = "window.dial && dial.loaded.mean >= 17"
AWAY = "#dial .status:has-text('The server is away') button:has-text('try again')"
FILE = "#choose input[type=file]"
WIDE = {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"}


class Switch(Proxy):
    """A proxy that passes all on to a server, unless that is away."""

    away = False

    def answer(self):
        if self.server.away and "/gradio_api/" in self.path and "/tokendial/" not in self.path:  # pyright: ignore
            self.reply(502, [("content-type", "text/html")], b"<h1>502 Bad Gateway</h1>")
            return
        type(self).behind = self.server.behind  # pyright: ignore
        self.path = f"/some/dial{self.path}"  # what the proxy's own tests put before an address
        with contextlib.suppress(OSError):
            super().answer()


@pytest.fixture(scope="module")
def proxy():
    """One port for all of these tests: a browser keeps a page's files by its address."""
    server = Patient(("127.0.0.1", 0), type("One", (Switch,), {}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def line(address, proxy):
    """A proxy: `away` says whether there is a server, `behind` which one."""
    proxy.away, proxy.behind = False, urlsplit(address).netloc  # pyright: ignore
    return proxy


@pytest.fixture
def visit(browser, line):
    """Open the page behind that proxy; its scripts must not fail."""
    pages, problems = [], []

    def opened(path="/", wait=LOADED, own=False):
        page = browser.new_context(**WIDE).new_page() if own else browser.new_page(**WIDE)
        page.on("pageerror", lambda error: problems.append(str(error)))
        pages.append(page)
        page.goto(f"http://127.0.0.1:{line.server_port}{path}")
        page.wait_for_function(wait, timeout=60_000)
        return page

    yield opened
    for page in pages:
        page.close()
    assert problems == []


@pytest.fixture
def photo(tmp_path):
    Image.effect_noise((300, 200), 90).convert("RGB").save(tmp_path / "own.png")
    return str(tmp_path / "own.png")


def sent(page, photo):
    """Upload, and wait for the first pictures of it."""
    page.set_input_files(FILE, photo)
    page.wait_for_function("document.querySelector('.credit').textContent === '' && dial.loaded.mean > 0")


def test_the_page_waits_for_its_server_and_then_goes_on_by_itself(line, visit):
    line.away = True
    page = visit(wait="window.dial")
    page.wait_for_selector(AWAY)
    line.away = False
    page.wait_for_function(LOADED, timeout=60_000)
    assert "away" not in page.inner_text("#dial .status")
    assert page.locator("#dial .retry").count() == 0


def test_while_it_is_away_all_that_is_here_stays_and_try_again_asks_at_once(line, visit):
    page = visit()
    page.evaluate("dial.set(64)")
    shown = page.locator("#dial .thumbnail").get_attribute("src")
    line.away = True
    page.locator("#examples button").nth(2).click()
    page.wait_for_selector(AWAY)
    assert page.locator("#dial .thumbnail").get_attribute("src") == shown
    page.evaluate("dial.set(32)")
    page.wait_for_function("dial.k === 32 && dial.shown === 32")
    page.wait_for_timeout(3500)  # the next try by itself is seconds away
    line.away = False
    page.click("#dial .retry")
    page.wait_for_function("document.querySelector('#examples button[aria-pressed=true]').value === 'china'")
    assert page.evaluate("dial.k") == 32
    page.wait_for_function(LOADED, timeout=60_000)


def test_a_server_that_was_started_anew_gets_the_photo_again(line, visit, photo, stand_ins, monkeypatch):
    page = visit()
    sent(page, photo)
    page.evaluate("dial.set(100)")
    page.wait_for_function("dial.shown === 100", timeout=60_000)
    shown = page.locator("#dial .thumbnail").get_attribute("src")
    page.wait_for_function("dial.done", timeout=120_000)
    config = page.request.get(f"http://{line.behind}/config").json()
    dial = next(part["id"] for part in config["components"] if part["type"] == "html")
    monkeypatch.setattr(Context, "id", dial - 1)  # a process that is started anew counts as the first one did
    with served(stand_ins) as another:
        line.behind = urlsplit(another).netloc
        open_panel(page, "explore")
        page.click("#panel-explore .view[value=less]")
        page.locator("#panel-explore .pictures figure").nth(2).wait_for(timeout=60_000)
        assert page.locator("#dial .thumbnail").get_attribute("src") == shown
        assert page.evaluate("dial.k") == 100
        page.evaluate("dial.take(8, 5)")  # other samples, of a server that never saw the first ones
        page.wait_for_function("dial.badge === 'sample' && dial.loaded.sample > 0", timeout=60_000)
        assert page.evaluate("dial.loaded.mean") == 257, "what is here is not asked for again"


def test_a_photo_that_broke_off_half_way_goes_on_when_the_phone_is_on_line_again(line, visit, photo):
    page = visit()
    page.context.set_offline(True)
    page.set_input_files(FILE, photo)
    page.wait_for_selector(AWAY)
    assert page.locator("#dial .coming").is_visible()
    page.context.set_offline(False)
    page.wait_for_function("document.querySelector('.credit').textContent === '' && dial.loaded.mean > 0")
    assert not page.locator("#dial .coming").is_visible()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 413, "body": "<h1>413 Request Entity Too Large</h1>"}, " kB was refused as too large"),
        ({"status": 403, "body": "no"}, "status 403"),
        (None, "broke off 3 times"),
    ],
    ids=["413", "403", "reset"],
)
def test_a_photo_that_is_refused_is_a_sentence_until_the_next_one(visit, photo, fault, words):
    page = visit()
    stop = (lambda route: route.fulfill(**fault)) if fault else (lambda route: route.abort("connectionreset"))
    page.route("**/gradio_api/upload*", stop)
    page.set_input_files(FILE, photo)
    page.locator("#dial .status.bad", has_text=words).wait_for(timeout=30_000)
    assert not page.locator("#dial .coming").is_visible()
    page.unroute("**/gradio_api/upload*")
    sent(page, photo)
    assert words not in page.inner_text("#dial .status")


def test_forget_is_done_when_the_server_says_so(line, visit):
    page = visit()
    line.away = True
    page.evaluate("window.left = true")
    page.evaluate("dial.forget()")
    page.wait_for_selector(AWAY)
    page.wait_for_timeout(2000)
    assert page.evaluate("window.left"), "it is still the same page, and says that the server is away"
    with another_document(page):
        line.away = False


def test_a_view_that_gets_no_answer_ends_in_a_sentence(visit, monkeypatch):
    page = visit(own=True)  # a context keeps a clock for all pages to come
    over = threading.Event()
    monkeypatch.setitem(ANSWERS, "view", lambda *_: {"caption": str(over.wait(90))})
    open_panel(page, "chance")
    page.clock.install()
    page.click("#panel-chance .seeds")
    page.clock.run_for(61_000)
    page.locator("#panel-chance .open", has_text="longer than a minute").wait_for()
    over.set()


def test_the_address_never_names_what_is_not_shown(visit, photo):
    page = visit("/?photo=coffee#k=64")
    page.locator("#examples button").nth(1).click()
    page.wait_for_function("location.search === '?photo=chelsea_cat'")
    sent(page, photo)
    assert page.evaluate("location.search") == ""
    assert page.evaluate("location.hash") == f"#k={page.evaluate('dial.k')}"


DROP = """(types) => { const data = new DataTransfer();
  for (const [type, text] of Object.entries(types)) data.setData(type, text);
  document.querySelector('.stage').dispatchEvent(
    new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })); }"""
PASTE = """(bytes) => { const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(bytes)], 'image.png', { type: 'image/png' }));
  document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true })); }"""


def test_what_is_dropped_or_pasted_works_or_is_a_sentence(visit, photo):
    page = visit()
    page.evaluate(DROP, {"text/uri-list": "https://pictures.example/cat.jpg"})
    page.locator("#dial .status.bad", has_text="fetches nothing from elsewhere").wait_for()
    page.evaluate(DROP, {"text/plain": "a cat"})
    page.locator("#dial .status.bad", has_text="holds no picture").wait_for()
    page.evaluate(PASTE, list(Path(photo).read_bytes()))
    page.wait_for_function("document.querySelector('.credit').textContent === '' && dial.loaded.mean > 0")
    page.wait_for_function("!document.querySelector('.status').classList.contains('bad')")


def test_tokens_with_blanks_or_as_a_whole_link_open(visit, photo):
    page = visit()
    sent(page, photo)
    page.wait_for_function("dial.address(true).includes('t=')")
    link = page.evaluate("dial.set(24), dial.address(true)")
    before, tokens = link.split("t=")
    for wrong in (f"{before}t= {tokens[:50]}%0A {tokens[50:]}%20", f"{before}t={link}"):
        other = visit(urlsplit(wrong)._replace(scheme="", netloc="").geturl())
        assert "stayed with the sender" in other.inner_text("#choose .credit")
        assert other.evaluate("dial.k") == 24
        other.locator("#mode input").nth(1).check()
        assert "mode=mean" in other.evaluate("location.hash")
        other.evaluate(DROP, {"text/plain": link.replace("k=24", "k=9")})
        other.wait_for_function("dial.k === 9")
    with another_document(other):
        other.evaluate(DROP, {"text/plain": f"{link}&name=1"})
    other.locator("#dial .name .said", has_text="Name it!").wait_for()


def test_a_picture_and_a_card_say_how_they_were_made(visit, tmp_path):
    page = visit()
    page.evaluate("dial.set(64), dial.mode('mean')")
    page.wait_for_function("dial.shown === 64 && dial.badge === 'mean'")
    made = {"model": "prefix-flow-256", "weights": "57a2d100ab0e", "steps": 1, "seed": 0}
    open_panel(page, "share")
    for save, more in (("dial.picture()", {"length": 64}), (CARD, {"lengths": [1, 4, 16, 64, 256]})):
        with page.expect_download(timeout=20_000) as caught:
            page.evaluate(save)
        caught.value.save_as(tmp_path / "saved.png")
        assert read_about(tmp_path / "saved.png") == made | more
    with pytest.raises(TokenizerError, match=r"tokendial painted .*weights 57a2d100ab0e"):
        load_tokens(tmp_path / "saved.png")


CARD = "document.querySelector('.card-button').click()"
BEFORE_ALL = "for (const name of ['OffscreenCanvas', 'createImageBitmap']) delete globalThis[name];"


def test_a_browser_without_bitmaps_shows_pictures(browser, address, photo):
    page = browser.new_page()
    page.add_init_script(BEFORE_ALL)
    page.goto(address)
    page.wait_for_function(LOADED, timeout=60_000)
    page.evaluate("dial.set(64)")
    page.wait_for_function("dial.shown === 64")
    page.locator(".add-on").check()
    sent(page, photo)
    page.close()


def test_a_page_whose_files_do_not_come_says_so(browser, address):
    page = browser.new_page()
    page.route("**/page/film.js", lambda route: route.abort())
    page.goto(address)
    page.get_by_text("The page did not start").wait_for()
    page.close()


def test_where_the_clipboard_is_refused_the_link_stands_selected(visit):
    page = visit()
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('refused')); }")
    open_panel(page, "share")
    page.click("#panel-share .copy")
    field = page.locator("#dial .by-hand")
    field.wait_for()
    assert field.input_value() == page.evaluate("dial.address(true)")
    assert page.evaluate("getSelection().toString()") == field.input_value()
    page.locator("#tab-explore").focus()
    field.wait_for(state="detached")
