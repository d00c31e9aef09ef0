"""CLAIMS.md of alit-256, from claims.json beside it: what was claimed, what was found, and whether it holds.

Each verdict is a condition on the figures, so that the page says of other weights what is true of those.
`alit_claims` measures and calls `write`.
"""

import json
import textwrap
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from studies.pages import ROOT, table

MODEL = "alit-256"
FOLDER = ROOT / "checkpoints" / MODEL
DATA, PAGE = FOLDER / "claims.json", FOLDER / "CLAIMS.md"
USUAL = 0.07  # of L1
LEAST_SHARE = 0.03  # of photographs that stop at each length
LEAST_CORRELATION = 0.65  # of need with the size as WebP
OTHER_NEED = 0.5  # below this rank correlation two criteria ask for different photographs
WIDTH = 120  # of a line of the page
Figures = dict[str, Any]


class Claim(NamedTuple):
    """A claim, whether it holds here, and what was found: words, a table, and more words."""

    said: str
    holds: bool
    found: Sequence[str]


def errors(data: Figures) -> Claim:
    """Point 1."""
    e = data["errors"]
    rows = _error_rows(e) + [(f"*{name}*", *cells) for name, *cells in _error_rows(_ordered(data, "errors"))]
    words = _words(
        f"The mean error falls by {1 - e['l1'][-1] / e['l1'][0]:.0%} from the first pass to the last",
        "(published:",
        "34 to 35 %).",
        f"Photograph by photograph it falls in {e['falls']:.0%} of the steps.",
    )
    falling = all(after < before for before, after in pairwise(e["l1"]))
    found = (words, table(("tokens", *map(str, data["lengths"])), rows))
    return Claim("The error falls with every pass.", falling, found)


def _error_rows(e: Figures) -> list[Sequence[str]]:
    forms = {
        "l1": "L1 x 10",
        "psnr": "PSNR, dB",
        "feature": "feature distance",
        "label": "label",
        "spectrum": "spectrum error, decades",
    }
    shown = {"l1": "{:.2f}", "psnr": "{:.2f}", "feature": "{:.3f}", "label": "{:.0%}", "spectrum": "{:.2f}"}
    scale = {"l1": 10}
    return [
        (words, *(shown[name].format(scale.get(name, 1) * value) for value in e[name]))
        for name, words in forms.items()
        if name in e
    ]


def _ordered(data: Figures, point: str) -> Any:
    """What the ordered model has of a point; empty where it was not measured."""
    return data.get("ordered", {}).get(point, {})


def needs(data: Figures) -> Claim:
    """Point 2."""
    lengths = data["lengths"]
    named = [(f"{one['threshold']:g}", one) for one in data["needs"]]
    named += [(f"*{one['threshold']:g}*", one) for one in _ordered(data, "needs")]
    rows = [
        (name, f"{one['tokens']:.0f}", *(f"{share:.1%}" for share in one["shares"])) for name, one in named
    ]
    usual = next(one for one in data["needs"] if one["threshold"] == USUAL)
    least = min(usual["shares"][: len(lengths)])
    words = _words(
        "Tokens until L1 is reached (all, where it never is), and the share of photographs that stop at each",
        "length. Published, on other photographs: 250 / 221 / 129 tokens at 0.03 / 0.05 / 0.09, always",
        "after all",
        "passes; here no pass is computed behind the one that is enough.",
    )
    after = f"At {USUAL} the length that the fewest photographs stop at has {least:.1%} of them."
    found = (words, table(("L1", "mean tokens", *map(str, lengths), "never"), rows), after)
    said = f"Photographs differ in their need: each length is enough for {LEAST_SHARE:.0%} of them or more."
    return Claim(said, least >= LEAST_SHARE, found)


def complexity(data: Figures) -> Claim:
    """Point 3."""
    c = data["complexity"]
    rows = [(name, *(f"{c[limit][name]:.2f}" for limit in c)) for name in ("WebP", "JPEG", "edges")]
    o = _ordered(data, "complexity")
    rows += [
        (f"*{name}*", *(f"{o[limit][name]:.2f}" for limit in c)) for name in ("WebP", "JPEG", "edges") if o
    ]
    words = _words(
        "Rank correlation of need with the size of the file as WebP and as JPEG (quality 75), and with the",
        f"share of pixels at edges. It holds from {LEAST_CORRELATION} on, for WebP at {USUAL}.",
    )
    found = (words, table(("need at L1 of", *c), rows))
    return Claim("Complex photographs need more.", c[f"{USUAL:g}"]["WebP"] >= LEAST_CORRELATION, found)


