"""`pca`, the linear yardstick: ordered tokens without any learning but an eigenvalue problem.

A photo is averaged down to 64 x 64 pixels; token i holds its projections on principal components 16 (i - 1)
+ 1 .. 16 i, each divided by that component's standard deviation. Decoding adds the components up and
enlarges the result (bicubic). In squared error no linear code does better at 64 pixels, so every curve
carries it. There is one picture a prefix: steps, guidance and seed change nothing. Neighbours:
`training.pca` fits it, `tokenizer` is the other one.

Source: principal components as picture code, Turk and Pentland, J. Cognitive Neuroscience 3 (1991) 71.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import SOFT, on_levels
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Asked, Tokenizer
from tokenizer_core.photos.photo import PhotoSource, Picture, to_picture
from tokenizer_core.storage.checkpoints import Checkpoint, fill

SMALL = 64  # side of the pictures that the components are of
WIDTH = 16  # numbers a token
SIZE = 256


def to_rows(pixels: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B V"]:
    """Pixels in [-1, 1], averaged down to 64 x 64, as rows of V = 12288 numbers."""
    return F.interpolate(pixels, size=(SMALL, SMALL), mode="area").flatten(1)


def from_rows(rows: Float[Tensor, "B V"]) -> Float[Tensor, "B 3 256 256"]:
    """Rows of 12288 numbers enlarged to 256 x 256 pixels."""
    small = rows.view(-1, 3, SMALL, SMALL)
    return F.interpolate(small, size=(SIZE, SIZE), mode="bicubic", align_corners=False)


class LinearTokenizer(Tokenizer):
    """The linear tokenizer behind the interface that every tokenizer has.

    Args:
        info: what the catalog says of it.
        mean: (V,) mean of the rows of `to_rows`.
        components: (N, V) orthonormal components, most important first; N is 16 a token.
        deviations: (N,) standard deviation of the photos along each component.
        device: where it computes.
    """

    def __init__(
        self,
        info: ModelInfo,
        mean: Float[Tensor, " V"],
        components: Float[Tensor, "N V"],
        deviations: Float[Tensor, " N"],
        device: str = "cpu",
    ) -> None:
        self.info, self.device, self.dtype = info, device, "float32"
        self.mean = mean.float().to(device)
        self.components = components.float().to(device)
        self.deviations = deviations.float().to(device)
        self.num_tokens = len(deviations) // WIDTH

    @classmethod
    def from_checkpoint(
        cls, checkpoint: Checkpoint, device: str = "cpu", dtype: str = "auto"
    ) -> "LinearTokenizer":
        """Build from a checkpoint's tensors `mean`, `components` and `deviations`.

        Raises:
            TokenizerError: one is missing, unknown, or of another shape; or another dtype is asked for.
        """
        if dtype not in ("auto", "float32"):
            raise TokenizerError(f"The model {checkpoint.name} computes in float32, not in {dtype}.")
        info = describe(checkpoint.config, checkpoint.checkpoint_id, checkpoint.size_bytes)
        numbers, pixels = info.lengths[-1] * WIDTH, 3 * SMALL * SMALL
        shapes = {"mean": (pixels,), "components": (numbers, pixels), "deviations": (numbers,)}
        shell = nn.ParameterDict({name: torch.zeros(shape) for name, shape in shapes.items()})
        fill(shell, checkpoint.tensors, checkpoint.name)
        return cls(info, shell["mean"].data, shell["components"].data, shell["deviations"].data, device)

    @torch.no_grad()
    def encode(
        self, photo: PhotoSource | Picture, center: tuple[float, float] = (0.5, 0.5), zoom: float = 1.0
    ) -> Encoding:
        """Project a photo on all components.

        Args:
            photo: anything `open_photo` takes, or a Picture (which is not cropped).
            center: x, y in 0..1 of the photo.
            zoom: >= 1.

        Returns:
            Tokens (K, 16), each number of about unit variance, on the levels that its bytes hold.

        Raises:
            TokenizerError: the photo cannot be opened, or the crop is out of range.
        """
        tokens = on_levels(self.project(to_picture(photo, SIZE, center, zoom)))
        return Encoding(tokens, np.arange(self.num_tokens), self.info.checkpoint_id, self.info.name)

    def encode_levels(self, levels: UInt8[Tensor, "B H W 3"]) -> Tensor | None:
        """Tokens (B, K, D) of many squares; see `Tokenizer.encode_levels`."""
        rows = to_rows((levels.float() / 127.5 - 1).permute(0, 3, 1, 2))
        numbers = (rows - self.mean) @ self.components.T / self.deviations
        return numbers.view(len(levels), self.num_tokens, WIDTH)

    @torch.no_grad()
    def project(self, picture: Picture) -> Float[np.ndarray, "K D"]:
        """A picture's projections on all components, in standard deviations, before they are rounded."""
        rows = to_rows(picture.to_pixels().to(self.device))
        numbers = (rows - self.mean) @ self.components.T / self.deviations  # (1, N)
        return numbers.view(self.num_tokens, WIDTH).cpu().numpy()

    @torch.no_grad()
    def pictures(self, encoding: Encoding, asked: Asked) -> Iterator[tuple[int, Picture]]:
        """Pictures of several prefixes, all decoded at a time unless a batch was asked for."""
        lengths, batch = asked.lengths, asked.batch or max(len(asked.lengths), 1)
        tokens = torch.from_numpy(encoding.tokens).to(self.device)
        for start in range(0, len(lengths), batch):
            some = lengths[start : start + batch]
            numbers = torch.zeros(len(some), self.num_tokens, WIDTH, device=self.device)
            for row, length in zip(numbers, some, strict=True):
                row[encoding.positions[:length]] = tokens[:length]
            pixels = from_rows(numbers.flatten(1) * self.deviations @ self.components + self.mean)
            for length, one in zip(some, pixels, strict=True):
                yield length, Picture.from_pixels(one)


def describe(config: dict[str, Any], checkpoint_id: str, size_bytes: int) -> ModelInfo:
    """The catalog's line of a linear checkpoint, from its config.json.

    Raises:
        TokenizerError: the configuration is not one of this kind.
    """
    if config.get("format_version") != 1 or not isinstance(config.get("num_tokens"), int):
        raise TokenizerError("The configuration of the linear model is damaged or of another version.")
    return ModelInfo(
        name="pca",
        title="Principal components of pixels, the linear baseline",
        family="linear",
        role="baseline",
        order=50,
        tokens=SOFT,
        numbers_per_token=WIDTH,
        lengths=tuple(range(config["num_tokens"] + 1)),
        ordered=True,
        views=("codes", "mix", "less", "nesting", "guess"),
        devices=("cpu", "cuda"),
        dtypes=("float32",),
        size_bytes=size_bytes,
        checkpoint_id=checkpoint_id,
        licence="Apache-2.0",
        source="Turk and Pentland, J. Cognitive Neuroscience 3 (1991) 71",
        credit="tokendial",
    )
