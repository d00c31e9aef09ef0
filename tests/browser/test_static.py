"""`tokendial export-page`: a folder of files and a host, nothing else."""

import gzip
import json

import httpx
import numpy as np
import pytest
from PIL import Image

from demo.cli import main
from demo.examples import EXAMPLES, FOLDER
from demo.film import LADDER
from tests.browser.conftest import close_panel, line, open_panel, open_plots

pytestmark = pytest.mark.browser


@pytest.fixture(params=[(1440, 900, "light"), (390, 844, "dark")], ids=["1440", "390"])
def page(request, browser, host):
    wide, high, scheme = request.param
    page = browser.new_page(
        viewport={"width": wide, "height": high}, color_scheme=scheme, reduced_motion="reduce"
    )
    page.problems, page.asked = [], []
    page.on("pageerror", lambda e: page.problems.append(str(e)))
    page.on("request", lambda r: page.asked.append(r.url))
    page.goto(host)
    page.wait_for_function("window.dial && dial.done")
    yield page
    assert page.problems == []
    assert all(url.startswith((host, "data:", "blob:")) for url in page.asked), "no request to another host"
    page.close()


def test_the_dial_turns_and_asks_for_nothing(page):
    asked = len(page.asked)
    for k in (0, 7, 64, 256):
        page.evaluate(f"dial.set({k})")
        nearest = 8 if k == 7 else k
        page.wait_for_function(f"dial.shown === {nearest}")
    page.locator(".range").press("PageDown")
    page.wait_for_function("dial.k === 192")
    assert page.evaluate("dial.badge") == "sample"
    page.locator("#mode input").nth(1).check()
    page.wait_for_function("dial.badge === 'mean'")
    assert len(page.asked) == asked
    assert page.evaluate("dial.loaded") == {"mean": len(LADDER), "sample": len(LADDER)}


def test_the_first_screen_and_all_below_fit(page):
    for selector in ("#dial .stage", "#dial .rail", "#examples"):
        box = page.locator(selector).bounding_box()
        assert box["y"] + box["height"] <= page.viewport_size["height"], selector
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
    assert not page.locator("#tab-chance").is_visible(), "what needs a server is not offered"
    for view in page.locator(".view, #upload").all():
        assert not view.is_visible()
    assert "Embed" not in page.inner_text("#words")
    words = " ".join(page.text_content("#words").split())
    assert all(example.credit in words for example in EXAMPLES)


def test_an_example_brings_maps_curves_and_spectra(page):
    page.locator("#examples button").nth(1).click()
    page.wait_for_function("document.querySelector('.credit').textContent.includes('Stefan')")
    page.wait_for_function("dial.done")
    open_plots(page)
    for name in ("mean", "sample", "photo"):
        assert all(value is not None for value in line(page, "spectrum", name))
    for name, many in {"mean": 16, "sample": 16, "linear": 65, "WebP": 10}.items():
        assert sum(value is not None for value in line(page, "curves", name)) >= many
    open_panel(page, "explore")
    page.locator(".att-on").check()
    page.evaluate("dial.set(16)")
    page.wait_for_function("document.querySelector('.n-mass').textContent.endsWith('%')")
    assert page.evaluate("new URL(dial.address(true)).searchParams.get('photo')") == "chelsea_cat"


