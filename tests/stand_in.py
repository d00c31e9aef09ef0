"""A tokenizer for the page's tests: the contract's interface, a blur instead of networks.

The first k "tokens" are a photo blurred less and less; a *sample* adds seeded grain. It counts its
encode calls, so that a test can say "once a photo", and can be told to be slow.
"""

import time
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageFilter

import tokenizer_core as tc
from tokenizer_core.models.interface import Asked


def info(name: str = "prefix-flow-256", tokens: int = 256, generative: bool = True) -> tc.ModelInfo:
    """What a catalog would say of a stand-in model."""
    maps = tuple(tc.AttentionInfo(direction=way, layers=2) for way in ("read", "write"))
    return tc.ModelInfo(
        name=name,
        title="Stand-in" if generative else "Stand-in, linear",
        family="stand-in",
        role="main" if generative else "baseline",
        licence="none",
        lengths=tuple(range(tokens + 1)),
        tokens="soft",
        numbers_per_token=16,
        ordered=True,
        modes=("mean", "sample") if generative else ("mean",),
        attention=maps if generative else (),
        views=(
            ("seeds", "mix", "codes", "less", "layer", "nesting", "guess")
            if generative
            else ("codes", "mix", "less", "guess")
        ),
        checkpoint_id="57a2d100ab0e",
        default_steps=8 if generative else 1,
        default_guidance=2.0,
    )


def models(tokens: int = 256) -> list[tc.ModelInfo]:
    """A generative model and a linear baseline."""
    return [info(tokens=tokens), info("pca", 64, generative=False)]


class StandIn(tc.Tokenizer):
    """Blur as a tokenizer. The tokens are signs (they survive packing): the bits of a tiny picture."""

    def __init__(self, about: tc.ModelInfo | None = None, device: str = "cpu", seconds: float = 0.0):
        self.info, self.device, self.dtype = about or info(), device, "float32"
        self.seconds, self.encoded, self.decoded = seconds, 0, 0
        self.count = self.info.lengths[-1]
        self.side = int((self.count * 16 / 12) ** 0.5)  # side^2 colours of 3 x 4 bits

    def encode(self, photo, center=(0.5, 0.5), zoom=1.0) -> tc.Encoding:
        """(K, 16) numbers, each -1 or 1."""
        self.encoded += 1
        time.sleep(self.seconds)
        picture = photo
        if not isinstance(photo, tc.Picture):
            picture = tc.square_crop(tc.open_photo(photo), 256, center, zoom)
        small = np.asarray(picture.to_pil().resize((self.side, self.side), Image.Resampling.LANCZOS)) >> 4
        bits = np.unpackbits(small.reshape(-1, 1), axis=1)[:, 4:].ravel()
        tokens = np.ones(self.count * 16, np.float32)
        tokens[: bits.size] = np.where(bits, 1.0, -1.0)
        return tc.Encoding(
            tokens.reshape(self.count, 16), np.arange(self.count), self.info.checkpoint_id, self.info.name
        )

    def photo(self, encoding: tc.Encoding) -> Image.Image:
        """The tiny picture in the tokens, enlarged."""
        bits = (encoding.tokens.ravel()[: self.side**2 * 12] > 0).reshape(-1, 4)
        small = (bits @ np.array([8, 4, 2, 1])).reshape(self.side, self.side, 3) * 17
        return Image.fromarray(small.astype(np.uint8)).resize((256, 256), Image.Resampling.BICUBIC)

    def pictures(self, encoding: tc.Encoding, asked: Asked) -> Iterator[tuple[int, tc.Picture]]:
        """Blur by length; grain unless steps is 1."""
        photo = self.photo(encoding)
        grain = 0 if asked.steps == 1 else np.random.default_rng(asked.seed).normal(0, 1, (256, 256, 1))
        for k in asked.lengths:
            self.decoded += 1
            time.sleep(self.seconds * (asked.steps or self.info.default_steps))
            blurred = photo.filter(ImageFilter.GaussianBlur(60.0 / (1 + k) ** 0.8))
            strength = 0.0 if asked.steps == 1 else 30 / (1 + k) ** 0.4
            array = np.asarray(blurred, np.float32) * (k > 0) + 110 * (k == 0) + strength * grain
            yield k, tc.Picture(np.clip(array, 0, 255).round().astype(np.uint8))

    def attention(self, encoding, direction="read", layer=None, length=None, seed=0) -> tc.AttentionMaps:
        """A blob a token, smaller and smaller; others in each layer, and the same for reading and writing."""
        if direction not in ("read", "write") or not 0 <= (layer := 1 if layer is None else layer) < 2:
            raise tc.TokenizerError("There is no such layer.")
        rng = np.random.default_rng(7 + layer)
        y, x = np.mgrid[0:16, 0:16]
        count = self.count
        centre = rng.uniform(0, 15, (count, 2, 1, 1))
        width = 9 / (1 + np.arange(count)[:, None, None]) ** 0.35
        raw = np.exp(-((y - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2) / (2 * width**2)).astype(np.float32)
        normalised = raw / raw.max((1, 2), keepdims=True)
        raw *= rng.uniform(0.2, 0.9, (count, 1, 1)).astype(np.float32) / raw.sum((1, 2), keepdims=True)
        if direction == "write":
            raw, normalised = np.moveaxis(raw, 0, -1), np.moveaxis(normalised, 0, -1)
        return tc.AttentionMaps(raw, normalised, direction, layer)


class StandInClassifier:
    """A classifier that tells colours apart."""

    names = ("red", "green", "blue")

    def shares(self, pictures) -> np.ndarray:
        """How much of a picture's light has each colour, (N, 3)."""
        light = np.stack([picture.array.mean((0, 1)) + 1e-3 for picture in pictures])
        return (light / light.sum(1, keepdims=True)).astype(np.float32)
