"""What is beside the film, on request: other seeds, two photos mixed, one token less, and more.

The page asks for one picture at a time and makes a row of them, so each is seen as soon as it is there: a
caption and WebP, None where there is none. Maps, masks, numbers and a classifier's guesses are no pictures.
No such view of a film is a TokenizerError.
"""

import functools
import json
from base64 import b64decode
from typing import Any, NamedTuple

import numpy as np

import tokenizer_core as tc

from . import examples
from .film import MEAN, Film, Take, b64, ladder, webp
from .store import Gone
from .studio import Studio

THUMB = 96  # px of a photo that gave tokens to a mix


class Ask(NamedTuple):
    """What a page asks of a film: a view at length k, and which picture of it."""

    studio: Studio
    film: Film
    k: int
    take: Take  # whose steps and seed count
    n: int  # seeds: 1.. beside the take's; mix: which begins; less: the token, or 0; layer: 0..
    of: str  # mix: the film that was here before; layer: "read", "write"; guess: a mode

    @property
    def tokens(self) -> tc.Encoding:
        """All of the film's."""
        return tc.Encoding.from_bytes(self.film.encoding)

    def paint(self, tokens: tc.Encoding, take: Take, length: int) -> tc.Picture:
        """What the first of any tokens of this model decode to, when it is their turn."""
        with self.studio.turn.take(urgent=True):
            ((*_, array),) = self.studio.record(self.film.info.name, tokens.to_bytes(), [(take, [length])])
        return tc.Picture(array)


def shown(caption: str, picture: tc.Picture) -> dict:
    """A picture as the page gets it."""
    return {"caption": caption, "webp": b64(webp(picture.to_pil()))}


def seeds(ask: Ask) -> dict:
    """The same tokens with another seed."""
    if not ask.film.info.generative:
        raise tc.TokenizerError("This model makes one picture of a length: nothing is left open.")
    take = Take("sample", ask.take.steps, (ask.take.seed + ask.n) % 2**31)
    return shown(f"Seed {take.seed}", ask.paint(ask.tokens, take, ask.k))


def mix(ask: Ask) -> dict:
    """The first k tokens of this photo, then another one's, or the other way round; and who gave which."""
    film = ask.studio.films.get(str(ask.of))
    if film is None and ask.of:
        raise Gone(str(ask.of))
    if film is None:  # nothing was here before: another example
        about = next(e for e in examples.EXAMPLES if e.name != ask.film.example)
        film = examples.film(about, ask.film.info, about.name)
    if film.encoding is None or film.info != ask.film.info:
        raise tc.TokenizerError("Choose another photo, let it load, and come back: then the two are mixed.")
    first, rest = ask.tokens, tc.Encoding.from_bytes(film.encoding)
    films = (film, ask.film) if ask.n else (ask.film, film)
    given = [given_by(one, one is ask.film) for one in films]
    for one, some in zip(given, (stretch(1, ask.k), stretch(ask.k + 1, len(first))), strict=True):
        one["tokens"] = some
    mixed = rest.mix(first, ask.k) if ask.n else first.mix(rest, ask.k)
    caption = "; ".join(f"{one['name']}: {one['tokens']}" for one in given)
    # four steps: it follows the dial
    return shown(caption, ask.paint(mixed, Take("sample", 4, ask.take.seed), len(mixed))) | {"given": given}


def stretch(first: int, last: int) -> str:
    """A stretch of the row of tokens, in words."""
    if last < first:
        return "no token"
    return f"token {first}" if first == last else f"tokens {first} to {last}"


def given_by(film: Film, present: bool) -> dict:
    """Who gives tokens: a name, and the photo if it is here, small."""
    about = next((e for e in examples.EXAMPLES if e.name == film.example), None)
    own = "photo" if film.photo else "link's photo"
    name = about.title if about else f"this {own}" if present else f"the {own} before"
    small = film.original and film.original.to_pil().resize((THUMB, THUMB))
    return {"name": name, "webp": small and b64(webp(small))}


def less(ask: Ask) -> dict:
    """The mean of all tokens, or of all but one."""
    some = ask.tokens.select(np.arange(1, len(ask.tokens) + 1) != ask.n)
    return shown(f"all but token {ask.n}" if ask.n else "all tokens", ask.paint(some, MEAN, len(some)))


def layer(ask: Ask) -> dict:
    """{"maps": [maps, mass]} of a layer, see `look`; where there is a code a length, of the one at k."""
    return {"maps": inspect(ask, "layer", ask.of, ask.n, None if ask.film.info.ordered else ask.k)}


def halted(ask: Ask) -> dict:
    """{"halted": masks by length}, see `right`."""
    return {"halted": inspect(ask, "halted")}


def sharpness(ask: Ask) -> dict:
    """{"sharpness": bits by length}, see `spread`."""
    return {"sharpness": inspect(ask, "sharpness")}


def inspect(ask: Ask, what: str, *more: Any) -> Any:
    """What the model knows of the film's photo besides its tokens."""
    film = ask.film
    if film.original is None:
        raise tc.TokenizerError("A link brings no photo, so nothing is known of where the tokens looked.")
    with ask.studio.turn.take(urgent=True):
        (found,) = ask.studio.inspect(film.info.name, film.original.array, film.encoding, what, *more)
    return found


def nesting(ask: Ask) -> dict:
    """{"nesting": [short, long, share of tokens, share of bits] of neighbouring lengths}.

    Where there are many lengths, a code and one twice as long are neighbours.
    """
    few = not ask.film.info.ordered
    lengths = [k for k in ladder(ask.film.lengths) if k in ask.tokens.lengths and (few or not k & (k - 1))]
    changes = tc.nesting(ask.tokens, lengths)
    return {"nesting": [[one.short, one.long, round(one.tokens, 4), round(one.bits, 4)] for one in changes]}


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
    with ask.film.reading(MEAN if ask.of == "mean" else ask.take) as reel:
        some = [k for k in ladder(ask.film.lengths) if k in reel]
        photos = {str(k): tc.open_photo(b64decode(reel[k].webp)) for k in some}
    frames = {k: tc.square_crop(photo, photo.width) for k, photo in photos.items()}
    if not frames:
        raise tc.TokenizerError("There are no pictures yet that could be named.")
    with ask.studio.turn.take():
        shares = net.shares([*frames.values(), ask.film.original or frames[max(frames, key=int)]])
    words = [", ".join(f"{names[i]} {row[i]:.0%}" for i in row.argsort()[:-3:-1]) for row in shares]
    told = {"guess": words, "agreement": shares[:, shares[-1].argmax()].round(4).tolist()}
    told = {what: dict(zip(frames, each, strict=False)) for what, each in told.items()}
    return told | {"photo": words[-1].split(", ")[0]}


VIEWS = {
    "seeds": seeds,
    "mix": mix,
    "less": less,
    "layer": layer,
    "halted": halted,
    "sharpness": sharpness,
    "nesting": nesting,
    "guess": guess,
}
