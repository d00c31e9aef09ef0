"""Layout and wiring of the page; what happens is in handlers.py, what moves is in page/."""

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from json import dumps
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before the import: no call to another host

import gradio as gr
from gradio.themes import Default
from markdown_it import MarkdownIt
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

import tokenizer_core as tc

from . import glossary, guard, kinds, programs, questions, scenes, uploads
from .examples import EXAMPLES, FOLDER
from .preview import Preview
from .studio import Studio

HERE = Path(__file__).parent
PAGE = HERE / "page"
TITLE, ABOUT = (HERE / "text.md").read_text("utf-8").replace("$words", glossary.listed()).split("\n---\n")
PANELS = sorted(path.name for path in (PAGE / "panels").glob("*.css"))
LINKED = """() => { const link = new URLSearchParams(location.hash.slice(1));
  return Number(link.get('seed')) || 0; }"""
EXAMPLE = (
    '<button type="button" class="thumbnail-item" value="{0.name}"><img src="{1}" alt="{0.title}"></button>'
)


def read(*names: str) -> str:
    """Files of page/, one after the other."""
    return "\n".join((PAGE / name).read_text("utf-8") for name in names)


def styles() -> str:
    """The dial's: what all of it shares, then a file a panel."""
    return read("base.css", "vendor/uPlot.min.css", *(f"panels/{name}" for name in PANELS))


def markup(photos: str, info: Mapping[str, Any], others: Sequence[tc.ModelInfo] = ()) -> str:
    """The dial's HTML.

    Args:
        photos: the address of the examples' folder, "" or with a slash at its end.
        info: the first model, see `scenes.markup`.
        others: all models, see `kinds.markup`.
    """
    strip = "".join(EXAMPLE.format(one, f"{photos}{one.name}.webp") for one in EXAMPLES[:6])
    html = read("dial.html").replace("$title", MarkdownIt().render(TITLE))
    html = html.replace("$strip", strip)
    weights = {one.name: one.checkpoint_id for one in others} | {info["name"]: info["checkpoint_id"]}
    html = html.replace("$scenes", scenes.markup(info)).replace("$kinds", kinds.markup(weights))
    return glossary.linked(html)


def _version() -> str:
    """A name for the files of page/ as they are now: an address with it may be kept for ever."""
    sums = hashlib.sha256()
    for path in sorted(PAGE.rglob("*")):
        if path.is_file():
            sums.update(path.read_bytes())
    return sums.hexdigest()[:12]


# Relative to the page, so that a proxy below a path needs to know nothing; below /gradio_api, so that a
# server in front of this one passes it on.
STATIC = f"gradio_api/tokendial/{_version()}"
APART = ("vendor", "app", "onnx")  # folders that a page asks for later, or never
MODULES = sorted(
    str(path.relative_to(PAGE)) for path in PAGE.glob("**/*.js") if path.parent.name not in APART
)
SCRIPT = f"""
window.dial = null;  // else it is the element of that id, until the modules are there
const root = new URL(document.baseURI), files = new URL("{STATIC}/page/", root);
for (const name of {dumps(MODULES)}) {{
  const link = document.createElement("link");
  document.head.append(Object.assign(link, {{ rel: "modulepreload", href: new URL(name, files) }}));
}}
const begin = ({{ start, served }}) => start(element, served(server, root));
element.addEventListener("seed", () => trigger("select"), true);  // chosen in a panel: the form shows it, too
window.tokendial = import(new URL("main.js", files)).then(begin);
window.tokendial.catch((why) => {{
  const words = element.querySelector(".empty");
  words.textContent = words.dataset.failed;
  console.error(why);
}});
"""


TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".webp": "image/webp"}
TYPES |= {".jpg": "image/jpeg"}
FILES = {f"page/{path.relative_to(PAGE)}": path for path in PAGE.rglob("*") if path.suffix in TYPES}
FILES |= {f"photos/{path.name}": path for path in FOLDER.glob("*.webp")}


async def kept(request: Request) -> Response:
    """A file of the page or an example's photo. Its address changes with it: a browser may keep it."""
    path = FILES.get(request.path_params["name"])
    if path is None:
        return Response(status_code=404)
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return FileResponse(path, media_type=TYPES[path.suffix], headers=headers)


