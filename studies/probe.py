r"""What can be read from tokens: a linear probe on the first k, beside as many numbers of other codes.

    python -m studies.probe train-0.zip train-1.zip --labels train.jsonl --source imagenette160 \
        --test probe-test-256.zip

fits a multinomial logistic regression to the labelled training photographs (and their mirror images) and
prints, for 1, 4, 16, 64 and 256 tokens, the share of test photographs whose class it names: from our tokens,
from as many numbers of `pca`, and of the autoencoder's latent averaged over a grid. A test photograph's class
is its folder. The weight decay is chosen by cross-validation on the training photographs.
Source: Alain and Bengio, arXiv 1610.01644.
"""

import argparse
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import ImageOps
from torch import Tensor

import tokenizer_core as tc
from tokenizer_core.measure.tally import interval
from tokenizer_core.photos.photoset import photo_files

LENGTHS = (1, 4, 16, 64, 256)
DECAYS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)  # of equals the first
FOLDS = 5


def fit(x: Tensor, y: Tensor, decay: float, classes: int) -> Tensor:
    """Weights and biases (D + 1, classes) that minimise cross-entropy + decay / 2 * |weights|^2.

    Args:
        x: (N, D) numbers, each of about unit variance.
        y: (N,) classes, 0 .. classes - 1.
        decay: of the weights, not of the biases.
        classes: how many.
    """
    x = F.pad(x, (0, 1), value=1.0)
    weights = torch.zeros(x.shape[1], classes, dtype=x.dtype, requires_grad=True)
    solver = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        value = F.cross_entropy(x @ weights, y) + decay / 2 * weights[:-1].square().sum()
        value.backward()
        return value

    solver.step(loss)  # pyright: ignore[reportArgumentType]
    return weights.detach()


def right(weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(N,) 1.0 where the class is named."""
    return ((F.pad(x, (0, 1), value=1.0) @ weights).argmax(1) == y).float()


def probe(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], copies: int = 1) -> tuple[Tensor, float]:
    """Fit to `train`, (N, D) numbers and (N,) classes; (M,) 1.0 where `test` is named, and the decay chosen.

    Args:
        train: rows that are versions of one photograph stand next to each other.
        test: in the same order of numbers.
        copies: versions of a photograph; they stay in one fold.
    """
    (x, y), classes = train, int(train[1].max()) + 1
    spread, centre = torch.std_mean(x, 0)
    x, other = ((rows - centre) / spread.clamp(min=1e-6) for rows in (x, test[0]))
    fold = torch.randperm(len(x) // copies, generator=torch.Generator().manual_seed(0)) % FOLDS
    fold = fold.repeat_interleave(copies)
    scores = []
    for decay in DECAYS:
        parts = [(fit(x[fold != f], y[fold != f], decay, classes), fold == f) for f in range(FOLDS)]
        scores.append(torch.cat([right(weights, x[here], y[here]) for weights, here in parts]).mean().item())
    decay = DECAYS[max(range(len(DECAYS)), key=scores.__getitem__)]
    return right(fit(x, y, decay, classes), other, test[1]), decay


def codes(picture: tc.Picture, ours, linear) -> Iterator[tuple[str, int, Tensor]]:
    """(what, length, its numbers) of one picture."""
    rows = {"tokens": ours.encode(picture).tokens, "pca": linear.encode(picture).tokens}
    for name, tokens in rows.items():
        yield from ((name, k, torch.from_numpy(tokens[:k].ravel())) for k in LENGTHS if k <= len(tokens))
    with torch.inference_mode():
        latent = ours.autoencoder.encode(picture.to_pixels().to(getattr(torch, ours.dtype))).float()
    for k in LENGTHS:  # a grid of k cells has k times the latent's channels: as many numbers as k tokens
        yield "latent grid", k, F.adaptive_avg_pool2d(latent, round(k**0.5))[0].ravel()


def read(files: Sequence[tuple[bytes, int]], ours, linear, mirror: bool) -> dict[tuple[str, int], Tensor]:
    """Numbers by code and length, a row a photograph, or two with the mirror image."""
    found = defaultdict(list)
    for data, _ in files:
        photo = tc.open_photo(io.BytesIO(data))
        for version in (photo, ImageOps.mirror(photo))[: 1 + mirror]:
            for name, k, numbers in codes(tc.square_crop(version), ours, linear):
                found[name, k].append(numbers.double())
    return {place: torch.stack(rows) for place, rows in found.items()}


def labelled(
    archives: Sequence[str], labels: str, source: str, test: str
) -> tuple[list[tuple[bytes, int]], list[tuple[bytes, int]]]:
    """Photographs to learn from and to test on: bytes of the file, and its class, 0 .. classes - 1."""
    lines = [json.loads(line) for line in Path(labels).read_text("utf-8").splitlines()]
    known = {line["file"]: line["label"] for line in lines if line["source"] == source}
    classes = {name: number for number, name in enumerate(sorted(set(known.values())))}
    photos = [(Path(name).name, data) for path in archives for name, data in photo_files(path)]
    tested = [(data, classes[Path(name).parent.name]) for name, data in photo_files(test)]
    return [(data, classes[known[name]]) for name, data in photos if name in known], tested


def asked(doc: str | None) -> argparse.Namespace:
    """The words after the command, the same for every probe."""
    parser = argparse.ArgumentParser(description=str(doc).partition("\n")[0])
    parser.add_argument("train", nargs="+", help="folders or archives")
    parser.add_argument("--labels", required=True, help="lines of JSON: file, source, label")
    parser.add_argument("--source", required=True, help="only the photographs of this source")
    parser.add_argument("--test", required=True, help="a folder or archive with a folder a class")
    parser.add_argument("--limit", type=int, help="only so many photographs")
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    options = asked(__doc__)
    train, test = labelled(options.train, options.labels, options.source, options.test)
    train, test = train[: options.limit], test[: options.limit]
    ours, linear = tc.load(), tc.load("pca")
    of_train, of_test = (read(files, ours, linear, files is train) for files in (train, test))
    y = torch.tensor([label for _, label in train]).repeat_interleave(2)
    wanted = torch.tensor([label for _, label in test])
    counts = f"{len(train)} photographs to learn from, {len(test)} to test on"
    print(f"{ours.info.name} ({ours.info.checkpoint_id}): {counts}")
    for name, k in of_train:
        named, decay = probe((of_train[name, k], y), (of_test[name, k], wanted), 2)
        low, high = interval(named)
        share = f"{named.mean():.3f} [{low:.3f}, {high:.3f}]"
        print(f"{name:12s} {k:4d} tokens' numbers: {share}, decay {decay}", flush=True)


if __name__ == "__main__":
    main()
