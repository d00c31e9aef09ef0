"""The six examples and six rounds of *Name it*: their photos, and what bundled models make of them.

A cache is one answer to the page, compressed: WebP frames of the ladder (mean and sample), spectra, scores,
read attention, packed tokens and the id of the weights. It answers before any weights are loaded. The first
model's are `<example>.json.gz`; another one's have a folder of its name.
`python -m studies.build_examples` makes it.
"""

import gzip
import json
from pathlib import Path
from typing import Any, NamedTuple

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


def stored(about: Example, model: str = "") -> dict[str, Any] | None:
    """What is stored of an example: by the first model, or by another one; None where there is nothing."""
    cache = FOLDER / model / f"{about.name}.json.gz"
    return json.loads(gzip.decompress(cache.read_bytes())) if cache.exists() else None


def others() -> list[str]:
    """Models that have a folder of caches."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir() and any(path.glob("*.json.gz")))


def film(about: Example, info: tc.ModelInfo, token: str, key: str = "") -> Film:
    """The film of an example, with frames if its cache is of these weights."""
    photo = tc.open_photo(about.photo)
    made = Film(photo, info, credit=about.credit, example=about.name, token=token, key=key)
    found = stored(about, info.name) or stored(about)
    if found is None:
        return made
    of = found["start"]["info"]
    if (of["name"], of["checkpoint_id"]) == (info.name, info.checkpoint_id):
        made.tell(found["told"])
        made.scale = tuple(found["start"]["scale"])
        takes = {mode: take_of(info, mode) for mode in info.modes}
        for mode, k, *frame in found["frames"]:
            made.keep(takes[mode], k, Frame(*frame))
    return made
