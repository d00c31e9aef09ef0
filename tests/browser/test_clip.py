"""The clip of a dial's turn: a film or a GIF, shared or saved."""

import base64

import numpy as np
import pytest
from PIL import Image, ImageSequence

from tests.browser.conftest import open_panel
from tests.browser.dialing import LADDER, ONE_WIDTH, choose_photo, press

pytestmark = pytest.mark.browser


def test_a_clip_of_the_dial_s_turn_is_recorded(page, tmp_path):
    page.wait_for_function("dial.done", timeout=120_000)
    open_panel(page, "share")
    with page.expect_download(timeout=20_000) as caught:
        press(page, page.locator("#dial .clip"))
    assert caught.value.suggested_filename in ("tokens.mp4", "tokens.webm")
    caught.value.save_as(tmp_path / "clip")
    data = (tmp_path / "clip").read_bytes()
    assert data[4:8] == b"ftyp" or data[:4] == b"\x1a\x45\xdf\xa3", "MP4 or WebM"
    assert len(data) > 20_000
    length = """(url) => new Promise((done) => {
      const video = document.createElement('video');
      video.onloadeddata = () => { video.currentTime = 1e6; };
      video.onseeked = () => done([video.videoWidth, video.videoHeight, video.currentTime]);
      video.src = url; })"""
    wide, high, seconds = page.evaluate(length, "data:video/webm;base64," + base64.b64encode(data).decode())
    assert wide == high == 720
    assert seconds > 2


def test_a_browser_that_cannot_record_makes_a_gif(browser, address, tmp_path):
    page = browser.new_page()
    page.add_init_script("delete window.MediaRecorder")
    page.goto(address)
    page.wait_for_function(f"window.dial && {LADDER}", timeout=60_000)
    open_panel(page, "share")
    with page.expect_download(timeout=20_000) as caught:
        page.locator("#dial .clip").click()
    assert caught.value.suggested_filename == "tokens.gif"
    caught.value.save_as(tmp_path / "clip.gif")
    page.get_by_text("The clip is ready.").wait_for()
    page.close()
    with Image.open(tmp_path / "clip.gif") as clip:
        frames = [np.asarray(frame.convert("L"), np.float32) for frame in ImageSequence.Iterator(clip)]
        times = [frame.info["duration"] for frame in ImageSequence.Iterator(clip)]
        assert (clip.format, clip.size) == ("GIF", (480, 480))
    assert times == [150] * 16 + [1500, 500], "the last length is held, then the photo is shown"
    titles = [(frame[16:60, 16:460] > 200).mean() for frame in frames]
    assert min(titles) > 0.03, "title and address on each, the photo's too"
    *frames, original = frames
    assert np.abs(original - frames[-1]).mean() > 2
    bars = [(frame[460:463, 19:461] > 200).mean() for frame in frames]  # the dial, drawn in
    assert bars == sorted(bars)
    assert bars[0] < 0.1
    assert bars[-1] > 0.9
    assert np.abs(frames[0] - frames[8]).mean() > 5, "the pictures differ, too"


HURRY = (
    "const wait = window.setTimeout; window.setTimeout = (call, ms, ...more) => wait(call, ms / 8, ...more);"
)


def test_a_phone_s_clip_is_a_file_unless_sharing_is_called_off(browser, address):
    page = browser.new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.add_init_script(HURRY)  # two clips of five seconds
    page.goto(address)
    page.wait_for_function(f"window.dial && {LADDER}", timeout=60_000)
    open_panel(page, "share")
    files = []
    page.on("download", lambda download: files.append(download.suggested_filename))
    for why, saved in (("AbortError", 0), ("NotAllowedError", 1)):
        page.evaluate(f"""Object.assign(navigator, {{
          canShare: () => true, share: () => Promise.reject(new DOMException('', '{why}')) }})""")
        page.locator("#dial .clip").tap()
        page.get_by_text("Recording").wait_for(timeout=20_000)
        page.get_by_text("The clip is ready.").wait_for(timeout=20_000)
        page.wait_for_timeout(500)
        assert len(files) == saved
    page.close()


@ONE_WIDTH
def test_another_photo_ends_a_clip(page, photo):
    page.wait_for_function("dial.done", timeout=120_000)
    open_panel(page, "share")
    page.locator("#dial .clip").click()
    page.wait_for_function("document.querySelector('#dial .status').textContent.startsWith('Recording')")
    choose_photo(page, photo)
    page.wait_for_function("document.querySelector('#dial .credit').textContent === ''")
    page.wait_for_function("dial.done", timeout=120_000)  # the fixture sees that no error came
    assert "All 257 lengths are here" in page.inner_text("#dial .status")
