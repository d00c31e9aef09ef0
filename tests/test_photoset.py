"""Folders, zips and tars: every photograph once, and what cannot be read in one sentence with its name."""

import io
import os
import resource
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.drawn import saved
from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos import names
from tokenizer_core.photos.files import MAX_BYTES, formats
from tokenizer_core.photos.photoset import iter_photos, load_crops, load_photos, photo_files

PHOTO = saved(Image.effect_noise((60, 40), 50), "JPEG")
CUT_PHOTO = PHOTO[: len(PHOTO) // 2]
BOMB = bytes(MAX_BYTES + 1)


def zipped(path: Path, *members: tuple[str, bytes], how: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, how)
    return path


def tarred(path: Path, *members: tuple[str, bytes], packing: str = "") -> Path:
    with tarfile.open(path, f"w:{packing}") as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def flipped(path: Path, place: int, value: int = 0xFF) -> Path:
    data = bytearray(path.read_bytes())
    data[place] ^= value
    path.write_bytes(bytes(data))
    return path


def cut(path: Path, left: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * left)])
    return path


def encrypted(path: Path) -> Path:
    """Say of every member that it is encrypted."""
    data = bytearray(zipped(path, ("a.jpg", PHOTO), ("b.jpg", PHOTO)).read_bytes())
    for head, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(head)
        while start >= 0:
            data[start + place] |= 1
            start = data.find(head, start + 1)
    path.write_bytes(bytes(data))
    return path


def packed_by(path: Path, method: int) -> Path:
    data = bytearray(zipped(path, ("a.jpg", PHOTO)).read_bytes())
    struct.pack_into("<H", data, 8, method)
    struct.pack_into("<H", data, data.find(b"PK\x01\x02") + 10, method)
    path.write_bytes(bytes(data))
    return path


