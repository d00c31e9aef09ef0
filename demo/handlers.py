"""What happens when a visitor does something: plain functions that give the dial small messages.

The page starts a film and gets its head; then it pulls: again and again it says what it has and gets the next
frames that it lacks, decoded there and then unless the film has them. So a film goes on only while somebody
asks, and nothing can get lost.

Long because every answer to the page is here.
"""

import functools
from collections.abc import Callable
from typing import Any

import tokenizer_core as tc

from . import beside, examples, faults, links, needs, views
from .again import TO_BEGIN, TO_GO_ON
from .examples import EXAMPLES
from .film import LADDER, MEAN, MIDDLE, Crop, Film, Plan, Reel, Take, b64, webp, without
from .film import take_of as film_take
from .store import Gone
from .studio import BATCH, CROWD, Studio
from .waits import soon_of

NO_PHOTO = "A link brings no photo, so there is nothing to crop or to encode with another model."
BUSY = "The server is busy. Once more, please?"
CROWDED = "Many visitors are here. A moment, please…"
WHOLE = 640  # pixels of the longer side of a photo whose crop is chosen
PART = 4  # pictures of one step that are decoded in one turn on a CPU: others get the processor in between


def spoken(handler: Callable[..., dict]) -> Callable[..., dict]:
    """A decorator: errors reach the visitor as {"error": one sentence}.

    Of a film that is not here {"gone": its token} comes along, so that the page can begin it again.
    """

    @functools.wraps(handler)
    def guarded(*args: Any) -> dict:
        try:
            return handler(*args)
        except Gone as error:
            return {"error": str(error), "gone": error.token}
        except tc.TokenizerError as error:
            return {"error": str(error)}
        except Exception as error:
            return faults.told(error)

    return guarded


@spoken
def start(studio: Studio, ask: Any) -> dict:
    """Another film, which the server then keeps: {"start": its head} or {"error"}.

    Args:
        studio: what all visitors share.
        ask: "from", one of `SOURCES`, with what that needs, and "model" (none: the first); untrusted.
    """
    info = studio.info(ask.get("model") or studio.default.name)
    token, film = studio.films.add(SOURCES[ask["from"]](studio, ask, info))
    return {"start": film.start() | {"token": token, "models": studio.models}}


def upload(studio: Studio, ask: Any, info: tc.ModelInfo) -> Film:
    """A photo was uploaded, pasted, dropped or taken: "path"; "crop", if another part than the middle."""
    crop = crop_of(ask, MIDDLE)
    photo = tc.open_photo(ask["path"])
    with tc.photo_memory.hold(4 * photo.width * photo.height):  # until the film has made it smaller
        return Film(photo, info, crop)


def example(studio: Studio, ask: Any, info: tc.ModelInfo) -> Film:
    """An example was chosen, else the first: "photo", its name or number. Its cache needs no weights."""
    about = next((e for i, e in enumerate(EXAMPLES) if ask["photo"] in (i, e.name)), EXAMPLES[0])
    key = f"{about.name}/{info.name}/{info.checkpoint_id}"
    return studio.films.shared(key) or examples.film(about, info, about.name, key)


def link(studio: Studio, ask: Any, _: tc.ModelInfo) -> Film:
    """A link was opened: "tokens"."""
    return links.film(ask["tokens"], studio.infos)


def again(studio: Studio, ask: Any, info: tc.ModelInfo) -> Film:
    """The "crop" (none: as it is) or the model of the film "token" changed: its photo is encoded again."""
    with studio.films.watch(str(ask["token"])) as film:
        if film.photo is None:
            raise tc.TokenizerError(NO_PHOTO)
        # an example's crop is this visitor's alone, and so the first of its family
        family = "" if film.key else film.family
        return Film(film.photo, info, crop_of(ask, film.crop), film.credit, family=family)


def crop_of(ask: Any, otherwise: Crop) -> Crop:
    """The centre (0..1 of width and height) and the zoom that are asked for, if any are."""
    x, y, zoom = map(float, ask.get("crop") or otherwise)
    return x, y, zoom


def other(studio: Studio, ask: Any, info: tc.ModelInfo) -> Film:
    """*Compare* sets another model beside the film "token": the same photo and crop."""
    with studio.films.watch(str(ask["token"])) as film:
        if film.photo is None:
            raise tc.TokenizerError(beside.NO_PHOTO)
        if film.example:
            return example(studio, {"photo": film.example}, info)
        return Film(film.photo, info, film.crop, film.credit, family=film.family)


SOURCES = {"upload": upload, "example": example, "link": link, "again": again, "beside": other}


def first(studio: Studio, ask: Any) -> dict:
    """Called by the page: `start`, and the first frames come along.

    Where the queue is full that is said before the photo is opened, which takes a while; the page asks again.
    """
    if studio.turn.here > CROWD:
        return full(studio, TO_BEGIN)
    with studio.turn.attend():
        head, none = start(studio, ask), {"means": [], "samples": [], "told": []}
    return head if "error" in head else head | pull(studio, ask | none | {"token": head["start"]["token"]})


def full(studio: Studio, bounds: tuple[float, float]) -> dict:
    """The queue is full: so many seconds later, within `bounds`, the page asks again."""
    return {"note": CROWDED, "full": True, "again": studio.again.after(*bounds)}


