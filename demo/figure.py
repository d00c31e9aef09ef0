"""A scene's figure: lines over the number of tokens, and their numbers, from page/figures.json."""

import math
from typing import Any

WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM = 340, 110, 8, 112, 8, 24  # of the drawing and its margins
APART = 13  # between the names at the ends of two lines
DASH = "\N{EN DASH}"  # where no file is so small, or the model has no so many tokens
Row = dict[str, str]  # tokens -> number, as text
SHOWN = {"pca": "linear"}  # what the page calls a row of the judge's


def number(text: str) -> float | None:
    """What a cell says; None where it was not possible."""
    return None if text == "not possible" else float(text)


def spread(places: list[float]) -> list[float]:
    """Heights of names, ascending, moved down where two would lie on one another."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + APART) if found else place)
    return found


def plot(rows: dict[str, Row], words: str) -> str:
    """Lines over the octaves of tokens, as SVG; a line's class is its row's name."""
    lines = {name: {int(k): number(text) for k, text in row.items()} for name, row in rows.items()}
    values = [value for line in lines.values() for value in line.values() if value is not None]
    lengths = sorted({k for line in lines.values() for k in line})
    low, high = min(values), max(values)
    first, last = math.log2(lengths[0]), math.log2(lengths[-1])

    def across(k: int) -> float:
        return LEFT + (WIDE - LEFT - RIGHT) * (math.log2(k) - first) / (last - first)

    def down(value: float) -> float:
        return TOP + (HIGH - TOP - BOTTOM) * (high - value) / ((high - low) or 1)

    drawn, ends = [], []
    for name, line in lines.items():
        points = [(across(k), down(value)) for k, value in sorted(line.items()) if value is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points)
        kind = name.replace(" ", "-")
        drawn.append(f'<g class="line-{kind}"><polyline points="{path}"/>{dots}</g>')
        ends.append((points[-1][1], points[-1][0] + 8, kind, name))
    ends.sort()
    heights = spread([y for y, *_ in ends])
    named = "".join(
        f'<text class="line-{kind}" x="{x:.1f}" y="{y:.1f}">{name}</text>'
        for y, (_, x, kind, name) in zip(heights, ends, strict=True)
    )
    marks = "".join(
        f'<text x="{across(k):.1f}" y="{HIGH - 3}" text-anchor="middle">{k}</text>' for k in lengths
    )
    return (
        f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{words}, by tokens">'
        f"{''.join(drawn)}{named}{marks}</svg>"
    )


def table(rows: dict[str, Row], wanted: list[str], words: str) -> str:
    """The numbers at some lengths."""
    head = "".join(f"<th scope='col'>{k} token{'s' * (k != '1')}</th>" for k in wanted)
    body = ""
    for name, row in rows.items():
        cells = "".join(f"<td>{row[k].replace('not possible', DASH)}</td>" for k in wanted)
        body += f"<tr><th scope='row'><dfn>{name}</dfn></th>{cells}</tr>"
    return f'<p class="measured">{words}</p><table><tr><td></td>{head}</tr>{body}</table>'


def figure(measure: str, names: list[str], wanted: list[str], meaning: str, judged: dict[str, Any]) -> str:
    """A scene's figure.

    Args:
        measure: a table of figures.json.
        names: its rows that are shown.
        wanted: lengths, as text, whose numbers are shown beside the lines.
        meaning: the measure in words.
        judged: what figures.json holds.
    """
    rows = {SHOWN.get(name, name): judged["tables"][measure][name] for name in names}
    term = measure.partition(",")[0]
    words = f'<dfn title="{term}">{measure}</dfn>: {meaning}'
    return (
        f"{plot(rows, measure)}{table(rows, wanted, words)}"
        f'<p class="command">{judged["photos"]} <dfn>validation photographs</dfn>, '
        f"<code>{judged['command']}</code></p>"
    )
