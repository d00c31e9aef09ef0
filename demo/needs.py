"""How many tokens does it need? One picture at a time, grown until it is near enough.

The page asks for a picture and a model at a time, so each answer is seen as soon as it is there, and a
visitor who goes away asks for no more. Nothing is kept. Neighbours: `ours` (the six pictures of the page's
own), `handlers` (errors become sentences).
"""

import math
from typing import Any

import tokenizer_core as tc

from .film import b64, webp
from .ours import OURS
from .studio import CROWD, Studio

SMALL = 192  # side of the pictures that the page gets, in pixels


def answer(studio: Studio, ask: Any) -> dict:
    """What one picture needs of one model.

    Args:
        studio: what all visitors share.
        ask: "model" ("": the default), "criterion", "threshold", and "ours" (a name of `OURS`) or "path" (of
            an upload); untrusted.

    Returns:
        {"need": {"tokens", "bytes", "reached", "score" at these tokens (None: equal), "tried": how many
        lengths were decoded, "seconds"}, "webp": the picture that these tokens hold, "original": the picture
        itself, cut to its middle square}, or {"note": a sentence} while the model loads.

    Raises:
        TokenizerError: the picture cannot be opened, there is no such model or criterion, or many wait.
    """
    info = studio.info(ask.get("model") or studio.default.name)
    criterion, threshold = str(ask["criterion"]), float(ask["threshold"])
    if criterion not in tc.CRITERIA:
        raise tc.TokenizerError(f"There is no such criterion; there are {', '.join(tc.CRITERIA)}.")
    if not studio.ready(info.name):
        return {"note": "The model is loading…"}
    if studio.turn.here > CROWD:
        raise tc.TokenizerError("The server is busy. Once more, please?")
    original = picture_of(ask, info.picture_size)
    with studio.turn.take():
        ((need, found),) = studio.allocate(info.name, original.array, criterion, threshold)
    score = need.scores[info.ladder.index(need.tokens)]
    told = {"tokens": need.tokens, "bytes": need.bytes, "reached": need.reached}
    told |= {
        "score": score if math.isfinite(score) else None,
        "tried": len(need.scores),
        "seconds": round(need.seconds, 2),
    }
    return {"need": told, "webp": _small(tc.Picture(found)), "original": _small(original)}


def picture_of(ask: Any, size: int) -> tc.Picture:
    """One of ours, or what was uploaded: its middle square.

    Raises:
        TokenizerError: there is neither, or it cannot be opened.
    """
    if ask.get("ours") in OURS:
        return tc.square_crop(OURS[ask["ours"]](), size)
    if not ask.get("path"):
        raise tc.TokenizerError("This picture did not arrive. Please choose it again.")
    photo = tc.open_photo(ask["path"])
    with tc.photo_memory.hold(4 * photo.width * photo.height):
        return tc.square_crop(photo, size)


def _small(picture: tc.Picture) -> str:
    image = picture.to_pil()
    image.thumbnail((SMALL, SMALL))
    return b64(webp(image))
