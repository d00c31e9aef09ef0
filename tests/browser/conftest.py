"""A served page with the stand-in models, and a Chromium: loudly skipped without one, and a failure in CI."""

import hashlib
import os
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from demo import beside, views
from demo.cli import main
from demo.examples import EXAMPLES
from demo.film import Film, Frame, Measured
from demo.studio import Studio
from tests.browser.drag import FLAGS, PROBE, chromium
from tests.browser.hosted import hosted
from tests.browser.kinds import SAY_YES, SERVED, STATIC, SWITCH_ON, SWITCHED, made, static, switched
from tests.browser.visitors import Visitors
from tests.stand_in import StandInClassifier

expect.set_options(timeout=30_000)  # as all other waits: how quick a page is, is for the timed tests


def open_panel(page, name):
    """Open one of the page's tabs; on a phone it comes up as a sheet over the page."""
    page.locator(f"#tab-{name}").click()


def close_panel(page):
    """On a phone what lies under the sheet can be reached again; else nothing happens."""
    page.keyboard.press("Escape")


def open_plots(page):
    """Open the tab with the plots; a plot is drawn when it is seen."""
    open_panel(page, "measure")
    for name in ("spectrum", "curves"):
        page.locator(f".{name}").scroll_into_view_if_needed()
        page.locator(f".{name} canvas").wait_for()


def line(page, plot, name):
    """The values of a line that a plot shows, in the plot's order; None where it has none."""
    return page.evaluate(LINE, [plot, name])


LINE = """([plot, name]) => { const found = dial.plots[plot];
  return found.data[1 + found.lines.findIndex((line) => line.name === name)]; }"""


FIRST = EXAMPLES[0].name
SIZE = re.compile(r"(?<=[\[-])(\d{3,4}(x\d{3})?|light|dark)(?=[\]-])")
SCHEME = re.compile(r"(?<=[\[-])(light|dark)(?=[\]-])")
# of the pages with a model in the browser test_model_here.py is enough for `make test`
KINDS = re.compile(rf"(?<=[\[-])({STATIC}|{SWITCHED})(?=[\]-])")
EVERY_SIZE = "test_sizes.py"  # it is about the sizes themselves: three of its nine
THREE = re.compile("390x844|820x1180|1440x900")
LONG = {"test_access.py", "test_adaptive.py", "test_away.py", "test_controls.py", "test_walks.py"}  # minutes
LONG |= {"test_switch.py"}  # tests/page/switch.test.js and tests/test_model_files.py are quick
LONG |= {  # a page or two for each family, of which each is opened anyway; eight seeds at a large size
    "test_the_dial_goes_from_its_shortest_to_its_longest_code",
    "test_explore_offers_what_the_model_has",
    "test_an_own_photo_is_read_and_its_link_opens_the_same_picture",
    "test_the_map_is_the_deviation_of_the_pictures_that_are_shown",
}
LONG |= {  # films that come whole, by themselves or on a line that breaks; a second page beside a first
    "test_a_question_that_is_not_answered_is_asked_again",
    "test_the_dial_turns_once_by_itself_when_the_samples_of_an_own_photo_are_there",
    "test_it_does_not_turn_by_itself_where_it_was_touched_or_nothing_may_move",
    "test_a_graphics_card_that_agrees_computes",  # in software, half a minute
    "test_maps_and_views_are_made_here",
    "test_another_photo_ends_a_clip",
    "test_a_phone_s_clip_is_a_file_unless_sharing_is_called_off",
    "test_nothing_is_shown_that_the_model_has_not",
}


def pytest_collection_modifyitems(config, items):
    """What is tested at several sizes runs at one of them, by turns, and what takes minutes does not run.

    `make test-pages` runs all of it, at each size.

    Which one follows from the test's name, so that it is the same in every run.
    """
    if os.environ.get("ALL_PAGES"):
        return
    alike = defaultdict(list)
    for item in items:
        if "tests/browser" in item.path.as_posix():
            part = SCHEME if item.path.name == EVERY_SIZE else SIZE
            alike[part.sub("", item.nodeid)].append(item)
    left = {id(item) for name, some in alike.items() for item in some if item is not _in_turn(name, some)}
    left |= {id(item) for item in items if LONG & {item.path.name, item.originalname}}
    left |= {id(item) for item in items if KINDS.search(item.name)}
    left |= {id(item) for item in items if item.path.name == EVERY_SIZE and not THREE.search(item.name)}
    config.hook.pytest_deselected(items=[item for item in items if id(item) in left])
    items[:] = [item for item in items if id(item) not in left]


