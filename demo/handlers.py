"""What happens when a visitor does something: plain generators of small messages for the dial.

Each message carries the run number that the page minted; the page drops those of older runs, and a run
stops here as soon as its session has started a newer one. Messages are deltas (Gradio compares and
copies a component's value on every update) and the last is tiny (Gradio repeats it). Of messages that
arrive together Gradio delivers only the last, so each also names its film and take, and the page asks
for what it misses (`frames`).
"""

import functools
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import gradio as gr

import tokenizer_core as tc
from demo import examples, links
from demo.film import MEAN, Crop, Film, Take, b64, pack_frame, small_parts, without
from demo.studio import Studio

log = logging.getLogger("tokendial")
GONE = "The server no longer holds this photo. Please choose it again."
NO_PHOTO = "A link brings no photo, so there is nothing to crop or to encode with another model."
BROKEN = "Something went wrong on the server. Please try once more."


@dataclass(frozen=True)
class Wish:
    """What the visitor asks for: the session and run, the form's values, and what the browser holds."""

    session: str
    run: int
    model: str
    steps: int
    seed: int
    crop: Crop
    token: str = ""
    means: frozenset[int] = frozenset()  # lengths whose mean the browser has
    dial: int | None = None  # where it stands: this length comes first

    @classmethod
    def of(cls, studio: Studio, session: str | None, ticket: object, form: tuple) -> "Wish":
        """From what a request holds; whatever is not sensible becomes the default or a TokenizerError."""
        ticket = ticket if isinstance(ticket, dict) else {}
        try:
            model, steps, seed, x, y, zoom = form
            steps, seed = int(steps or studio.default.default_steps), int(seed or 0)
            crop = Crop(min(max(float(x), 0), 1), min(max(float(y), 0), 1), min(max(float(zoom), 1), 4))
            run, means = int(ticket.get("run", 0)), frozenset(int(k) for k in ticket.get("means", ())[:300])
            dial = int(ticket["k"]) if "k" in ticket else None
        except (TypeError, ValueError):
            raise tc.TokenizerError("The settings are not numbers that this page understands.") from None
        if not (2 <= steps <= 50 and 0 <= seed < 2**31):
            raise tc.TokenizerError("Steps go from 2 to 50 and seeds from 0 to 2147483647.")
        token = str(ticket.get("token") or "")
        return cls(session or "", run, model or studio.default.name, steps, seed, crop, token, means, dial)


def spoken(handler: Callable) -> Callable:
    """Errors reach the visitor as one sentence, in the page's status line and as a warning."""

    @functools.wraps(handler)
    def guarded(studio: Studio, session: str | None, ticket: object, form: tuple, *args) -> Iterator[dict]:
        run = ticket.get("run", 0) if isinstance(ticket, dict) else 0
        try:
            wish = Wish.of(studio, session, ticket, form)
            studio.latest[wish.session] = max(wish.run, studio.latest.get(wish.session, 0))
            yield from handler(studio, wish, *args)
        except tc.TokenizerError as error:
            gr.Warning(str(error))
            yield {"run": run, "error": str(error)}
        except Exception:
            log.exception("a handler failed")
            gr.Warning(BROKEN)
            yield {"run": run, "error": BROKEN}

    return guarded


@spoken
def upload(studio: Studio, wish: Wish, path: str | None) -> Iterator[dict]:
    """A photo was uploaded, pasted or taken; None when it was taken away (that only stops the film)."""
    if path is None:
        return
    yield {"run": wish.run, "note": "Reading the photo…"}
    yield from roll(studio, wish, studio.films.add(Film(tc.open_photo(path), studio.infos[wish.model])))


def shown(studio: Studio, wish: Wish, name: str) -> Iterator[dict]:
    """An example was chosen. The bundled model answers from the cache before its weights are there."""
    info = studio.infos.get(wish.model, studio.default)
    token = f"{name}/{info.name}/{info.checkpoint_id}"
    film = studio.films.get(token) or studio.films.add(examples.film(name, info, token))
    yield from roll(studio, wish, film)


example = spoken(shown)


@spoken
def link(studio: Studio, wish: Wish, text: object, name: str) -> Iterator[dict]:
    """A link with tokens was opened. One that cannot be read is said so, and an example opens instead."""
    try:
        film = links.film(text, studio.infos)
    except tc.TokenizerError as error:
        gr.Warning(str(error), duration=None)  # stays until it is read
        yield from shown(studio, wish, name)
        return
    yield from roll(studio, wish, studio.films.get(film.token) or studio.films.add(film))


@spoken
def again(studio: Studio, wish: Wish) -> Iterator[dict]:
    """The seed, the steps, the crop or the model changed. Only a new crop or model encodes again."""
    if not wish.token:
        return  # a link sets the seed before there is a film
    film = studio.films.get(wish.token)
    if film is None:
        raise tc.TokenizerError(GONE)
    if wish.model != film.info.name or wish.crop != film.crop:
        if film.photo is None:
            raise tc.TokenizerError(NO_PHOTO)
        info = studio.infos.get(wish.model, studio.default)
        film = studio.films.add(Film(film.photo, info, wish.crop, film.credit))
    yield from roll(studio, wish, film)


