"""The page without a server: its dial with the examples, as a folder of files that any host serves.

What was decoded when the examples were made is all there is: 17 lengths as means and as samples, spectra,
scores, maps; of another model what its caches hold. page/static.html stands in for Gradio.
"""

import json
import shutil
from pathlib import Path
from string import Template
from typing import Any

from markdown_it import MarkdownIt

import tokenizer_core as tc
from demo.examples import EXAMPLES, others, stored

PYTHON_SIDE = "*.html", "*.css", "*.d.ts", "preview.jpg"  # what stands in index.html, or is for developers


def export(folder: Path) -> None:
    """Write index.html, and a photo and its films for each example and each round of *Name it*.

    Raises:
        TokenizerError: the folder cannot be written.
    """
    from demo.app import ABOUT, PAGE, markup, read, styles  # slow: it brings Gradio

    films = {model: films_of(model) for model in ("", *others())}
    models = [choice(next(iter(some.values()))) for some in films.values()]
    weights = films[""][EXAMPLES[0].name]["start"]["info"]["checkpoint_id"]
    static = Template(read("static.html"))
    page = static.substitute(
        words=MarkdownIt().render(ABOUT.partition("<!--")[0]),  # the rest is about a server
        html=markup("", weights),
        dial=styles(),
        page=read("page.css", "dark.css"),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text(page, "utf-8")
        shutil.copy(PAGE / "preview.jpg", folder)
        shutil.copytree(
            PAGE, folder / "page", dirs_exist_ok=True, ignore=shutil.ignore_patterns(*PYTHON_SIDE)
        )
        for example in EXAMPLES:
            shutil.copy(example.photo, folder)
        for model, some in films.items():
            (folder / model).mkdir(exist_ok=True)
            for name, film in some.items():
                film["start"]["models"] = models
                (folder / model / f"{name}.json").write_text(json.dumps(film), "utf-8")
    except OSError:
        raise tc.TokenizerError(f"{folder} is not a folder that can be written to.") from None


def films_of(model: str) -> dict[str, dict[str, Any]]:
    """The stored films of a model, by example; "" is the first model."""
    found = {example.name: stored(example, model) for example in EXAMPLES}
    return {name: film for name, film in found.items() if film is not None}


def choice(film: dict[str, Any]) -> dict[str, Any]:
    """A film's model as `Studio.models` lists it."""
    info = film["start"]["info"]
    return {"role": "main"} | {what: info[what] for what in ("name", "title", "ordered")}
