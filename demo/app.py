"""Layout and wiring of the page; what happens is in handlers.py, what moves is in page/."""

import os
from collections.abc import Callable, Mapping, Sequence
from json import dumps
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before the import: no call to another host

import gradio as gr
from gradio.themes import Default
from markdown_it import MarkdownIt
from starlette.middleware import Middleware

import tokenizer_core as tc

from . import gate, glossary, guard, kinds, logs, programs, questions, scenes, static, uploads
from .head import Head
from .model_files import MANIFEST, ModelFiles, for_page
from .rate import A_MINUTE, Rate
from .static import BUTTONS, MODULES, PAGE, STATIC
from .studio import Studio

# that Gradio remembers, 42 kB each: nothing of the page is in them, and who comes back gets another
SESSIONS = 200
HERE = Path(__file__).parent
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
    strip = "".join(EXAMPLE.format(one, f"{photos}{one.name}.webp") for one in BUTTONS)
    html = read("dial.html").replace("$title", MarkdownIt().render(TITLE))
    html = html.replace("$strip", strip)
    weights = {one.name: one.checkpoint_id for one in others} | {info["name"]: info["checkpoint_id"]}
    html = html.replace("$scenes", scenes.markup(info)).replace("$kinds", kinds.markup(weights))
    return glossary.linked(html)


SCRIPT = f"""
window.dial = null;  // else it is the element of that id, until the modules are there
const root = new URL(document.baseURI), files = new URL("{STATIC}/page/", root);
for (const name of {dumps(MODULES)}) {{
  const link = document.createElement("link");
  document.head.append(Object.assign(link, {{ rel: "modulepreload", href: new URL(name, files) }}));
}}
const own = $own;  // the model that a visitor's own browser can run, if there is one
const begin = ({{ either, start, served }}) => {{
  const source = served(server, root);
  const here = () => import(new URL("onnx/begin.js", files)).then((found) =>
    found.beside(source, root, own.manifest, element, "{STATIC}/photos/whole/"));
  return start(element, own ? either(source, own.models, here) : source);
}};
element.addEventListener("seed", () => trigger("select"), true);  // chosen in a panel: the form shows it, too
window.tokendial = import(new URL("main.js", files)).then(begin);
window.tokendial.catch((why) => {{
  const words = element.querySelector(".empty");
  words.textContent = words.dataset.failed;
  console.error(why);
}});
"""


def build(
    load: Callable[[str, str], Any],
    models: Sequence[tc.ModelInfo],
    device: str = "auto",
    own: ModelFiles | None = None,
) -> programs.Page:
    """The page.

    Args:
        load: gives a tokenizer for a model's name and a device, as `tc.load` does.
        models: what `tc.catalog()` says; the first is shown first.
        device: where generative models run: "auto", "cpu", "cuda".
        own: of the model that a visitor's own browser may run; None: that is not offered.

    Returns:
        The Blocks; its weights start to load at once, in the background.
    """
    studio, house = Studio(load, models, device), gate.House(Rate(a_minute()))

    def ask(question: Any) -> dict:  # what the page calls, as `server.ask`
        return questions.counted(studio, house, question, uploads.holds)

    with programs.Page(title="tokendial", delete_cache=uploads.SCHEDULE) as page:
        dial = gr.HTML(
            html_template=markup(f"{STATIC}/photos/", studio.default.to_dict(), models),
            css_template="padding: 0;\n" + styles(),
            apply_default_css=False,
            js_on_load=SCRIPT.replace("$own", dumps(own and offered(own, studio.default))),
            server_functions=[ask],
            elem_id="dial",
        )
        seed = settings(studio)
        dial.select(None, None, seed, js="() => window.dial.seed")
        gr.Markdown(ABOUT, elem_id="words")
        page.load(None, None, seed, js=LINKED)
        programs.add(studio)
    page.told, page.house = [*guard.routes(studio, house), *(own.routes() if own else ())], house
    studio.warm_up()
    return page


