"""Opening a photo: what it needs, and that photos which open at once share one limit."""

import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from tests.drawn import cicp, png
from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos import memory
from tokenizer_core.photos.memory import MemoryBudget
from tokenizer_core.photos.photo import open_photo

PROGRAM = """
import pathlib, sys, time
import PIL.ImageCms
import tokenizer_core as tc
from tokenizer_core.photos.files import formats
formats()
def memory(key):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))
start = memory("VmRSS")
for path in sys.argv[1:]:
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    began = time.process_time()
    try:
        size = tc.open_photo(path).size
    except tc.TokenizerError as error:
        size = str(error)
    print(memory("VmHWM") - start, time.process_time() - began, size, sep="\t")
"""
SMALL, LARGEST = (3000, 2000), (7745, 7746)


def opened_alone(files: dict[str, bytes], folder: Path) -> dict[str, tuple[int, float, str]]:
    """Of each file: bytes that a process grows by while it opens it, seconds of its processor, the size."""
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("the peak of a process's memory can be set back on Linux only")
    for number, data in enumerate(files.values()):
        (folder / str(number)).write_bytes(data)
    program = [sys.executable, "-c", PROGRAM, *(str(folder / str(number)) for number in range(len(files)))]
    # What was freed goes back at once.
    settings = {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "1000000"}
    lines = subprocess.check_output(program, env=os.environ | settings, text=True).splitlines()
    told = [line.split("\t") for line in lines]
    return {
        kind: (int(used), float(spent), size) for kind, (used, spent, size) in zip(files, told, strict=True)
    }


def slopes(size: tuple[int, int]) -> np.ndarray:
    """Levels that pack well: (H, W) uint8."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    return ((x // 8 + y // 8) % 256).astype(np.uint8)


def drawn(kind: str, size: tuple[int, int]) -> bytes:
    """A photo of that kind, mostly of a file that is small."""
    grey = Image.fromarray(slopes(size))
    file = io.BytesIO()
    if kind == "HDR PNG":
        return png(np.asarray(Image.merge("RGB", [grey] * 3)), cicp(9, 16))
    if kind == "16-bit PNG":
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(file, "PNG", compress_level=1)
    elif kind.startswith("PNG"):
        photo = Image.merge("RGBA" if "RGBA" in kind else "RGB", [grey] * (4 if "RGBA" in kind else 3))
        exif = Image.Exif()
        exif[0x0112] = 6
        photo.save(file, "PNG", compress_level=1, exif=exif)
    elif kind.endswith("TIFF"):
        types = {"float TIFF": np.float32, "32-bit TIFF": np.int32, "16-bit TIFF": np.uint16}
        Image.fromarray(np.asarray(grey).astype(types[kind])).save(
            file, "TIFF", compression="tiff_adobe_deflate"
        )
    elif kind == "GIF":
        grey.save(file, "GIF", transparency=3)
    else:
        options = {"AVIF": {"speed": 10}, "WEBP": {"method": 0}}.get(kind, {})
        Image.merge("RGB", [grey] * 3).save(file, kind, quality=20, **options)
    return file.getvalue()


KINDS = ["PNG", "PNG, RGBA", "16-bit PNG", "HDR PNG", "GIF", "float TIFF", "32-bit TIFF", "16-bit TIFF"]
KINDS += ["JPEG", "WEBP", "AVIF", "HEIF"]


def has_a_reader(kind: str) -> bool:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    return kind != "AVIF" or features.check("avif")


@pytest.fixture(scope="module")
def small_ones(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, float, str]]:
    kinds = [kind for kind in KINDS if has_a_reader(kind)]
    return opened_alone({kind: drawn(kind, SMALL) for kind in kinds}, tmp_path_factory.mktemp("photos"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_of_6_megapixels_needs_little(kind: str, small_ones: dict) -> None:
    if kind not in small_ones:
        pytest.skip("this format cannot be opened here")
    used, seconds, size = small_ones[kind]
    assert size.startswith("(")
    # 8.3 bytes a pixel are 0.5 GB at 60 megapixels, which no WebP may have. Of small photos the strips count.
    assert used < (12 if kind == "WEBP" else 8.3) * SMALL[0] * SMALL[1] + 30e6
    assert seconds < 1


@pytest.mark.slow
def test_the_largest_photo_needs_less_than_half_a_gigabyte_and_4_seconds(tmp_path: Path) -> None:
    ((used, seconds, size),) = opened_alone({"": drawn("16-bit PNG", LARGEST)}, tmp_path).values()
    assert size == "(7745, 7746)"
    assert used < 0.5e9
    assert seconds < 4


def test_a_kind_that_needs_too_much_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    Image.new("RGB", (400, 300)).save(file, "WEBP")
    monkeypatch.setattr("tokenizer_core.photos.photo.MOST", 1_200_000)
    with pytest.raises(TokenizerError, match=r"needs too much memory .* may have 0 megapixels\.$"):
        open_photo(file.getvalue())
    assert open_photo(drawn("PNG", (400, 300))).size == (300, 400)


def test_a_large_webp_and_avif_are_the_same_as_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("WEBP", "AVIF"):
        if not has_a_reader(kind):
            continue
        for mode in ("RGB", "RGBA"):
            file = io.BytesIO()
            Image.effect_noise((90, 60), 60).convert(mode).save(file, kind, quality=60)
            usual = open_photo(file.getvalue())
            monkeypatch.setattr("tokenizer_core.photos.files.LARGE", 0)
            assert open_photo(file.getvalue()).tobytes() == usual.tobytes()
            monkeypatch.undo()


@pytest.mark.parametrize("turn", [1, *range(2, 9)])
def test_strips_are_put_together_as_a_whole_is(turn: int, monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    file = io.BytesIO()
    Image.effect_noise((37, 23), 90).convert("RGBA").save(file, "PNG", exif=exif)
    whole = open_photo(file.getvalue())
    monkeypatch.setattr("tokenizer_core.photos.colours.STRIP", 37 * 4)
    assert open_photo(file.getvalue()).tobytes() == whole.tobytes()


def wait_for(condition: object) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def test_photos_share_one_limit_and_wait_in_line() -> None:
    budget, order = MemoryBudget(100), []
    leave = {name: threading.Event() for name in "abcd"}

    def visit(name: str, amount: int) -> None:
        with budget.hold(amount):
            order.append(name)
            leave[name].wait(10)

    threads = []
    for name, amount in (("a", 60), ("b", 70), ("c", 30), ("d", 999)):
        threads.append(threading.Thread(target=visit, args=(name, amount)))
        threads[-1].start()
        wait_for(lambda: len(order) + len(budget._line) == len(threads))
    assert order == ["a"], "there is enough for c, but b came first"
    leave["a"].set()
    wait_for(lambda: order == ["a", "b", "c"])
    assert budget.used == 100
    leave["b"].set()
    leave["c"].set()
    wait_for(lambda: order == ["a", "b", "c", "d"])
    assert budget.used == 100, "what needs more than all gets in alone"
    leave["d"].set()
    for thread in threads:
        thread.join()
    assert budget.used == 0


def test_opening_takes_and_gives_back_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    hold = memory.opening.hold
    monkeypatch.setattr(memory.opening, "hold", lambda amount: (asked.append(amount), hold(amount))[1])
    open_photo(drawn("PNG", (400, 300)))
    assert 6 * 120_000 <= asked[0] <= 12 * 120_000
    with pytest.raises(TokenizerError):
        open_photo(drawn("PNG", (400, 300))[:-900])
    assert len(asked) == 2
    assert memory.opening.used == 0
