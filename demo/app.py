"""Layout and wiring of the page; what happens is in handlers.py, what moves is in page/."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before the import: no call to another host
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch, see cli.py

import gradio as gr
from gradio.components import Component
from gradio.themes import Default

import tokenizer_core as tc
from demo import handlers, programs
from demo.examples import EXAMPLES
from demo.studio import Studio

HERE = Path(__file__).parent
TITLE, ABOUT = (HERE / "text.md").read_text("utf-8").split("\n---\n")
TICKET = "dial.ticket()"  # in the page: a new run, and the film that is shown
LINKED = """() => { const link = new URLSearchParams(location.hash.slice(1));
  return [Number(link.get('seed')) || 0, link.get('mode') === 'mean' ? 'mean' : 'sample']; }"""


def read(*names: str) -> str:
    """Files of page/, one after the other."""
    return "\n".join((HERE / "page" / name).read_text("utf-8") for name in names)


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
        return handlers.ANSWERS.get(question.get("what", ""), handlers.pull)(studio, question)

    with gr.Blocks(title="tokendial", delete_cache=(600, 3600)) as page:
        gr.Markdown(TITLE, elem_id="title")
        with gr.Row(elem_id="choose"):
            six = [(str(e.photo), e.title) for e in EXAMPLES[:6]]  # the others are rounds of *Name it*
            bare: dict[str, Any] = {"show_label": False, "container": False}
            still = bare | {"allow_preview": False, "interactive": False, "buttons": []}
            strip = gr.Gallery(six, columns=6, rows=1, object_fit="cover", elem_id="examples", **still)
            types = ["image", ".heic", ".heif"]
            photo = gr.UploadButton("Upload a photo", file_types=types, variant="primary", elem_id="upload")
            mode = gr.Radio(["sample", "mean"], value="sample", label="The picture", elem_id="mode", **bare)
        dial = gr.HTML(
            html_template=read("dial.html"), css_template=read("dial.css"), apply_default_css=False,
            js_on_load=read("film.js", "views.js", "rail.js", "share.js"),
            server_functions=[ask], elem_id="dial",
        )  # fmt: skip
        form = settings(studio)
        with gr.Accordion("Take a picture with the webcam", open=False):
            camera = gr.Image(sources=["webcam"], type="filepath", label="Webcam", height=280)
        gr.Markdown(ABOUT + credits())
        mode.change(None, mode, js="(m) => { dial.mode(m); }")
        page.load(None, None, [form[2], mode], js=LINKED)
        wire(studio, dial, form, photo, camera, strip)
        programs.add(studio)
    studio.warm_up()
    return page


def settings(studio: Studio) -> list[Component]:
    """The form: model, steps, seed, and the crop's x, y and zoom; and buttons that ask the server nothing."""
    with gr.Accordion("Seed, steps, model, crop, download, forget", open=False):
        with gr.Row():
            titles = [(info.title, name) for name, info in studio.infos.items()]
            model = gr.Dropdown(titles, value=studio.default.name, label="Model")
            steps = gr.Slider(2, 50, studio.default.default_steps, step=1, label="Steps of a sample")
            seed = gr.Number(0, precision=0, minimum=0, maximum=2**31 - 1, label="Seed")
            dice = gr.Button("Another seed")
        with gr.Row():
            x = gr.Slider(0, 1, 0.5, step=0.01, label="Crop: left to right")
            y = gr.Slider(0, 1, 0.5, step=0.01, label="Crop: top to bottom")
            zoom = gr.Slider(1, 4, 1, step=0.05, label="Crop: zoom")
        with gr.Row():
            gr.Button("Save this picture").click(None, js="() => { dial.picture(); }")
            gr.Button("Save the curve as CSV").click(None, js="() => { dial.csv(); }")
            gr.Button("Save the tokens").click(None, js="() => { dial.tokens(); }")
            gr.Button("Forget this photo").click(None, js="() => { dial.forget(); }")
    dice.click(None, None, seed, js="() => Math.floor(Math.random() * 1e6)")
    return [model, steps, seed, x, y, zoom]


