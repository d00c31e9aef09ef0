"""The kinds of page that a test of the dial runs on: served, static with a model, served with a switch on.

The latter two have a model of drawn weights that the browser runs: 256 tokens, pictures of 64 pixels.
"""

import dataclasses
import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

import tokenizer_core as tc
from demo import app, examples, export, model_files
from demo.studio import Studio
from demo.with_model import WebModel
from studies import build_examples
from tests.browser.hosted import hosted
from tests.browser.model_here import NO_RUNTIME, RUNTIME, has_runtime, write_tiny
from tokenizer_core.models.prefix_flow.config import EncoderConfig, TokenizerConfig

SERVED, STATIC, SWITCHED = "served", "static", "switched"
EVERYWHERE = pytest.mark.parametrize("kind", [SERVED, STATIC, SWITCHED], indirect=True)
WITH_FORM = pytest.mark.parametrize("kind", [SERVED, SWITCHED], indirect=True)  # the static page has none
FEW = 8  # examples that the static page has: the six, and two rounds
SWITCH_ON = "if (location.protocol === 'http:') localStorage.setItem('tokendial-machine', '1')"
# whoever is asked whether the model may be fetched says yes
SAY_YES = """new MutationObserver(() => document.querySelector('.offer[open] .yes')?.click())
  .observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['open'] })"""


class Model(NamedTuple):
    """The model that the browser runs: as Python has it, and its files."""

    tokenizer: tc.Tokenizer
    manifest: dict
    files: dict[str, Path]


def many_tokens() -> TokenizerConfig:
    """The tiny configuration with as many tokens as the page's usual model has."""
    tiny = TokenizerConfig.tiny()
    encoder = EncoderConfig(**dataclasses.asdict(tiny.encoder) | {"num_tokens": 256})
    return dataclasses.replace(tiny, encoder=encoder)


def made(place: Path) -> Model:
    """Write that model and its graphs into an empty folder."""
    if not has_runtime():
        pytest.skip(NO_RUNTIME)
    pytest.importorskip("onnxscript", reason="exporting graphs needs the extra onnx")
    config = many_tokens()
    write_tiny(place, config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKENDIAL_CHECKPOINTS", str(place))
        patch.setenv("TOKENDIAL_MODELS", config.name)
        tc.export_graphs(config.name)
        return Model(tc.load(config.name, "cpu", "float32"), *tc.graph_files(config.name))


@contextmanager
def static(model: Model, place: Path) -> Iterator[str]:
    """The address of a static page with that model, whose examples are the model's own.

    Args:
        model: of the page.
        place: an empty folder for the page and its films.
    """
    folder, info = place / "page", model.tokenizer.info
    films = films_of(model, place / "films")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "films_of", lambda _: films)
        patch.setattr(export, "others", list)
        patch.setattr(export, "write_beside", lambda *_: None)
        export.export(folder, WebModel(info, model.manifest, model.files, RUNTIME))
    with hosted(folder) as address:
        yield address


def films_of(model: Model, folder: Path) -> dict[str, dict]:
    """What that model makes of a few examples, by name, as it is stored."""
    some = examples.EXAMPLES[:FEW]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examples, "EXAMPLES", some)
        build_examples.build(Studio(lambda *_: model.tokenizer, [model.tokenizer.info]), folder)
    return {
        about.name: json.loads(gzip.decompress((folder / f"{about.name}.json.gz").read_bytes()))
        for about in some
    }


@contextmanager
def switched(model: Model) -> Iterator[str]:
    """The address of a served page with that model, which the browser can run, too."""
    info = model.tokenizer.info
    own = model_files.ModelFiles(info, model.manifest, model.files, RUNTIME)
    page = app.build(lambda *_: model.tokenizer, [info], "cpu", own)
    _, url, _ = app.serve(page, server_name="127.0.0.1", server_port=None, prevent_thread_lock=True)
    yield url
    page.close()
