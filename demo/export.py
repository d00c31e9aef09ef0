"""The page without a server: its dial with the examples, as a folder of files that any host serves.

What was decoded when the examples were made is all there is: 17 lengths as means and as samples, spectra,
scores, maps. page/static.html stands in for Gradio.
"""

import gzip
import json
import shutil
from pathlib import Path
from string import Template

from markdown_it import MarkdownIt

import tokenizer_core as tc

from .examples import EXAMPLES, FOLDER

PYTHON_SIDE = "*.html", "*.css", "*.d.ts", "preview.jpg"  # what stands in index.html, or is for developers


def export(folder: Path) -> None:
    """Write index.html, and a photo and a film for each example and each round of *Name it*.

    Raises:
        TokenizerError: the folder cannot be written.
    """
    from .app import ABOUT, PAGE, markup, read, styles  # slow: it brings Gradio

    first = json.loads(gzip.decompress((FOLDER / f"{EXAMPLES[0].name}.json.gz").read_bytes()))
    weights = first["start"]["info"]["checkpoint_id"]
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
            film = gzip.decompress((FOLDER / f"{example.name}.json.gz").read_bytes())
            (folder / f"{example.name}.json").write_bytes(film)
    except OSError:
        raise tc.TokenizerError(f"{folder} is not a folder that can be written to.") from None
