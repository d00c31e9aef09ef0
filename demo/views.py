"""Pictures beside the film, on request: other seeds, other codes, two photos mixed, one token less.

The page asks for one picture at a time and makes a row of them, so each is seen as soon as it is there. A
view gives a caption and a picture, None where there is none; no such view of a film is a TokenizerError.
"""

from typing import NamedTuple

import numpy as np

import tokenizer_core as tc
from demo import examples
from demo.film import MEAN, Film, Take
from demo.studio import Studio


class Ask(NamedTuple):
    """What a page asks of a film: a view at length k, and which picture of it."""

    studio: Studio
    film: Film
    k: int
    take: Take  # whose steps and seed count
    n: int  # seeds: 1.. beside the take's; codes: 0..2; mix: which photo begins; less: the token 1..K, or 0
    other: str  # the film that was here before

    @property
    def tokens(self) -> tc.Encoding:
        """All of the film's."""
        return tc.Encoding.from_bytes(self.film.encoding)

    def paint(self, tokens: tc.Encoding, take: Take, length: int) -> tc.Picture:
        """What the first of any tokens of this model decode to, when it is their turn."""
        with self.studio.turn.take(urgent=True):
            plan = [(take, [length])]
            ((*_, array),) = self.studio.record(self.film.info.name, tokens.to_bytes(), plan)
        return tc.Picture(array)


def seeds(ask: Ask) -> tuple[str, tc.Picture]:
    """The same tokens with another seed."""
    if not ask.film.info.generative:
        raise tc.TokenizerError("This model makes one picture of a length: nothing is left open.")
    take = Take("sample", ask.take.steps, (ask.take.seed + ask.n) % 2**31)
    return f"Seed {take.seed}", ask.paint(ask.tokens, take, ask.k)


def codes(ask: Ask) -> tuple[str, tc.Picture | None]:
    """WebP, JPEG or the linear baseline in as many bytes."""
    original, size = ask.film.original, ask.k * ask.film.info.bytes_per_token
    if original is None or ask.studio.baseline is None:
        raise tc.TokenizerError("A link brings no photo, so there is nothing that other codes could show.")
    if ask.n not in (0, 1):
        k = min(ask.k, ask.studio.baseline.lengths[-1])
        name, found = f"linear, {k} tokens", ask.studio.baseline_pictures(original, [k])[0]
    else:
        name = ("WebP", "JPEG")[ask.n]
        found = tc.best_pictures(original, name, [size]).get(size)
    return f"{name}, {tc.psnr(found, original):.1f} dB" if found else f"{name}: no file is so small", found


def mix(ask: Ask) -> tuple[str, tc.Picture]:
    """The first k tokens of this photo, then another one's, or the other way round."""
    film = ask.studio.films.get(str(ask.other))
    if film is None:  # nothing was here before: another example
        about = next(e for e in examples.EXAMPLES if e.name != ask.film.example)
        film = examples.film(about, ask.film.info, about.name)
    if film.encoding is None or film.info != ask.film.info:
        raise tc.TokenizerError("Choose another photo, let it load, and come back: then the two are mixed.")
    first, rest = ask.tokens, tc.Encoding.from_bytes(film.encoding)
    caption = (
        f"{ask.k} of the other, then this photo's" if ask.n else f"{ask.k} of this photo, then the other's"
    )
    mixed = rest.mix(first, ask.k) if ask.n else first.mix(rest, ask.k)
    # four steps: it follows the dial
    return caption, ask.paint(mixed, Take("sample", 4, ask.take.seed), len(mixed))


def less(ask: Ask) -> tuple[str, tc.Picture]:
    """The mean of all tokens, or of all but one."""
    some = ask.tokens.select(np.arange(1, len(ask.tokens) + 1) != ask.n)
    return f"all but token {ask.n}" if ask.n else "all tokens", ask.paint(some, MEAN, len(some))


VIEWS = {"seeds": seeds, "codes": codes, "mix": mix, "less": less}
