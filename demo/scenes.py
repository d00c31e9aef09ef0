"""The six scenes below the panels: words, one thing to do, and a figure over the validation photographs.

page/scenes.json has the words and states. The figures are the judge's page's, copied by
`python -m studies.build_figures` to page/figures.json, so they are never typed; they are shown where the
page's model has the weights that were judged.
"""

import json
from html import escape
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "page"
SCENE = """
<article class="scene" id="scene-{name}" data-before="{before}" data-reveal="{reveal}" data-ask="{ask}">
<h3>{title}</h3><p>{words}</p>
<p class="acts"><a class="plain" href="#{after}">{do}</a></p>{figure}</article>"""
Tables = dict[str, dict[str, dict[str, str]]]  # measure -> row -> tokens -> number, as text


def figure(wanted: list, judged: dict[str, Any]) -> str:
    """A scene's small table, of what figures.json holds."""
    tables: Tables = judged["tables"]
    measure, rows, lengths, meaning = wanted
    numbers = {
        row: [tables[measure][row][k].replace("not possible", "\N{EN DASH}") for k in lengths] for row in rows
    }
    head = "".join(f"<th scope='col'>{k} token{'s' * (k != '1')}</th>" for k in lengths)
    body = "".join(
        f"<tr><th scope='row'>{row}</th>{''.join(f'<td>{number}</td>' for number in found)}</tr>"
        for row, found in numbers.items()
    )
    return (
        f"<table><caption>{measure}: {meaning}</caption><tr><td></td>{head}</tr>{body}</table>"
        f'<p class="command">{judged["photos"]} validation photographs, '
        f"<code>{judged['command']}</code></p>"
    )


def one(scene: dict[str, Any], judged: dict[str, Any] | None) -> str:
    """One scene as HTML."""
    photo = f"&photo={scene['photo']}" if "photo" in scene else ""
    scene = {"reveal": scene["after"]} | scene  # what answers a class's guess
    hashes = {key: f"{scene[key]}{photo}&scene={scene['name']}" for key in ("before", "after", "reveal")}
    words = {key: scene[key] for key in ("name", "title", "words", "ask", "do")} | hashes
    shown = figure(scene["figure"], judged) if judged else ""
    return SCENE.format(**{key: escape(text) for key, text in words.items()}, figure=shown)


def markup(weights: str) -> str:
    """The scenes as HTML.

    Args:
        weights: the id of the page's first model; other weights than the judged ones get no figures.
    """
    judged = json.loads((PAGE / "figures.json").read_text("utf-8"))
    scenes = json.loads((PAGE / "scenes.json").read_text("utf-8"))
    return "\n".join(one(scene, judged if judged["weights"] == weights else None) for scene in scenes)
