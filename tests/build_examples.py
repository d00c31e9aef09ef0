"""Make the examples' caches with the bundled model.

    python -m tests.build_examples --control runs/control

Beside what every photo gets they hold maps of more layers, what a classifier sees in each frame, and the
spectra of the control's means.
"""

import argparse
import gzip
import io
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import gradio
import numpy as np
import torch
from PIL import Image

import tokenizer_core as tc
from demo import examples
from demo.film import MEAN, Film, Take, b64, ladder
from demo.studio import Studio
from tokenizer_core.checkpoints import read_checkpoint
from tokenizer_core.classifier import LiteClassifier
from tokenizer_core.evaluate import packed_pictures
from tokenizer_core.interface import Tokenizer
from tokenizer_core.tokenizer import FlowTokenizer

IMAGENET = Path(gradio.__file__).parent / "media_assets" / "data" / "imagenet_labels.json"


def pack(film: Film) -> bytes:
    """All of a film as a cache: one answer to the page, compressed."""
    rows = [[take.mode, k, *row] for take, reel in film.reels.items() for k, row in sorted(reel.items())]
    whole = {"start": film.start(), "frames": rows, "told": film.told}
    return gzip.compress(json.dumps(whole).encode(), mtime=0)


def words(logits: torch.Tensor, names: list[str]) -> str:
    """The two likeliest classes, in per cent."""
    top = logits.softmax(-1).topk(2)
    pairs = zip(top.values.tolist(), top.indices.tolist(), strict=True)
    return ", ".join(f"{names[i]} {share:.0%}" for share, i in pairs)


@torch.inference_mode()
def guess(film: Film, judge: LiteClassifier, names: list[str]) -> dict[str, Any]:
    """What the judge, which no training saw, names each frame; and how sure it is of the photo's name."""
    photo = judge.logits(film.original.to_pixels())[0]
    found: dict[str, Any] = {"photo": words(photo, names).split(", ")[0]}
    agreement: dict[str, dict] = {}
    for take, reel in film.reels.items():
        pictures = {k: tc.square_crop(Image.open(io.BytesIO(b64decode(f.webp)))) for k, f in reel.items()}
        logits = judge.logits(torch.cat([picture.to_pixels() for picture in pictures.values()]))
        found[take.mode] = {k: words(row, names) for k, row in zip(pictures, logits, strict=True)}
        share = logits.softmax(-1)[:, photo.argmax()]
        agreement[take.mode] = {k: round(float(p), 4) for k, p in zip(pictures, share, strict=True)}
    return {"guess": found, "agreement": agreement}


def layers(studio: Studio, film: Film) -> list[list]:
    """Maps of a few layers, [name, maps, mass]; the first are those that the film has anyway."""
    tokenizer, info = studio.loading(film.info.name).result(), film.info
    encoding = tokenizer.encode(film.original)
    found = [[f"read, layer {info.layers_read // 2 + 1} of {info.layers_read}", None, None]]
    for direction, count in (("read", info.layers_read), ("write", info.layers_write)):
        for layer in (0, count - 1):
            maps = tokenizer.attention(encoding, direction, layer)
            each, mass = maps.normalised, maps.raw.sum((1, 2))
            if direction == "write":  # row, column, token: how much of a patch's attention is on a token
                each, mass = np.moveaxis(each, -1, 0), maps.raw.mean((0, 1))
            levels = (each * 15).round().astype(np.uint8) * 17  # 16 grey levels: half the file
            rounded = [round(float(share), 4) for share in mass]
            found.append([f"{direction}, layer {layer + 1} of {count}", b64(levels.tobytes()), rounded])
    return found


def spectra(control: Tokenizer, film: Film) -> dict[int, str]:
    """Log power of the control's means, as a frame has it: of first tokens, though it was trained on all."""
    found = packed_pictures(control, film.original, ladder(control.info.lengths), (1,))
    return {k: b64(film.levels(tc.power_spectrum(picture))) for (_, k), picture in found}


def build(studio: Studio, folder: Path = examples.FOLDER, control: Tokenizer | None = None) -> None:
    """Encode each example once, decode the ladder as means and as samples, and write `<name>.json.gz`."""
    info = studio.default
    sample = Take("sample", info.default_steps, 0)
    judge, names = LiteClassifier(2).eval(), json.loads(IMAGENET.read_text("utf-8"))
    first = ladder(info.lengths)
    for about in examples.EXAMPLES:
        photo = tc.open_photo(about.photo)
        film = Film(photo, info, credit=about.credit, example=about.name, token=about.name)
        studio.develop(film, MEAN, first)
        studio.develop(film, sample, first)
        film.told |= studio.rivals(film) | {
            "layers": layers(studio, film),
            "guess": guess(film, judge, names),
        }
        (folder / f"{about.name}.json.gz").write_bytes(pack(film))


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--control", type=Path, help="the control's checkpoint (tests/control_sheet.py)")
    folder = parser.parse_args().control
    control = FlowTokenizer.from_checkpoint(read_checkpoint(folder), "cpu") if folder else None
    build(Studio(tc.load, tc.catalog()), control=control)


if __name__ == "__main__":
    main()
