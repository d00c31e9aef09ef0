"""The plots: what they draw at a length, their goals, their tables."""

import csv

import numpy as np
import pytest

from tests.browser.conftest import close_panel, line, open_panel, open_plots
from tests.browser.dialing import ONE_WIDTH, PIXELS, choose_photo, settle, turn
from tests.browser.kinds import EVERYWHERE, SERVED

pytestmark = pytest.mark.browser
CODES = ["mean", "sample", "linear", "WebP"]
PAST = "dial.plots.spectrum.data.slice(3, 7)"  # after cycles, photo and control


def drawn(kind):
    """When a spectrum's line is there; a browser's pictures of 64 pixels have not all its rings."""
    many = "every" if kind == SERVED else "some"
    return f"(row) => row.{many}((value) => value !== null)"


def is_drawn(row, kind):
    """`drawn`, of a line that is here."""
    return None not in row if kind == SERVED else set(row) != {None}


@EVERYWHERE
def test_earlier_prefixes_and_webp_are_drawn_beside_this_one(page, kind):
    page.wait_for_function("dial.done", timeout=120_000)
    open_plots(page)
    turn(page, 64)
    page.wait_for_function(f"{PAST}.every({drawn(kind)})")
    past, now = page.evaluate(PAST), line(page, "spectrum", "sample")
    assert len({tuple(row) for row in past}) == 4
    assert now not in past
    turn(page, 48)
    assert line(page, "spectrum", "sample") == past[0], "the next shorter one on the ladder"
    turn(page, 1)
    assert [set(row) for row in page.evaluate(PAST)[1:]] == [{None}] * 3
    assert sum(value is not None for value in line(page, "curves", "WebP")) >= 5
    page.locator("#dial .measure").select_option("SSIM")
    assert set(line(page, "curves", "WebP")) == {None}


def show_means_beside(page, panel):
    """Choose means, which on a phone an open panel hides, and open the panel."""
    close_panel(page)
    page.get_by_label("mean", exact=True).check()
    open_panel(page, panel)


def test_psnr_over_tokens_and_the_fewest_for_a_goal(page):
    page.wait_for_function("dial.done", timeout=120_000)
    open_plots(page)
    points = {name: sum(v is not None for v in line(page, "curves", name)) for name in CODES}
    loaded = page.evaluate("dial.loaded")
    assert points["mean"] == loaded["mean"] == 257
    assert points["sample"] == loaded["sample"]
    assert points["linear"] == 65
    show_means_beside(page, "measure")
    turn(page, 40)
    page.wait_for_function("dial.badge === 'mean'")
    place = "document.querySelector('#dial .{}').style.transform"
    assert page.evaluate(place.format("mark")) == page.evaluate(place.format("thumb")), (
        "the line is at the dial"
    )
    psnr = page.locator("#dial .n-psnr").inner_text()
    fewest, goal = page.locator("#dial .n-fewest"), page.get_by_label("Fewest tokens")
    goal.fill(psnr)
    mean = fewest.inner_text().split(", ")[0]
    assert mean.startswith("mean ")
    assert 1 <= int(mean.removeprefix("mean ")) <= 40
    goal.press("ArrowUp")
    assert page.evaluate("dial.k") == 40, "the arrow was for the number, not for the dial"
    goal.fill("60")
    assert fewest.inner_text() == "mean never, sample never, linear never, WebP never"

    before = line(page, "curves", "mean")
    measure = page.get_by_label("Nearness to the photo")
    measure.select_option("SSIM")
    assert goal.input_value() == "0.5"
    assert line(page, "curves", "mean") != before
    assert set(line(page, "curves", "linear")) == {None}
    goal.fill(f"{float(page.locator('#dial .n-ssim').inner_text()) - 0.01:.2f}")  # what is shown is rounded
    assert int(fewest.inner_text().split(", ")[0].removeprefix("mean ")) <= 40
    measure.press("ArrowDown")
    assert goal.input_value() == "0.5"
    assert page.locator("#dial .n-unit").inner_text() == "\N{MULTIPLICATION SIGN} 10"
    fine = page.locator("#dial .n-bands").inner_text().split(" · ")[2]
    goal.fill(f"{float(fine) + 0.01:.2f}")
    assert int(fewest.inner_text().split(", ")[0].removeprefix("mean ")) <= 40, "less is better"
    measure.select_option("PSNR, dB")
    assert line(page, "curves", "mean") == before
    assert goal.input_value() == "20"


