"""CLAIMS.md of alit-256, from claims.json beside it: what was claimed, what was found, and whether it holds.

Each verdict is a condition on the figures, so that the page says of other weights what is true of those.
`alit_claims` measures and calls `write`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from studies.pages import ROOT, table

FOLDER = ROOT / "checkpoints/alit-256"
DATA, PAGE = FOLDER / "claims.json", FOLDER / "CLAIMS.md"
USUAL = 0.07  # of L1
LEAST_SHARE = 0.03  # of photographs that stop at each notch
Figures = dict[str, Any]


class Claim(NamedTuple):
    """A claim, whether it holds here, and the figures in words and tables."""

    said: str
    holds: bool
    found: str


def errors(data: Figures) -> Claim:
    """Point 1."""
    e, lengths = data["errors"], data["lengths"]
    rows = [
        ("L1 x 10", *(f"{10 * value:.2f}" for value in e["l1"])),
        ("PSNR, dB", *(f"{value:.2f}" for value in e["psnr"])),
        ("feature distance", *(f"{value:.3f}" for value in e["feature"])),
        ("label", *(f"{value:.0%}" for value in e["label"])),
        ("spectrum error", *(f"{value:.2f}" for value in e["spectrum"])),
    ]
    falling = all(b < a for a, b in zip(e["l1"], e["l1"][1:], strict=False))
    found = f"""
The mean error falls by {1 - e["l1"][-1] / e["l1"][0]:.0%} from the first pass to the last (published: 33 to 35 %); photograph by
photograph it falls in {e["falls"]:.0%} of the steps.

{table(("tokens", *map(str, lengths)), rows)}"""
    return Claim("The error falls with every pass.", falling, found)


def needs(data: Figures) -> Claim:
    """Point 2."""
    lengths, rows = data["lengths"], []
    for one in data["needs"]:
        shares = [f"{share:.0%}" for share in one["shares"]]
        rows.append((f"{one['threshold']:g}", f"{one['tokens']:.0f}", *shares))
    usual = next(one for one in data["needs"] if one["threshold"] == USUAL)
    used = min(usual["shares"][: len(lengths)])
    found = f"""
Tokens until L1 is reached (all, where it never is), and the share of photographs that stop at each length. Published (other
photographs): 250 / 221 / 129 tokens at 0.03 / 0.05 / 0.09, always after all passes; here a photograph's passes end when it stops.

{table(("L1", "mean tokens", *map(str, lengths), "never"), rows)}

At {USUAL} the least used length is that of {used:.0%} of the photographs."""
    return Claim("Photographs differ in how many tokens they need.", used >= LEAST_SHARE, found)


def complexity(data: Figures) -> Claim:
    """Point 3."""
    c = data["complexity"]
    rows = [(name, *(f"{c[threshold][name]:.2f}" for threshold in c)) for name in ("WebP", "JPEG", "edges")]
    found = f"""
Rank correlation of need with the size as WebP and as JPEG (quality 75), and with the share of pixels at edges.

{table(("need at L1 of", *c), rows)}"""
    return Claim("Complex photographs need more.", c[f"{USUAL:g}"]["WebP"] >= 0.65, found)


def familiarity(data: Figures) -> Claim:
    """Point 4."""
    rows = [
        (
            name,
            str(one["n"]),
            f"{one['tokens']:.0f}",
            f"{one['never']:.0%}",
            " to ".join(f"{10 * value:.2f}" for value in one["l1"]),
            " to ".join(f"{10 * value:.2f}" for value in one["soft_l1"]),
            f"{one['webp'] / 1000:.1f}",
            "" if name == "photographs" else f"{one['auroc']:.2f}",
        )
        for name, one in data["familiarity"].items()
    ]
    found_of = {name: one for name, one in data["familiarity"].items() if name != "photographs"}
    holds = all(one["auroc"] > 0.5 for one in found_of.values())
    less = [name for name, one in found_of.items() if one["auroc"] <= 0.5]
    noise, board = (found_of[name]["l1"] for name in ("noise", "chessboards"))
    head = ("", "n", "tokens", "never", "L1 x 10, first to last", "without codes", "kB as WebP", "AUROC")
    found = f"""
Pictures drawn by rule (`studies/unfamiliar.py`), which no training saw, need more than photographs{f", save {', '.join(less)}" if less else ""}.
AUROC: the chance that one of them needs more than a photograph. Noise does not get nearer with more tokens
({10 * noise[0]:.2f} to {10 * noise[1]:.2f}; published 1.2 to 1.1), chessboards do ({10 * board[0]:.2f} to {10 * board[1]:.2f}; 1.4 to 0.2).
"Without codes" is the same networks with the numbers before they become bits. Need at L1 <= {USUAL}.

{table(head, rows)}"""
    return Claim("Unfamiliar pictures need more.", holds, found)


def tasks(data: Figures) -> Claim:
    """Point 5."""
    rows = [
        (
            name,
            f"{one['threshold']:g}",
            f"{one['tokens']:.0f}",
            f"{one['reached']:.0%}",
            f"{one['with_l1']:.2f}",
        )
        for name, one in data["tasks"].items()
    ]
    weak = min(data["tasks"][name]["with_l1"] for name in ("feature", "label"))
    found = f"""
