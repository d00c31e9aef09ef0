"""Make the examples' caches with a bundled model.

    python -m studies.build_examples --control runs/control
    python -m studies.build_examples --model alit-256

Beside what a film holds of itself they have what the page would ask for (maps of a few layers, what a
classifier sees), and the spectra of the control's means.
"""

import argparse
import gzip
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np

import tokenizer_core as tc
from demo import examples, views
from demo.film import Film, b64, ladder, take_of
from demo.inspections import look
from demo.studio import Studio
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer
from tokenizer_core.reports.evaluate import packed_pictures
from tokenizer_core.storage.checkpoints import read_checkpoint


def pack(film: Film) -> bytes:
    """All of a film as a cache: one answer to the page, compressed."""
    rows = [[take.mode, k, *row] for take, reel in film.reels.items() for k, row in sorted(reel.items())]
    whole = {"start": film.start(), "frames": rows, "told": film.told}
    return gzip.compress(json.dumps(whole).encode(), mtime=0)


def guesses(studio: Studio, film: Film) -> dict[str, Any]:
    """What the page asks for with `views.guess`, of both reels."""
    found = {take.mode: views.guess(views.Ask(studio, film, 0, take, 0, take.mode)) for take in film.reels}
    told = {what: {mode: one[what] for mode, one in found.items()} for what in ("guess", "agreement")}
    told["guess"]["photo"] = found["mean"]["photo"]
    return told


def layers(studio: Studio, film: Film) -> list[list]:
    """Maps of a few layers, [name, maps, mass]; the first are those that the film has anyway."""
    tokenizer, info = studio.loading(film.info.name).result(), film.info
    encoding = tokenizer.encode(film.original)
    count = info.layers("read")
    found = [[f"read, layer {count // 2 + 1} of {count}", None, None]]
    for one in info.attention:
        direction, count = one.direction, one.layers
        for layer in (0, count - 1):
            maps, mass = look(tokenizer, encoding, direction, layer)
            levels = np.frombuffer(b64decode(maps), np.uint8)
            coarse = (levels / 17).round().astype(np.uint8) * 17  # 16 grey levels: half the file
            found.append([f"{direction}, layer {layer + 1} of {count}", b64(coarse.tobytes()), mass])
    return found


def spectra(control: Tokenizer, film: Film) -> dict[int, str]:
    """Log power of the control's means, as a frame has it: of first tokens, though it was trained on all."""
    found = packed_pictures(control, film.original, ladder(control.info.lengths), (1,))
    return {k: b64(film.levels(tc.power_spectrum(picture))) for (_, k), picture in found}


def build(
    studio: Studio,
    folder: Path = examples.FOLDER,
    control: Tokenizer | None = None,
    info: tc.ModelInfo | None = None,
) -> None:
    """Encode each example once, decode the ladder in all modes, and write `<name>.json.gz`.

    Rounds are counted in single tokens: a model that has no code of so few has none. Nor are its layers kept:
    it has maps of its own for each code.
    """
    info = info or studio.default
    folder.mkdir(exist_ok=True)
    for about in examples.EXAMPLES:
        if not info.ordered and about.name.startswith("round"):
            continue
        photo = tc.open_photo(about.photo)
        film = Film(photo, info, credit=about.credit, example=about.name, token=about.name)
        for mode in info.modes[:2]:  # what a film has reels for
            studio.develop(film, take_of(info, mode), ladder(info.lengths))
        studio.find_maps(film)
        film.tell(studio.rivals(film.original, info) | guesses(studio, film))
        if info.ordered:
            film.tell({"layers": layers(studio, film)})
        if control:
            film.tell({"control": spectra(control, film)})
        (folder / f"{about.name}.json.gz").write_bytes(pack(film))


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--control", type=Path, help="the control's checkpoint (studies/control_sheet.py)")
    parser.add_argument("--model", help="another one than the first; its caches have a folder of its name")
    args = parser.parse_args()
    control = FlowTokenizer.from_checkpoint(read_checkpoint(args.control), "cpu") if args.control else None
    studio = Studio(tc.load, tc.catalog())
    info = studio.info(args.model or studio.default.name)
    folder = examples.FOLDER if info == studio.default else examples.FOLDER / info.name
    build(studio, folder, control, info)


if __name__ == "__main__":
    main()
