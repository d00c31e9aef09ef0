r"""A classifier of another kind: it names photographs by their edges and colours alone.

    python -m studies.second_classifier train-0.zip train-1.zip --labels train.jsonl --source imagenette160 \
        --test probe-test-256.zip --limit 200

fits a multinomial logistic regression (`studies/probe.py`) to histograms of oriented gradients and mean
colours of the labelled training photographs (as they are, and mirrored), and prints the share of test
photographs whose class it names: of the photographs, of the autoencoder's pictures, of samples (default
steps) and means of 4 to 256 tokens, and of `pca`, WebP and JPEG of as many bytes. Unlike EfficientNet it has
learnt nothing from ImageNet but these photographs, and has no layer in common with what the training aligned
to.
Source of the features: Dalal and Triggs, CVPR 2005.
"""

import io
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from skimage.feature import hog
from torch import Tensor

import tokenizer_core as tc
from studies.probe import asked, labelled, probe
from tokenizer_core.measure.codecs import CODECS, best_pictures
from tokenizer_core.measure.tally import interval
from tokenizer_core.reports.evaluate import packed_pictures

LENGTHS = (4, 16, 64, 256)
SIDE, CELL = 128, 16  # of the picture that gradients are taken of, and of a cell, in pixels


def features(picture: tc.Picture) -> Tensor:
    """(768,) numbers: 9 orientations and 3 mean colours of each of 8 x 8 cells."""
    small = np.asarray(picture.to_pil().resize((SIDE, SIDE), Image.Resampling.BOX), np.float64) / 255
    edges = hog(small, 9, (CELL, CELL), (1, 1), channel_axis=2)
    colours = small.reshape(SIDE // CELL, CELL, SIDE // CELL, CELL, 3).mean((1, 3))
    return torch.from_numpy(np.concatenate([edges, colours.ravel()]))


def pictures(original: tc.Picture, ours, linear, seed: int) -> Iterator[tuple[str, tc.Picture]]:
    """(what it is, picture) of everything that is classified."""
    yield "photograph", original
    yield "autoencoder alone", ours.reconstruct(original)
    steps = (ours.info.default_steps, 1)
    for (step, k), one in packed_pictures(ours, original, LENGTHS, steps, seed=seed):
        yield f"{'mean' if step == 1 else 'sample'}, {k} tokens", one
    for (_, k), one in packed_pictures(
        linear, original, [k for k in LENGTHS if k in linear.info.lengths], [1]
    ):
        yield f"pca, {k} tokens", one
    budgets = {k * ours.info.bytes_per_token: k for k in LENGTHS}
    for codec in CODECS:
        for size, one in best_pictures(original, codec, list(budgets)).items():
            yield f"{codec}, {size} bytes", one


def main() -> None:
    """Print the table; a kind that is not possible for every photograph is left out.

    `--limit` takes test photographs evenly, so that every class is among them.
    """
    options = asked(__doc__)
    train, test = labelled(options.train, options.labels, options.source, options.test)
    test = test[:: max(1, len(test) // (options.limit or len(test)))][: options.limit]
    ours, linear = tc.load(), tc.load("pca")
    rows, found = [], defaultdict(list)
    for data, _ in train:
        array = tc.square_crop(tc.open_photo(io.BytesIO(data))).array
        rows += [features(tc.Picture(np.ascontiguousarray(one))) for one in (array, array[:, ::-1])]
    for seed, (data, _) in enumerate(test):
        original = tc.square_crop(tc.open_photo(io.BytesIO(data)))
        for name, one in pictures(original, ours, linear, seed):
            found[name].append(features(one))
    known = torch.stack(rows), torch.tensor([label for _, label in train]).repeat_interleave(2)
    wanted = torch.tensor([label for _, label in test])
    whole = {name: torch.stack(some) for name, some in found.items() if len(some) == len(test)}
    named, decay = probe(known, (torch.cat([*whole.values()]), wanted.repeat(len(whole))), 2)
    counts = f"{len(train)} photographs to learn from, {len(test)} to test on"
    print(f"{ours.info.name} ({ours.info.checkpoint_id}): {counts}, decay {decay}")
    for name, part in zip(whole, named.split(len(test)), strict=True):
        low, high = interval(part)
        print(f"{name:22s} {part.mean():.3f} [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main()
