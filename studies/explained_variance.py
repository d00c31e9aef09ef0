"""How much of a photograph's variance each stretch of tokens explains.

    python -m studies.explained_variance val-256.zip --limit 200

decodes the mean of prefixes of each photograph from its packed tokens and prints, a line a length, which
share of the variance (squared differences from the photograph's mean colour) is gone from what is left, and
by how much that share grew since the length before, with 95 % intervals over photographs, for the model and
for `pca`. Ordered like principal components means: the growth a token falls from line to line.
Source: Semanticist, arXiv 2503.08685, section 3.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

import tokenizer_core as tc
from studies.measuring import photo_options
from tokenizer_core.measure.tally import interval
from tokenizer_core.photos.photoset import iter_photos
from tokenizer_core.reports.evaluate import packed_pictures

LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def explained(picture: tc.Picture, original: tc.Picture) -> float:
    """1 - squared error / squared deviation from the mean colour: 1 is the photo, 0 a flat picture."""
    pixels, wanted = picture.to_pixels().double(), original.to_pixels().double()
    deviation = wanted - wanted.mean((2, 3), keepdim=True)
    return 1 - ((pixels - wanted).square().sum() / deviation.square().sum()).item()


def shares(tokenizer: tc.Tokenizer, originals: Sequence[tc.Picture], lengths: Sequence[int]) -> Tensor:
    """Explained shares (photos, lengths) of the means; a photograph of one colour has no variance."""
    rows = []
    for original in originals:
        pictures = packed_pictures(tokenizer, original, lengths, (1,))
        rows.append([explained(picture, original) for _, picture in pictures])
    return torch.tensor(rows)


def lines(found: Tensor, lengths: Sequence[int]) -> Iterator[str]:
    """A line a length: the share, its growth since the length before, and the growth a token."""
    growth = found.diff(dim=1, prepend=torch.zeros(len(found), 1))
    for i, k in enumerate(lengths):
        low, high = interval(growth[:, i])
        more = growth[:, i].mean().item()
        each = more / (k - (lengths[i - 1] if i else 0))
        grown = f"{100 * more:5.1f} [{100 * low:.1f}, {100 * high:.1f}], a token {100 * each:.3f}"
        yield f"{k:4d} tokens {100 * found[:, i].mean().item():6.1f} %   growth {grown}"


def main() -> None:
    """Print the tables."""
    options = photo_options(__doc__)
    originals = [tc.square_crop(photo) for _, photo in iter_photos(options.photos, options.limit)]
    for name in ("prefix-flow-256", "pca"):
        tokenizer = tc.load(name, options.device)
        lengths = [k for k in LENGTHS if k in tokenizer.info.lengths]
        print(f"{name} ({tokenizer.info.checkpoint_id}), {len(originals)} photographs")
        for line in lines(shares(tokenizer, originals, lengths), lengths):
            print(line, flush=True)


if __name__ == "__main__":
    main()
