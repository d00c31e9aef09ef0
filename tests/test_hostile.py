"""What a stranger may send on purpose: files that are two kinds at once, bombs, odd checkpoints, odd links,
endless questions. Each is a picture or one sentence, in a bounded time, and the next honest request works.

The cases from the field stand where their rooms are tested: `test_photo*`, `test_photoset`, `test_commands`,
`test_checkpoints`, `test_codes`, `test_questions`, `test_programs`, `test_uploads`. Long, as it is tables."""

import base64
import io
import os
import resource
import shutil
import time
import zipfile
import zlib
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import tokenizer_core as tc
from demo import links
from demo.links import DAMAGED
from studies.load import Visitor
from tests.drawn import chunk, iccp, png, saved
from tests.served import begin
from tests.stand_in import StandIn, models
from tests.test_checkpoints import FILES, folder, sentence_of  # noqa: F401
from tokenizer_core.errors import TokenizerError

SECONDS, BYTES = 4.0, 512 << 20  # that any file may cost; a busy machine is given more time
BUSY = 5
SCRIPT = b"<script>alert(1)</script>"
RAMP = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)


def result_or_sentence(call):
    """What a call gives, and "", or None and the sentence that it says instead."""
    try:
        return call(), ""
    except TokenizerError as error:
        return None, str(error)


def a_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("evil.html", SCRIPT)
    return buffer.getvalue()


def jpeg(**options) -> bytes:
    return saved(Image.fromarray(RAMP), "JPEG", **options)


def with_comment(data: bytes, comment: bytes) -> bytes:
    """A JPEG whose first segment is a comment."""
    return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]


POLYGLOTS = {
    "a JPEG and a zip": jpeg() + a_zip(),
    "a JPEG with a page in its comment": with_comment(jpeg(), b"<html>" + SCRIPT),
    "a PNG and a page": png(RAMP) + b"<html>" + SCRIPT,
    "a PNG with a page as text": png(RAMP, (b"tEXt", b"Comment\0" + SCRIPT)),
    "a GIF and a script": saved(Image.fromarray(RAMP), "GIF") + b"/*" + SCRIPT + b"*/",
    "a PDF's head before nothing": b"%PDF-1.7\n" + SCRIPT,
    "a zip before a JPEG": a_zip() + jpeg(),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "svg with a declaration": b"<?xml version='1.0'?><!DOCTYPE svg><svg onload='alert(1)'/>",
    "svg whose entities grow": b"<!DOCTYPE s [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><svg>&b;</svg>",
    "EPS, which would start Ghostscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\nshowpage\n",
    "a page": b"<html>" + SCRIPT,
    "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93.",
}
PICTURES = {name for name in POLYGLOTS if name.startswith(("a JPEG", "a PNG", "a GIF"))}


@pytest.mark.parametrize("name", POLYGLOTS)
def test_two_kinds_at_once_are_a_picture_of_the_first_kind_or_a_sentence(name):
    if name in PICTURES:
        opened = tc.open_photo(POLYGLOTS[name])
        assert (opened.size, opened.mode) == ((64, 64), "RGB")
        assert SCRIPT not in opened.tobytes()
    else:
        with pytest.raises(TokenizerError) as caught:
            tc.open_photo(POLYGLOTS[name])
        assert str(caught.value).endswith(".")


def exif(bytes_of_thumbnail: int) -> bytes:
    """An EXIF block whose one entry is as long as that."""
    return (
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x0e\0\x02"
        + bytes_of_thumbnail.to_bytes(4, "big")
        + b"\0\0\0\x1a\0\0\0\0"
    )


def circle() -> bytes:
    """An EXIF block whose next directory is itself."""
    return b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x01\0\0\0\0\0\x08"


def heif(brand: bytes, width: int, height: int) -> bytes:
    """The head of an AVIF or HEIC file that says to be so large, and has no pixels."""

    def box(kind: bytes, body: bytes) -> bytes:
        return (8 + len(body)).to_bytes(4, "big") + kind + body

    size = box(b"ispe", bytes(4) + width.to_bytes(4, "big") + height.to_bytes(4, "big"))
    item = box(b"infe", b"\x02\0\0\0\0\x01\0\0" + (b"av01" if brand == b"avif" else b"hvc1") + b"\0")
    meta = box(b"hdlr", bytes(8) + b"pict" + bytes(13)) + box(b"pitm", bytes(4) + b"\0\x01")
    meta += box(b"iinf", bytes(4) + b"\0\x01" + item)
    meta += box(b"iprp", box(b"ipco", size) + box(b"ipma", bytes(4) + b"\0\0\0\x01\0\x01\x01\x01"))
    return (
        box(b"ftyp", brand + bytes(4) + b"mif1" + brand)
        + box(b"meta", bytes(4) + meta)
        + box(b"mdat", b"\0" * 32)
    )