def test_panes_stand_beside_an_example_and_are_read_once(page):
    asked = len(page.asked)
    open_panel(page, "compare")
    shown = "document.querySelectorAll('#dial .pane:not([hidden], .blank)').length === %d"
    page.wait_for_function(shown % 2)
    for number, name in ((3, "WebP"), (4, "JPEG")):
        page.get_by_role("button", name="Add a pane").click()
        page.get_by_label(f"Pane {number}", exact=True).select_option(name)
    page.evaluate("dial.set(200)")
    page.wait_for_function(shown % 4)
    page.get_by_text("64 tokens, 512 bytes").wait_for()
    files = [url.rpartition("/")[2] for url in page.asked[asked:] if url.endswith(".json")]
    assert files == ["beside.json", "coffee-beside.json"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"


MAP = """() => { const c = document.querySelector('canvas.att');
  return Array.from(c.getContext('2d').getImageData(0, 0, 16, 16).data); }"""


def test_maps_of_other_layers_are_read_and_written(page):
    page.evaluate("dial.set(16)")
    open_panel(page, "explore")
    page.locator(".att-on").check()
    page.wait_for_function("document.querySelector('.n-mass').textContent.endsWith('%')")
    chosen, maps, words = page.locator(".layer"), set(), set()
    names = chosen.locator("option").evaluate_all("all => all.map(option => option.value)")
    told = chosen.locator("option").all_inner_texts()
    assert told[0] == "as it was made, layer 5 of 8", "no word that only we know"
    assert [name.split(",")[0] for name in names] == ["read", "read", "read", "write", "write"]
    for name in names:
        chosen.select_option(name)
        page.wait_for_timeout(100)
        maps.add(tuple(page.evaluate(MAP)))
        words.add((name[:4], page.inner_text(".n-share")))
    assert len(maps) == len(names), "each layer has a map of its own"
    assert len(words) == 2, "and what was read is told from what was written"
    chosen.focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_function("document.querySelector('.layer').selectedIndex === 3")
    close_panel(page)
    page.locator("#examples button").nth(2).click()
    page.wait_for_function("document.querySelector('.credit').textContent.includes('daniel')")
    page.wait_for_function("document.querySelectorAll('.layer option').length === 5")
    assert page.inner_text(".n-share").startswith("of its attention"), "another photo starts with the first"


def test_a_classifier_says_what_it_sees_and_the_control_stands_beside(page):
    open_panel(page, "measure")
    page.evaluate("dial.set(256)")
    page.wait_for_function("dial.shown === 256")
    page.wait_for_function("document.querySelector('.n-guess').textContent.includes('(the photo: espresso')")
    many = page.inner_text(".n-guess")
    assert many.startswith("espresso")
    control = line(page, "spectrum", "control")
    page.evaluate("dial.set(1)")
    page.wait_for_function("dial.shown === 1")
    page.wait_for_function(f"document.querySelector('.n-guess').textContent !== {json.dumps(many)}")
    fewer = line(page, "spectrum", "control")
    assert None not in fewer
    assert fewer != control
    assert page.locator(".of-control").is_visible()


def test_how_sure_the_classifier_is_at_each_length(page):
    open_panel(page, "measure")
    page.get_by_label("Nearness to the photo").select_option("photo's name, says a classifier")
    assert sum(value is not None for value in line(page, "curves", "sample")) == len(LADDER)
    assert set(line(page, "curves", "linear")) == {None}
    page.locator(".goal").fill("0.5")
    film = next(example for example in EXAMPLES if example.name == "coffee")
    share = json.loads(gzip.decompress((FOLDER / f"{film.name}.json.gz").read_bytes()))["told"]["agreement"]
    first = min(int(k) for k, p in share["sample"].items() if p >= 0.5)
    assert f"sample {first}" in page.inner_text(".n-fewest")


def test_a_plot_is_saved_as_a_picture(page, tmp_path):
    page.evaluate("dial.set(32)")
    open_plots(page)
    for plot, name in enumerate(("spectrum", "curves")):
        with page.expect_download() as caught:
            button = page.locator(f".{name}-png")
            button.click() if plot else button.press("Enter")
        assert caught.value.suggested_filename == f"{name}.png"
        caught.value.save_as(tmp_path / f"{name}.png")
        picture = Image.open(tmp_path / f"{name}.png")
        assert (picture.format, picture.size) == ("PNG", (1600, 760)), name
        rows = np.asarray(picture.convert("RGB"), np.int16)
        inked = np.abs(rows - rows[2, 2]).max(-1) > 40
        assert 0.01 < inked[76:].mean() < 0.3, f"lines and words on a plain ground: {name}"
        assert inked[12:40].sum() > 1000, "a title"
        for code in ("mean", "sample"):
            colour = page.evaluate(f"dial.plots.{name}.colour('{code}')")
            wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
            alike = np.abs(rows - wanted).max(-1) < 24
            assert alike[76:].sum() > 500, f"the line of {code} in its colour: {name}"
            assert alike[45:70].sum() > 60, "and in the legend"


def test_a_card_shows_five_lengths_and_the_photo(page, tmp_path):
    open_panel(page, "share")
    said = page.inner_text("#dial .n-link")
    assert f"{len(page.evaluate('dial.address(true)'))} characters" in said, "said before it is copied"
    with page.expect_download() as caught:
        page.locator(".card-button").click()
    caught.value.save_as(tmp_path / "card.png")
    card = Image.open(tmp_path / "card.png").convert("RGB")
    assert card.size == (1200, 630)
    side = (1120 - 5 * 16) / 6
    pictures = [
        np.asarray(card.crop((round(x), 250, round(x + side), 400)).resize((16, 16)), np.float64)
        for x in (40 + i * (side + 16) for i in range(6))
    ]
    apart = [np.abs(picture - pictures[-1]).mean() for picture in pictures]
    assert apart[0] > apart[2] > apart[4] > 0, "more tokens, nearer to the photo"


def test_a_plot_tells_its_values_to_mouse_and_keyboard(page):
    open_plots(page)
    box = page.locator(".curves .u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 20)
    told = page.locator(".curves + .values")
    page.wait_for_function("document.querySelector('.curves + .values').textContent.startsWith('256: ')")
    hovered = told.inner_text()
    assert "mean" in hovered
    assert "sample" in hovered
    page.locator(".curves").focus()
    page.keyboard.press("Home")
    first = told.inner_text()
    assert first.startswith("0: mean ")
    page.keyboard.press("ArrowRight")
    assert told.inner_text().startswith("1: mean ")
    page.keyboard.press("End")
    assert told.inner_text() == hovered


def test_a_round_hides_its_photo_and_a_foreign_link_is_a_sentence(page, host):
    page.goto(host + "?photo=round-2#k=1&name=1")
    page.wait_for_function("window.dial && dial.done")
    assert not page.locator("#examples").is_visible()
    page.wait_for_function("document.querySelector('.said').textContent.includes('So far: 1 token')")
    assert "classifier" not in page.inner_text(".said"), "that would give it away"
    page.locator(".know").press("Enter")
    page.wait_for_function("dial.k === 256")
    assert "sender: 1" in page.inner_text(".said")
    page.goto("about:blank")
    page.goto(host + "#t=AAAA&k=4")
    page.wait_for_selector(".status.bad")
    assert "no server" in page.inner_text(".status")
    page.wait_for_function(f"dial.loaded.mean === {len(LADDER)}")  # the page goes on with an example


def test_rounds_are_played_one_after_the_other(page):
    open_panel(page, "play")
    assert page.locator(".round").count() >= 13, "today's, and twelve"
    page.get_by_role("button", name="Round 4", exact=True).click()
    page.wait_for_function("dial.k === 1 && document.querySelector('.dial.guess.riddle')")
    assert "round-4" not in page.url, "the address gives nothing away"
    for spoiler in (".thumbnail", ".filmstrip", ".credit", "#examples", ".side", ".scenes"):
        assert not page.locator(f"#dial {spoiler}").is_visible(), spoiler
    assert page.locator(".options button").count() == 4
    page.get_by_role("button", name="an owl").click()
    page.wait_for_function("dial.k === 2")
    assert page.get_by_role("button", name="an owl").is_disabled()
    page.get_by_label("What is it?").fill("Cat")
    page.keyboard.press("Enter")
    page.wait_for_function("dial.k === 256")
    assert "It is a cat's eye. You: 2 tokens, 16 bytes; we: 24.\nYou win." in page.inner_text(".said")
    for seen in (".stage", ".rail", ".said"):
        box = page.locator(f"#dial {seen}").bounding_box()
        assert box["y"] >= 0, seen
        assert box["y"] + box["height"] <= page.viewport_size["height"], f"{seen} is in view at the end"
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".tell").click()
    page.wait_for_function("document.querySelector('.status').textContent.includes('is copied')")
    told = page.evaluate("navigator.clipboard.readText()")
    assert "round 4" in told
    assert "cat" not in told
    page.locator(".next").click()
    page.wait_for_function("dial.k === 1 && document.querySelector('.dial.guess.riddle')")
    assert page.locator(".options button:disabled").count() == 0
    assert page.get_by_role("button", name="a rocket").is_visible(), "round 5"


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["export-page", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_each_film_is_an_answer_of_the_page(host):
    for example in EXAMPLES:
        film = httpx.get(f"{host}{example.name}.json").json()
        assert set(film) == {"start", "frames", "told"}
        assert film["start"]["example"] == film["start"]["token"] == example.name
        assert {(mode, k) for mode, k, *_ in film["frames"]} == {
            (m, k) for m in ("mean", "sample") for k in LADDER
        }
