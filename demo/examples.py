"""The six examples and six rounds of *Name it*: their photos, and what the bundled model makes of them.

A cache is one answer to the page, compressed: WebP frames of the ladder (mean and sample), spectra, scores,
read attention, packed tokens and the id of the weights. It answers before any weights are loaded.
`python -m studies.build_examples` makes it.
"""

import gzip
import json
from pathlib import Path
from typing import NamedTuple

import tokenizer_core as tc

from .film import Film, Frame, take_of

FOLDER = Path(__file__).parent / "examples"


class Example(NamedTuple):
    """A photo that everybody may use."""

    name: str
    title: str
    credit: str
    source: str

    @property
    def photo(self) -> Path:
        """Its file, at most 512 px."""
        return FOLDER / f"{self.name}.webp"


EXAMPLES = tuple(Example(**row) for row in json.loads((FOLDER / "examples.json").read_text("utf-8")))


def film(about: Example, info: tc.ModelInfo, token: str, key: str = "") -> Film:
    """The film of an example, with frames if its cache is of these weights."""
    photo = tc.open_photo(about.photo)
    made = Film(photo, info, credit=about.credit, example=about.name, token=token, key=key)
    cache = FOLDER / f"{about.name}.json.gz"
    if not cache.exists():
        return made
    stored = json.loads(gzip.decompress(cache.read_bytes()))
    of = stored["start"]["info"]
    if (of["name"], of["checkpoint_id"]) == (info.name, info.checkpoint_id):
        made.tell(stored["told"])
        made.scale = tuple(stored["start"]["scale"])
        takes = {mode: take_of(info, mode) for mode in info.modes}
        for mode, k, *frame in stored["frames"]:
            made.keep(takes[mode], k, Frame(*frame))
    return made