def wire(studio: Studio, dial: gr.HTML, form: list, photo: Any, camera: Any, strip: gr.Gallery) -> None:
    """Events to handlers. Each opens a film and is a new run: an older one's answer may come later."""
    ticket, (model, steps, seed, *crop) = gr.JSON(visible=False), form
    options: dict[str, Any] = {"trigger_mode": "multiple", "concurrency_limit": 12, "concurrency_id": "film"}
    options |= {"show_progress": "hidden", "api_visibility": "private"}

    def said(ticket: dict, message: dict) -> dict:
        if "error" in message:
            gr.Warning(message["error"], duration=None)  # stays until it is read
        else:  # the first frames come along
            asked = {"token": message["start"]["token"], "means": [], "samples": [], "told": []}
            message |= handlers.pull(studio, ticket | asked)
        return message | {"run": ticket["run"]}

    def on_photo(path, ticket, model):  # no path: the camera's picture was taken away
        return said(ticket, handlers.upload(studio, model, path)) if path else gr.skip()

    def on_example(ticket, model, event: gr.SelectData):
        name = EXAMPLES[int(event.index) % 6].name  # pyright: ignore[reportArgumentType]
        return said(ticket, handlers.example(studio, model, name))

    def on_wake(model, event: gr.EventData):
        name = event.photo if event.photo in {e.name for e in EXAMPLES} else EXAMPLES[0].name
        linked = said(event.ticket, handlers.link(studio, event.tokens)) if event.tokens else {}
        return linked if "start" in linked else said(event.ticket, handlers.example(studio, model, name))

    def on_form(ticket, model, x, y, zoom):
        token = ticket["token"]
        return said(ticket, handlers.again(studio, token, model, x, y, zoom)) if token else gr.skip()

    dial.wake(on_wake, model, dial, **options)
    for source, event in ((photo, photo.upload), (camera, camera.input)):
        event(on_photo, [source, ticket, model], dial, js=f"(p, t, m) => [p, {TICKET}, m]", **options)
        event(None, None, crop, js="() => [0.5, 0.5, 1]")
    strip.select(on_example, [ticket, model], dial, js=f"(t, m) => [{TICKET}, m]", **options)
    inputs, changes = [ticket, model, *crop], [model.change, *(c.release for c in crop)]
    gr.on(changes, on_form, inputs, dial, js=f"(t, ...form) => [{TICKET}, ...form]", **options)
    gr.on([steps.change, seed.change], None, [steps, seed], js="(steps, seed) => { dial.take(steps, seed); }")


def credits() -> str:
    """Who made the examples."""
    links = [f"[source]({e.source})" if "://" in e.source else e.source for e in EXAMPLES]
    rows = [f"{e.title}: {e.credit} ({link})" for e, link in zip(EXAMPLES, links, strict=True)]
    return "\n\n**The examples.** " + "; ".join(rows) + "."


def launch(
    host: str = "127.0.0.1", port: int | None = None, share: bool = False, device: str = "auto", **options
) -> Any:
    """Serve the page with the bundled models until the process ends.

    Args:
        host: address to listen on; "0.0.0.0" for all.
        port: its port; None takes the first free one from 7860.
        share: whether to open Gradio's public tunnel. Never without being asked.
        device: "auto", "cpu", "cuda".
        options: passed on to `gr.Blocks.launch`.
    """
    page = build(tc.load, tc.catalog(), device)
    return serve(page, server_name=host, server_port=port, share=share, **options)


def serve(page: gr.Blocks, **options) -> Any:
    """Launch a built page with its theme, limits and styles."""
    fonts: dict[str, Any] = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    theme = Default(primary_hue="teal", neutral_hue="slate", **fonts)
    limits = {"max_file_size": "20mb", "footer_links": [], "run_history": False, "quiet": True}
    return page.launch(theme=theme, css=read("page.css"), **limits, **options)