def familiarity(data: Figures) -> Claim:
    """Point 4."""
    drawn = {name: one for name, one in data["familiarity"].items() if name != "photographs"}
    rows = [_familiarity_row(name, one) for name, one in data["familiarity"].items()]
    rows += [
        (f"*{cells[0]}*", *cells[1:])
        for cells in (_familiarity_row(*pair) for pair in _ordered(data, "familiarity").items())
    ]
    less = [name for name, one in drawn.items() if one["auroc"] <= 0.5]
    noise, board = ([f"{10 * value:.2f}" for value in drawn[name]["l1"]] for name in ("noise", "chessboards"))
    exact = [name for name, one in data["familiarity"].items() if _nearer(one["soft_l1"], one["l1"])]
    words = _words(
        "Pictures drawn by rule (`studies/unfamiliar.py`), which no training saw, need more than photographs",
        f"(save {', '.join(less)})." if less else "of every kind.",
        "AUROC: the chance that one of them needs more than a photograph, ties counting half.",
        "Published: noise",
        f"hardly gets nearer with more tokens (1.2 to 1.1; here {' to '.join(noise)}), chessboards do",
        f"(1.4 to 0.2; here {' to '.join(board)}). Without codes: the same networks, with the numbers",
        "before they",
        "become bits, which the writer never saw; with all tokens that is",
        f"nearer for {', '.join(exact)} alone." if exact else "nearer for nothing.",
        f"Need is at L1 <= {USUAL}.",
    )
    head = ("", "n", "tokens", "never", "L1 x 10, first to last", "without codes", "kB as WebP", "AUROC")
    return Claim("Unfamiliar pictures need more.", not less, (words, table(head, rows)))


def _familiarity_row(name: str, one: Figures) -> Sequence[str]:
    return (
        name,
        str(one["n"]),
        f"{one['tokens']:.0f}",
        f"{one['never']:.0%}",
        " to ".join(f"{10 * value:.2f}" for value in one["l1"]),
        " to ".join(f"{10 * value:.2f}" for value in one.get("soft_l1", ())),
        f"{one['webp'] / 1000:.1f}",
        "" if name == "photographs" else f"{one['auroc']:.2f}",
    )


def tasks(data: Figures) -> Claim:
    """Point 5."""
    t = data["tasks"]
    columns = ("threshold", "tokens", "reached", "with_l1")
    forms = ("{:g}", "{:.0f}", "{:.0%}", "{:.2f}")
    rows = [
        (name, *(form.format(one[column]) for column, form in zip(columns, forms, strict=True)))
        for name, one in [*t.items(), *((f"*{name}*", one) for name, one in _ordered(data, "tasks").items())]
    ]
    words = _words(
        "Need by criterion, each at its usual threshold (`tokendial allocate`). Depth, a task of the",
        "paper, has",
        "no weights here and is left out; the classifier's label and features stand for a task. It",
        "holds where",
        f"need by both correlates less than {OTHER_NEED} with need by L1.",
    )
    holds = max(t[name]["with_l1"] for name in ("feature", "label")) < OTHER_NEED
    head = ("criterion", "threshold", "mean tokens", "reached", "rank correlation with need by L1")
    return Claim("How many tokens are needed depends on the task.", holds, (words, table(head, rows)))


def probe(data: Figures) -> Claim:
    """Point 6."""
    p, lengths = data["probe"], data["lengths"]
    names = {
        "first": "bits of the first 32 tokens",
        "all": "bits of all tokens",
        "state": "tokens' mean state",
        "ordered": "*as many bytes of the ordered model*",
    }
    passes = [int(key.split()[1]) for key in p if key.startswith("first ")]
    rows = [
        (words, *(_share(p[f"{key} {number}"]) for number in passes))
        for key, words in names.items()
        if f"{key} {passes[0]}" in p
    ]
    first, last = (p[f"first {number}"] for number in (passes[0], passes[-1]))
    some, end = p[f"all {passes[1]}"], p[f"all {passes[-1]}"]
    words = _words(
        f"A linear probe of ten classes, learnt from {p['train']} photographs and tested on {p['test']}",
        "(95 %",
        f"intervals), after {', '.join(map(str, passes))} passes. More passes {_more(first, last)} the",
        "first 32",
        f"tokens. That {lengths[passes[1] - 1]} tokens probe better than {lengths[passes[-1] - 1]}",
        f"{'holds' if some['interval'][0] > end['right'] else 'does not hold'}.",
    )
    head = ("", *(f"{lengths[number - 1]} tokens" for number in passes))
    holds = last["interval"][0] > first["right"]
    return Claim("More passes help a probe of the first 32 tokens.", holds, (words, table(head, rows)))


