"""`regions`: a photograph as paper cut-outs, the one that helps most first.

The first token is the whole picture in its mean colour. Each further one is laid over those before it: of all
regions of the hierarchy the one that lowers the squared error most, as its outline and its mean colour paint
it. A prefix is thus a picture of fewer pieces. There is one picture a prefix: steps, guidance and seed change
nothing.

These are the *object* tokens of a textbook, as far as colour alone finds objects. A detector or a
segmentation network would add their names, and keep together what has several colours (a face with its
hair); it would need weights, and what it does not know would get no token.

Neighbours: `hierarchy` (the regions), `outline` (a region as a token).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.attention import AttentionMaps
from tokenizer_core.models.info import AttentionInfo, ModelInfo
from tokenizer_core.models.interface import Asked, Tokenizer
from tokenizer_core.models.regions.outline import SIZE, WIDTH, RegionPacker, cover, fit, whole_picture
from tokenizer_core.photos.photo import PhotoSource, Picture, to_picture
from tokenizer_core.storage.checkpoints import Checkpoint

GREY = 128  # of the picture that no token holds
SIDE = 16  # of the maps
LARGEST_COUNT = 256


class RegionsTokenizer(Tokenizer):
    """Regions behind the interface that every tokenizer has.

    Args:
        info: what the catalog says of it.
        superpixels: about how many of them the hierarchy begins with.
        compactness: of SLIC.
    """

    def __init__(self, info: ModelInfo, superpixels: int, compactness: float) -> None:
        self.info, self.device, self.dtype = info, "cpu", "float32"
        self.superpixels, self.compactness = superpixels, compactness

    @classmethod
    def from_checkpoint(
        cls, checkpoint: Checkpoint, device: str = "cpu", dtype: str = "auto"
    ) -> "RegionsTokenizer":
        """Build from a checkpoint, which is a configuration and no weights.

        Raises:
            TokenizerError: there are weights, or another dtype is asked for.
        """
        if dtype not in ("auto", "float32"):
            raise TokenizerError(f"The model {checkpoint.name} computes in float32, not in {dtype}.")
        if checkpoint.tensors:
            raise TokenizerError(f"The model {checkpoint.name} has no weights, but its folder holds some.")
        info = describe(checkpoint.config, checkpoint.checkpoint_id, checkpoint.size_bytes)
        return cls(info, checkpoint.config["superpixels"], float(checkpoint.config["compactness"]))

    def encode(
        self, photo: PhotoSource | Picture, center: tuple[float, float] = (0.5, 0.5), zoom: float = 1.0
    ) -> Encoding:
        """The regions of a photo, the most useful first.

        Args:
            photo: anything `open_photo` takes, or a Picture (which is not cropped).
            center: x, y in 0..1 of the photo.
            zoom: >= 1.

        Returns:
            Tokens (K, 21) uint8; see `outline`.

        Raises:
            TokenizerError: the photo cannot be opened, or the crop is out of range.
        """
        from tokenizer_core.models.regions.hierarchy import candidates  # half a second, for this model alone

        array = to_picture(photo, SIZE, center, zoom).array
        found = [fit(mask) for mask in candidates(array, self.superpixels, self.compactness)]
        tokens = choose(array, np.stack(found), self.info.lengths[-1])
        own = (self.info.checkpoint_id, self.info.name, RegionPacker.kind)
        return Encoding(tokens, np.arange(len(tokens)), *own)

    def pictures(self, encoding: Encoding, asked: Asked) -> Iterator[tuple[int, Picture]]:
        """Each is painted on from the last one, as long as they grow."""
        canvas, painted = blank(), 0
        for length in asked.lengths:
            if length < painted:
                canvas, painted = blank(), 0
            for token in encoding.tokens[painted:length]:
                window, mask = cover(token)
                canvas[window][mask] = token[2:5]
            painted = length
            yield length, Picture(canvas.copy())

    def attention(
        self,
        encoding: Encoding,
        direction: str = "read",
        layer: int | None = None,
        length: int | None = None,
        seed: int = 0,
    ) -> AttentionMaps:
        """Where each region lies: the share of its area in each of 16 x 16 places.

        Raises:
            TokenizerError: tokens of another model, or direction, layer or length is out of range.
        """
        length = len(encoding) if length is None else length
        self.check(encoding, [length], seed=seed)
        if direction != "read":
            raise TokenizerError(f'The model {self.info.name} has maps of the direction "read" alone.')
        if layer not in (None, 0):
            raise TokenizerError(f"There is no read layer {layer}: there is one, 0.")
        return AttentionMaps.of(np.stack([_shares(token) for token in encoding.tokens]), direction, 0)


def blank() -> UInt8[np.ndarray, "H H 3"]:
    """The picture of no tokens."""
    return np.full((SIZE, SIZE, 3), GREY, np.uint8)


def choose(
    array: UInt8[np.ndarray, "H H 3"], found: UInt8[np.ndarray, "C W"], count: int
) -> UInt8[np.ndarray, "K W"]:
    """The whole picture, then each time the candidate that lowers the squared error most, until `count`.

    A candidate paints the mean colour of the pixels that its outline covers. When none lowers the error any
    more (a picture of few colours), the whole list is full of what changes nothing: the last token, again.

    Args:
        array: the picture.
        found: candidates, whose colours are not set yet.
        count: K, at least 1.
    """
    photo = array.astype(np.float64)
    mean = photo.mean((0, 1)).round().astype(np.uint8)
    error = np.square(photo - mean).sum(2)
    pieces = [_Piece(photo, token) for token in found]
    edges = np.array([piece.edges for piece in pieces])
    gains = np.array([piece.gain(error) for piece in pieces])
    chosen = [whole_picture(mean)]
    while len(chosen) < count:
        best = int(gains.argmax())
        piece = pieces[best]
        if gains[best] <= 0:
            chosen += [chosen[-1]] * (count - len(chosen))
            break
        chosen.append(piece.token)
        error[piece.window][piece.mask] = piece.errors
        for touched in np.flatnonzero(_overlaps(edges, piece.edges)):
            gains[touched] = pieces[touched].gain(error)
    return np.stack(chosen)


class _Piece:
    """A candidate with its colour, and what it would leave of the error where it is painted."""

    def __init__(self, photo: Float[np.ndarray, "H H 3"], token: UInt8[np.ndarray, " W"]) -> None:
        self.window, self.mask = cover(token)
        pixels = photo[self.window][self.mask]
        self.token = token.copy()
        self.token[2:5] = pixels.mean(0).round()
        self.errors = np.square(pixels - self.token[2:5]).sum(1)
        rows, columns = self.window
        self.edges = rows.start, rows.stop, columns.start, columns.stop

    def gain(self, error: Float[np.ndarray, "H H"]) -> float:
        """By how much it would lower the squared error."""
        return float(error[self.window][self.mask].sum() - self.errors.sum())


def _overlaps(edges: np.ndarray, own: tuple[int, int, int, int]) -> np.ndarray:
    """Which windows share a pixel with one."""
    top, bottom, left, right = own
    rows = (edges[:, 0] < bottom) & (edges[:, 1] > top)
    return rows & (edges[:, 2] < right) & (edges[:, 3] > left)


def _shares(token: UInt8[np.ndarray, " W"]) -> Float[np.ndarray, "s s"]:
    """The share of a token's area in each place; they sum to 1."""
    area = np.zeros((SIZE, SIZE))
    window, mask = cover(token)
    area[window] = mask
    places = area.reshape(SIDE, SIZE // SIDE, SIDE, SIZE // SIDE).sum((1, 3))
    return (places / places.sum()).astype(np.float32)


def describe(config: dict[str, Any], checkpoint_id: str, size_bytes: int) -> ModelInfo:
    """The catalog's line of a checkpoint of regions, from its config.json.

    Raises:
        TokenizerError: the configuration is not one of this kind.
    """
    numbers = [config.get(key) for key in ("num_tokens", "superpixels", "compactness")]
    if config.get("format_version") != 1 or not all(isinstance(n, int) and n > 0 for n in numbers):
        raise TokenizerError("The configuration of the regions is damaged or of another version.")
    if config["num_tokens"] > LARGEST_COUNT:
        raise TokenizerError(f"There are at most {LARGEST_COUNT} regions.")
    return ModelInfo(
        name="regions",
        title="Regions of one colour, laid over each other",
        family="regions",
        role="baseline",
        order=70,
        tokens=RegionPacker.kind,
        numbers_per_token=WIDTH,
        lengths=tuple(range(config["num_tokens"] + 1)),
        ordered=True,
        attention=(AttentionInfo(direction="read", layers=1, side=SIDE),),
        views=("codes", "mix", "less", "guess"),
        devices=("cpu",),
        dtypes=("float32",),
        size_bytes=size_bytes,
        checkpoint_id=checkpoint_id,
        licence="Apache-2.0",
        source="SLIC superpixels, Achanta et al., IEEE TPAMI 34 (2012) 2274, merged by Ward's criterion",
        credit="tokendial",
    )
