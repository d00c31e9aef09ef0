"""The page's own files, and its head: asked once, early, compressed, and never again."""

import gzip
import http.client
import re
from io import BytesIO
from urllib.parse import urlsplit

import pytest
from PIL import Image

from demo.static import BUTTONS, MODULES, PAGE, STATIC


@pytest.fixture
def get(address):
    """Ask the served page for a path: status, headers, body."""

    def ask(path: str, accepts: str = "gzip"):
        line = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
        line.request("GET", path, headers={"Accept-Encoding": accepts})
        answer = line.getresponse()
        body = answer.read()
        line.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body

    return ask


def test_the_head_names_every_script_once_and_behind_gradio_s_own_in_the_queue(get):
    status, headers, packed = get("/")
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert "Accept-Encoding" in headers["vary"]
    html = gzip.decompress(packed).decode()
    head = html[: html.index("</head>")]
    early = re.findall(r'<link rel="modulepreload" fetchpriority="low" href="([^"]+)">', head)
    assert early == [f"{STATIC}/page/{name}" for name in MODULES]
    assert "main.js" in MODULES
    assert not [name for name in MODULES if name.startswith("vendor/")]
    assert head.count('property="og:title"') == 1
    assert len(packed) < len(html) / 3


def test_who_takes_no_gzip_gets_the_same_words(get):
    path = f"/{STATIC}/page/main.js"
    plain, packed = get(path, "identity"), get(path)
    assert "content-encoding" not in plain[1]
    assert plain[2] == gzip.decompress(packed[2]) == (PAGE / "main.js").read_bytes()
    assert "content-encoding" not in get("/", "identity")[1]
    assert b"<head>" in get("/", "identity")[2]


def test_files_and_gradio_s_scripts_are_kept_for_ever(get):
    html = gzip.decompress(get("/")[2]).decode()
    theirs = re.findall(r'(?:src|href)="\./?(assets/[^"]+\.(?:js|css))"', html)
    assert theirs
    for path in (*theirs, f"{STATIC}/page/main.js", f"{STATIC}/photos/{BUTTONS[0].name}.webp"):
        status, headers, _ = get(f"/{path}")
        assert (status, headers["cache-control"]) == (200, "public, max-age=31536000, immutable"), path


def test_nothing_else_is_kept_for_ever(get):
    assert "immutable" not in get("/")[1].get("cache-control", "")
    for path in ("/assets/none.js", f"/{STATIC}/page/none.js", f"/{STATIC}/page/../app.py"):
        status, headers, _ = get(path)
        assert status == 404, path
        assert "immutable" not in headers.get("cache-control", ""), path


def test_an_example_s_button_is_a_small_picture_of_it(get):
    for example in BUTTONS:
        _, headers, body = get(f"/{STATIC}/photos/{example.name}.webp")
        assert headers["content-type"] == "image/webp"
        assert len(body) < 12_000, example.name
        assert Image.open(BytesIO(body)).size == (160, 160)
