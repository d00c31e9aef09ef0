"""The six scenes below the panels: words, one thing to do, and a figure over the validation photographs.

page/scenes.json has the words and states; what they say of the model comes from its description, and the
lengths that they name from the states themselves. The figures are the judge's page's, copied by
`python -m studies.build_figures` to page/figures.json, so they are never typed; they are shown where the
page's model has the weights that were judged.
"""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from .figure import figure

PAGE = Path(__file__).parent / "page"
STATES = "before", "after", "reveal"
SCENE = """
<article class="scene" id="scene-{name}" data-before="{before}" data-reveal="{reveal}" data-ask="{ask}">
<h3>{title}</h3><p>{words}</p>
<p class="acts"><a class="plain" href="#{after}">{do}</a></p>{figure}</article>"""


def of_model(info: Mapping[str, Any]) -> dict[str, int]:
    """What scenes may say of a model: {all}, {bytes} of a token, its {numbers}, {bits} of each."""
    numbers = info.get("numbers_per_token", 0)
    size = info["bytes_per_token"]
    bits = int(8 * size / numbers) if numbers else 0
    return {"all": info["lengths"][-1], "bytes": size, "numbers": numbers, "bits": bits}


def one(scene: dict[str, Any], facts: dict[str, int], judged: dict[str, Any] | None) -> str:
    """One scene as HTML."""
    photo = f"&photo={scene['photo']}" if "photo" in scene else ""
    scene = {"reveal": scene["after"]} | scene  # what answers a class's guess
    states = {key: scene[key].format(**facts) for key in STATES}
    lengths = {f"k_{key}": int(parse_qs(state)["k"][0]) for key, state in states.items()}
    words = {key: scene[key].format(**facts, **lengths) for key in ("title", "words", "ask", "do")}
    hashes = {key: f"{state}{photo}&scene={scene['name']}" for key, state in states.items()}
    measure, rows, wanted, meaning = scene["figure"]
    shown = figure(measure, rows, wanted, meaning, judged) if judged else ""
    plain = {key: escape(text) for key, text in (hashes | {"ask": words["ask"]}).items()}
    return SCENE.format(**{"name": scene["name"]} | words | plain, figure=shown)


def markup(info: Mapping[str, Any]) -> str:
    """The scenes as HTML.

    Args:
        info: the page's first model, as `ModelInfo.to_dict` says; other weights than the judged ones get no
            figures.
    """
    judged = json.loads((PAGE / "figures.json").read_text("utf-8"))
    scenes = json.loads((PAGE / "scenes.json").read_text("utf-8"))
    ours = judged if judged["weights"] == info["checkpoint_id"] else None
    return "\n".join(one(scene, of_model(info), ours) for scene in scenes)
