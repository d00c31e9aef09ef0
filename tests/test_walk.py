"""docs/walk.md against the code: each hop leaves what the page says, and its links lead somewhere."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.models.prefix_flow.config import TokenizerConfig
from tokenizer_core.models.prefix_flow.networks import build_networks
from tokenizer_core.nn.autoencoder import latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.sampler import draw_noise, sample
from tokenizer_core.photos.photo import Picture, open_photo, square_crop

ROOT = Path(__file__).resolve().parent.parent
WALK = (ROOT / "docs/walk.md").read_text("utf-8")
ROWS = [row.strip("|").split("|") for row in WALK.splitlines() if re.match(r"\| \d", row)]
LENGTH = 32


def walk() -> list[list[tuple[int, ...]]]:
    """The shapes that leave each hop, on random weights of the default sizes."""
    networks = build_networks(TokenizerConfig()).eval()
    autoencoder, encoder, decoder = (networks[name] for name in ("autoencoder", "encoder", "decoder"))
    picture = square_crop(open_photo(Image.new("RGB", (640, 480), "teal")))
    pixels = picture.to_pixels()
    latent = autoencoder.encode(pixels)
    patches = latent_to_sequence(latent)
    tokens = encoder(patches)
    prefix = Encoding(tokens[0].numpy(), np.arange(256), "0" * 12, "walk").prefix(LENGTH)
    context = decoder.context(torch.from_numpy(prefix.tokens)[None])
    noise = draw_noise(0, 256, 16)
    end = sample(decoder, context, noise, steps=2)
    end_latent = sequence_to_latent(end)
    end_pixels = autoencoder.decode(end_latent)
    hops = [
        [picture.array, pixels],
        [latent, patches],
        [tokens],
        [prefix.tokens],
        [context.keys[0], context.values[-1]],
        [noise, end],
        [end_latent, end_pixels, Picture.from_pixels(end_pixels[0]).array],
    ]
    assert len(context.keys) == len(context.values) == 8
    return [[tuple(thing.shape) for thing in hop] for hop in hops]


@pytest.mark.usefixtures("one_thread")
def test_each_hop_leaves_what_the_page_says():
    stated = [
        [tuple(int(n) for n in shape.split(",")) for shape in re.findall(r"`\(([\d, ]+)\)`", row[3])]
        for row in ROWS
    ]
    assert [row[0].strip() for row in ROWS] == list("1234567")
    with torch.inference_mode():
        assert stated == walk()


def test_the_names_it_drops_are_in_the_files_it_links():
    for row in ROWS:
        text = "".join((ROOT / "docs" / link).read_text("utf-8") for link in links("|".join(row)))
        names = re.findall(r"`(?:\w+\.)?(\w+)(?:\(|`)", row[2])
        assert names
        for name in names:
            assert f"def {name}(" in text or f"class {name}" in text, name


def links(text: str) -> list[str]:
    return re.findall(r"\]\((?!https?:)([^)#]+)\)", text)


def test_its_links_lead_somewhere():
    assert len(links(WALK)) > 7
    assert not [link for link in links(WALK) if not (ROOT / "docs" / link).exists()]