def leads_back(path: Path) -> Path:
    """A tar whose second member has a size below zero."""
    tarred(path, ("a.jpg", PHOTO), ("b.jpg", PHOTO))
    data = bytearray(path.read_bytes())
    start = 512 + -(-len(PHOTO) // 512) * 512
    data[start + 124 : start + 136] = b"\xff" * 11 + b"\x00"
    data[start + 148 : start + 156] = b" " * 8
    data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    path.write_bytes(bytes(data))
    return path


def huge_header(path: Path) -> Path:
    """A tar that says its next header is 6 GB."""
    entry = tarfile.TarInfo("paxheader")
    entry.type, entry.size = tarfile.XHDTYPE, 6 << 30
    with path.open("wb") as file:
        file.write(entry.tobuf(tarfile.GNU_FORMAT))
        file.truncate(7 << 30)
    return path


def second_broken(path: Path) -> Path:
    tarred(path, ("a.jpg", PHOTO), ("b.jpg", PHOTO))
    return flipped(path, 512 + -(-len(PHOTO) // 512) * 512 + 150)


def list_broken(path: Path) -> Path:
    zipped(path, ("a.jpg", PHOTO))
    return flipped(path, path.read_bytes().find(b"PK\x01\x02"))


def two(path: Path, packing: str = "") -> Path:
    return tarred(path, ("a.jpg", PHOTO), ("b.jpg", PHOTO), packing=packing)


AB = (("a.jpg", PHOTO), ("b.jpg", PHOTO))
# How to make it, the sentence, and the names of what can still be read.
BROKEN: dict[str, tuple[Callable[[Path], Path], str, list[str]]] = {
    "bad crc": (
        lambda top: flipped(zipped(top / "x.zip", *AB), 500),
        r"^a\.jpg: This file cannot be read: it is damaged, its checksum is wrong\.$",
        ["b.jpg"],
    ),
    "encrypted": (
        lambda top: encrypted(top / "x.zip"),
        r"^a\.jpg: This file cannot be read: it is encrypted\.$",
        [],
    ),
    "unknown packing": (
        lambda top: packed_by(top / "x.zip", 97),
        r"^a\.jpg: This file cannot be read: it is packed by a method that is not known here\.$",
        [],
    ),
    "cut zip": (
        lambda top: cut(zipped(top / "x.zip", *AB), 0.5),
        r"^x\.zip cannot be read: it is damaged or cut off\.$",
        [],
    ),
    "zip with a damaged list": (
        lambda top: list_broken(top / "x.zip"),
        r"^x\.zip cannot be read: it is damaged or cut off\.$",
        [],
    ),
    "damaged deflate": (
        lambda top: flipped(zipped(top / "x.zip", *AB, how=zipfile.ZIP_DEFLATED), 60),
        r"^a\.jpg: This file cannot be read: it is damaged",
        ["b.jpg"],
    ),
    "damaged lzma": (
        lambda top: flipped(zipped(top / "x.zip", *AB, how=zipfile.ZIP_LZMA), 60),
        r"^a\.jpg: This file cannot be read: it is damaged",
        ["b.jpg"],
    ),
    "damaged bzip2": (
        lambda top: flipped(zipped(top / "x.zip", *AB, how=zipfile.ZIP_BZIP2), 60),
        r"^a\.jpg: This file cannot be read: it is damaged",
        ["b.jpg"],
    ),
    "bomb": (
        lambda top: zipped(top / "x.zip", ("a.jpg", BOMB), ("b.jpg", PHOTO), how=zipfile.ZIP_DEFLATED),
        r"^a\.jpg: This file is larger than 20 MB; please use a smaller one\.$",
        ["b.jpg"],
    ),
    "empty member": (
        lambda top: zipped(top / "x.zip", ("a.jpg", b""), ("b.jpg", PHOTO)),
        r"^a\.jpg: This file is empty\.$",
        ["b.jpg"],
    ),
    "cut tar": (
        lambda top: cut(two(top / "x.tar"), 0.15),
        r"^x\.tar: Only a part of this archive can be read: it is damaged or cut off\.$",
        [],
    ),
    "cut tar.gz": (
        lambda top: cut(two(top / "x.tar.gz", "gz"), 0.6),
        r"^x\.tar\.gz: Only a part of this archive can be read: it is damaged or cut off\.$",
        [],
    ),
    "cut tar.xz": (
        lambda top: cut(two(top / "x.tar.xz", "xz"), 0.6),
        r"^x\.tar\.xz.* can be read: it is damaged or cut off\.$",
        [],
    ),
    "damaged tar.bz2": (
        lambda top: flipped(two(top / "x.tar.bz2", "bz2"), 100),
        r"^x\.tar\.bz2.* be read: it is damaged or cut off\.$",
        [],
    ),
    "tar with a damaged header": (
        lambda top: second_broken(top / "x.tar"),
        r"^x\.tar: Only a part of this archive can be read: it is damaged or cut off\.$",
        ["a.jpg"],
    ),
    "tar that leads back": (
        lambda top: leads_back(top / "x.tar"),
        r"^x\.tar: Only a part of this archive can be read: it is damaged or cut off\.$",
        ["a.jpg"],
    ),
    "tar with a huge header": (
        lambda top: huge_header(top / "x.tar"),
        r"^x\.tar cannot be read: it is damaged or cut off\.$",
        [],
    ),
    "damaged photo": (
        lambda top: tarred(top / "x.tar", ("a.jpg", CUT_PHOTO), ("b.jpg", PHOTO)),
        r"^a\.jpg: This picture is damaged or cut off; it cannot be decoded\.$",
        ["b.jpg"],
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_one_sentence_and_the_rest(kind: str, tmp_path: Path) -> None:
    make, sentence, left = BROKEN[kind]
    path = make(tmp_path)
    with pytest.raises(TokenizerError, match=sentence) as caught:
        list(iter_photos(path))
    assert str(tmp_path) not in str(caught.value)
    damaged = []
    try:
        names = [name for name, _ in iter_photos(path, damaged=damaged)]
    except TokenizerError as error:  # nothing is left
        names = []
        assert str(error).endswith(".")  # noqa: PT017
    assert names == left
    assert len(damaged) == 1 or not left


def test_nothing_is_read_of_what_is_too_large(tmp_path: Path) -> None:
    for name in ("a.tif", "b.jpg"):
        (tmp_path / name).touch()
    os.truncate(tmp_path / "a.tif", 6 << 30)
    (tmp_path / "b.jpg").write_bytes(PHOTO)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    damaged = []
    assert [name for name, _ in iter_photos(tmp_path, damaged=damaged)] == ["b.jpg"]
    assert damaged == [("a.tif", "This file is larger than 20 MB; please use a smaller one.")]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_reading_stops_at_the_limit_whatever_a_zip_says(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", ("a.png", bytes(100 << 20)), how=zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    for head, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.find(head) + place, 1000)
    path.write_bytes(bytes(data))
    with pytest.raises(TokenizerError, match=r"^a\.png: This (file cannot be read|picture)"):
        list(iter_photos(path))


@pytest.mark.parametrize("archive", [zipped, tarred])
def test_a_name_that_is_there_twice(archive: Callable[..., Path], tmp_path: Path) -> None:
    other = saved(Image.effect_noise((50, 70), 50), "JPEG")
    path = archive(tmp_path / "archive", ("a.jpg", PHOTO), ("b.jpg", PHOTO), ("a.jpg", other))
    assert sorted(photo.size for _, photo in iter_photos(path)) == [(50, 70), (60, 40), (60, 40)]


def test_a_name_of_no_letters(tmp_path: Path) -> None:
    data = zipped(tmp_path / "x.zip", ("", PHOTO), ("b.jpg", PHOTO))
    assert [name for name, _ in photo_files(data)] == ["b.jpg"]


def test_folders_and_links_in_a_zip_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("trip.jpg/", "")
        archive.writestr("trip.jpg/0.jpg", PHOTO)
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "trip.jpg/0.jpg")
        archive.writestr("__MACOSX/trip.jpg/._0.jpg", b"no photo")
    assert [name for name, _ in photo_files(path)] == ["trip.jpg/0.jpg"]


@pytest.mark.parametrize("suffix", sorted(names.SUFFIXES))
def test_every_suffix_that_an_upload_may_have(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"a{suffix.upper()}").write_bytes(PHOTO)
    assert [photo.size for _, photo in iter_photos(tmp_path)] == [(60, 40)]


KINDS = {kind: saved(Image.effect_noise((60, 40), 50).convert("RGB"), kind) for kind in formats()}
UNNAMED = ("photo.dat", "sub/photo", "sub/shot 10.15.30")
BESIDE = {
    "notes.txt": b"BM, said the tape",
    "table.csv": b"a,b\n",
    "list": b"BM and nothing else that a bitmap begins with",
    "labels.json": b"{}",
    "photo.txt": PHOTO,
    "clip.mp4": b"\0\0\0\x18ftypmp42" + bytes(40),
    "sound.dat": b"RIFF\0\0\0\0WAVE" + bytes(40),
    "raw.cr2": KINDS["TIFF"],
    "raw.NEF": KINDS["TIFF"],
    "weights.npy": b"\x93NUMPY" + bytes(40),
    "empty": b"",
    "half.jpg.crdownload": CUT_PHOTO,
    "a.jpg.bak": PHOTO,
    "a.jpg~": PHOTO,
    ".hidden": PHOTO,
    "Thumbs.db": bytes(9),
    "odd.zip": b"PK\x03\x04",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("packed", ["folder", "zip", "tar", "gz"])
def test_a_photograph_is_one_whatever_its_name_and_what_lies_beside_it_is_none(
    kind: str, packed: str, tmp_path: Path
) -> None:
    wanted = ["photo.dat", "sub/photo", "sub/shot 10.15.30"] if kind != "TIFF" else []
    files = [
        *BESIDE.items(),
        *((name, KINDS[kind]) for name in ("photo.dat", "sub/photo", "sub/shot 10.15.30")),
    ]
    files.append(("z.jpg", PHOTO))
    if packed == "folder":
        path = tmp_path / "photos"
        for name, content in files:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    elif packed == "zip":
        path = zipped(tmp_path / "photos.zip", *files, how=zipfile.ZIP_DEFLATED)
    else:
        path = tarred(tmp_path / "photos.tar", *files, packing="gz" if packed == "gz" else "")
    assert [name for name, _ in photo_files(path)] == [*wanted, "z.jpg"]
    assert [photo.size for _, photo in iter_photos(path)] == [(60, 40)] * (len(wanted) + 1)


@pytest.mark.parametrize("name", ["photo", "photo.dat", "photo.2"])
def test_a_photograph_alone_may_have_any_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(PHOTO)
    assert [each for each, _ in iter_photos(tmp_path / name)] == [name]


def test_what_a_folder_may_hold(tmp_path: Path) -> None:
    (tmp_path / "sub.jpg").mkdir()
    (tmp_path / "sub.jpg/a.jpg").write_bytes(PHOTO)
    (tmp_path / "sub.jpg/round").symlink_to(tmp_path)
    (tmp_path / "good.png").symlink_to("sub.jpg/a.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "notes.txt").write_text("none")
    os.mkfifo(tmp_path / "pipe.jpg")
    damaged = []
    assert [name for name, _ in iter_photos(tmp_path, damaged=damaged)] == ["good.png", "sub.jpg/a.jpg"]
    assert [name for name, _ in damaged] == ["gone.jpg", "self.jpg"]
    with pytest.raises(TokenizerError, match=r"^gone\.jpg: This file cannot be read: no such file"):
        list(iter_photos(tmp_path))


def test_what_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a.jpg", "b.jpg", "sub/c.jpg"):
        (tmp_path / name).write_bytes(PHOTO)
    scan, read = os.scandir, Path.open

    def scandir(path: Path) -> object:
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    def opened(path: Path, *how: object, **options: object) -> object:
        if path.name == "a.jpg":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, *how, **options)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(Path, "open", opened)
    damaged = []
    assert [name for name, _ in iter_photos(tmp_path, damaged=damaged)] == ["b.jpg"]
    assert damaged == [
        ("a.jpg", "This file cannot be read: permission denied."),
        ("sub", "This folder cannot be read: permission denied."),
    ]
    with pytest.raises(TokenizerError, match=r"^a\.jpg: This file cannot be read: permission denied\.$"):
        list(iter_photos(tmp_path))


def test_a_name_cannot_break_a_sentence(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", ("a\n\x1b[2J" + "b" * 500 + ".jpg", CUT_PHOTO))
    with pytest.raises(TokenizerError) as caught:
        list(iter_photos(path))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("limit", [0, 1, 2, None])
def test_the_limit_counts_what_is_given(limit: int | None, tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "x.zip", ("a.jpg", CUT_PHOTO), ("b.jpg", PHOTO), ("c.jpg", PHOTO), ("d.jpg", PHOTO)
    )
    names = [name for name, _ in iter_photos(path, limit, damaged=[])]
    assert names == ["b.jpg", "c.jpg", "d.jpg"][:limit]


@pytest.mark.parametrize("workers", [1, 2])
def test_crops_of_what_can_be_opened(workers: int, tmp_path: Path) -> None:
    members = [(f"{i}.jpg", CUT_PHOTO if i == 3 else PHOTO) for i in range(6)]
    path = zipped(tmp_path / "x.zip", *members)
    damaged = []
    crops = load_crops(path, 32, None, workers, damaged=damaged)
    assert crops.shape == (10, 32, 32, 3)
    assert [name for name, _ in damaged] == ["3.jpg"]
    with pytest.raises(TokenizerError, match=r"^3\.jpg: This picture is damaged"):
        load_crops(path, 32, None, workers)
    np.testing.assert_array_equal(crops[:2], crops[2:4])


def test_of_a_share_what_is_left_out_keeps_its_place(tmp_path: Path) -> None:
    """Ranks number the crops of a source in common, so none may lose a place that the others count."""
    path = zipped(tmp_path / "x.zip", *((f"{i}.jpg", b"" if i == 2 else PHOTO) for i in range(6)))
    shares = [load_photos(path, 32, None, 1, share=(rank, 2), damaged=[]) for rank in (0, 1)]
    assert [list(map(len, share)) for share in shares] == [[2, 0, 2], [2, 2, 2]]


def test_nothing_there(tmp_path: Path) -> None:
    for path, sentence in (
        (tmp_path, "holds no photographs"),
        (tmp_path / "gone", "There is no folder or archive named gone"),
        (tmp_path / "zero\0byte", "There is no folder or archive"),
        (zipped(tmp_path / "empty.zip"), r"empty\.zip holds no photographs"),
        (tarred(tmp_path / "empty.tar"), r"empty\.tar holds no photographs"),
    ):
        with pytest.raises(TokenizerError, match=sentence):
            list(photo_files(path))
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(TokenizerError, match="neither a folder nor a zip, a tar or a photograph"):
        list(photo_files(tmp_path / "notes.txt"))
