"""What is beside the film, on request: other seeds, other codes, two photos mixed, one token less, and more.

The page asks for one picture at a time and makes a row of them, so each is seen as soon as it is there: a
caption and WebP, None where there is none. A layer's maps and a classifier's guesses are no pictures. No such
view of a film is a TokenizerError.
"""

import functools
import json
from base64 import b64decode
from typing import NamedTuple

import numpy as np

import tokenizer_core as tc

from . import examples
from .film import MEAN, Film, Take, b64, ladder, webp
from .studio import Studio


class Ask(NamedTuple):
    """What a page asks of a film: a view at length k, and which picture of it."""

    studio: Studio
    film: Film
    k: int
    take: Take  # whose steps and seed count
    n: int  # seeds: 1.. beside the take's; codes: 0..2; mix: which begins; less: the token, or 0; layer: 0..
    of: str  # mix: the film that was here before; layer: "read", "write"; guess: "mean", "sample"

    @property
    def tokens(self) -> tc.Encoding:
        """All of the film's."""
        return tc.Encoding.from_bytes(self.film.encoding)

    def paint(self, tokens: tc.Encoding, take: Take, length: int) -> tc.Picture:
        """What the first of any tokens of this model decode to, when it is their turn."""
        with self.studio.turn.take(urgent=True):
            ((*_, array),) = self.studio.record(self.film.info.name, tokens.to_bytes(), [(take, [length])])
        return tc.Picture(array)


def shown(caption: str, picture: tc.Picture | None) -> dict:
    """A picture as the page gets it."""
    return {"caption": caption, "webp": picture and b64(webp(picture.to_pil()))}


def seeds(ask: Ask) -> dict:
    """The same tokens with another seed."""
    if not ask.film.info.generative:
        raise tc.TokenizerError("This model makes one picture of a length: nothing is left open.")
    take = Take("sample", ask.take.steps, (ask.take.seed + ask.n) % 2**31)
    return shown(f"Seed {take.seed}", ask.paint(ask.tokens, take, ask.k))


def codes(ask: Ask) -> dict:
    """WebP, JPEG or the linear baseline in as many bytes."""
    original, size = ask.film.original, ask.film.info.bytes_of(ask.k)
    if original is None:
        raise tc.TokenizerError("A link brings no photo, so there is nothing that other codes could show.")
    baseline = ask.studio.baseline
    if ask.n not in (0, 1):
        if baseline is None:
            raise tc.TokenizerError("There is no baseline on this page.")
        k = baseline.nearest(ask.k)
        name, found = f"linear, {k} tokens", ask.studio.baseline_pictures(original, [k])[0]
    else:
        name = ("WebP", "JPEG")[ask.n]
        found = tc.best_pictures(original, name, [size]).get(size)
    caption = f"{name}, {tc.psnr(found, original):.1f} dB" if found else f"{name}: no file is so small"
    return shown(caption, found)


def mix(ask: Ask) -> dict:
    """The first k tokens of this photo, then another one's, or the other way round."""
    film = ask.studio.films.get(str(ask.of))
    if film is None:  # nothing was here before: another example
        about = next(e for e in examples.EXAMPLES if e.name != ask.film.example)
        film = examples.film(about, ask.film.info, about.name)
    if film.encoding is None or film.info != ask.film.info:
        raise tc.TokenizerError("Choose another photo, let it load, and come back: then the two are mixed.")
    first, rest = ask.tokens, tc.Encoding.from_bytes(film.encoding)
    caption = f"{ask.k} of " + ("the other, then this photo's" if ask.n else "this photo, then the other's")
    mixed = rest.mix(first, ask.k) if ask.n else first.mix(rest, ask.k)
    # four steps: it follows the dial
    return shown(caption, ask.paint(mixed, Take("sample", 4, ask.take.seed), len(mixed)))


def less(ask: Ask) -> dict:
    """The mean of all tokens, or of all but one."""
    some = ask.tokens.select(np.arange(1, len(ask.tokens) + 1) != ask.n)
    return shown(f"all but token {ask.n}" if ask.n else "all tokens", ask.paint(some, MEAN, len(some)))


def layer(ask: Ask) -> dict:
    """{"maps": [maps, mass]} of a layer, see `look`."""
    if ask.film.original is None:
        raise tc.TokenizerError("A link brings no photo, so nothing is known of where the tokens looked.")
    with ask.studio.turn.take(urgent=True):
        record = ask.studio.record(ask.film.info.name, ask.film.original.array, [], (ask.of, ask.n))
        return {"maps": dict(record)["attention"]}


@functools.cache
def classifier() -> tuple[tc.LiteClassifier, list[str]]:
    """A classifier that never saw a token, EfficientNet-Lite2, and the names of its classes."""
    return tc.LiteClassifier(2), json.loads((examples.FOLDER / "imagenet.json").read_text("utf-8"))


def guess(ask: Ask) -> dict:
    """What the classifier sees in the ladder of means or samples, and how sure it is of what the photo is.

    {"guess": two names by length, "agreement": 0..1 by length, "photo": one name}; without a photo all tokens
    stand for it.
    """
    net, names = classifier()
    with ask.film.reading(ask.take if ask.of == "sample" else MEAN) as reel:
        some = [k for k in ladder(ask.film.lengths) if k in reel]
        frames = {str(k): tc.square_crop(tc.open_photo(b64decode(reel[k].webp))) for k in some}
    with ask.studio.turn.take():
        shares = net.shares([*frames.values(), ask.film.original or frames[max(frames, key=int)]])
    words = [", ".join(f"{names[i]} {row[i]:.0%}" for i in row.argsort()[:-3:-1]) for row in shares]
    told = {"guess": words, "agreement": shares[:, shares[-1].argmax()].round(4).tolist()}
    told = {what: dict(zip(frames, each, strict=False)) for what, each in told.items()}
    return told | {"photo": words[-1].split(", ")[0]}


VIEWS = {"seeds": seeds, "codes": codes, "mix": mix, "less": less, "layer": layer, "guess": guess}