def png_that_says(width: int, height: int) -> bytes:
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    body = zlib.compress(b"\0" * 10_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


BOMBS = {
    "a profile of 200 MB in 200 kB": png(RAMP, iccp(b"\0" * 200_000_000)),
    "text of 200 MB in 200 kB": png(RAMP, (b"zTXt", b"c\0\0" + zlib.compress(b"a" * 200_000_000))),
    "an EXIF entry of 4 GB": jpeg(exif=exif(0xFFFF_FFFF)),
    "an EXIF directory that follows itself": jpeg(exif=circle()),
    "an AVIF of 60,000 x 60,000": heif(b"avif", 60_000, 60_000),
    "a HEIC of 60,000 x 60,000": heif(b"heic", 60_000, 60_000),
    "an AVIF of 2 GB a side": heif(b"avif", 0x7FFF_FFFF, 0x7FFF_FFFF),
    "a PNG of 3 gigapixels in 10 kB": png_that_says(60_000, 50_000),
    "a PNG of 4 billion a side": png_that_says(0xFFFF_FFFF, 0xFFFF_FFFF),
    "a GIF of 65,535 a side": b"GIF89a" + b"\xff" * 4 + b"\0\0\0,\0\0\0\0" + b"\xff" * 4 + b"\0\x08\0;",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_a_picture_or_a_sentence_and_costs_little(name):
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, time.perf_counter()
    opened, said = result_or_sentence(lambda: tc.open_photo(BOMBS[name]))
    assert said.endswith(".") if opened is None else opened.size == (64, 64)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    assert grown < BYTES
    assert time.perf_counter() - began < BUSY * SECONDS


ODD_NAMES = [
    "../../evil.jpg",
    "/etc/passwd",
    "a\0b.jpg",
    "x" * 300 + ".jpg",
    "evil.html",
    "a.svg",
    ".jpg",
    "con.png",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ODD_NAMES, "ünï çødé 🦊.jpg", "'; drop table photos; --.jpg"])
def test_an_upload_of_any_name_is_opened_and_stays_in_its_folder(name, address, upload_folder, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", upload_folder)
    visitor = Visitor(address, 11)
    answer = visitor.client.post("gradio_api/upload", files={"files": (name, jpeg(), "image/jpeg")})
    if answer.status_code != 200:  # a name that HTTP cannot carry
        assert answer.status_code in (400, 422)
        return
    (path,) = answer.json()
    assert Path(path).resolve().is_relative_to(Path(upload_folder).resolve())
    assert "frames" in begin(visitor, path=path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["svg", "a page", "a JPEG with a page in its comment"])
def test_what_was_sent_runs_in_nobody_s_browser(name, address, upload_folder, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", upload_folder)
    visitor, suffix = Visitor(address, 12), "svg" if name == "svg" else "html"
    files = {"files": (f"evil.{suffix}", POLYGLOTS[name], "text/html")}
    (path,) = visitor.client.post("gradio_api/upload", files=files).json()
    got = visitor.client.get(f"gradio_api/file={path}")
    assert got.headers["x-content-type-options"] == "nosniff"
    shown = got.status_code == 200 and not got.headers.get("content-disposition", "").startswith("attachment")
    assert not shown or got.headers["content-type"].split(";")[0] not in ("text/html", "image/svg+xml")


def swap(place: Path) -> None:
    first, second = (place / name for name in FILES)
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)


def truncate(place: Path) -> None:
    name = place / next(iter(FILES))
    name.write_bytes(name.read_bytes()[:-1000])


def pickled(place: Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {place}/opened",)

    (place / next(iter(FILES))).write_bytes(pickle.dumps(Evil()))


def linked_elsewhere(place: Path) -> None:
    name = place / next(iter(FILES))
    name.unlink()
    name.symlink_to("/etc/passwd")


def linked_in_a_circle(place: Path) -> None:
    name = place / next(iter(FILES))
    name.unlink()
    name.symlink_to(name)


def a_pipe(place: Path) -> None:
    """Reading it would wait for ever."""
    name = place / next(iter(FILES))
    name.unlink()
    os.mkfifo(name)


def names_outside(place: Path) -> None:
    sums = place / "SHA256SUMS"
    sums.write_text(sums.read_text().replace(next(iter(FILES)), "../../../../etc/passwd"))


def a_folder(place: Path) -> None:
    name = place / next(iter(FILES))
    name.unlink()
    name.mkdir()


def endless_head(place: Path) -> None:
    """safetensors say first how long their head is: here more than there is."""
    from tokenizer_core.storage.checkpoints import SUMS, sum_of

    name = place / next(iter(FILES))
    name.write_bytes(b"\xff" * 8 + name.read_bytes()[8:])
    lines = [f"{sum_of(place / each)}  {each}" for each in ("config.json", *sorted(FILES))]
    (place / SUMS).write_text("\n".join(lines) + "\n")


SPOILT = [
    swap,
    truncate,
    pickled,
    linked_elsewhere,
    linked_in_a_circle,
    a_pipe,
    names_outside,
    a_folder,
    endless_head,
]


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda one: one.__name__)
def test_a_spoilt_checkpoint_is_a_sentence_and_nothing_of_it_runs(spoil, folder):  # noqa: F811
    began = time.perf_counter()
    spoil(folder)
    sentence_of(folder)
    assert not (folder / "opened").exists()
    assert time.perf_counter() - began < BUSY * SECONDS


def test_a_checkpoint_whose_files_are_links_to_right_ones_loads(folder, tmp_path):  # noqa: F811
    """As a cache of a hub keeps them."""
    store = tmp_path / "blobs"
    shutil.copytree(folder, store)
    for name in FILES:
        (folder / name).unlink()
        (folder / name).symlink_to(store / name)
    assert tc.load("tiny", device="cpu").info.name == "tiny"


INFOS = {info.name: info for info in models(24)}
TEXT = links.text(StandIn(models(24)[0]).encode(tc.draw_picture()).to_bytes())


@given(
    st.one_of(
        st.text(max_size=5000),
        st.binary(max_size=3000).map(lambda data: base64.urlsafe_b64encode(data).decode()),
    )
)
def test_a_link_of_anything_is_a_film_or_a_sentence(text):
    film, said = result_or_sentence(lambda: links.film(text, INFOS))
    assert said.endswith(".") if film is None else film.original is None


@given(st.integers(0, len(TEXT) - 1))
def test_a_link_that_was_cut_short_is_damaged(count):
    with pytest.raises(TokenizerError, match=DAMAGED[:20]):
        links.film(TEXT[:count], INFOS)


@given(st.integers(0, len(TEXT) - 1), st.sampled_from("ABCxyz019-_"))
def test_a_link_with_another_letter_is_damaged_or_the_same(at, letter):
    changed = TEXT[:at] + letter + TEXT[at + 1 :]
    try:
        film = links.film(changed, INFOS)
    except TokenizerError:
        return
    assert film.encoding == links.film(TEXT, INFOS).encoding


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e38])
def test_tokens_that_are_no_numbers_never_become_a_link(number):
    """The bytes of a link have levels, not numbers: none of them can be NaN."""
    encoding = StandIn(models(24)[0]).encode(tc.draw_picture())
    tokens = encoding.tokens.copy()
    tokens[3, 4] = number
    odd = tc.Encoding(tokens, encoding.positions, encoding.checkpoint_id, encoding.model)
    film, said = result_or_sentence(lambda: links.film(links.text(odd.to_bytes()), INFOS))
    if film is None:
        assert said.endswith(".")
    else:
        assert np.isfinite(tc.Encoding.from_bytes(film.encoding).tokens).all()