def _in_turn(name, some):
    return some[zlib.crc32(name.encode()) % len(some)]


@pytest.fixture(scope="package")  # Playwright allows one at a time, and the test of the Space starts its own
def browser():
    if chromium() is None:
        if os.environ.get("CI"):
            pytest.fail("NO CHROMIUM: the browser tests cannot run")
        pytest.skip("NO CHROMIUM: THE BROWSER TESTS DID NOT RUN")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield Visitors(found)
        found.close()


@pytest.fixture(scope="package")
def host(tmp_path_factory):
    """Where the page that needs no server lies; no test writes into its folder.

    What stands beside a film takes a second an example, and a test looks at one.
    """
    folder, stored = tmp_path_factory.mktemp("exported"), beside.stored
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            beside, "stored", lambda about, *what: stored(about, *what) if about.name == FIRST else {}
        )
        assert main(["export-page", str(folder)]) == 0
    with hosted(folder) as address:
        yield address


@pytest.fixture(scope="package")
def own_model(tmp_path_factory, quick_classifier):
    """The model that the browser runs, see kinds.py."""
    return made(tmp_path_factory.mktemp("own_model"))


@pytest.fixture(scope="package")
def static_address(own_model, tmp_path_factory):
    """Where the static page with that model is."""
    with static(own_model, tmp_path_factory.mktemp("static_page")) as url:
        yield url


@pytest.fixture(scope="package")
def switched_address(own_model, upload_folder):
    """Where the served page with that model is."""
    with switched(own_model) as url:
        yield url


@pytest.fixture
def kind(request):
    """Of the page: served, where nothing else is said; see kinds.py."""
    return getattr(request, "param", SERVED)


@pytest.fixture
def address(address, request, kind, browser):
    """Where the page of that kind is."""
    if kind == SERVED:
        yield address
        return
    browser.scripts = (SAY_YES, SWITCH_ON) if kind == SWITCHED else (SAY_YES,)
    yield request.getfixturevalue(f"{kind}_address")
    browser.scripts = ()


@pytest.fixture(scope="package", autouse=True)
def quick_classifier():
    """The page's classifier is a stand-in here, too; tests/test_page.py asks the real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "classifier", lambda: (StandInClassifier(), StandInClassifier.names))
        yield


@pytest.fixture(scope="package", autouse=True)
def seen_before():
    """One test after the other uploads the same photo: what was scored once is kept here, as it was."""
    frames, others, frame, rivals = {}, {}, Film.frame, Studio.rivals

    def frame_or_recall(film: Film, array: np.ndarray, measured: Measured | None = None) -> Frame:
        original = b"" if film.original is None else film.original.array.tobytes()
        key = hashlib.sha256(array.tobytes() + original).digest(), film.scale
        if key not in frames:
            frames[key] = frame(film, array, measured)
        return frames[key]

    def rivals_or_recall(studio: Studio, original, info) -> dict:
        key = original, info
        if key not in others:
            others[key] = rivals(studio, original, info)
        return others[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Film, "frame", frame_or_recall)
        patch.setattr(Studio, "rivals", rivals_or_recall)
        yield


@contextmanager
def another_document(page) -> Iterator[None]:
    """What happens inside ends with a page that is loaded anew.

    Playwright's `expect_navigation` does not say so: it also ends when the dial, at rest for a quarter of a
    second, writes its length into the address.
    """
    page.evaluate("window.left = true")
    yield
    page.wait_for_function("!window.left && document.readyState === 'complete'", timeout=60_000)


@pytest.fixture
def photo(tmp_path):
    """A photo of a visitor's own, no square."""
    y, x = np.mgrid[0:300, 0:400]
    rows = np.stack([x * 255 / 400, y * 255 / 300, 128 + 120 * np.sin(x / 9)], -1).astype(np.uint8)
    Image.fromarray(rows).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture(params=[(1440, 900), (390, 844)], ids=["1440", "390"])
def page(request, browser, address):
    """A visitor: the page open, its first example there; afterwards the console must be empty."""
    wide, high = request.param
    page = browser.new_page(viewport={"width": wide, "height": high})
    page.problems, page.hosts = [], set()
    page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: page.problems.append(str(e)))
    page.on("request", lambda r: page.hosts.add(r.url.split("/")[2]) if r.url.startswith("http") else None)
    page.add_init_script(PROBE)
    page.goto(address)
    page.wait_for_function("window.dial && dial.loaded.mean > 16", timeout=60_000)
    yield page
    assert page.hosts == {address.split("/")[2]}, "no request to another host"
    assert page.problems == []
    page.close()
