"""Does anything that a stranger can send end in other than a picture, a code or one sentence?

`make fuzz` runs each target for SECONDS (atheris, guided by coverage) and stops at the first input that ends
in a traceback, takes over 5 seconds of the processor (or 60 of the clock), or makes the process grow by over
0.5 GB; that input is left in runs/fuzz. What is found interesting goes to a corpus, which begins with the
small one beside this. A long run is several processes, one after the other: atheris itself keeps some 36
bytes an input (0.5 GB in nine minutes of the quickest target), and the target none.

    python -m studies.fuzz open_photo --seconds 600
    python -m studies.fuzz photo_set | encoding | links
"""

import argparse
import base64
import contextlib
import io
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch  # noqa: F401  loaded before anything is watched: it is large and not what is looked at

try:
    import atheris
except ImportError:
    atheris = None

WATCHED = [
    "PIL",
    "pillow_heif",
    "tokenizer_core.photos",
    "tokenizer_core.codes",
    "demo.links",
    "tarfile",
    "zipfile",
]
with atheris.instrument_imports(include=WATCHED) if atheris else contextlib.nullcontext():
    import pillow_heif
    from PIL import Image

    import tokenizer_core as tc
    from demo import links
    from tokenizer_core.photos.photoset import photo_files

HERE = Path(__file__).parent
LONGEST = 16_384  # bytes of one input
GROWTH = 500  # MB
SLICE = 240  # seconds of one process


def whole_png(data: bytes) -> bytes:
    """A PNG whose checksums are right again, so that what lies behind them is reached."""
    place, parts = 8, [data[:8]]
    while place + 12 <= len(data):
        (size,) = struct.unpack(">I", data[place : place + 4])
        body = data[place + 4 : place + 8 + size]
        parts.append(data[place : place + 4] + body + struct.pack(">I", zlib.crc32(body)))
        place += 12 + size
    return b"".join(parts) + data[place:]


def whole_code(data: bytes) -> bytes:
    """Packed tokens whose checksum is right again."""
    body = data[8:]
    return data[:4] + struct.pack("<I", zlib.crc32(body if data[:4] == b"TKD2" else data[:4] + body)) + body


def try_photo(data: bytes) -> None:
    """A picture or a sentence."""
    for bytes_ in {data, whole_png(data) if data[:4] == b"\x89PNG" else data}:
        try:
            photo = tc.open_photo(bytes_)
        except tc.TokenizerError as error:
            check_sentence(error)
        else:
            assert photo.mode == "RGB"
            assert not photo.info
            tc.square_crop(photo, 16)