def offered(own: ModelFiles, default: tc.ModelInfo) -> dict[str, Any]:
    """What the page is told of a model that a browser can run; its first model goes by no name, too."""
    names = [own.info.name, *([""] if own.info.name == default.name else [])]
    return {"manifest": f"{own.folder}/{MANIFEST}", "models": names}


def settings(studio: Studio) -> gr.Number:
    """The form, whose events go to the dial; returns the field of the seed."""
    with gr.Accordion("Seed, steps, download, forget", open=False, elem_id="settings"):
        with gr.Row():
            steps = gr.Slider(2, 50, max(2, studio.default.default_steps), step=1, label="Steps of a sample")
            seed = gr.Number(0, precision=0, minimum=0, maximum=2**31 - 1, label="Seed")
            gr.Button("Another seed", size="sm").click(
                None, None, seed, js="() => Math.floor(Math.random() * 1e6)"
            )
        with gr.Row():
            for name in ("picture", "curves as CSV", "spectra as CSV", "tokens"):
                gr.Button(f"Save the {name}", size="sm").click(None, js=told(f"dial.{name.split()[0]}()"))
            gr.Button("Forget this photo", size="sm").click(None, js=told("dial.forget()"))
    steps.change(None, steps, js=told("dial.take(steps, null)", "steps"))
    seed.change(None, seed, js=told("dial.take(null, seed)", "seed"))
    return seed


def told(call: str, names: str = "") -> str:
    """JavaScript that calls the dial, once its modules are there."""
    return f"({names}) => {{ window.tokendial?.then((dial) => {call}); }}"


def launch(device: str = "auto", dtype: str = "auto", runtime: str | None = None, **options) -> Any:
    """Serve the page until the process ends, with all models or with those that TOKENDIAL_MODELS names.

    Args:
        device: "auto", "cpu", "cuda".
        dtype: "auto", "float32", "bfloat16".
        runtime: where onnxruntime-web is, see `model_files.for_page`.
        options: of `gr.Blocks.launch`: `server_name`, `server_port`, `share` and the like.

    Raises:
        TokenizerError: there are no models here, tools are asked for and the extra for them is missing, or
            `runtime` has not what runs graphs.
    """
    tc.fetch_chosen(print)
    models = tc.catalog()
    if not any(info.role == "main" for info in models):
        tc.default_model()  # says in a sentence where to get them
    programs.check_tools()
    logs.start(str(uploads.own_folder()))

    def load(name: str, where: str) -> tc.Tokenizer:
        return tc.load(name, where, dtype)

    page = build(load, models, device, for_page(models, runtime))
    page.house.ending.on_terminate()
    return serve(page, **options)


def a_minute() -> int:
    """What TOKENDIAL_RATE says of how much an address may ask for, see `rate`.

    Raises:
        TokenizerError: it is no number.
    """
    text = os.environ.get("TOKENDIAL_RATE", str(A_MINUTE))
    if not text.isdecimal():
        raise tc.TokenizerError("TOKENDIAL_RATE is how often a minute, such as 600; 0 is without a limit.")
    return int(text)


def serve(page: programs.Page, **options) -> Any:
    """Launch a built page with its theme, limits and styles."""
    fonts: dict[str, Any] = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    theme = Default(primary_hue="teal", neutral_hue="slate", **fonts)
    limits = {"max_file_size": "20mb", "state_session_capacity": SESSIONS}
    limits |= {"footer_links": [], "run_history": False, "quiet": True}
    css = read("page.css", "dark.css")
    if os.environ.get("SPACE_ID"):  # a Space is reached through its proxy alone, which says who asks
        os.environ.setdefault("FORWARDED_ALLOW_IPS", "*")
    head = Middleware(Head, picture=f"{STATIC}/page/preview.jpg", more=static.early())
    passed = [Middleware(guard.Headers), Middleware(gate.Gate, house=page.house), head]
    server = {"routes": [*static.routes(), *page.told], "middleware": passed}
    return page.launch(theme=theme, css=css, app_kwargs=server, **limits, **options)
