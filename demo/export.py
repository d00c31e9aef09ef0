"""The page without a server: its dial with the examples, as a folder of files that any host serves.

What was decoded when the examples were made is all there is: 17 lengths as means and as samples, spectra,
scores, maps; of another model what its caches hold. What stands beside a film in *Compare*, the baseline and
codecs, is quick and made here. page/static.html stands in for Gradio.
"""

import json
import shutil
from pathlib import Path
from string import Template
from typing import Any

from markdown_it import MarkdownIt

import tokenizer_core as tc

from . import beside, installable, with_model
from .examples import EXAMPLES, others, stored
from .film import LADDER
from .static import BUTTONS, early, thumbnail

PYTHON_SIDE = "*.html", "*.css", "*.d.ts", "preview.jpg"  # what stands in index.html, or is for developers


def export(folder: Path, model: with_model.WebModel | None = None) -> None:
    """Write index.html, and a photo and its films for each example and each round of *Name it*.

    Args:
        folder: made if need be.
        model: runs in the visitor's browser; None: what is stored is all there is.

    Raises:
        TokenizerError: the folder cannot be written.
    """
    from .app import ABOUT, PAGE, markup, read, styles  # slow: it brings Gradio

    films = {model: films_of(model) for model in ("", *others())}
    models = [choice(next(iter(some.values()))) for some in films.values()]
    info = films[""][EXAMPLES[0].name]["start"]["info"]
    static = Template(read("static.html"))
    page = static.substitute(
        words=MarkdownIt().render(ABOUT.partition("<!--")[0]),  # the rest is about a server
        html=markup("", info),
        dial=styles(),
        page=read("page.css", "dark.css"),
        early=early("page/"),
        model=json.dumps(model and with_model.MANIFEST),
        head=installable.HEAD if model else "",
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text(page, "utf-8")
        shutil.copy(PAGE / "preview.jpg", folder)
        shutil.copytree(
            PAGE, folder / "page", dirs_exist_ok=True, ignore=shutil.ignore_patterns(*PYTHON_SIDE)
        )
        for example in BUTTONS:
            (folder / f"{example.name}.webp").write_bytes(thumbnail(example))
        for other, some in films.items():
            (folder / other).mkdir(exist_ok=True)
            for name, film in some.items():
                film["start"]["models"] = models
                (folder / other / f"{name}.json").write_text(json.dumps(film), "utf-8")
        write_beside(folder, info["bytes_per_token"])
        if model:
            (folder / "photos").mkdir(exist_ok=True)
            for example in EXAMPLES:  # whole: the model encodes them
                shutil.copy(example.photo, folder / "photos")
            with_model.write(folder, model)
            installable.write(folder, EXAMPLES[0].name)
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


def write_beside(folder: Path, bytes_per_token: float) -> None:
    """Write what *Compare* asks for: the models that it may show, and of each example what they make of it.

    Args:
        folder: where the page is.
        bytes_per_token: of the examples' films; the codecs' files are as large as those films' codes.
    """
    baseline = next((info for info in tc.catalog() if info.role == "baseline" and info.checkpoint_id), None)
    if baseline is None:
        return
    sizes = tuple(int(k * bytes_per_token) for k in LADDER if k)
    (folder / "beside.json").write_text(json.dumps(beside.models([baseline])), "utf-8")
    for example in EXAMPLES:
        answers = beside.stored(example, baseline, sizes)
        (folder / f"{example.name}-beside.json").write_text(json.dumps(answers), "utf-8")
