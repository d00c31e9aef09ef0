"""The free photographs through all passes of alit-256, in each of its modes: means, sharp pictures, a flow's.

    python -m studies.alit_sheet --photos photos/free --out alit.webp --device cuda

decodes every length from packed tokens (what is drawn, from seed 0) and lays them out, a row a photograph and
mode, beside the original and what the autoencoder alone makes of it.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tokenizer_core as tc
from tokenizer_core.photos.photoset import photo_set
from tokenizer_core.reports.evaluate import packed_pictures
from tokenizer_core.reports.sheet import Entry, SheetRow, lay_out

MODEL = "alit-256"


def rows_of(
    tokenizer: tc.Tokenizer, originals: dict[str, tc.Picture], modes: Sequence[str] | None = None
) -> list[SheetRow]:
    """By photograph a row a mode (None is all): the original, the autoencoder's, and a picture a length."""
    info, rows = tokenizer.info, []
    for name, original in originals.items():
        goal = tokenizer.reconstruct(original)
        for mode in info.modes if modes is None else modes:
            made = packed_pictures(tokenizer, original, info.lengths, [info.steps_of(mode)])
            entry = Entry(name, mode, True, original)
            rows.append((entry, (original, goal, *(picture for _, picture in made))))
    return rows


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--photos", default="demo/examples", help="a folder or archive of free photographs")
    parser.add_argument("--out", type=Path, default=Path("alit.webp"), help="a .webp, .png or .jpg")
    parser.add_argument("--modes", nargs="+", choices=tc.MODES, help="default: all that the model has")
    parser.add_argument("--limit", type=int, help="only so many photographs")
    parser.add_argument("--side", type=int, default=160, help="of each picture, in pixels")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    tokenizer = tc.load(MODEL, options.device)
    photos = photo_set(options.photos, options.limit)
    originals = {name: tc.square_crop(photo) for name, photo in photos}
    rows = rows_of(tokenizer, originals, options.modes)
    heads = ["original", "autoencoder", *(f"{k} tokens" for k in tokenizer.info.lengths)]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    lay_out(rows, heads, options.side).save(options.out, quality=80)


if __name__ == "__main__":
    main()
