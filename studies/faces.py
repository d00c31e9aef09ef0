r"""How many faces of photographs are found again in what a model makes of them, and how far their eyes move.

    python -m studies.faces val-256.zip train-2.zip --out faces.json

takes the middle squares of the photographs that faces.json beside this file lists (people, looked at one by
one); of other archives those that have a face. A face counts that is 60 pixels wide or more in its 256 x 256
square, from ear to ear, and not seen from the side. Each photograph is decoded as samples of `--lengths` and
by the autoencoder alone, which is the ceiling; faces are then found in all. The row "mirrored" shows what the
finder itself loses: the photograph against its mirror image. `--out` has the errors of every face, so that
weights can be compared face by face.

Decoding and finding can be on different machines: `--pictures DIR` decodes, needs no finder where faces.json
lists the photographs, and goes on where it was stopped; `--from DIR` finds. What to install: `face_finder`.
The finder is Python's: 10 ms a picture on one core, and no browser. The other one that brings its weights,
npm's `@vladmandic/face-api`, takes seconds a picture in Chromium, and its landmarks' licence is unclear. What
finds faces is for measuring only and is not shipped. It takes some dogs for people; faces.json lists none.
Neighbours: `face_shares` (the arithmetic), `face_finder` (the networks).
"""

import argparse
import io
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from PIL import Image

import tokenizer_core as tc
from studies.face_finder import SIDE, Face, Finder
from studies.face_shares import LIMITS, LOST, Again, again, clear, errors, mirrored, tables
from tokenizer_core.photos.photoset import photo_files

CHOSEN = Path(__file__).with_name("faces.json")
NARROWEST = 60  # pixels of a face's width in the square
AT_ONCE = 8  # photographs decoded together
ORIGINAL, CEILING, MIRRORED = "original", "autoencoder", "mirrored"
ABOUT = "about.json"
Errors = dict[str, list[float]]  # by kind of picture: of each face


@dataclass(frozen=True)
class About:
    """What a folder of pictures holds: a row of pictures a photograph, each as wide as it is high."""

    model: str
    checkpoint_id: str
    lengths: list[int]
    steps: int
    seed: int
    device: str
    dtype: str
    kinds: list[str]  # of the pictures of a row, from the left


def chosen(path: Path, finder: Finder | None) -> Iterator[tuple[str, tc.Picture]]:
    """(name, middle square) of the photographs to measure: those of faces.json, else those with a face.

    Raises:
        TokenizerError: the archive is not in faces.json, and there is no finder.
    """
    names = json.loads(CHOSEN.read_text("utf-8")).get(path.name)
    finder = (finder or Finder()) if names is None else None
    for name, data in photo_files(path):
        if names is not None and name not in names:
            continue
        square = tc.square_crop(tc.open_photo(io.BytesIO(data)))
        if finder is None or clear(finder.find(square.array), NARROWEST):
            yield name, square


def decode(path: Path, tokenizer: tc.Tokenizer, about: About, folder: Path, limit: int | None) -> None:
    """Write a row of pictures for each photograph of an archive that has none yet."""
    place = folder / path.stem
    place.mkdir(parents=True, exist_ok=True)
    photographs = enumerate(islice(chosen(path, None), limit))
    todo = (
        (file, number, name, square)
        for number, (name, square) in photographs
        if not (file := place / f"{_plain(name)}.webp").exists()
    )
    while batch := list(islice(todo, AT_ONCE)):
        requests = [
            tc.DecodeRequest(
                encoding=tokenizer.encode(square),
                lengths=about.lengths,
                steps=about.steps,
                seed=about.seed + crc32(name.encode()),
            )
            for _, _, name, square in batch
        ]
        for (file, _, _, square), samples in zip(batch, tokenizer.decode_batch(requests), strict=True):
            ceiling = [tokenizer.reconstruct(square)] if CEILING in about.kinds else []
            row = np.concatenate([one.array for one in (square, *ceiling, *samples)], 1)
            part = file.with_suffix(".part")
            Image.fromarray(row).save(part, "WEBP", lossless=True)
            part.replace(file)
        print(f"{path.name}: {batch[-1][1] + 1} photographs decoded", flush=True)


def _plain(name: str) -> str:
    return name.rpartition(".")[0].replace("/", "_")


def pictures(file: Path, kinds: Sequence[str]) -> dict[str, np.ndarray]:
    """The pictures of a row (256, 256, 3) by kind, and the original's mirror image."""
    row = np.asarray(Image.open(file).convert("RGB"))
    found = dict(zip(kinds, np.split(row, len(kinds), 1), strict=True))
    return found | {MIRRORED: np.ascontiguousarray(found[ORIGINAL][:, ::-1])}


