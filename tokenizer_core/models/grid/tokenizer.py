"""A hard token a cell: the entry of a codebook that is nearest to the cell's latent.

The picture of the first k tokens has k cells of the photo; every other cell has the latent that is the mean
of all photographs there. The tokens come in one of three orders (`orders`), and are ordered in the sense that
a prefix is a code; not in the sense that the first ones say what matters most.

Source: vector quantisation of an autoencoder's latent, van den Oord et al., arXiv 1711.00937; the autoencoder
is another checkpoint's, frozen. Neighbours: `training.grid` (codebook and decoder), `models.base`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.packing import HARD
from tokenizer_core.engine.devices import find_dtype
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.base import read_autoencoder
from tokenizer_core.models.grid.config import GridConfig
from tokenizer_core.models.grid.orders import ORDERS
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.nn.autoencoder import Autoencoder, LatentDecoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.photos.photo import PhotoSource, Picture, to_picture
from tokenizer_core.storage.checkpoints import Checkpoint, checkpoints_folder, fill, read_part

AT_ONCE = 8  # pictures decoded together


class GridParts(nn.Module):
    """What training finds beside the autoencoder.

    Attributes:
        codebook: (V, C) latents, one a code.
        mean: (N, C) the mean latent of each cell over the training photographs.
        decoder: the latent decoder tuned on codes, or None.
    """

    codebook: Tensor
    mean: Tensor

    def __init__(self, config: GridConfig) -> None:
        super().__init__()
        channels = config.autoencoder.latent_channels
        self.register_buffer("codebook", torch.zeros(config.vocabulary, channels))
        self.register_buffer("mean", torch.zeros(config.num_tokens, channels))
        self.decoder = LatentDecoder(config.autoencoder) if config.own_decoder else None


class GridTokenizer(Tokenizer):
    """Another checkpoint's autoencoder, a codebook, and an order of cells.

    Args:
        config: sizes and the order.
        info: the catalog's line.
        autoencoder: of the base.
        parts: codebook, mean and decoder.
        device: "cpu", "cuda:0", ...
        dtype: what the autoencoder computes in; codes are looked up in float32.
    """

    def __init__(
        self,
        config: GridConfig,
        info: ModelInfo,
        autoencoder: Autoencoder,
        parts: GridParts,
        device: str,
        dtype: torch.dtype,
    ) -> None:
        networks = nn.ModuleList([autoencoder, parts]).to(device=device, dtype=dtype)
        networks = networks.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        autoencoder.standardise.float()
        parts.codebook, parts.mean = parts.codebook.float(), parts.mean.float()
        self.config, self.info, self.device, self._dtype = config, info, device, dtype
        self.autoencoder, self.parts = autoencoder, parts
        self.decoder = autoencoder.decoder if parts.decoder is None else parts.decoder
        self.dtype = str(dtype).removeprefix("torch.")
        self.order = torch.from_numpy(ORDERS[config.order](config.side)).to(device)

    @classmethod
    def from_checkpoint(
        cls, checkpoint: Checkpoint, device: str = "cpu", dtype: str = "auto"
    ) -> "GridTokenizer":
        """Build the networks and fill them strictly, the autoencoder from the base's checkpoint.

        Raises:
            TokenizerError: config and weights do not fit, or the base or the shared weights are not here.
        """
        config = GridConfig.from_dict(checkpoint.config)
        parts = GridParts(config)
        fill(parts, checkpoint.tensors if config.has_weights else shared_weights(config), checkpoint.name)
        info = describe(checkpoint.config, checkpoint.checkpoint_id, checkpoint.size_bytes)
        autoencoder = read_autoencoder(config.base, config.autoencoder, config.name)
        return cls(config, info, autoencoder, parts, device, find_dtype(dtype, device))

    @torch.inference_mode()
    def encode(
        self, photo: PhotoSource | Picture, center: tuple[float, float] = (0.5, 0.5), zoom: float = 1.0
    ) -> Encoding:
        """The code of every cell, in the model's order.

        Args:
            photo: anything `open_photo` takes, or a Picture (which is not cropped).
            center: x, y of the square crop in 0..1 of the photo.
            zoom: >= 1; the crop's side is the photo's shorter side over this.

        Returns:
            Tokens (N,) int64, one a cell.

        Raises:
            TokenizerError: the photo cannot be opened, or the crop is out of range.
        """
        picture = to_picture(photo, self.config.autoencoder.image_size, center, zoom)
        cells = latent_to_sequence(self._latent(picture))[0].float()
        tokens = nearest_code(cells, self.parts.codebook)[self.order].cpu().numpy()
        own = (self.info.checkpoint_id, self.info.name, HARD, self.info.vocabulary)
        return Encoding(tokens, np.arange(len(tokens)), *own)

    def encode_levels(self, levels: UInt8[Tensor, "B H W 3"]) -> Tensor | None:
        """Tokens (B, N) of many squares; see `Tokenizer.encode_levels`."""
        pixels = (levels.float() / 127.5 - 1).permute(0, 3, 1, 2).to(self._dtype)  # channels last already
        cells = latent_to_sequence(self.autoencoder.encode(pixels)).float()
        found = nearest_code(cells.flatten(0, 1), self.parts.codebook)
        return found.view(len(levels), -1)[:, self.order]

    def decode_many(
        self,
        encoding: Encoding,
        lengths: Sequence[int],
        *,
        steps: int | None = None,
        guidance_scale: float | None = None,
        seed: int = 0,
        batch: int | None = None,
    ) -> Iterator[tuple[int, Picture]]:
        """Pictures of the first cells, the others as the mean has them; see `Tokenizer.decode_many`."""
        self.check(encoding, lengths, steps=steps, guidance_scale=guidance_scale, seed=seed)
        return self._pictures(encoding, list(lengths), batch or AT_ONCE)

    @torch.inference_mode()
    def _pictures(self, encoding: Encoding, lengths: list[int], batch: int) -> Iterator[tuple[int, Picture]]:
        values = self.parts.codebook[torch.from_numpy(encoding.tokens).to(self.device)]
        cells = self.order[torch.from_numpy(encoding.positions).to(self.device)]
        for start in range(0, len(lengths), batch):
            some = lengths[start : start + batch]
            sequence = self.parts.mean.repeat(len(some), 1, 1)
            for row, length in zip(sequence, some, strict=True):
                row[cells[:length]] = values[:length]
            for length, pixels in zip(some, self._decode(sequence), strict=True):
                yield length, Picture.from_pixels(pixels)

    def _decode(self, sequence: Float[Tensor, "B N C"]) -> Float[Tensor, "B 3 H W"]:
        latent = sequence_to_latent(sequence).to(self._dtype, memory_format=torch.channels_last)
        return self.decoder(latent)

    @torch.inference_mode()
    def reconstruct(self, picture: Picture) -> Picture:
        """What the base's autoencoder alone makes of a picture, without any token: the goal of all codes."""
        latent = self._latent(picture).to(self._dtype, memory_format=torch.channels_last)
        return Picture.from_pixels(self.autoencoder.decoder(latent)[0])

    def _latent(self, picture: Picture) -> Float[Tensor, "1 C s s"]:
        pixels = picture.to_pixels().to(self.device, self._dtype, memory_format=torch.channels_last)
        return self.autoencoder.encode(pixels)