def roll(studio: Studio, wish: Wish, film: Film) -> Iterator[dict]:
    """Stream a film: what the server has, then the rest as it is decoded, coarse to fine."""
    sample, turned = Take("sample", wish.steps, wish.seed), film.token == wish.token

    def live() -> bool:  # whether this is still the newest thing that its visitor asked for
        return studio.latest.get(wish.session) == wish.run

    head = {"run": wish.run, "token": film.token, "take": {"seed": wish.seed, "steps": wish.steps}}
    yield head if turned else head | {"start": film.start()}
    sent = {(MEAN, k) for k in wish.means} if turned else set()
    plan = without(film.plan(sample, True, wish.dial), sent)
    ready = ((t, k, film.reels[t][k]) for t, lengths in plan for k in lengths if k in film.reel(t))
    yield from batched(head, sample, ready, sent)
    told: set[str] = set()
    yield from extras(film, head, told)
    if not studio.loading(film.info.name).done():
        yield head | {"note": "The model is loading…"}
    gpu = studio.on_gpu(film.info.name)
    if not live():
        return
    if film.encoding is None:
        yield head | {"note": "Encoding…"}
    for part in [plan] if gpu else small_parts(without(film.plan(sample, gpu, wish.dial), sent)):
        yield from batched(head, sample, develop(studio, film, part, live, gpu), sent)
        if not live():
            return
        yield from extras(film, head, told)
        if film.linear is None and film.encoding is not None and len(sent) > 10:
            film.linear = studio.baseline_psnr(film)
    yield from extras(film, head, told)
    yield head | {"done": True, "all": gpu}


def develop(studio: Studio, film: Film, part: list, live: Callable[[], bool], gpu: bool) -> Iterator[tuple]:
    """Decode what a part of the plan lacks; on a CPU one part at a time, whoever asks."""
    if gpu:
        yield from recorded(studio, film, part, live)
        return
    with studio.turn.take(urgent=film.encoding is None):
        arrays = list(recorded(studio, film, part, live)) if live() else []
    yield from arrays
    yield from ((t, k, film.reel(t)[k]) for t, lengths in part for k in lengths if k in film.reel(t))


def recorded(studio: Studio, film: Film, part: list, live: Callable[[], bool]) -> Iterator[tuple]:
    """Run the device for what is missing and put it into the film."""
    todo = without(part, {(take, k) for take, reel in list(film.reels.items()) for k in list(reel)})
    if not todo and film.encoding is not None:
        return
    source = film.encoding or film.original.array  # pyright: ignore[reportOptionalMemberAccess]
    for item in studio.record(film.info.name, source, todo):
        if item[0] == "encoding":
            film.encoding = item[1]
        elif item[0] == "attention":
            film.attention = item[1]
        else:
            take, k, array = item
            yield take, k, film.add(take, k, array)
        if not live():
            return


def batched(head: dict, sample: Take, frames: Iterator[tuple], sent: set) -> Iterator[dict]:
    """Messages of at most 16 frames or 0.1 s; a frame goes once, and only the mean and this take."""
    batch, since = [], 0.0
    for take, k, frame in frames:
        if (take, k) not in sent and take in (MEAN, sample):
            sent.add((take, k))
            since = since if batch else time.monotonic()
            batch.append(pack_frame(take.mode, k, frame))
        if batch and (len(batch) == 16 or time.monotonic() - since > 0.1):
            yield head | {"frames": batch}
            batch = []
    if batch:
        yield head | {"frames": batch}


def extras(film: Film, head: dict, told: set[str]) -> Iterator[dict]:
    """The tokens, the attention maps and the baseline's scores, each once, when they are there."""
    look, mass = film.attention or (b"", [])
    news = {"tokens": b64(film.encoding or b""), "attention": b64(look), "mass": mass, "linear": film.linear}
    fresh = {what: value for what, value in news.items() if value and what not in told}
    told.update(fresh)
    if fresh:
        yield head | fresh


def frames(studio: Studio, ask: object) -> list | dict:
    """Called from the page, outside the queue: what got lost, or one sample where the dial rests.

    `ask` is {"token", "mode", "steps", "seed", "counts": [k, ...] (at most 64)}; nothing in it is trusted.
    Gives [frame, ...] or {"error": a sentence}. The mode "chance" is a sample of a seed that no film brings;
    in "start" it is all of the film that is no frame, in "forget" the photo's films go: their tokens.
    """
    try:
        film = studio.films.get(ask["token"])  # pyright: ignore[reportIndexIssue]
        mode, steps, seed = str(ask["mode"]), int(ask["steps"]), int(ask["seed"])  # pyright: ignore
        counts = [int(k) for k in ask["counts"][:64]]  # pyright: ignore[reportIndexIssue]
    except (TypeError, KeyError, ValueError):
        return []
    if film is None:
        return {"error": GONE}
    if mode == "forget":
        return studio.films.forget(film)
    if mode == "start":
        return next(extras(film, {"start": film.start()}, set()), {"start": film.start()})
    sane = 2 <= steps <= 50 and 0 <= seed < 2**31 and set(counts) <= set(film.info.lengths)
    if not sane or mode not in ("mean", "sample", "chance"):
        return []
    take = MEAN if mode == "mean" else Take("sample", steps, seed)
    if len(counts) == 1 and take != MEAN and film.encoding is not None and counts[0] not in film.reel(take):
        lone_sample(studio, film, take, counts[0], mode == "chance")
    return [pack_frame(take.mode, k, film.reel(take)[k]) for k in counts if k in film.reel(take)]


def lone_sample(studio: Studio, film: Film, take: Take, k: int, chance: bool) -> None:
    """Decode one sample between two parts of the films; on a GPU the film brings all but those by chance."""
    future = studio.loading(film.info.name)
    if not future.done() or (studio.on_gpu(film.info.name) and not chance) or studio.turn.waiting > 8:
        return
    with studio.turn.take(urgent=True):
        list(recorded(studio, film, [(take, [k])], lambda: True))  # nothing, if it came meanwhile
