"""The control beside the bundled model: what a dial shows without nested prefixes.

    python -m studies.control_sheet runs/control --out checkpoints/prefix-flow-256/control.webp

decodes the mean of prefixes of a few free photographs from packed tokens, with the bundled weights and with
those of a run of `tokendial train prefix-flow --nested 0` (same sizes, same autoencoder, all tokens always),
and lays them out, a row a photograph, beside the original.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tokenizer_core as tc
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer
from tokenizer_core.reports.evaluate import packed_pictures
from tokenizer_core.reports.sheet import Entry, SheetRow, lay_out
from tokenizer_core.storage.checkpoints import read_checkpoint

LENGTHS = (1, 16, 64, 128, 192, 240, 252, 256)
NAMES = ("chelsea_cat", "coffee", "astronaut")


def rows_of(
    group: str, tokenizer: Tokenizer, originals: dict[str, tc.Picture], lengths: Sequence[int]
) -> list[SheetRow]:
    """A row a photograph: the original, and the mean of each length."""
    rows = []
    for name, original in originals.items():
        means = [picture for _, picture in packed_pictures(tokenizer, original, lengths, (1,))]
        rows.append((Entry(group, name, True, original), (original, *means)))
    return rows


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("control", type=Path, help="the folder of the control's checkpoint")
    parser.add_argument("--photos", type=Path, default=Path("demo/examples"))
    parser.add_argument("--out", default="control.webp")
    options = parser.parse_args()
    originals = {n: tc.square_crop(tc.open_photo(options.photos / f"{n}.webp")) for n in NAMES}
    control = FlowTokenizer.from_checkpoint(read_checkpoint(options.control), "cpu")
    rows = rows_of("trained on prefixes (bundled)", tc.load(), originals, LENGTHS)
    rows += rows_of("the control: trained on all 256 tokens alone", control, originals, LENGTHS)
    heads = ["original", *(f"{k} token{'s' * (k > 1)}" for k in LENGTHS)]
    lay_out(rows, heads, 144).save(options.out, quality=80, method=6)


if __name__ == "__main__":
    main()
