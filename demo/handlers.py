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
from demo.film import MEAN, Crop, Film, Take, b64, pack_frame, without
from demo.studio import BATCH, Studio

log = logging.getLogger("tokendial")
GONE = "The server no longer holds this photo. Please choose it again."
NO_PHOTO = "A link brings no photo, so there is nothing to crop or to encode with another model."
BROKEN = "Something went wrong on the server. Please try once more."
PART = 4  # means that are decoded for one question on a CPU: others get the processor in between


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
    return {"start": studio.films.add(Film(tc.open_photo(path), studio.info(model))).start()}


@spoken
def example(studio: Studio, model: str, name: str) -> dict:
    """An example was chosen. The bundled model answers from the cache before its weights are there."""
    info = studio.info(model)
    token = f"{name}/{info.name}/{info.checkpoint_id}"
    return {"start": (studio.films.get(token) or studio.films.add(examples.film(name, info, token))).start()}


@spoken
def link(studio: Studio, text: object) -> dict:
    """A link with tokens was opened."""
    film = links.film(text, studio.infos)
    return {"start": (studio.films.get(film.token) or studio.films.add(film)).start()}


@spoken
def again(studio: Studio, token: object, model: str, x: float, y: float, zoom: float) -> dict:
    """The crop or the model changed: the photo is encoded again."""
    film, crop = held(studio, token), Crop(float(x), float(y), float(zoom))
    if film.photo is None:
        raise tc.TokenizerError(NO_PHOTO)
    return {"start": studio.films.add(Film(film.photo, studio.info(model), crop, film.credit)).start()}


@spoken
def pull(studio: Studio, ask: Any) -> dict:
    """Called by the page until nothing is lacking: the next frames, coarse to fine.

    Args:
        studio: what all visitors share.
        ask: {"token", "k": where the dial is, "rest": whether it rests in want of a sample, "steps", "seed",
            "means" and "samples": lengths that the page has, "told": what else it has}; untrusted.

    Returns:
        {"frames": [frame, ...]} (none: all is there) and, once they are known, "tokens", "attention" with
        "mass", and "linear"; {"note": a sentence} while there is something to wait for; or {"error"}.
    """
    film, steps, seed = held(studio, ask["token"]), int(ask["steps"]), int(ask["seed"])
    if not (2 <= steps <= 50 and 0 <= seed < 2**31):
        raise tc.TokenizerError("Steps go from 2 to 50 and seeds from 0 to 2147483647.")
    sample, name = Take("sample", steps, seed), film.info.name
    sent = {(take, int(c)) for take, key in ((MEAN, "means"), (sample, "samples")) for c in ask[key][:999]}
    wanted = without(film.plan(sample, int(ask["k"]), bool(ask["rest"]), all_samples=True), sent)
    ready = list({(take, c): 0 for take, lengths in wanted for c in lengths if c in film.reel(take)})[:48]
    if not ready:
        if not studio.ready(name):
            return {"note": "The model is loading…"}
        gpu = studio.on_gpu(name)
        plan = without(film.plan(sample, int(ask["k"]), bool(ask["rest"]), all_samples=gpu), sent)
        if plan and studio.turn.crowded:
            return {"note": "Many visitors are here. A moment, please…"}
        if plan:
            take, lengths = plan[0]
            part = lengths[: BATCH if gpu else PART if take == MEAN else 1]
            with studio.turn.take(urgent=take != MEAN or film.encoding is None):
                studio.develop(film, take, part)
            ready = [(take, c) for c in part]
        if film.linear is None and (len(sent) > 10 or not plan):
            film.linear = studio.baseline_psnr(film)
    look, mass = film.attention or (b"", [])
    news = {"tokens": b64(film.encoding or b""), "attention": b64(look), "linear": film.linear}
    fresh = {what: value for what, value in news.items() if value and what not in ask["told"]}
    return fresh | {
        "mass": mass,
        "frames": [pack_frame(take.mode, c, film.reel(take)[c]) for take, c in ready],
    }


@spoken
def view(studio: Studio, ask: Any) -> dict:
    """Called by the page: a picture beside the film, {"caption", "webp"}; `ask` is what `views` says."""
    film, k = held(studio, ask["token"]), int(ask["k"])
    if k not in film.info.lengths or film.encoding is None or studio.turn.crowded:
        raise tc.TokenizerError("The server is busy. Once more, please?")
    take = Take("sample", int(ask["steps"]), int(ask["seed"]))
    caption, picture = views.make(views.Ask(studio, film, k, take, int(ask["n"]), ask["other"]), ask["view"])
    return {"caption": caption, "webp": picture}


@spoken
def forget(studio: Studio, ask: Any) -> dict:
    """Called by the page: all films of a photo go; their tokens."""
    return {"forgotten": studio.films.forget(held(studio, ask["token"]))}


def held(studio: Studio, token: object) -> Film:
    """The film of a token; a sentence if the server has it no longer."""
    film = studio.films.get(token)
    if film is None:
        raise tc.TokenizerError(GONE)
    return film
