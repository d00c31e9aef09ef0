"""All models and codecs at equal bytes: one table and one figure, what `tokendial compare` writes.

Each model is cut to the longest code that a budget of bytes holds; a model that starts above a budget, or
ends below half of it, has no point there. What has tokens is decoded from packed bytes. Neighbours: `judge`
(one model, and its sheet), `evaluate` (the measuring), `codecs`, `figure`.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tokenizer_core.engine.spread import Spread
from tokenizer_core.errors import TokenizerError
from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.measure.codecs import CODECS, best_pictures
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.photos.photo import Picture
from tokenizer_core.photos.photoset import PhotoSet, photo_set
from tokenizer_core.reports.blocks import Portable
from tokenizer_core.reports.evaluate import measure, noise_seed, packed_pictures
from tokenizer_core.reports.figure import Curve, draw_curves, panels_of

BUDGETS = (32, 64, 128, 256, 512, 1024, 2048)  # bytes
FEW = 100  # photographs; label agreement moves by a hundredth of them with each
Place = tuple[str, int]  # name of a curve, budget


@dataclass(frozen=True)
class Comparison:
    """Curves over bytes.

    Attributes:
        about: photos, how many, the device, and the catalog's line of every model.
        budgets: bytes.
        lengths: tokens by model and budget.
        curves: by name ("alit-256, mean", "WebP") and budget; left out where a codec has no file so small for
            one of the photos.
    """

    about: dict[str, Any]
    budgets: tuple[int, ...]
    lengths: dict[str, dict[int, int]]
    curves: dict[str, Curve]

    def tables(self) -> str:
        """A Markdown table a measure, with a row a curve and a column a budget."""
        blocks = []
        for title, name, pick in panels_of(self.curves):
            shown = "{:.2f}" if name == "psnr" else "{:.3f}"
            lines = [f"| {title} | {' | '.join(f'{size:,} bytes' for size in self.budgets)} |"]
            lines.append("|---|" + "---|" * len(self.budgets))
            for curve_name, curve in self.curves.items():
                cells = [shown.format(pick(curve[size])) if size in curve else "" for size in self.budgets]
                lines.append(f"| {curve_name} | {' | '.join(cells)} |")
            blocks.append("\n".join(lines))
        return "\n\n".join(blocks)

    def lengths_table(self) -> str:
        """How many tokens each model has in each budget, and the bytes that these take, as Markdown."""
        lines = [f"| tokens | {' | '.join(f'{size:,} bytes' for size in self.budgets)} |"]
        lines.append("|---|" + "---|" * len(self.budgets))
        for name, lengths in self.lengths.items():
            cells = [str(lengths.get(size, "")) for size in self.budgets]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        return "\n".join(lines)


def lengths_within(info: ModelInfo, budgets: Sequence[int]) -> dict[int, int]:
    """By budget the longest code that it holds; none where that is empty, or less than half of the budget."""
    found = {}
    for size in budgets:
        fitting = [length for length in info.lengths if length > 0 and info.bytes_of(length) <= size]
        if fitting and 2 * info.bytes_of(fitting[-1]) >= size:
            found[size] = fitting[-1]
    return found


def compare(
    tokenizers: Sequence[Tokenizer],
    photos: str | Path | PhotoSet,
    *,
    budgets: Sequence[int] = BUDGETS,
    limit: int | None = None,
    classifier: LiteClassifier | None = None,
    spread: Spread | None = None,
    progress: Callable[[int], None] | None = None,
) -> Comparison:
    """Measure models, WebP and JPEG over photographs, at equal bytes.

    Args:
        tokenizers: from `load`, each of another name.
        photos: a folder, zip or tar; or a `PhotoSet`.
        budgets: bytes, ascending.
        limit: only the first so many photos, in name order.
        classifier: adds the measures of features.
        spread: over which processes or cluster; the figures are the same. None is this process alone.
        progress: called with the number of photos done.

    Raises:
        TokenizerError: there is no model, no budget, or no photo, or one cannot be opened.
    """
    if not tokenizers or not budgets or list(budgets) != sorted(set(budgets)) or budgets[0] < 1:
        raise TokenizerError("A comparison needs models, and numbers of bytes, the smallest first.")
    within = {one.info.name: lengths_within(one.info, budgets) for one in tokenizers}

    on_gpu = [one for one in tokenizers if one.device != "cpu"]
    device = on_gpu[0].device if on_gpu else "cpu"
    decode = _Decode([Portable(one) for one in tokenizers], within, tuple(budgets))
    options = {"limit": limit, "classifier": classifier, "device": device, "progress": progress}
    tallies = measure(photos, decode, **options, spread=spread)
    n = max(tally.n for tally in tallies.values())
    own_first = sorted(tokenizers, key=lambda one: one.info.role == "published")
    names = [*_names(own_first), *CODECS]
    curves = {
        name: {size: tallies[name, size].mean() for size in budgets if _complete(tallies, name, size, n)}
        for name in names
    }
    models = [tokenizer.info.to_dict() for tokenizer in tokenizers]
    about = {"photos": photo_set(photos).name, "n": n, "device": device, "models": models}
    return Comparison(about, tuple(budgets), within, {name: curve for name, curve in curves.items() if curve})


def write_comparison(found: Comparison, folder: Path) -> None:
    """Write compare.json, compare.png and COMPARE.md.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "compare.json").write_text(json.dumps(asdict(found), indent=1) + "\n", "utf-8")
    about = found.about
    title = f"{about['n']} photographs of {about['photos']}, at equal bytes"
    draw_curves(folder / "compare.png", title, found.curves, "bytes")
    text = (
        f"# At equal bytes\n\n{title}. Each model has the longest code that the bytes hold; without a file's "
    )
    text += "head for tokens, with it for WebP and JPEG. *Sample* has one seed a photograph."
    if about["n"] < FEW:
        text += " So few photographs say who leads by far, and no more than that."
    published = [model["name"] for model in about["models"] if model["role"] == "published"]
    if published:
        text += f" {', '.join(published)}: of others, who may have trained on some of these photographs."
    text += "\n\n"
    text += f"![Curves over bytes](compare.png)\n\n{found.tables()}\n\n## Tokens\n\n{found.lengths_table()}\n"
    (folder / "COMPARE.md").write_text(text, "utf-8")