def look(file: Path, kinds: Sequence[str], finder: Finder) -> Errors:
    """The eye errors of one photograph's faces in each kind of picture."""
    faces: dict[str, list[Face]] = {kind: finder.find(one) for kind, one in pictures(file, kinds).items()}
    faces[MIRRORED] = [mirrored(face, SIDE) for face in faces[MIRRORED]]
    originals = clear(faces.pop(ORIGINAL), NARROWEST)
    return {kind: errors(originals, found) for kind, found in faces.items()}


def measure(folder: Path, kinds: Sequence[str], finder: Finder) -> dict[str, Errors]:
    """The eye errors by photograph of a folder; those without a face are left out."""
    found = {}
    for number, file in enumerate(sorted(folder.glob("*.webp")), 1):
        row = look(file, kinds, finder)
        if row[MIRRORED]:
            found[file.stem] = row
        if number % 50 == 0:
            print(f"{folder.name}: {number} photographs looked at", flush=True)
    return found


def summary(found: dict[str, Errors], kinds: Sequence[str]) -> dict[str, Any]:
    """What `--out` holds of an archive: the figures, and the error of each face beside its photograph."""
    wanted = [MIRRORED, *(kind for kind in kinds if kind != ORIGINAL)]
    shares = {kind: again([row[kind] for row in found.values()]) for kind in wanted}
    return {
        "photographs": len(found),
        "faces": sum(len(row[MIRRORED]) for row in found.values()),
        "again": {kind: rounded(one) for kind, one in shares.items()},
        "face_of": [name for name, row in found.items() for _ in row[MIRRORED]],
        "errors": {
            kind: [
                None if error == LOST else round(error, 4) for row in found.values() for error in row[kind]
            ]
            for kind in wanted
        },
    }


def rounded(found: Again) -> dict[str, Any]:
    """Plain data with 4 digits after the point."""
    error = found.eye_error
    return {
        "within": [[round(part, 4) for part in share] for share in found.within],
        "eye_error": None if error is None else round(error, 4),
    }


def look_at_all(folder: Path, finder: Finder) -> dict[str, Any]:
    """What `--out` holds, of a folder of pictures."""
    about = json.loads((folder / ABOUT).read_text("utf-8"))
    places = sorted(place for place in folder.iterdir() if place.is_dir())
    found = {place.name: measure(place, about["kinds"], finder) for place in places}
    sets = {name: summary(rows, about["kinds"]) for name, rows in found.items() if rows}
    return {**about, "narrowest": NARROWEST, "limits": LIMITS, "sets": sets}


def write(found: dict[str, Any], path: Path) -> None:
    """As JSON, each list of plain values on one line."""
    text = json.dumps(found, indent=1)
    path.write_text(re.sub(r"\[[^][{}]*\]", lambda plain: " ".join(plain[0].split()), text) + "\n", "utf-8")


def described(options: argparse.Namespace, tokenizer: tc.Tokenizer) -> About:
    """What the pictures will be."""
    info = tokenizer.info
    kinds = [ORIGINAL, *([CEILING] if info.reconstructs else []), *map(str, options.lengths)]
    steps = options.steps or info.default_steps
    made = (info.name, info.checkpoint_id, options.lengths, steps, options.seed)
    return About(*made, tokenizer.device, tokenizer.dtype, kinds)


def decode_all(options: argparse.Namespace, folder: Path) -> None:
    """Decode the photographs of all archives into a folder.

    Raises:
        TokenizerError: the folder holds pictures of other weights or options.
    """
    tokenizer = tc.load(options.model, options.device)
    about = described(options, tokenizer)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / ABOUT
    if page.exists() and json.loads(page.read_text("utf-8")) != asdict(about):
        raise tc.TokenizerError(f"{folder} holds pictures of other weights or options.")
    page.write_text(json.dumps(asdict(about), indent=1) + "\n", "utf-8")
    for path in options.photos:
        decode(path, tokenizer, about, folder, options.limit)


def asked() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("photos", nargs="*", type=Path, metavar="PHOTOS", help="folders, zips or tars")
    parser.add_argument("--model", default="prefix-flow-256")
    parser.add_argument("--limit", type=int, help="photographs with faces an archive")
    parser.add_argument("--lengths", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--steps", type=int, help="of a sample; the model's default")
    parser.add_argument("--seed", type=int, default=0, help="a photograph adds the CRC-32 of its name")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="figures and errors as JSON")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--pictures", type=Path, metavar="DIR", help="only decode, into this folder")
    where.add_argument("--from", type=Path, dest="folder", metavar="DIR", help="only find, in this folder")
    return parser.parse_args()


def main() -> None:
    """Decode, find, and print the tables."""
    options = asked()
    if options.pictures:
        decode_all(options, options.pictures)
        return
    finder = Finder()
    with tempfile.TemporaryDirectory() as place:
        folder = options.folder or Path(place)
        if not options.folder:
            decode_all(options, folder)
        found = look_at_all(folder, finder)
    print(tables(found))
    if options.out:
        write(found, options.out)


if __name__ == "__main__":
    main()
