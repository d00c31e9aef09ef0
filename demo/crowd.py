"""Visitors at once, in this process: what `tokendial bench --visitors` measures of the page's own handlers.

Each is a thread that uploads a photo of its own and pulls, as a page does; Gradio and the network are not in
it. `make load` asks a served page instead.
"""

import io
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import tokenizer_core as tc

from . import handlers
from .studio import Studio

PHOTO_SIDE = (1200, 900)  # of a visitor's photo, a JPEG
PATIENT = 120.0  # seconds that a visitor waits for the first picture


def measure(tokenizer: tc.Tokenizer, visitors: int) -> dict[str, Any]:
    """So many uploads at once: when each has its first picture, when each has the ladder; seconds."""
    studio = Studio(lambda name, device: tokenizer, [tokenizer.info], tokenizer.device)
    studio.warm_up()
    studio.loading(tokenizer.info.name).result()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{n}.jpg" for n in range(visitors + 1)]
        for number, path in enumerate(paths):
            path.write_bytes(photo(number))
        visit(studio, str(paths[-1]), threading.Barrier(1))  # not counted: threads start, kernels load
        ready = threading.Barrier(visitors)
        began = time.perf_counter()
        with ThreadPoolExecutor(visitors) as pool:
            times = list(pool.map(lambda path: visit(studio, str(path), ready), paths[:visitors]))
        whole = time.perf_counter() - began
    first, ladder = (np.array([one[what] for one in times]) for what in ("first", "ladder"))
    return {
        "visitors": visitors,
        **{f"first_picture_{name}_seconds": value for name, value in spread(first).items()},
        **{f"ladder_{name}_seconds": value for name, value in spread(ladder).items()},
        "visitors_a_minute": round(60 * visitors / whole, 1),
    }


def spread(times: np.ndarray) -> dict[str, float]:
    """The median, the 95th percentile and the worst."""
    p50, p95 = np.percentile(times, (50, 95))
    return {"p50": round(float(p50), 4), "p95": round(float(p95), 4), "worst": round(float(times.max()), 4)}


def photo(number: int) -> bytes:
    """A visitor's photo as JPEG: colours and grain, another one for each number."""
    drawn = np.random.default_rng(number)
    coarse = Image.fromarray(drawn.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize(PHOTO_SIDE)
    grain = drawn.normal(0, 8, (PHOTO_SIDE[1], PHOTO_SIDE[0], 1))
    array = (np.asarray(coarse) + grain).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def visit(studio: Studio, path: str, ready: threading.Barrier) -> dict[str, float]:
    """Upload, then pull until the ladder of the mean is there.

    Raises:
        TokenizerError: what the page would have shown instead.
    """
    ready.wait(PATIENT)
    began = time.perf_counter()
    have: dict[str, list[int]] = {"mean": [], "sample": []}
    ask: dict[str, Any] = {"rest": False, "steps": 8, "seed": 0, "k": 64, "told": []}
    answer = handlers.first(studio, ask | {"from": "upload", "path": path})
    token, lengths = answer["start"]["token"], answer["start"]["info"]["ladder"]
    ask |= {"k": 64 if 64 in lengths else lengths[-1], "token": token}
    first = 0.0
    while time.perf_counter() - began < PATIENT:
        painted = _keep(answer, ask, have, began)
        first = first or painted
        if set(lengths) <= set(have["mean"]):
            handlers.forget(studio, {"token": token})
            return {"first": first, "ladder": time.perf_counter() - began}
        if "note" in answer:
            time.sleep(0.02)
        answer = handlers.pull(studio, ask | {"means": have["mean"], "samples": have["sample"]})
    raise tc.TokenizerError("A visitor got no picture in two minutes.")


def _keep(answer: Mapping[str, Any], ask: dict, have: dict[str, list[int]], began: float) -> float:
    """Note what an answer brought; seconds since `began` if that is a picture, else 0."""
    if "error" in answer:
        raise tc.TokenizerError(answer["error"])
    for mode, length, *_ in answer.get("frames", []):
        have[mode].append(length)
    ask["told"] = [*ask["told"], *answer.get("told", {})]
    return time.perf_counter() - began if answer.get("frames") else 0.0