@pytest.mark.parametrize("letters", [10_000, 1_000_000])
def test_a_link_without_end_is_damaged_at_once(letters):
    began = time.perf_counter()
    with pytest.raises(TokenizerError):
        links.film("A" * letters, INFOS)
    assert time.perf_counter() - began < BUSY


HUGE = 10**40
ENDLESS = [
    {"means": list(range(100_000))},
    {"told": ["x"] * 100_000},
    {"k": HUGE},
    {"seed": HUGE},
    {"steps": -HUGE},
    {"crop": [HUGE, 0, 1]},
    {"crop": [0.5] * 100_000},
    {"tokens": "A" * 3_000_000},
    {"sizes": [HUGE]},
    {"model": "m" * 1_000_000},
    {"what": "w" * 1_000_000},
    {"token": {"deep": [[[[[[]]]]]]}},
]


@pytest.mark.slow
@pytest.mark.parametrize("change", ENDLESS, ids=lambda change: str(next(iter(change))))
def test_an_endless_question_is_a_sentence_and_the_next_one_is_answered(change, address):
    visitor = Visitor(address, 13)
    begin_ask = {"what": "start", "from": "link", "k": 9, "rest": False, "steps": 3, "seed": 0, "tokens": "A"}
    for ask in (begin_ask | change, begin_ask | {"what": None, "token": "x"} | change):
        answer = visitor.ask(ask)
        assert str(answer["error"]).endswith((".", "?")), answer
        assert len(str(answer)) < 500
    assert visitor.ask({"what": "here"}) == {"here": True}


ENDPOINTS = [
    ("decode", ["A" * 3_000_000, 4, 1, 0]),
    ("decode", ["A", HUGE, 1, 0]),
    ("decode", ["A", 4, -HUGE, 0]),
    ("decode", [list(range(100_000)), 4, 1, 0]),
    ("decode", ["A", 4, 1, 0] * 10_000),
    ("encode", [list(range(100_000))]),
    ("spectrum", [{"path": "x" * 100_000, "meta": {"_type": "gradio.FileData"}}]),
    ("attention", [None, HUGE]),
    ("fewest", [None, 1e308]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "values"), ENDPOINTS, ids=lambda one: one if isinstance(one, str) else "")
def test_an_endless_call_of_an_endpoint_is_an_error_and_the_server_goes_on(name, values, address):
    began = httpx.post(f"{address}gradio_api/call/{name}", json={"data": values}, timeout=60)
    if began.status_code == 200:
        told = httpx.get(f"{address}gradio_api/call/{name}/{began.json()['event_id']}", timeout=60).text
        assert "event: error" in told
        assert "Traceback" not in told
    else:
        assert began.status_code in (400, 413, 422), began.text[:200]
    assert Visitor(address, 14).ask({"what": "here"}) == {"here": True}
