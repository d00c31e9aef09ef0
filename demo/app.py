"""Layout and wiring of the page; what happens is in handlers.py, what moves is in page/."""

import os
from collections.abc import Callable, Sequence
from json import dumps
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before the import: no call to another host
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch, see cli.py

import gradio as gr
from gradio.themes import Default
from gradio.utils import get_upload_folder

import tokenizer_core as tc
from demo import handlers, programs
from demo.examples import EXAMPLES
from demo.studio import Studio

HERE = Path(__file__).parent
TITLE, ABOUT = (HERE / "text.md").read_text("utf-8").split("\n---\n")
LINKED = """() => { const link = new URLSearchParams(location.hash.slice(1));
  return [Number(link.get('seed')) || 0, link.get('mode') === 'mean' ? 'mean' : 'sample']; }"""


def read(*names: str) -> str:
    """Files of page/, one after the other."""
    return "\n".join((HERE / "page" / name).read_text("utf-8") for name in names)


SCRIPT = f"const GIFENC = {dumps(read('gifenc.js'))};\n" + read("film.js", "views.js", "rail.js", "share.js")


def build(load: Callable[[str, str], Any], models: Sequence[tc.ModelInfo], device: str = "auto") -> gr.Blocks:
    """The page.

    Args:
        load: gives a tokenizer for a model's name and a device, as `tc.load` does.
        models: what `tc.catalog()` says; the first is shown first.
        device: where generative models run: "auto", "cpu", "cuda".

    Returns:
        The Blocks; its weights start to load at once, in the background.
    """
    studio = Studio(load, models, device)

    def ask(question: dict) -> dict:  # what the page calls, as `server.ask`
        if not Path(str(question.get("path"))).resolve().is_relative_to(get_upload_folder()):
            question.pop("path", None)  # no other file is a visitor's
        return handlers.ANSWERS.get(question.get("what", ""), handlers.pull)(studio, question)

    with gr.Blocks(title="tokendial", delete_cache=(600, 3600)) as page:
        gr.Markdown(TITLE, elem_id="title")
        with gr.Row(elem_id="choose"):
            six = [(str(e.photo), e.title) for e in EXAMPLES[:6]]  # the others are rounds of *Name it*
            bare: dict[str, Any] = {"show_label": False, "container": False}
            still = bare | {"allow_preview": False, "interactive": False, "buttons": []}
            gr.Gallery(six, columns=6, rows=1, object_fit="cover", elem_id="examples", **still)
            types = ["image", ".heic", ".heif"]
            photo = gr.UploadButton("Upload a photo", file_types=types, variant="primary", elem_id="upload")
            mode = gr.Radio(["sample", "mean"], value="sample", label="The picture", elem_id="mode", **bare)
        gr.HTML(
            html_template=read("dial.html"), css_template=read("dial.css"), apply_default_css=False,
            js_on_load=SCRIPT, server_functions=[ask], elem_id="dial",
        )  # fmt: skip
        seed, crop = settings(studio)
        gr.Markdown(ABOUT)
        upload = "(file) => { dial.open({ from: 'upload', path: file.path }); return [0.5, 0.5, 1]; }"
        photo.upload(None, photo, crop, js=upload)
        mode.change(None, mode, js="(m) => { dial.mode(m); }")
        page.load(None, None, [seed, mode], js=LINKED)
        programs.add(studio)
    studio.warm_up()
    return page


def settings(studio: Studio) -> tuple[gr.Number, list[gr.Slider]]:
    """The form, whose events go to the dial: the seed, and the crop's x, y and zoom."""
    with gr.Accordion("Seed, steps, model, crop, download, forget", open=False):
        with gr.Row():
            titles = [(info.title, name) for name, info in studio.infos.items()]
            model = gr.Dropdown(titles, value=studio.default.name, label="Model")
            steps = gr.Slider(2, 50, max(2, studio.default.default_steps), step=1, label="Steps of a sample")
            seed = gr.Number(0, precision=0, minimum=0, maximum=2**31 - 1, label="Seed")
            gr.Button("Another seed").click(None, None, seed, js="() => Math.floor(Math.random() * 1e6)")
        with gr.Row():
            ways = "left to right", "top to bottom"
            crop = [gr.Slider(0, 1, 0.5, step=0.01, label=f"Crop: {way}") for way in ways]
            crop.append(gr.Slider(1, 4, 1, step=0.05, label="Crop: zoom"))
        with gr.Row():
            for name in ("picture", "curves as CSV", "spectra as CSV", "tokens"):
                gr.Button(f"Save the {name}").click(None, js=f"() => {{ dial.{name.split()[0]}(); }}")
            gr.Button("Forget this photo").click(None, js="() => { dial.forget(); }")
    again = "(model, ...crop) => { dial.open({ from: 'again', model, crop }); }"
    gr.on([model.change, *(part.input for part in crop)], None, [model, *crop], js=again)
    gr.on([steps.change, seed.change], None, [steps, seed], js="(steps, seed) => { dial.take(steps, seed); }")
    return seed, crop


def launch(device: str = "auto", dtype: str = "auto", **options) -> Any:
    """Serve the page with the bundled models until the process ends.

    Args:
        device: "auto", "cpu", "cuda".
        dtype: "auto", "float32", "bfloat16".
        options: of `gr.Blocks.launch`: `server_name`, `server_port`, `share` and the like.
    """
    models = tc.catalog()
    if not any(info.role == "main" for info in models):
        tc.default_model()  # says in a sentence where to get them

    def load(name: str, where: str) -> tc.Tokenizer:
        return tc.load(name, where, dtype)

    return serve(build(load, models, device), **options)


def serve(page: gr.Blocks, **options) -> Any:
    """Launch a built page with its theme, limits and styles."""
    fonts: dict[str, Any] = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    theme = Default(primary_hue="teal", neutral_hue="slate", **fonts)
    limits = {"max_file_size": "20mb", "footer_links": [], "run_history": False, "quiet": True}
    return page.launch(theme=theme, css=read("page.css"), **limits, **options)
