"""Make the examples' caches with the bundled model.

    python -m studies.build_examples --control runs/control

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
from demo.film import MEAN, Film, Take, b64, ladder
from demo.studio import Studio, look
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


def build(studio: Studio, folder: Path = examples.FOLDER, control: Tokenizer | None = None) -> None:
    """Encode each example once, decode the ladder as means and as samples, and write `<name>.json.gz`."""
    info = studio.default
    for about in examples.EXAMPLES:
        photo = tc.open_photo(about.photo)
        film = Film(photo, info, credit=about.credit, example=about.name, token=about.name)
        for take in (MEAN, Take("sample", info.default_steps, 0)):
            studio.develop(film, take, ladder(info.lengths))
        film.tell(studio.rivals(film.original, info) | guesses(studio, film))
        film.tell({"layers": layers(studio, film)})
        if control:
            film.tell({"control": spectra(control, film)})
        (folder / f"{about.name}.json.gz").write_bytes(pack(film))


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--control", type=Path, help="the control's checkpoint (studies/control_sheet.py)")
    folder = parser.parse_args().control
    control = FlowTokenizer.from_checkpoint(read_checkpoint(folder), "cpu") if folder else None
    build(Studio(tc.load, tc.catalog()), control=control)


if __name__ == "__main__":
    main()
