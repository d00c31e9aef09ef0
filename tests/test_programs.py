"""The named endpoints, called by Gradio's own client: what they give, and the sentence for a mistake."""

import asyncio
import base64
import io
import json
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import Image

import tokenizer_core as tc
from demo import app, programs
from tests.conftest import served
from tests.pasted import AROUND

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # Gradio's and its client's own


@pytest.fixture(scope="module")
def client(address):
    return Client(address, verbose=False)


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    y, x = np.mgrid[0:300, 0:400]
    rows = np.stack([x * 255 / 400, y * 255 / 300, 128 + 120 * np.sin(x / 9)], -1).astype(np.uint8)
    Image.fromarray(rows).save(path)
    return path


@pytest.fixture(scope="module")
def tokens(client, photo):
    return client.predict(handle_file(photo), api_name="/encode")


def ask(client, *values, name):
    return client.predict(*values, api_name=f"/{name}")


def test_only_these_are_public_and_each_says_what_it_takes(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    names = {name: [p["parameter_name"] for p in about["parameters"]] for name, about in endpoints.items()}
    assert names == {
        "/encode": ["photo"],
        "/decode": ["tokens", "length", "steps", "seed"],
        "/attention": ["photo", "token"],
        "/fewest": ["photo", "psnr"],
        "/spectrum": ["photo"],
    }
    assert all(about["description"] for about in endpoints.values())


def test_encode_gives_the_tokens_that_a_link_holds(tokens, photo, stand_ins):
    data = base64.urlsafe_b64decode(tokens + "=" * (-len(tokens) % 4))
    wanted = stand_ins["prefix-flow-256"].encode(photo)
    assert data == wanted.to_bytes()


@pytest.mark.parametrize(("steps", "seed"), [(1, 0), (4, 7)])
def test_decode_is_the_picture_to_the_last_bit(client, tokens, photo, stand_ins, steps, seed):
    path = ask(client, tokens, 40, steps, seed, name="decode")
    encoding = stand_ins["prefix-flow-256"].encode(photo)
    wanted = stand_ins["prefix-flow-256"].decode(encoding, 40, steps=steps, seed=seed)
    assert np.array_equal(np.asarray(Image.open(path).convert("RGB")), wanted.array)


def test_attention_is_one_token_s_map(client, photo, stand_ins):
    found = np.array(ask(client, handle_file(photo), 9, name="attention"))
    encoding = stand_ins["prefix-flow-256"].encode(photo)
    wanted = stand_ins["prefix-flow-256"].attention(encoding).normalised[8]
    assert np.abs(found - wanted).max() < 0.006  # 256 levels, three digits


def test_spectrum_is_the_photo_s(client, photo):
    found = ask(client, handle_file(photo), name="spectrum")
    power = tc.power_spectrum(tc.square_crop(tc.open_photo(photo))).power
    np.testing.assert_allclose(found, np.log10(power), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("decode", ("not tokens", 4, 1, 0), "This link is damaged"),
        ("decode", ("", 4, 1, 0), "This link is damaged"),
        ("decode", (None, 257, 1, 0), "Lengths are up to 256"),
        ("decode", (None, 4, 51, 0), "steps 1 to 50"),
        ("decode", (None, 4, 4, -1), "seeds 0 to"),
        ("decode", (None, 4, 4, 12345678901234567890), "seeds 0 to"),
        ("decode", (None, 10**20, 4, 0), "Lengths are up to 256"),
        ("attention", (None, 257), "Tokens are 1 to 256"),
        ("fewest", (None, "near"), "/fewest takes photo, psnr; one of these is missing or of another kind"),
        ("decode", (None, "abc", 1, 0), "/decode takes tokens, length, steps, seed; one of these is"),
        ("decode", (None, [1, 2], 1, 0), "/decode takes"),
        ("decode", ({"tokens": 1}, 1, 1, 0), "This link is damaged"),
    ],
)
def test_a_mistake_is_a_sentence(client, tokens, photo, name, values, sentence):
    first = tokens if name == "decode" else handle_file(photo)
    values = [first if value is None else value for value in values]
    with pytest.raises(AppError, match=sentence):
        ask(client, *values, name=name)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("encode", [None]),
        ("encode", ["abc"]),
        ("encode", [3]),
        ("encode", [["a", "b"]]),
        ("encode", [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]),
        ("encode", [[{"path": "a"}, {"path": "b"}]]),
        ("encode", []),
        ("attention", [None, None]),
        ("fewest", [None, 20]),
        ("spectrum", [None]),
        ("decode", [None, None, None, None]),
        ("decode", ["tokens", None, 1, 0]),
        ("decode", ["tokens", 4, "1; 2", 0]),
        ("decode", ["tokens", 4, 1, {"seed": 0}]),
        ("decode", ["tokens", 4, True, [0]]),
        ("decode", ["tokens"]),
    ],
)
def test_values_of_another_kind_are_a_sentence(address, tokens, name, values):
    """Sent as curl sends them, without a client that checks them first."""
    values = [tokens if value == "tokens" else value for value in values]
    way = f"{address}gradio_api/call/{name}"
    event = httpx.post(way, json={"data": values}).json()["event_id"]
    told = httpx.get(f"{way}/{event}", timeout=20).text
    assert told.startswith("event: error"), told
    sentence = json.loads(told.partition("data: ")[2].splitlines()[0])
    sentence = sentence["error"] if isinstance(sentence, dict) else sentence
    assert sentence is not None
    assert sentence.endswith(".")
    assert "Traceback" not in sentence
    assert "/etc" not in sentence


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_tokens_are_whole_whatever_was_pasted_around_them(client, tokens, around):
    path = ask(client, around.format(tokens), 40, 1, 0, name="decode")
    wanted = ask(client, tokens, 40, 1, 0, name="decode")
    assert Path(path).read_bytes() == Path(wanted).read_bytes()


