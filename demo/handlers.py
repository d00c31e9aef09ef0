"""What happens when a visitor does something: plain functions that give the dial small messages.

A form's event opens a film and answers with its head; then the page pulls: again and again it says what it
has and gets the next frames that it lacks, decoded there and then unless the film has them. So a film goes
on only while somebody asks, and nothing can get lost. An event's answer also carries the run number that
the page minted, as Gradio may deliver the answers of two events in any order.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any

import tokenizer_core as tc
from demo import examples, links, views
from demo.film import LADDER, MEAN, Crop, Film, Plan, Take, b64, pack_frame, without
from demo.studio import BATCH, CROWD, Studio

log = logging.getLogger("tokendial")
GONE = "The server no longer holds this photo. Please choose it again."
NO_PHOTO = "A link brings no photo, so there is nothing to crop or to encode with another model."
BROKEN = "Something went wrong on the server. Please try once more."
PART = 4  # means that are decoded in one turn on a CPU: others get the processor in between


def spoken(handler: Callable[..., dict]) -> Callable[..., dict]:
    """A decorator: errors reach the visitor as {"error": one sentence}."""

    @functools.wraps(handler)
    def guarded(*args: Any) -> dict:
        try:
            return handler(*args)
        except tc.TokenizerError as error:
            return {"error": str(error)}
        except Exception:
            log.exception("a handler failed")
            return {"error": BROKEN}

    return guarded


@spoken
def upload(studio: Studio, model: str, path: str) -> dict:
    """A photo was uploaded, pasted, dropped or taken."""
    return opened(studio, Film(tc.open_photo(path), studio.infos[model]))


@spoken
def example(studio: Studio, model: str, name: str) -> dict:
    """An example was chosen. The bundled model answers from the cache before its weights are there."""
    info = studio.infos[model]
    token = f"{name}/{info.name}/{info.checkpoint_id}"
    return opened(studio, studio.films.get(token) or examples.film(name, info, token))


@spoken
def link(studio: Studio, text: object) -> dict:
    """A link with tokens was opened."""
    return opened(studio, links.film(text, studio.infos))


@spoken
def again(studio: Studio, token: object, model: str, x: float, y: float, zoom: float) -> dict:
    """The crop or the model changed: the photo is encoded again."""
    film, crop = held(studio, token), Crop(float(x), float(y), float(zoom))
    if film.photo is None:
        raise tc.TokenizerError(NO_PHOTO)
    return opened(studio, Film(film.photo, studio.infos[model], crop, film.credit))


def opened(studio: Studio, film: Film) -> dict:
    """A film's head, {"start": ...}; the server keeps the film."""
    return {"start": (studio.films.get(film.token) or studio.films.add(film)).start()}


@spoken
def pull(studio: Studio, ask: Any) -> dict:
    """Called by the page until nothing is lacking: the next frames, coarse to fine.

    Args:
        studio: what all visitors share.
        ask: {"token", "k": where the dial is, "rest": whether it rests in want of a sample, "steps", "seed",
            "means" and "samples": lengths that the page has, "told": what else it has, "alone": whether
            nothing but the dial's length is asked for}; untrusted.

    Returns:
        {"frames": [frame, ...]} (none: all is there) and, once they are known, "tokens", "attention" (maps
        and mass) and "linear"; {"note": a sentence} while there is something to wait for; or {"error"}.
    """
    film, steps, seed = held(studio, ask["token"]), int(ask["steps"]), int(ask["seed"])
    if not (2 <= steps <= 50 and 0 <= seed < 2**31):
        raise tc.TokenizerError("Steps go from 2 to 50 and seeds from 0 to 2147483647.")
    sample, name = Take("sample", steps, seed), film.info.name
    sent = {(take, int(c)) for take, key in ((MEAN, "means"), (sample, "samples")) for c in ask[key][:999]}

    def lacking(all_samples: bool) -> Plan:
        plan = film.plan(sample, int(ask["k"]), bool(ask["rest"]), all_samples)
        return without(plan[:2] if ask.get("alone") else plan, sent)

    ready = [(take, c) for take, lengths in lacking(True) for c in lengths if c in film.reel(take)]
    if not ready:
        if not studio.ready(name):
            return {"note": "The model is loading…"}
        gpu = studio.on_gpu(name)
        plan = lacking(gpu)
        if plan and studio.turn.here > CROWD:
            return {"note": "Many visitors are here. A moment, please…"}
        for take, lengths in plan[:1]:
            size = BATCH if gpu else PART if take == MEAN else 1
            ready = [(take, c) for c in lengths[:size]]
            with studio.turn.take(urgent=take != MEAN or film.encoding is None):
                studio.develop(film, take, lengths[:size])
    news = {"tokens": film.encoding and b64(film.encoding)}
    if len(sent) >= len(LADDER) or not ready:  # what is large or slow comes after the ladder
        film.linear = film.linear or studio.baseline_psnr(film)
        news |= {
            "attention": film.attention and [b64(film.attention[0]), film.attention[1]],
            "linear": film.linear,
        }
    fresh = {what: value for what, value in news.items() if value and what not in ask["told"]}
    rows = [pack_frame(take.mode, c, film.reel(take)[c]) for take, c in dict.fromkeys(ready[:48])]
    return fresh | {"frames": rows}


@spoken
def view(studio: Studio, ask: Any) -> dict:
    """Called by the page: a picture beside the film, {"caption", "webp"}; `ask` is what `views` says."""
    film, k = held(studio, ask["token"]), int(ask["k"])
    if k not in film.info.lengths or film.encoding is None or studio.turn.here > CROWD:
        raise tc.TokenizerError("The server is busy. Once more, please?")
    take = Take("sample", int(ask["steps"]), int(ask["seed"]))
    caption, picture = views.make(views.Ask(studio, film, k, take, int(ask["n"]), ask["other"]), ask["view"])
    return {"caption": caption, "webp": picture}


@spoken
def forget(studio: Studio, ask: Any) -> dict:
    """Called by the page: all films of a photo go; their tokens."""
    return {"forgotten": studio.films.forget(held(studio, ask["token"]))}


ANSWERS = {"view": view, "forget": forget}  # to what the page asks; else it pulls


def held(studio: Studio, token: object) -> Film:
    """The film of a token; a sentence if the server has it no longer."""
    film = studio.films.get(token)
    if film is None:
        raise tc.TokenizerError(GONE)
    return film