@dataclass
class _Decode:
    """What `compare` has measured of a photo: pictures by (curve, budget)."""

    tokenizers: list[Portable]
    within: dict[str, dict[int, int]]
    budgets: tuple[int, ...]

    def on(self, device: str | None) -> None:
        """Load the models, if this is another process."""
        for one in self.tokenizers:
            one.get(device)

    def __call__(self, number: int, original: Picture) -> Iterator[tuple[Place, Picture]]:
        """((curve, budget), picture)."""
        for one in self.tokenizers:
            tokenizer = one.get()
            within = self.within[tokenizer.info.name]
            yield from _of_model(tokenizer, original, within, noise_seed(number, 0, 1))
        for codec in CODECS:
            for size, one in best_pictures(original, codec, list(self.budgets)).items():
                yield (codec, size), one


def _of_model(
    tokenizer: Tokenizer, original: Picture, within: dict[int, int], seed: int
) -> Iterator[tuple[Place, Picture]]:
    """Its pictures of each mode; a length that serves two budgets is decoded once."""
    info = tokenizer.info
    modes = {info.steps_of(mode): mode for mode in info.modes}
    lengths = sorted(set(within.values()))
    for (step, length), one in packed_pictures(tokenizer, original, lengths, list(modes), seed=seed):
        for size in within:
            if within[size] == length:
                yield (_name(info, modes[step]), size), one


def _name(info: ModelInfo, mode: str) -> str:
    """Of a curve: the model, and which of its pictures if there are several kinds."""
    return f"{info.name}, {mode}" if len(info.modes) > 1 else info.name


def _names(tokenizers: Sequence[Tokenizer]) -> list[str]:
    """Of all curves of these models."""
    return [_name(one.info, mode) for one in tokenizers for mode in one.info.modes]


def _complete(tallies: dict[Place, Any], name: str, size: int, n: int) -> bool:
    """Whether there is a picture of every photo."""
    return (name, size) in tallies and tallies[name, size].n == n
