"""The named endpoints, called by Gradio's own client: what they give, and the sentence for a mistake."""

import base64

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import tokenizer_core as tc

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
        ("decode", (None, 257, 1, 0), "Lengths are 0 to 256"),
        ("decode", (None, 4, 51, 0), "steps 1 to 50"),
        ("decode", (None, 4, 4, -1), "seeds 0 to"),
        ("attention", (None, 257), "Tokens are 1 to 256"),
    ],
)
def test_a_mistake_is_a_sentence(client, tokens, photo, name, values, sentence):
    first = tokens if name == "decode" else handle_file(photo)
    values = [first if value is None else value for value in values]
    with pytest.raises(AppError, match=sentence):
        ask(client, *values, name=name)


def test_a_file_that_is_no_photo_is_a_sentence(client, tmp_path):
    (tmp_path / "photo.png").write_bytes(b"not a photo")
    with pytest.raises(AppError, match="not a picture") as caught:
        ask(client, handle_file(tmp_path / "photo.png"), name="spectrum")
    assert "Traceback" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
