"""The scene *Soft and hard*: every measured tokenizer in a table, and four questions about kinds of tokens.

page/kinds.json has what `python -m studies.soft_and_hard` measured, with each model's description as it was
then; page/claims.json asks, in our words, whether what is claimed of the kinds holds. No number is typed.
Neighbour: `scenes`.
"""

import json
from collections import Counter
from html import escape
from pathlib import Path
from typing import Any

from .figure import DASH

PAGE = Path(__file__).parent / "page"
KINDS = {"soft": "continuous", "hard": "discrete"}
HEAD = (
    "tokens",
    "bits a token",
    "ordered",
    "adaptive",
    "first token lost, dB",
    "one of the last half lost, dB",
    "first token lost, features",
    "finest third of detail off, \N{MULTIPLICATION SIGN}10",
)
PROBE, TIMES = "probe", "encode, decode, ms"  # the last columns; the times say where they were measured
DEVICES = {"cpu": "on a processor", "cuda": "on a GPU"}
CORRECTION = (
    "<i>Context</i> and <i>content</i> tokens, sometimes named beside these, are no kinds of image token: "
    "they are LLaMA-VID's (arXiv 2311.17043), which says a frame of a film to a language model in two "
    "tokens, what a question asks of it and what is in it."
)
FOR, AGAINST, OPEN = "yes", "no", "open"  # no: it is the other way round


def markup(weights: dict[str, str] | None = None) -> str:
    """Both tables as HTML, "" where nothing was measured.

    Args:
        weights: checkpoint ids by the names of the models that the page has; one that was measured with
            other weights has no figures. None takes all as they were measured.
    """
    path = PAGE / "kinds.json"
    if not path.is_file():
        return ""
    found = json.loads(path.read_text("utf-8"))
    said = json.loads((PAGE / "claims.json").read_text("utf-8"))
    models = found["models"]
    titles = [model["info"]["title"] for model in models]
    names = [short(title, titles) for title in titles]
    few = len(heads(models))
    rows = "".join(row_of(*one, weights or {}, few) for one in zip(models, names, strict=True))
    head = "".join(f'<th scope="col">{words}</th>' for words in heads(models))
    claims = "".join(claim_of(claim, said[claim["name"]]) for claim in found["claims"])
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="Tokenizers side by side">'
        f"<table><tr><td></td>{head}</tr>{rows}</table></div>"
        f'<p class="measured">Four questions to the two kinds, answered by pairs of a soft and a hard model '
        f"of {found['bytes']} bytes. <i>No</i> is the other way round.</p>"
        f'<ul class="claims">{claims}</ul><p class="measured">{CORRECTION}</p>'
        f'<p class="command">{found["n"]} <dfn>validation photographs</dfn>, '
        f"<code>{escape(found['command'])}</code></p>"
    )


def short(title: str, titles: list[str]) -> str:
    """A title up to its first comma, unless others begin like it; as page/panes.js names panes."""
    first = title.partition(",")[0]
    return first if sum(one.partition(",")[0] == first for one in titles) == 1 else title


def heads(models: list[dict[str, Any]]) -> list[str]:
    """The table's columns: without times where none were kept, and without the probe where it is not read."""
    timed = {model["timed_on"].partition(":")[0] for model in models if model["ms"]}
    probed = any(model["probe"] for model in models)
    times = [f"{TIMES}, {' or '.join(DEVICES[one] for one in sorted(timed))}"] if timed else []
    return [*HEAD, *([PROBE] if probed or timed else []), *times]


def row_of(model: dict[str, Any], name: str, weights: dict[str, str], columns: int) -> str:
    """One tokenizer as a row of so many columns."""
    info = model["info"]
    measured = weights.get(info["name"], info["checkpoint_id"]) == info["checkpoint_id"]
    cells = [
        KINDS.get(info["tokens"], info["tokens"]),
        str(info["bits_per_token"]),
        "yes" if info["ordered"] else "no",
        "yes" if info["adaptive"] else "no",
        *(figures_of(model) if measured else [DASH] * 6),
    ]
    plain = "".join(f"<td>{escape(cell)}</td>" for cell in cells[:columns])
    return f'<tr><th scope="row">{escape(name)}</th>{plain}</tr>'


def figures_of(model: dict[str, Any]) -> list[str]:
    """What was measured, as text: a lost token, detail, the probe, and times."""
    lost, modes, probe, times = model["lost"], model["modes"], model["probe"], model["ms"]
    first, last = lost[0], lost[-1]
    high = ", ".join(f"{found['high']:.2f}" for found in modes.values())
    painted = ", ".join(f"{times[mode]:.0f}" for mode in modes if times)
    return [
        signed(first["psnr"], 2),
        signed(last["psnr"], 3),
        signed(first["feature"], 3),
        high,
        DASH if probe is None else f"{probe['accuracy']:.2f}",
        f"{times['encode']:.0f}, {painted}" if times else DASH,
    ]


def signed(value: float, digits: int) -> str:
    """A difference, with a minus that is as wide as the plus."""
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def judged(pair: dict[str, Any]) -> str:
    """Whether a pair speaks for a claim: only where the interval of the difference is on one side of 0."""
    if pair["low"] > 0:
        return FOR
    return AGAINST if pair["high"] < 0 else OPEN


def verdict(pairs: list[dict[str, Any]]) -> str:
    """What all pairs say together."""
    counts = Counter(judged(pair) for pair in pairs)
    if not pairs:
        return "Not tested: there was no pair."
    said = ", ".join(f"{words} in {counts[words]}" for words in (FOR, AGAINST, OPEN) if counts[words])
    shares = f"{said} of {len(pairs)} pair{'s' if len(pairs) > 1 else ''}."
    if counts[FOR] and counts[AGAINST]:
        return f"The model decides it, not the kind: {shares}"
    if not counts[OPEN] or counts[OPEN] == len(pairs):
        return f"Here {shares}"
    return f"Here rather {FOR if counts[FOR] else AGAINST}: {shares}"


def claim_of(claim: dict[str, Any], said: dict[str, str]) -> str:
    """One question, what was measured for it, and what came out."""
    return (
        f"<li>{escape(said['asks'])} <b>{verdict(claim['pairs'])}</b> "
        f"<small>{escape(said['measured'])}</small></li>"
    )