def test_fewest_is_the_shortest_mean_that_is_near_enough(client, photo, stand_ins):
    tokenizer = stand_ins["prefix-flow-256"]
    original = tc.square_crop(tc.open_photo(photo))
    for psnr in (0.0, 15.0, 22.0, 99.0):
        need = tc.need_of(tokenizer, original, tc.criterion_of("psnr", psnr))
        found = ask(client, handle_file(photo), psnr, name="fewest")
        assert (found["tokens"], found["bytes"], found["reached"]) == (need.tokens, need.bytes, need.reached)
        mean = tokenizer.decode(tokenizer.encode(photo), need.tokens, steps=1)
        assert found["psnr"] == round(tc.psnr(mean, original), 2)


def test_tools_without_their_library_are_a_sentence(monkeypatch):
    programs.check_tools()
    monkeypatch.setenv("GRADIO_MCP_SERVER", "True")
    programs.check_tools()
    monkeypatch.setitem(sys.modules, "gradio.mcp", None)
    with pytest.raises(tc.TokenizerError, match=r"pip install 'tokendial\[mcp\]'"):
        app.launch()


def test_what_nobody_foresaw_is_a_sentence_and_in_the_log(client, photo, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("out of ideas")

    monkeypatch.setattr(tc, "power_spectrum", fail)
    with pytest.raises(AppError, match="Something went wrong on the server"):
        ask(client, handle_file(photo), name="spectrum")
    assert "out of ideas" in caplog.text


def test_a_file_that_is_no_photo_is_a_sentence(client, tmp_path):
    (tmp_path / "photo.png").write_bytes(b"not a photo")
    with pytest.raises(AppError, match="not a picture") as caught:
        ask(client, handle_file(tmp_path / "photo.png"), name="spectrum")
    assert "Traceback" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.fixture(scope="module")
def tools(stand_ins):
    """A page whose endpoints are tools, too: called with a name and arguments over MCP; without, a list."""

    async def session(address, name, arguments):
        way = streamablehttp_client(f"{address}gradio_api/mcp/")
        async with way as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            return await (session.call_tool(name, arguments) if name else session.list_tools())

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_MCP_SERVER", "True")  # as README.md says
        with served(stand_ins) as address:
            yield lambda name="", arguments=None: asyncio.run(session(address, name, arguments))


def test_over_mcp_the_endpoints_are_tools_and_nothing_else_is(tools):
    found = {tool.name: tool for tool in tools().tools}
    assert set(found) == {"encode", "decode", "attention", "fewest", "spectrum"}
    assert set(found["decode"].inputSchema["properties"]) == {"tokens", "length", "steps", "seed"}
    assert "the mean with 1 step" in found["decode"].description


def test_over_mcp_decode_gives_the_picture(tools, tokens, photo, stand_ins):
    got = tools("decode", {"tokens": tokens, "length": 40, "steps": 1, "seed": 0})
    (image,) = [part for part in got.content if part.type == "image"]
    wanted = stand_ins["prefix-flow-256"].decode(stand_ins["prefix-flow-256"].encode(photo), 40, steps=1)
    made = np.asarray(Image.open(io.BytesIO(base64.b64decode(image.data))).convert("RGB"))
    assert np.abs(made.astype(int) - wanted.array).mean() < 4  # Gradio sends it as WebP


def test_over_mcp_a_mistake_is_a_sentence(tools):
    got = tools("decode", {"tokens": "not tokens"})
    assert got.isError
    assert "This link is damaged" in got.content[0].text
