"""The page without a server: its dial with the examples, as a folder of files that any host serves.

What was decoded when the examples were made is all there is: 17 lengths as means and as samples, spectra,
scores, maps. page/static.html stands in for Gradio.
"""

import gzip
import shutil
from pathlib import Path
from string import Template

from markdown_it import MarkdownIt

import tokenizer_core as tc
from demo.examples import EXAMPLES, FOLDER

CHOICE = '<button class="thumbnail-item" value="{0.name}"><img src="{0.name}.webp" alt="{0.title}"></button>'


def export(folder: Path) -> None:
    """Write index.html, and a photo and a film for each example and each round of *Name it*.

    Raises:
        TokenizerError: the folder cannot be written.
    """
    from demo.app import ABOUT, HERE, SCRIPT, TITLE, read  # slow: it brings Gradio

    static = Template(read("static.html"))
    page = static.substitute(
        title=MarkdownIt().render(TITLE),
        words=MarkdownIt().render(ABOUT.partition("**Embed**")[0]),  # the rest is about a server
        strip="".join(CHOICE.format(example) for example in EXAMPLES[:6]),
        html=read("dial.html"),
        dial=read("dial.css"),
        page=read("page.css"),
        script=SCRIPT,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text(page, "utf-8")
        shutil.copy(HERE / "page" / "preview.jpg", folder)
        for example in EXAMPLES:
            shutil.copy(example.photo, folder)
            film = gzip.decompress((FOLDER / f"{example.name}.json.gz").read_bytes())
            (folder / f"{example.name}.json").write_bytes(film)
    except OSError:
        raise tc.TokenizerError(f"{folder} is not a folder that can be written to.") from None