def try_photo_set(data: bytes) -> None:
    """Photographs of an archive, and a sentence for each that is left out."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive"
        path.write_bytes(data)
        damaged = []
        try:
            for _name, content in photo_files(path, limit=50, damaged=damaged):
                assert content
        except tc.TokenizerError as error:
            check_sentence(error)
        for _name, sentence in damaged:
            check_sentence(sentence)


def try_encoding(data: bytes) -> None:
    """A code that packs to the same bytes again, or a sentence."""
    for bytes_ in (data, whole_code(data)):
        try:
            encoding = tc.Encoding.from_bytes(bytes_)
        except tc.TokenizerError as error:
            check_sentence(error)
        else:
            assert tc.Encoding.from_bytes(encoding.to_bytes()).to_bytes() == encoding.to_bytes()


def try_links(data: bytes) -> None:
    """A film or a sentence."""
    infos = {info.name: info for info in tc.catalog()}
    for text in (data.decode("utf-8", "replace"), base64.urlsafe_b64encode(whole_code(data)).decode()):
        try:
            links.film(text, infos)
        except tc.TokenizerError as error:
            check_sentence(error)


def check_sentence(error: object) -> None:
    """One line, of words, without a path."""
    text = str(error)
    assert text.endswith((".", "!")), text
    assert text.isprintable(), text
    assert "/tmp" not in text, text


def photos() -> list[bytes]:
    """One small picture of each format and mode."""
    pillow_heif.register_heif_opener()
    levels = np.random.default_rng(0).integers(0, 256, (12, 16, 4)).astype(np.uint8)
    plain, clear = Image.fromarray(levels[..., :3]), Image.fromarray(levels)
    deep = Image.fromarray(levels[..., 0].astype(np.uint16) * 257)
    found = []
    kinds = [(plain, kind, {}) for kind in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "HEIF")]
    kinds += [(clear, kind, {}) for kind in ("PNG", "WEBP", "TIFF")] + [(deep, "PNG", {}), (deep, "TIFF", {})]
    kinds += [(plain, "TIFF", {"compression": how}) for how in ("tiff_lzw", "tiff_adobe_deflate", "jpeg")]
    kinds += [(plain, "JPEG", {"progressive": True}), (plain.convert("CMYK"), "JPEG", {})]
    kinds += [(plain.convert("P"), "PNG", {"transparency": 3}), (plain.convert("1"), "BMP", {})]
    kinds += [(plain, "GIF", {"save_all": True, "append_images": [plain]})]
    for photo, kind, options in kinds:
        file = io.BytesIO()
        photo.save(file, kind, **options)
        found.append(file.getvalue())
    return found


def archives() -> list[bytes]:
    """A small zip and a tar of each kind."""
    import tarfile
    import zipfile

    found, photo = [], photos()[0]
    for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", how) as archive:
            archive.writestr("a.jpg", photo)
            archive.writestr("sub/b.jpg", photo)
        found.append(file.getvalue())
    for packing in ("", "gz", "bz2", "xz"):
        for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            file = io.BytesIO()
            with tarfile.open(fileobj=file, mode=f"w:{packing}", format=form) as archive:
                for name in ("a.jpg", "é" * 60 + ".jpg"):
                    entry = tarfile.TarInfo(name)
                    entry.size = len(photo)
                    archive.addfile(entry, io.BytesIO(photo))
            found.append(file.getvalue())
    return found


def codes() -> list[bytes]:
    """Packed tokens of the smallest bundled model, whole and short."""
    name = "pca"
    encoding = tc.load(name).encode(Image.fromarray(np.zeros((16, 16, 3), np.uint8)))
    return [encoding.to_bytes(), encoding.prefix(3).to_bytes(), encoding.prefix(0).to_bytes()]


TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], list[bytes]]]] = {
    "open_photo": (try_photo, photos),
    "photo_set": (try_photo_set, archives),
    "encoding": (try_encoding, codes),
    "links": (try_links, codes),
}


def run_slices(target: str, seconds: int, corpus: Path) -> None:
    """Run a target in one process after the other; the first that finds something ends it."""
    for begin in range(0, seconds, SLICE):
        words = [target, "--seconds", str(min(SLICE, seconds - begin)), "--corpus", str(corpus)]
        done = subprocess.run([sys.executable, "-m", "studies.fuzz", *words], check=False)
        if done.returncode:
            sys.exit(done.returncode)


def main() -> None:
    """Run one target; the exit status is not 0 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=600, help="how long (600)")
    parser.add_argument("--corpus", type=Path, help="folder that what is found interesting is added to")
    options = parser.parse_args()
    if atheris is None:
        sys.exit("Fuzzing needs atheris: pip install atheris (Linux, or macOS with its own clang).")
    corpus = options.corpus or Path("runs/fuzz") / options.target
    if options.seconds > SLICE:
        run_slices(options.target, options.seconds, corpus)
        return
    once, seeds = TARGETS[options.target]
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(data)
        once(data)  # what a target loads for the first time is not growth
    for kept in (HERE / "fuzz_corpus" / options.target).glob("*"):
        shutil.copy(kept, corpus)
    status = Path("/proc/self/status").read_text().splitlines()
    used = next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))
    found = corpus.parent
    limits = [
        f"-artifact_prefix={found}/",
        f"-max_total_time={options.seconds}",
        "-timeout=60",
        f"-rss_limit_mb={used + GROWTH}",
    ]

    def timed(data: bytes) -> None:
        began = time.process_time()
        once(data)
        spent = time.process_time() - began
        assert spent < 5, f"{spent:.1f} seconds"

    atheris.Setup([sys.argv[0], *limits, f"-max_len={LONGEST}", str(corpus)], timed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
