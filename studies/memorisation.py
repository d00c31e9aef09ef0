"""Whether samples repeat training photographs: how near the nearest is, beside validation photographs.

    python -m studies.memorisation val-256.zip --train train-0.zip train-1.zip texture.zip --sheet pairs.png

draws a sample (default steps) from 0, 1 and 4 tokens of each of 200 validation photographs, and prints how
far the nearest training photograph, as it is or mirrored, is from the samples and from the validation
photographs themselves: 1 - cosine of EfficientNet-Lite2's pooled features. A decoder that repeats its
training photographs has samples that are nearer to them than photographs which it has never seen. The sheet
shows the closest pairs.
"""

import argparse
import io
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import tokenizer_core as tc
from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.photos.photoset import iter_photos, photo_files

LENGTHS = (0, 1, 4)
BATCH, PAIRS = 32, 10
SHARES = (0.01, 0.05, 0.5)  # quantiles that are printed


@torch.inference_mode()
def features(pictures: Iterable[tc.Picture], classifier: LiteClassifier, mirror: bool = False) -> Tensor:
    """(N, 1280) unit vectors, a row a picture; with `mirror` (2, N, 1280), then of the mirror images too."""
    rows, pictures = [], iter(pictures)
    while batch := list(islice(pictures, BATCH)):
        pixels = torch.cat([picture.to_pixels() for picture in batch])
        both = [pixels, pixels.flip(3)] if mirror else [pixels]
        rows.append(torch.stack([F.normalize(classifier.pooled(one), dim=1) for one in both]))
    found = torch.cat(rows, 1)
    return found if mirror else found[0]


def nearest(rows: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Distance 1 - cosine to the nearest of `others`, and which one that is.

    Args:
        rows: (N, D) unit vectors.
        others: (V, M, D) unit vectors of M photographs in V versions, of which the nearest counts.
    """
    cosine = (rows @ others.transpose(1, 2)).amax(0)  # (N, M)
    found = cosine.max(1)
    return 1 - found.values, found.indices


def squares(path: str) -> Iterator[tc.Picture]:
    """The middle squares of all photographs of a folder or archive."""
    return (tc.square_crop(photo) for _, photo in iter_photos(path))


def main() -> None:
    """Print a line a kind of picture, and write the closest pairs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", help="validation photographs")
    parser.add_argument("--train", nargs="+", required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--limit", type=int, help="training photographs an archive, for a trial")
    parser.add_argument("--sheet", default="pairs.png")
    options = parser.parse_args()
    classifier, tokenizer = LiteClassifier(2), tc.load()
    parts = [features(islice(squares(path), options.limit), classifier, True) for path in options.train]
    train = torch.cat(parts, 1)
    originals = list(islice(squares(options.photos), options.count))
    kinds: dict[str, list[tc.Picture]] = {"validation photographs": originals}
    for number, original in enumerate(originals):
        for k, picture in tokenizer.decode_many(tokenizer.encode(original), LENGTHS, seed=number):
            kinds.setdefault(f"samples of {k} tokens", []).append(picture)
    print(f"{tokenizer.info.name} ({tokenizer.info.checkpoint_id}), {train.shape[1]} training photographs")
    files = [data for path in options.train for _, data in islice(photo_files(path), options.limit)]
    sheet: list[list[tc.Picture]] = []
    for name, pictures in kinds.items():
        distance, which = nearest(features(pictures, classifier), train)
        ends = ", ".join(f"{100 * share:g} %: {distance.quantile(share):.3f}" for share in SHARES)
        print(f"{name:24s} nearest {distance.min():.3f}, {ends}", flush=True)
        order = distance.argsort()[:PAIRS].tolist()
        twins = [tc.square_crop(tc.open_photo(io.BytesIO(files[int(which[i])]))) for i in order]
        sheet += [[pictures[i] for i in order], twins]
    rows = [np.concatenate([one.array for one in row], 1) for row in sheet]
    Image.fromarray(np.concatenate(rows)).save(options.sheet)


if __name__ == "__main__":
    main()