def segments(data: Figures) -> Claim:
    """Point 7."""
    s = data["segments"]
    layer = max(range(len(s["best"])), key=lambda one: s["best"][one][-1])
    rows = [
        ("the best of the first 32 tokens", *(f"{value:.2f}" for value in s["best"][layer])),
        ("any of them, the mean", *(f"{value:.2f}" for value in s["random"][layer])),
    ]
    words = _words(
        f"{s['n']} photographs with a piece of another one pasted in ({s['area']:.0%} of the picture):",
        "intersection",
        f"over union of the piece with as many places of a token's attention, in layer {layer} of the",
        "encoder, the",
        f"best one after the last pass. Of 32 discs on a grid the best one has {s['grid']:.2f}, a disc",
        "in the",
        f"middle {s['middle']:.2f}. Published, on ImageNet-S: 0.58.",
    )
    if o := _ordered(data, "segments"):
        own = max(range(len(o["best"])), key=lambda one: o["best"][one])
        words += "\n\n" + _words(
            f"Of the first 32 tokens of the ordered model the best one has {o['best'][own]:.2f}, in layer",
            f"{own} of its encoder; the mean of them is {o['random'][own]:.2f}.",
        )
    holds = s["best"][layer][-1] > max(s["grid"], s["middle"])
    head = ("passes", *map(str, range(1, len(s["best"][0]) + 1)))
    return Claim("A token's attention outlines an object.", holds, (words, table(head, rows)))


def nesting(data: Figures) -> Claim:
    """Point 8."""
    n, lengths = data["nesting"], data["lengths"]
    rows = [
        ("tokens that stay", *(f"{value:.1%}" for value in n["tokens"])),
        ("bits that stay", *(f"{value:.0%}" for value in n["numbers"])),
    ]
    p = n["psnr"]
    words = _words(
        "What of a code is still there in the next longer one; in the ordered model everything is, by",
        f"construction. {lengths[0]} tokens that were cut off a code of {lengths[1]} or {lengths[-1]}",
        "are no code:",
        f"their picture has {p['next']:.1f} or {p['last']:.1f} dB, that of the code itself {p['own']:.1f}.",
    )
    found = (words, table(("from, to", *(f"{a}, {b}" for a, b in pairwise(lengths))), rows))
    return Claim("A long code does not begin with the short one.", max(n["tokens"]) < 1, found)


POINTS: dict[str, Callable[[Figures], Claim]] = {
    "errors": errors,
    "needs": needs,
    "complexity": complexity,
    "familiarity": familiarity,
    "tasks": tasks,
    "probe": probe,
    "segments": segments,
    "nesting": nesting,
}


def page(data: Figures) -> str:
    """The whole page; a point that was not measured says so."""
    claims = [(name, POINTS[name](data) if name in data else None) for name in POINTS]
    rows, parts = [], []
    for place, (name, claim) in enumerate(claims, 1):
        said = claim.said if claim else name
        rows.append((str(place), said, _verdict(claim)))
        found = claim.found if claim else ("Not measured.",)
        parts.append("\n\n".join((f"## {place}. {said}", *found)))
    words = _words(
        f"`python -m studies.alit_claims` measured this on {data['n']} validation photographs with the",
        "bundled",
        f"int8 weights in {data['dtype']} and the mean pictures, and made this page of claims.json. The",
        "claims and the",
        "published figures are those of arXiv 2411.02393 and 2507.07995, on other photographs and with",
        "far larger",
        "networks.",
    )
    if "ordered" in data:
        words += "\n\n" + _words(
            f"*Slanted* rows are of {data['ordered']['model']}, the ordered model, with its mean pictures in",
            f"as many bytes: {', '.join(map(str, data['ordered']['lengths']))} of its tokens stand below",
            f"{', '.join(map(str, data['lengths']))} of these, and its needs are told in these.",
        )
    head = "# What the second paper claims, and what is true of alit-256"
    return "\n\n".join((head, words, table(("", "claim", "holds here"), rows), *parts)) + "\n"


def write(data: Figures, folder: Path = FOLDER) -> None:
    """Put the data and their page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DATA.name).write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    (folder / PAGE.name).write_text(page(data), "utf-8")


def _verdict(claim: Claim | None) -> str:
    if claim is None:
        return "not measured"
    return "yes" if claim.holds else "**no**"


def _words(*parts: str) -> str:
    return textwrap.fill(" ".join(parts), WIDTH, break_long_words=False, break_on_hyphens=False)


def _share(one: Figures) -> str:
    low, high = one["interval"]
    return f"{one['right']:.0%} ({low:.0%} to {high:.0%})"


def _more(before: Figures, after: Figures) -> str:
    if after["interval"][0] > before["right"]:
        return "help"
    return "harm" if after["interval"][1] < before["right"] else "neither help nor harm"


def _nearer(errors: Sequence[float], than: Sequence[float]) -> bool:
    """Whether the last error is smaller, as the table shows both."""
    return round(10 * errors[-1], 2) < round(10 * than[-1], 2)
