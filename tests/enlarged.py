"""Every family for one page: tiny models that read and paint small pictures, enlarged to what it shows."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import tiny_alit
import tiny_flow
import tiny_grid
import tiny_linear
import tiny_published
from PIL import Image

import tokenizer_core as tc
from tests.test_regions import CONFIG as FEW_REGIONS
from tokenizer_core.models.regions.tokenizer import RegionsTokenizer, describe

SIDE = 256


class Enlarged(tc.Tokenizer):
    """A tiny tokenizer whose pictures are enlarged, so that page and measures see 256 x 256 pixels.

    Args:
        tiny: reads and paints squares of its own size.
        name: another one than the bundled models'.
    """

    def __init__(self, tiny: tc.Tokenizer, name: str) -> None:
        self.tiny, self.device, self.dtype = tiny, tiny.device, tiny.dtype
        self.small = tiny.info.picture_size
        tiny.info = replace(tiny.info, name=name)
        self.info = replace(tiny.info, picture_size=SIDE, title=name.capitalize())

    def encode(self, photo, center=(0.5, 0.5), zoom=1.0) -> tc.Encoding:
        """Of the photo made small."""
        picture = photo if isinstance(photo, tc.Picture) else tc.square_crop(photo, SIDE, center, zoom)
        return self.tiny.encode(resized(picture, self.small), center, zoom)

    def pictures(self, encoding, asked) -> Iterator[tuple[int, tc.Picture]]:
        """Enlarged."""
        for length, picture in self.tiny.pictures(encoding, asked):
            yield length, resized(picture, SIDE)

    def attention(self, *what, **more) -> tc.AttentionMaps:
        """The tiny one's."""
        return self.tiny.attention(*what, **more)

    def halted(self, encoding):
        """The tiny one's."""
        return self.tiny.halted(encoding)


def resized(picture: tc.Picture, side: int) -> tc.Picture:
    """To so many pixels a side."""
    if picture.array.shape[0] == side:
        return picture
    return tc.Picture(np.asarray(picture.to_pil().resize((side, side), Image.Resampling.BILINEAR)))


MAKE: dict[str, Callable[[], tc.Tokenizer]] = {
    "tiny-flow": tiny_flow.make_tokenizer,
    "tiny-alit": lambda: tiny_alit.make_tokenizer(tiny_alit.SHARP),
    "tiny-pca": tiny_linear.make_tokenizer,
    "tiny-grid": tiny_grid.make_tokenizer,
    "tiny-regions": lambda: RegionsTokenizer(describe(FEW_REGIONS, "7e9107e9107e", 0), 60, 10.0),
    **{name.replace(" ", "-"): make for name, make in tiny_published.MAKE.items()},
}


def make_all() -> dict[str, Enlarged]:
    """By name; the first one is a main model."""
    return {name: Enlarged(make(), name) for name, make in MAKE.items()}