Depth, the paper's other task, has no weights here and is left out; the classifier's label and features stand for a task.

{table(("criterion", "threshold", "mean tokens", "reached", "rank correlation with need by L1"), rows)}"""
    return Claim("How many tokens are needed depends on the task.", weak < 0.5, found)


def probe(data: Figures) -> Claim:
    """Point 6."""
    p, lengths = data["probe"], data["lengths"]
    names = {
        "first": "bits of the first 32 tokens",
        "all": "bits of all tokens",
        "state": "mean state of the tokens",
    }
    passes = [key.split()[1] for key in p if key.startswith("first ")]
    rows = []
    for key, words in names.items():
        cells = [p[f"{key} {number}"] for number in passes]
        rows.append(
            (words, *(f"{c['right']:.0%} ({c['interval'][0]:.0%} to {c['interval'][1]:.0%})" for c in cells))
        )
    first, last = (p[f"first {number}"] for number in (passes[0], passes[-1]))
    middle, end = p[f"all {passes[1]}"], p[f"all {passes[-1]}"]
    found = f"""
A linear probe of ten classes, learnt from {p["train"]} photographs and tested on {p["test"]}, after 1, 2, 4 and 8 passes. More passes
{_more(first, last)} the first 32 tokens. The second claim, that 64 tokens probe better than 256, {_said(end, middle)}.

{table(("", *(f"{lengths[int(number) - 1]} tokens" for number in passes)), rows)}"""
    return Claim(
        "More passes help a probe of the first 32 tokens.", last["interval"][0] > first["right"], found
    )


def segments(data: Figures) -> Claim:
    """Point 7."""
    s = data["segments"]
    layer = max(range(len(s["best"])), key=lambda one: s["best"][one][-1])
    rows = [
        ("the best of the first 32 tokens", *(f"{value:.2f}" for value in s["best"][layer])),
        ("any of them, the mean", *(f"{value:.2f}" for value in s["random"][layer])),
    ]
    holds = s["best"][layer][-1] > max(s["grid"], s["middle"])
    found = f"""
{s["n"]} photographs with a piece of another one pasted in ({s["area"]:.0%} of the picture): intersection over union of the piece with as
many places of a token's attention, in layer {layer} of the encoder, which is the best of all layers after the last pass. The best
of 32 discs on a grid has {s["grid"]:.2f}, a disc in the middle {s["middle"]:.2f}. (Published, ImageNet-S: 0.58.)

{table(("passes", *map(str, range(1, len(s["best"][0]) + 1))), rows)}"""
    return Claim("A token's attention is an object.", holds, found)


def nesting(data: Figures) -> Claim:
    """Point 8."""
    n, lengths = data["nesting"], data["lengths"]
    rows = [
        ("tokens that stay, %", *(f"{100 * value:.1f}" for value in n["tokens"])),
        ("bits that stay, %", *(f"{100 * value:.0f}" for value in n["numbers"])),
    ]
    psnr = n["psnr"]
    found = f"""
What of a code is still there in the next longer one. In the ordered model everything is, by construction. A code of {lengths[0]} that was cut
off one of {lengths[1]} or of {lengths[-1]} is no code: its picture has {psnr["next"]:.1f} or {psnr["last"]:.1f} dB, where the code itself has {psnr["own"]:.1f}.

{table(("from, to", *(f"{a}, {b}" for a, b in zip(lengths, lengths[1:], strict=False))), rows)}"""
    return Claim("A long code does not begin with the short one.", n["tokens"][0] < 0.5, found)


POINTS: tuple[Callable[[Figures], Claim], ...] = (
    errors,
    needs,
    complexity,
    familiarity,
    tasks,
    probe,
    segments,
    nesting,
)


def page(data: Figures) -> str:
    """The whole page."""
    claims = [point(data) for point in POINTS]
    rows = [
        (str(place), claim.said, "yes" if claim.holds else "**no**") for place, claim in enumerate(claims, 1)
    ]
    head = f"""# What the second paper claims, and what is true of alit-256

`python -m studies.alit_claims` measured this on {data["n"]} validation photographs, with the bundled int8 weights in {data["dtype"]}
and the mean pictures, and made this page of claims.json. Claims and published figures are those of arXiv 2411.02393 and
2507.07995, on other photographs and with far larger networks.

{table(("", "claim", "holds here"), rows)}
"""
    parts = [f"\n## {place}. {claim.said}\n{claim.found}\n" for place, claim in enumerate(claims, 1)]
    return head + "".join(parts)


def write(data: Figures) -> None:
    """Make the page of the data."""
    PAGE.write_text(page(data), "utf-8")


def _more(before: Figures, after: Figures) -> str:
    if after["interval"][0] > before["right"]:
        return "help"
    return "harm" if after["interval"][1] < before["right"] else "neither help nor harm"


def _said(of_all: Figures, of_some: Figures) -> str:
    return "holds" if of_some["interval"][0] > of_all["right"] else "does not hold"
