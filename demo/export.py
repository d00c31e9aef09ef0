"""The page without a server: its dial with the examples, as a folder of files that any host serves.

What was decoded when the examples were made is all there is: 17 lengths as means and as samples, spectra,
scores, maps. What stands beside a film in *Compare*, the baseline and codecs, is quick and made here.
page/static.html stands in for Gradio.
"""

import gzip
import json
import shutil
from pathlib import Path
from string import Template

from markdown_it import MarkdownIt

import tokenizer_core as tc

from . import beside
from .examples import EXAMPLES, FOLDER
from .film import LADDER

PYTHON_SIDE = "*.html", "*.css", "*.d.ts", "preview.jpg"  # what stands in index.html, or is for developers


def export(folder: Path) -> None:
    """Write index.html, and a photo and a film for each example and each round of *Name it*.

    Raises:
        TokenizerError: the folder cannot be written.
    """
    from .app import ABOUT, PAGE, markup, read, styles  # slow: it brings Gradio

    first = json.loads(gzip.decompress((FOLDER / f"{EXAMPLES[0].name}.json.gz").read_bytes()))
    info = first["start"]["info"]
    static = Template(read("static.html"))
    page = static.substitute(
        words=MarkdownIt().render(ABOUT.partition("<!--")[0]),  # the rest is about a server
        html=markup("", info),
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
            film = gzip.decompress((FOLDER / f"{example.name}.json.gz").read_bytes())
            (folder / f"{example.name}.json").write_bytes(film)
        write_beside(folder, info["bytes_per_token"])
    except OSError:
        raise tc.TokenizerError(f"{folder} is not a folder that can be written to.") from None


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
        stored = beside.stored(example, baseline, sizes)
        (folder / f"{example.name}-beside.json").write_text(json.dumps(stored), "utf-8")
