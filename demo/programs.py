"""Named endpoints for programs (`gradio_client`, curl): photo to tokens, tokens to picture, maps, spectrum.

Each is one request and shows nothing; a mistake comes back as the sentence that the page would show. The
work takes its turn with the visitors' films and is one call of the device.
"""

import functools
import os
from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
import numpy as np
from gradio.block_function import BlockFunction
from gradio.components import Component
from PIL import Image
from starlette.routing import Route

import tokenizer_core as tc

from . import faults, links
from .film import MEAN, Take, log_power
from .gate import House
from .studio import Studio

NO_TOOLS = (
    "GRADIO_MCP_SERVER asks for tools of a language model, and their library is not installed; "
    "please install the extra: pip install 'tokendial[mcp]', or with the clone: pip install -e '.[mcp]'."
)


class Page(gr.Blocks):
    """Blocks whose endpoints answer values of another kind with a sentence; Gradio's own names no reason."""

    told: Sequence[Route] = ()  # beside the page: whether it is well, and its figures
    house: House  # what all its requests share

    async def preprocess_data(self, block_fn: BlockFunction, *rest: Any, **options: Any) -> list:
        """What a function of the page gets.

        Raises:
            gr.Error: a value is missing or of another kind.
        """
        try:
            return await super().preprocess_data(block_fn, *rest, **options)
        except gr.Error:
            raise
        except Exception:  # each component raises what comes to its mind
            takes = ", ".join(str(getattr(each, "label", "a value")) for each in block_fn.inputs)
            sentence = f"/{block_fn.api_name} takes {takes}; one of these is missing or of another kind."
            raise gr.Error(sentence, print_exception=False) from None


def check_tools() -> None:
    """Whether what GRADIO_MCP_SERVER asks for is here; without it Gradio ends in a traceback.

    Raises:
        TokenizerError: it is not; the sentence says what to install.
    """
    if os.environ.get("GRADIO_MCP_SERVER", "").lower() != "true":
        return
    try:
        import gradio.mcp  # noqa: F401
    except ImportError:
        raise tc.TokenizerError(NO_TOOLS) from None


def add(studio: Studio) -> None:
    """Add the endpoints to the page that is being built; the fields give them types and are never shown."""
    info = studio.default
    with gr.Row(visible=False):
        photo, picture = gr.File(label="photo"), gr.Image(label="picture", format="png")
        tokens, numbers = gr.Textbox(label="tokens"), gr.JSON(label="numbers")
        whole = {"length": 32, "token": 1, "steps": info.default_steps, "seed": 0}
        length, token, steps, seed = (gr.Number(v, label=label, precision=0) for label, v in whole.items())
        psnr = gr.Number(24, label="psnr", precision=2)

    def device(source: Any, *plan: tuple[Take, list[int]], name: str = info.name) -> dict[Any, Any]:
        with studio.turn.take():
            return {key: value for key, *_, value in studio.record(name, source, list(plan))}

    @endpoint([photo], tokens)
    def encode(photo: str) -> str:
        """The tokens of a photo's middle square, as text: what a link holds after `t=`."""
        return links.text(b64decode(device(tc.square_crop(tc.open_photo(photo)).array)["tokens"]))

    @endpoint([tokens, length, steps, seed], picture)
    def decode(tokens: str, length: int, steps: int, seed: int) -> np.ndarray:
        """The picture in the first `length` tokens, 256 x 256: the mean with 1 step, else a sample."""
        film = links.film(tokens, studio.infos)
        if not (length in film.lengths and steps in range(1, 51) and seed in range(2**31)):
            last = film.lengths[-1]
            raise tc.TokenizerError(f"Lengths are up to {last}, steps 1 to 50 and seeds 0 to 2147483647.")
        take = Take("mean" if steps == 1 else "sample", steps, seed)
        return device(film.encoding, (take, [length]), name=film.info.name)[take]

    @endpoint([photo, token], numbers)
    def attention(photo: str, token: int) -> list[list[float]]:
        """Where a token (1..256) looked: 16 rows of 16 numbers, the most looked at is 1."""
        if "read" not in {one.direction for one in info.attention}:
            raise tc.TokenizerError(f"{info.title} has no maps of where tokens looked.")
        if token not in info.lengths[1:]:
            raise tc.TokenizerError(f"Tokens are 1 to {info.lengths[-1]}.")
        maps, _ = device(tc.square_crop(tc.open_photo(photo)).array)["attention"]
        one = np.frombuffer(b64decode(maps), np.uint8).reshape(-1, 16, 16)[token - 1]
        return (one / 255).round(3).tolist()

    @endpoint([photo, psnr], numbers)
    def fewest(photo: str, psnr: float) -> dict[str, Any]:
        """The fewest tokens whose mean is `psnr` dB near, of the ladder's; the best there is if none is."""
        return fewest_of(studio, tc.open_photo(photo), psnr)

    @endpoint([photo], numbers)
    def spectrum(photo: str) -> list[float]:
        """log10 of the mean power at 1..127 cycles of a photo's middle square."""
        return log_power(tc.power_spectrum(tc.square_crop(tc.open_photo(photo)))).tolist()


def fewest_of(studio: Studio, photo: Image.Image, psnr: float | None) -> dict[str, Any]:
    """What a photo's middle square needs: {"tokens", "bytes", "psnr" in dB, "reached"}.

    Raises:
        TokenizerError: no number of dB is given.
    """
    info = studio.default
    if psnr is None:
        raise tc.TokenizerError("How near the picture must be is a number of dB, such as 24.")
    criterion, original = tc.criterion_of("psnr", float(psnr)), tc.square_crop(photo, info.picture_size)
    with studio.turn.take():
        made = list(studio.record(info.name, original.array, [(MEAN, list(info.ladder))]))
    pictures = (tc.Picture(each[2]) for each in made if each[0] == MEAN)
    choice = tc.first_that_reaches(criterion, original, pictures)
    length, score = info.ladder[choice.place], round(choice.scores[choice.place], 2)
    return {"tokens": length, "bytes": info.bytes_of(length), "psnr": score, "reached": choice.reached}


def endpoint(inputs: list, output: Component) -> Callable:
    """A decorator: the function answers under its name, and a visitor's mistake is a sentence there, too."""

    def add_to_page(function: Callable) -> Callable:
        @functools.wraps(function)
        def told(*values: Any) -> Any:
            try:
                return function(*values)
            except tc.TokenizerError as error:
                raise gr.Error(str(error), print_exception=False) from None
            except Exception as error:
                raise gr.Error(faults.told(error)["error"], print_exception=False) from None

        limits = {"concurrency_limit": 2, "concurrency_id": "programs"}
        gr.Button(visible=False).click(told, inputs, output, api_name=function.__name__, **limits)
        return function

    return add_to_page