@spoken
def pull(studio: Studio, ask: Any) -> dict:
    """Called by the page until nothing is lacking: the next frames, coarse to fine.

    Args:
        studio: what all visitors share.
        ask: {"token", "k": where the dial is, "rest": whether it rests in want of a sample, "steps", "seed",
            "means" and "samples": lengths that the page has, "told": what else it has, "beside": whether this
            is a pane of Compare, which needs pictures alone and stands back for dials, "patient": whether
            the page knows that this model is slow}; untrusted.

    Returns:
        {"frames": [frame, ...] (none: all is there), "told": what is new of `Film.told`}, or {"note": a
        sentence} while there is something to wait for (for the queue: what `full` says), or {"wait": by mode
        about how many seconds a picture takes} before the first picture of a slow model, or {"error"}.
    """
    with studio.films.watch(str(ask["token"])) as film:
        sample = take_of(ask, film.info)
        with film.reading(sample) as samples:
            return answer(studio, film, {MEAN: film.reel(MEAN), sample: samples}, ask)


def answer(studio: Studio, film: Film, reels: dict[Take, Reel], ask: Any) -> dict:
    """`pull`, of a film and its reels of the mean and of the asked samples."""
    dial, rest, pane = int(ask["k"]), bool(ask["rest"]), bool(ask.get("beside"))
    lengths = zip(reels, (ask["means"], ask["samples"]), strict=True)
    sent = {(take, int(c)) for take, have in lengths for c in have[:999]}
    _, sample = reels

    def lacking(all_samples: bool) -> Plan:
        return without(film.plan(sample, dial, rest, all_samples), sent)

    ready = [(take, c) for take, lengths in lacking(True) for c in lengths if c in reels[take]]
    if not ready:
        if not studio.ready(film.info.name):
            return {"note": "The model is loading…"}
        gpu = studio.on_gpu(film.info.name)
        plan = lacking(gpu)
        if plan and studio.turn.here > CROWD:
            return full(studio, TO_GO_ON)
        wait = {} if gpu or not plan else studio.waits.of(film, sample)
        if wait:
            if not ask.get("patient"):
                return {"wait": wait}
            plan = soon_of(plan, film, dial)
        for take, lengths in plan[:1]:
            size = BATCH if gpu else 1 if wait or take.mode == "sample" else PART
            new = film.encoding is None
            studio.develop(film, take, lengths[:size], urgent=not pane and (new or lengths == [dial]))
            ready = [(take, c) for c in lengths[:size]]
    # what is large or slow comes after the ladder
    late = not pane and (len(sent) >= len(LADDER) or not ready)
    if late:
        studio.find_maps(film)
        studio.compare(film)
    told = film.told
    known = {what for what in told if late or what in ("tokens", "codes")}
    return {
        "frames": [[take.mode, c, *reels[take][c]] for take, c in dict.fromkeys(ready[:48])],
        "told": {what: told[what] for what in known.difference(ask["told"])},
    }


@spoken
def view(studio: Studio, ask: Any) -> dict:
    """Called by the page: what is beside the film, as `views` says."""
    with studio.films.watch(str(ask["token"])) as film:
        codec = ask["view"] == "codec"
        if ("codes" if codec else ask["view"]) not in film.info.views:
            raise tc.TokenizerError(f"There is no such view of pictures of {film.info.title}.")
        if codec:
            return in_codec(studio, film, ask)
        k = int(ask["k"])
        if k not in film.lengths or film.encoding is None or studio.turn.here > CROWD:
            raise tc.TokenizerError(BUSY)
        return views.VIEWS[ask["view"]](
            views.Ask(studio, film, k, take_of(ask, film.info), int(ask["n"]), ask["of"])
        )


def in_codec(studio: Studio, film: Film, ask: Any) -> dict:
    """`view`, of a codec's files: "of", "sizes". No model is needed."""
    codec, sizes = beside.wanted(ask)
    if studio.turn.here > CROWD:
        raise tc.TokenizerError(BUSY)
    with studio.turn.attend():
        return beside.files(film, codec, sizes)


@spoken
def models(studio: Studio, _: Any) -> dict:
    """Called by the page: what *Compare* may set beside a film."""
    return beside.models(list(studio.infos.values()))


@spoken
def whole(studio: Studio, ask: Any) -> dict:
    """Called by the page when a crop is to be chosen: {"webp": all of the photo, small} or {"error"}."""
    with studio.films.watch(str(ask["token"])) as film:
        if film.photo is None:
            raise tc.TokenizerError(NO_PHOTO)
        small = film.photo.copy()
    small.thumbnail((WHOLE, WHOLE))
    return {"webp": b64(webp(small))}


@spoken
def forget(studio: Studio, ask: Any) -> dict:
    """Called by the page: all films of a visitor's photo go (other crops, other models); their tokens."""
    return {"forgotten": studio.films.forget(str(ask["token"]))}


@spoken
def need(studio: Studio, ask: Any) -> dict:
    """Called by the page: how many tokens one picture needs, as `needs` says."""
    return needs.answer(studio, ask)


def here(*_: Any) -> dict:
    """Called by the page after a line broke: whether it was the line or the server."""
    return {"here": True}


# to what the page asks; else it pulls
ANSWERS = {
    "start": first,
    "view": view,
    "models": models,
    "whole": whole,
    "forget": forget,
    "need": need,
    "here": here,
}


def take_of(ask: Any, info: tc.ModelInfo) -> Take:
    """The samples that are asked for; a sentence if their steps or seed are out of range.

    A model that draws none has its sharp pictures, or an empty reel, whatever is asked.
    """
    if not info.generative:
        return film_take(info, info.modes[1]) if len(info.modes) > 1 else Take("sample", 2, 0)
    steps, seed = int(ask["steps"]), int(ask["seed"])
    if not (2 <= steps <= 50 and 0 <= seed < 2**31):
        raise tc.TokenizerError("Steps go from 2 to 50 and seeds from 0 to 2147483647.")
    return Take("sample", steps, seed)