def nearest_code(cells: Float[Tensor, "M C"], codebook: Float[Tensor, "V C"]) -> Int[Tensor, " M"]:
    """Index of the entry at the least squared distance from each cell."""
    return (2 * cells @ codebook.T - codebook.square().sum(1)).argmax(1)


def describe(config: dict[str, Any], checkpoint_id: str, size_bytes: int) -> ModelInfo:
    """The catalog's line of a grid checkpoint, from its config.json.

    Raises:
        TokenizerError: the configuration is not one of this family.
    """
    c = GridConfig.from_dict(config)
    return ModelInfo(
        name=c.name,
        title=c.title,
        family="grid",
        role="baseline",
        order=60 + list(ORDERS).index(c.order),
        tokens=HARD,
        vocabulary=c.vocabulary,
        lengths=tuple(range(c.num_tokens + 1)),
        ordered=True,
        reconstructs=True,
        views=("codes", "mix", "less", "guess"),
        picture_size=c.autoencoder.image_size,
        size_bytes=size_bytes,
        checkpoint_id=checkpoint_id,
        licence=c.licence,
        source="vector quantisation, van den Oord et al., arXiv 1711.00937",
        credit="tokendial",
    )


def shared_weights(config: GridConfig) -> dict[str, Tensor]:
    """Codebook and decoder that another order's checkpoint has.

    Raises:
        TokenizerError: they are not here, damaged, or other ones.
    """
    source = config.weights
    folder = checkpoints_folder() / source.checkpoint
    if not (folder / source.file).is_file():
        raise TokenizerError(f"{config.name} needs the weights of {source.checkpoint}, which are not here.")
    tensors, found = read_part(folder, source.file)
    if found != source.sha256:
        raise TokenizerError(
            f"{config.name} has the codes of {source.checkpoint}, but other weights are there now; "
            "the sum in its config.json is not that file's."
        )
    return tensors