def static_routes() -> list[Route]:
    """Where these files are; scripts go compressed."""
    return [Route(f"/{STATIC}/{{name:path}}", kept, middleware=[Middleware(GZipMiddleware)])]


def build(load: Callable[[str, str], Any], models: Sequence[tc.ModelInfo], device: str = "auto") -> gr.Blocks:
    """The page.

    Args:
        load: gives a tokenizer for a model's name and a device, as `tc.load` does.
        models: what `tc.catalog()` says; the first is shown first.
        device: where generative models run: "auto", "cpu", "cuda".

    Returns:
        The Blocks; its weights start to load at once, in the background.
    """
    studio, figures = Studio(load, models, device), guard.Figures()

    def ask(question: Any) -> dict:  # what the page calls, as `server.ask`
        began = time.perf_counter()
        answer = questions.answer(studio, question, uploads.holds)
        figures.count(answer, time.perf_counter() - began)
        return answer

    with programs.Page(title="tokendial", delete_cache=uploads.SCHEDULE) as page:
        dial = gr.HTML(
            html_template=markup(f"{STATIC}/photos/", studio.default.to_dict(), models),
            css_template="padding: 0;\n" + styles(),
            apply_default_css=False,
            js_on_load=SCRIPT,
            server_functions=[ask],
            elem_id="dial",
        )
        seed = settings(studio)
        dial.select(None, None, seed, js="() => window.dial.seed")
        gr.Markdown(ABOUT, elem_id="words")
        page.load(None, None, seed, js=LINKED)
        programs.add(studio)
    page.told = guard.routes(studio, figures)
    studio.warm_up()
    return page


def settings(studio: Studio) -> gr.Number:
    """The form, whose events go to the dial; returns the field of the seed."""
    with gr.Accordion("Seed, steps, download, forget", open=False):
        with gr.Row():
            steps = gr.Slider(2, 50, max(2, studio.default.default_steps), step=1, label="Steps of a sample")
            seed = gr.Number(0, precision=0, minimum=0, maximum=2**31 - 1, label="Seed")
            gr.Button("Another seed").click(None, None, seed, js="() => Math.floor(Math.random() * 1e6)")
        with gr.Row():
            for name in ("picture", "curves as CSV", "spectra as CSV", "tokens"):
                gr.Button(f"Save the {name}").click(None, js=told(f"dial.{name.split()[0]}()"))
            gr.Button("Forget this photo").click(None, js=told("dial.forget()"))
    steps.change(None, steps, js=told("dial.take(steps, null)", "steps"))
    seed.change(None, seed, js=told("dial.take(null, seed)", "seed"))
    return seed


def told(call: str, names: str = "") -> str:
    """JavaScript that calls the dial, once its modules are there."""
    return f"({names}) => {{ window.tokendial?.then((dial) => {call}); }}"


def launch(device: str = "auto", dtype: str = "auto", **options) -> Any:
    """Serve the page until the process ends, with all models or with those that TOKENDIAL_MODELS names.

    Args:
        device: "auto", "cpu", "cuda".
        dtype: "auto", "float32", "bfloat16".
        options: of `gr.Blocks.launch`: `server_name`, `server_port`, `share` and the like.

    Raises:
        TokenizerError: there are no models here, or tools are asked for and the extra for them is missing.
    """
    tc.fetch_chosen(print)
    models = tc.catalog()
    if not any(info.role == "main" for info in models):
        tc.default_model()  # says in a sentence where to get them
    programs.check_tools()
    uploads.own_folder()

    def load(name: str, where: str) -> tc.Tokenizer:
        return tc.load(name, where, dtype)

    return serve(build(load, models, device), **options)


def serve(page: gr.Blocks, **options) -> Any:
    """Launch a built page with its theme, limits and styles."""
    fonts: dict[str, Any] = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    theme = Default(primary_hue="teal", neutral_hue="slate", **fonts)
    limits = {"max_file_size": "20mb", "footer_links": [], "run_history": False, "quiet": True}
    css = read("page.css", "dark.css")
    preview = Middleware(Preview, picture=f"{STATIC}/page/preview.jpg")
    told = getattr(page, "told", [])
    server = {"routes": [*static_routes(), *told], "middleware": [Middleware(guard.Headers), preview]}
    return page.launch(theme=theme, css=css, app_kwargs=server, **limits, **options)