def test_a_classifier_names_an_upload_s_pictures(page, photo):
    choose_photo(page, photo)
    guess = page.locator("#dial .n-guess")
    page.wait_for_function("!document.querySelector('#dial .credit').textContent && "
                           "document.querySelector('#dial .n-guess').textContent.includes('(the photo: ')",
                           timeout=60_000)  # fmt: skip
    page.wait_for_function("dial.done", timeout=120_000)
    page.get_by_label("mean", exact=True).check()
    turn(page, 16)
    page.wait_for_function("dial.badge === 'mean'")
    open_plots(page)
    settle(page)
    seen = guess.inner_text()
    assert "%" in seen
    assert "tokens" not in seen
    turn(page, 20)
    assert guess.inner_text() == seen.replace(" (", " at 16 tokens ("), (
        "between two of the ladder the lower one"
    )
    page.get_by_label("Nearness to the photo").select_option("photo's name, says a classifier")
    assert "mean" in page.locator("#dial .n-fewest").inner_text()
    below = page.locator("#dial .curves")
    there = below.evaluate("node => node.offsetTop")
    page.locator("#dial .n-fewest").evaluate("node => { node.firstChild.data = ''; }")
    assert below.evaluate("node => node.offsetTop") == there, "words that come move nothing"


def table(page, what):
    """A CSV that the page saves, as rows by their first number."""
    with page.expect_download() as download:
        page.evaluate(f"dial.{what}()")
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    return {int(next(iter(row.values()))): row for row in rows}


@ONE_WIDTH
def test_both_plots_are_saved_as_tables(page):
    page.wait_for_function("dial.done", timeout=120_000)
    open_plots(page)
    page.get_by_text("A classifier sees:").first.wait_for()
    rows = table(page, "curves")
    assert list(rows) == list(range(257))
    turn(page, 64)
    page.wait_for_function("dial.badge === 'sample'")
    assert f"{float(rows[64]['sample_psnr_db']):.1f}" == page.locator("#dial .n-psnr").inner_text()
    assert f"{float(rows[64]['linear_psnr_db']):.1f}" == page.locator("#dial .n-linear").inner_text()
    assert 0 <= float(rows[64]["mean_agreement"]) <= 1
    assert float(rows[64]["webp_psnr_db"]) > 10, "in as many bytes"
    assert rows[65]["webp_psnr_db"] == rows[65]["mean_agreement"] == "", "measured on the ladder alone"

    rings = table(page, "spectra")
    assert list(rings) == list(range(1, 128)), "cycles"
    photo, mean, sample = (
        np.array([float(row[f"{of}_log10_power"]) for row in rings.values()])
        for of in ("photo", "mean", "sample")
    )
    bands = [float(v) for v in page.locator("#dial .n-bands").inner_text().split(" · ")]
    off = [part.mean() for part in np.array_split(np.abs(sample - photo), 3)]
    assert np.allclose(off, bands, atol=0.03), "the numbers under the plot"
    assert not np.allclose(mean, sample)


@EVERYWHERE
def test_mean_and_sample_differ(page, kind):
    turn(page, 16)
    page.wait_for_function("dial.done && dial.badge === 'sample'", timeout=120_000)
    open_plots(page)
    settle(page)
    sample, curve, other = page.evaluate(PIXELS), *both(page)
    show_means_beside(page, "measure")
    page.wait_for_function("dial.badge === 'mean'")
    settle(page)
    assert page.evaluate(PIXELS) != sample
    assert both(page) == (curve, other), "each is shown beside the other, in its own colour"
    assert is_drawn(curve, kind)
    assert is_drawn(other, kind)
    assert curve != other
    page.locator(".spectrum").scroll_into_view_if_needed()
    box = page.locator("#dial .rail").bounding_box()  # it stays in sight
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 18)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 18)
    settle(page)
    sample, mean = both(page)
    assert set(sample) == {None}, "a drag draws one curve"
    assert is_drawn(mean, kind)
    page.mouse.up()
    page.wait_for_function(f"({drawn(kind)})(dial.plots.spectrum.data.at(-1))")


def both(page):
    """The spectra of sample and mean."""
    return line(page, "spectrum", "sample"), line(page, "spectrum", "mean")
