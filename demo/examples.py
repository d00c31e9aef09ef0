"""The six examples: their photos, and what the bundled model makes of them, kept beside the page.

A cache is one `.npz` without pickles: WebP frames of the ladder (mean and sample), spectra, scores, read
attention, packed tokens and the id of the weights. It answers before any weights are loaded.
`python -m demo.build_examples` makes it.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tokenizer_core as tc
from demo.film import MEAN, Film, Frame, Take

FOLDER = Path(__file__).parent / "examples"
CACHE = FOLDER


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
    cache = CACHE / f"{name}.npz"
    return fill(empty, cache.read_bytes()) if cache.exists() else empty


def fill(film: Film, data: bytes) -> Film:
    """Put a cache's contents into a film, unless they are of other weights."""
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        about = json.loads(stored["about"].tobytes())
        if about["checkpoint_id"] != film.info.checkpoint_id or about["model"] != film.info.name:
            return film
        film.encoding = stored["tokens"].tobytes()
        if stored["attention"].size:
            film.attention = stored["attention"].tobytes(), stored["mass"].tolist()
        film.linear = stored["linear"].tolist() or None
        film.scale = about["scale"][0], about["scale"][1]
        ends = np.cumsum(stored["sizes"])
        blob, rows = stored["webp"].tobytes(), zip(about["frames"], stored["scores"].tolist(), strict=True)
        for number, ((mode, steps, seed, k), (psnr, ssim)) in enumerate(rows):
            picture = blob[ends[number] - stored["sizes"][number] : ends[number]]
            levels = stored["levels"][number].tobytes()
            film.reel(Take(mode, steps, seed))[k] = Frame(picture, levels, psnr, ssim)
    return film


def pack(film: Film, sample: Take) -> bytes:
    """A film's mean and one sample reel as a cache."""
    frames = [(take, k, f) for take in (MEAN, sample) for k, f in sorted(film.reel(take).items())]
    about = {
        "model": film.info.name,
        "checkpoint_id": film.info.checkpoint_id,
        "scale": film.scale,
        "frames": [[*take, k] for take, k, _ in frames],
    }
    attention, mass = film.attention or (b"", [])
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        about=np.frombuffer(json.dumps(about).encode(), np.uint8),
        webp=np.frombuffer(b"".join(f.webp for *_, f in frames), np.uint8),
        sizes=np.array([len(f.webp) for *_, f in frames], np.int32),
        levels=np.stack([np.frombuffer(f.levels, np.uint8) for *_, f in frames]),
        scores=np.array([(f.psnr, f.ssim) for *_, f in frames], np.float32),
        attention=np.frombuffer(attention, np.uint8),
        mass=np.array(mass, np.float32),
        linear=np.array(film.linear or [], np.float32),
        tokens=np.frombuffer(film.encoding, np.uint8),
    )
    return buffer.getvalue()
