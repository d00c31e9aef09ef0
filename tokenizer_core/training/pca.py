"""`tokendial train pca`: the linear baseline, fitted to small photographs.

A minute or two on two cores; the mathematics is in `components`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import torch
from jaxtyping import Float

from tokenizer_core.models.linear.tokenizer import SIZE, SMALL, WIDTH, to_rows
from tokenizer_core.photos.photo import square_crop
from tokenizer_core.photos.photoset import PhotoSet
from tokenizer_core.storage.checkpoints import write_checkpoint
from tokenizer_core.training.components import fit_pca
from tokenizer_core.training.data import LEFT_OUT
from tokenizer_core.training.settings import setting

CHUNK = 2048  # photographs in memory at a time


@dataclass(frozen=True, kw_only=True)
class PcaRun:
    """Settings of one run."""

    photos: tuple[str, ...] = setting("folders, zips or tars")
    out: Path = setting("the checkpoint's folder")
    num_tokens: int = setting("of 16 components each", 64)
    seed: int = setting("of the random subspace", 0)
    limit: int | None = setting("only the first so many photographs of each source", None)
    skip_damaged: bool = setting("leave out photographs that cannot be opened", False)


def small_pictures(sources: Sequence[PhotoSet]) -> Iterator[Float[torch.Tensor, "B 3 64 64"]]:
    """Middle squares of all photographs, averaged down to 64 x 64, 2048 at a time."""
    photos = chain.from_iterable(sources)
    rows = (to_rows(square_crop(photo, SIZE).to_pixels()) for _, photo in photos)
    while chunk := list(islice(rows, CHUNK)):
        yield torch.cat(chunk).view(-1, 3, SMALL, SMALL)


def run(options: PcaRun) -> Path:
    """Fit and write the checkpoint; returns its folder."""
    sources = [
        PhotoSet(path, options.limit, options.skip_damaged, damaged=LEFT_OUT) for path in options.photos
    ]
    found = fit_pca(small_pictures(sources), options.num_tokens * WIDTH, options.seed)
    config = {"format_version": 1, "kind": "linear", "name": "pca", "num_tokens": options.num_tokens}
    config |= {"photos": found.photos, "seed": options.seed}
    tensors = {"mean": found.mean, "components": found.components, "deviations": found.deviations}
    write_checkpoint(options.out, config, {"model.safetensors": tensors})
    return options.out
