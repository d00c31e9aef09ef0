"""The two strangers' walks come to their ends, on a page with stand-ins."""

import numpy as np
import pytest
from PIL import Image

from tests.browser.walks import DESK, PHONE, for_a_class, own_face

pytestmark = pytest.mark.browser


@pytest.fixture
def seen():
    """The names of the steps, and what was on the screen of each."""
    return {}


def noted(seen):
    def shot(page, name):
        seen[name] = page.evaluate("[dial.k, dial.badge, scrollY]")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name

    return shot


def test_somebody_s_own_face_at_64_tokens_is_sent(browser, address, tmp_path, seen):
    photo = tmp_path / "face.png"
    y, x = np.mgrid[0:300, 0:300]
    Image.fromarray(np.stack([x * 0.8, y * 0.8, (x + y) * 0.4], -1).astype(np.uint8)).save(photo)
    phone = browser.new_context(viewport=PHONE, reduced_motion="reduce")
    phone.grant_permissions(["clipboard-read", "clipboard-write"])
    friend = browser.new_page(viewport=DESK)
    own_face(phone.new_page(), friend, address, photo, noted(seen))
    assert seen["face-4-at-64-tokens"][:2] == [64, "sample"]
    assert seen["face-8-what-the-friend-sees"][:2] == [64, "sample"], "the friend sees what was sent"
    assert not friend.locator("#dial .thumbnail").is_visible(), "and never the photo"
    assert "stayed with the sender" in friend.inner_text("#dial .away")
    assert len(seen) == 8
    friend.close()
    phone.close()


def test_a_class_is_shown_what_a_token_holds(browser, address, seen):
    page = browser.new_page(viewport=DESK)
    for_a_class(page, address, noted(seen))
    assert seen["class-5-a-question"][0] == 1
    assert seen["class-7-what-token-4-added"][:2] == [4, "what changed"]
    assert len(seen) == 9
    page.close()
