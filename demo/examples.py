"""The six examples and six rounds of *Name it*: their photos, and what the bundled model makes of them.

A cache is JSON, compressed: WebP frames of the ladder (mean and sample), spectra, scores, read attention,
packed tokens and the id of the weights. It answers before any weights are loaded.
`python -m demo.build_examples` makes it.
"""

import gzip
import json
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

import tokenizer_core as tc
from demo.film import MEAN, Film, Frame, Take, b64

FOLDER = Path(__file__).parent / "examples"


@dataclass(frozen=True)
class Example:
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


def film(name: str, info: tc.ModelInfo, token: str) -> Film:
    """The film of an example: full of frames if the cache is of these weights, else empty."""
    about = next((e for e in EXAMPLES if e.name == name), None)
    if about is None:
        raise tc.TokenizerError("There is no such example on this page.")
    empty = Film(tc.open_photo(about.photo), info, credit=about.credit, example=name, token=token)
    cache = FOLDER / f"{name}.json.gz"
    return fill(empty, cache.read_bytes()) if cache.exists() else empty


def fill(film: Film, data: bytes) -> Film:
    """Put a cache's contents into a film, unless they are of other weights."""
    stored = json.loads(gzip.decompress(data))
    if (stored["model"], stored["checkpoint_id"]) != (film.info.name, film.info.checkpoint_id):
        return film
    film.encoding, film.linear = b64decode(stored["tokens"]), stored["linear"]
    film.scale = stored["scale"][0], stored["scale"][1]
    if stored["attention"]:
        film.attention = b64decode(stored["attention"]), stored["mass"]
    for take, k, webp, levels, *scores in stored["frames"]:
        film.reel(Take(*take))[k] = Frame(b64decode(webp), b64decode(levels), *scores)
    return film


def pack(film: Film, sample: Take) -> bytes:
    """A film's mean and one sample reel as a cache."""
    frames = [(take, k, f) for take in (MEAN, sample) for k, f in sorted(film.reel(take).items())]
    attention, mass = film.attention or (b"", [])
    stored = {
        "model": film.info.name,
        "checkpoint_id": film.info.checkpoint_id,
        "scale": film.scale,
        "tokens": b64(film.encoding),
        "attention": b64(attention),
        "mass": mass,
        "linear": film.linear,
        "frames": [[take, k, b64(f.webp), b64(f.levels), f.psnr, f.ssim, f.bands] for take, k, f in frames],
    }
    return gzip.compress(json.dumps(stored).encode(), mtime=0)
