"""The judge's page: ours beside `pca`, WebP and JPEG at equal bytes, and the visitors' sheet.

`make judge` runs it for every weights commit. All curves go through `evaluate.measure`, and whatever has
tokens is decoded from packed bytes; judge.md is the page's text. Neighbours: `evaluate`, `codecs`, `sheet`,
`figure`.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tokenizer_core.engine.spread import Spread
from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.measure.codecs import CODECS, best_pictures
from tokenizer_core.measure.tally import average
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.photos.photo import Picture
from tokenizer_core.photos.photoset import PhotoSet, photo_set
from tokenizer_core.reports.blocks import Portable
from tokenizer_core.reports.evaluate import check_seeds, measure, noise_seed, packed_pictures
from tokenizer_core.reports.figure import Curve, draw_curves, panels_of
from tokenizer_core.reports.sheet import SheetRow, entries, lay_out

LENGTHS = (1, 4, 16, 64, 256)
ALONE = "autoencoder alone"
ROWS_A_PAGE = 12
PAGE = (Path(__file__).parent / "judge.md").read_text("utf-8")


@dataclass(frozen=True)
class Judgement:
    """Curves by name and length; a length is missing where a curve has no picture for every photo.

    Attributes:
        about: what the page says of the run: the catalog's line, the photos, the seeds, the device.
        curves: "mean", the baseline's, "WebP", "JPEG"; the further modes of a model that has some; and
            "autoencoder alone", without any tokens, of one that has it.
    """

    about: dict[str, Any]
    curves: dict[str, Curve]

    def tables(self) -> str:
        """A Markdown table a measure, with a row a curve."""
        lengths, bits, blocks = list(self.curves["mean"]), self.about["bits_per_token"], []
        for title, name, pick in panels_of(self.curves):
            shown = "{:.2f}" if name == "psnr" else "{:.3f}"
            heads = [f"{k}: {(k * bits + 7) // 8:,} bytes" for k in lengths]
            lines = [f"| {title} | {' | '.join(heads)} |", "|---|" + "---|" * len(lengths)]
            for curve_name, curve in self.curves.items():
                cells = [shown.format(pick(curve[k])) if k in curve else "not possible" for k in lengths]
                lines.append(f"| {curve_name} | {' | '.join(cells)} |")
            blocks.append("\n".join(lines))
        return "\n\n".join(blocks)


def judge_curves(
    tokenizer: Tokenizer,
    baseline: Tokenizer,
    photos: str | Path | PhotoSet,
    seeds: int = 1,
    limit: int | None = None,
    classifier: LiteClassifier | None = None,
    progress: Callable[[int], None] | None = None,
    spread: Spread | None = None,
) -> Judgement:
    """Measure a model (all its modes), the baseline, WebP and JPEG at equal bytes, and the autoencoder alone.

    Args:
        tokenizer: whose weights are judged.
        baseline: another model, cut to as many bytes.
        photos: a folder, zip or tar.
        seeds: samples of a photo and length.
        limit: only the first so many photos, in name order.
        classifier: adds the measures of features.
        progress: called with the number of photos done.
        spread: over which processes or cluster; the figures are the same. None is this process alone.

    Raises:
        TokenizerError: there is no photo, or one cannot be opened, or no seeds.
    """
    check_seeds(seeds)
    info, other, lengths = tokenizer.info, baseline.info, lengths_of(tokenizer.info)
    budgets = {info.bytes_of(length): length for length in lengths}
    linear = {8 * size // other.bits_per_token: length for size, length in budgets.items()}
    linear = {count: length for count, length in linear.items() if count in other.lengths[1:]}
    kinds = {info.steps_of(mode): mode for mode in info.modes}

    decode = _Decode(Portable(tokenizer), Portable(baseline), lengths, budgets, linear, kinds, seeds)
    options = {"limit": limit, "classifier": classifier, "device": tokenizer.device, "progress": progress}
    tallies = measure(photos, decode, **options, spread=spread)
    n = max(tally.n for tally in tallies.values())
    curves: dict[str, Curve] = {}
    if info.reconstructs:
        curves[ALONE] = dict.fromkeys(lengths, tallies[ALONE, 0, 0].mean())
    for name in (*reversed(kinds.values()), other.name, *CODECS):
        found = {k: [tally for place, tally in tallies.items() if place[:2] == (name, k)] for k in lengths}
        curves[name] = {k: average(some) for k, some in found.items() if some and some[0].n == n}
    run = {"device": tokenizer.device, "dtype": tokenizer.dtype, "photos": photo_set(photos).name}
    return Judgement({**info.to_dict(), "lengths": lengths, **run, "n": n, "seeds": seeds}, curves)


@dataclass
class _Decode:
    """What the judge has measured of a photo: pictures by (curve, length, repeat)."""

    tokenizer: Portable
    baseline: Portable
    lengths: list[int]
    budgets: dict[int, int]  # bytes -> length
    linear: dict[int, int]  # the baseline's length -> the one at as many bytes
    kinds: dict[int, str]  # steps -> mode
    seeds: int

    def on(self, device: str | None) -> None:
        """Load both models, if this is another process."""
        self.tokenizer.get(device)
        self.baseline.get(device)

    def __call__(self, number: int, original: Picture) -> Iterator[tuple[tuple[str, int, int], Picture]]:
        """((curve, length, repeat), picture)."""
        tokenizer, baseline = self.tokenizer.get(), self.baseline.get()
        if tokenizer.info.reconstructs:
            yield (ALONE, 0, 0), tokenizer.reconstruct(original)
        for repeat in range(self.seeds):
            draws = tokenizer.info.draws
            steps = [step for step in self.kinds if not repeat or draws(step)]  # all else has no seed
            seed = noise_seed(number, repeat, self.seeds)
            for (step, length), one in packed_pictures(tokenizer, original, self.lengths, steps, seed=seed):
                yield (self.kinds[step], length, repeat), one
        for (_, count), one in packed_pictures(baseline, original, list(self.linear), [1]):
            yield (baseline.info.name, self.linear[count], 0), one
        for codec in CODECS:
            for size, one in best_pictures(original, codec, list(self.budgets)).items():
                yield (codec, self.budgets[size], 0), one


def lengths_of(info: ModelInfo) -> list[int]:
    """Those of `LENGTHS` that a model has, or its ladder where these are too few for a curve."""
    some = [length for length in LENGTHS if length in info.lengths]
    return some if len(some) > 2 else [length for length in info.ladder if length > 0]


def visitors_sheet(
    tokenizer: Tokenizer, photos: str | Path | PhotoSet, free: str | Path
) -> Iterator[SheetRow]:
    """A row an entry of the sheet: the original, the autoencoder alone, and a sample a length (seed 0).

    A model that draws no samples shows its sharp pictures, or the one that it has; one without an autoencoder
    leaves that out.
    """
    info = tokenizer.info
    for entry in entries(photos, free):
        goal = [tokenizer.reconstruct(entry.picture)] if info.reconstructs else []
        samples = packed_pictures(tokenizer, entry.picture, lengths_of(info), [info.steps_of(info.modes[-1])])
        yield entry, (entry.picture, *goal, *(one for _, one in samples))


def write_page(judgement: Judgement, rows: Sequence[SheetRow], folder: Path) -> None:
    """Write judge.json, judge.png (curves), sheet-1.png ... (all rows), judge.webp (free rows) and JUDGE.md.

    Raises:
        OSError: the folder cannot be written to.
    """
    about, lengths = judgement.about, list(judgement.curves["mean"])
    goal = ["autoencoder"] if ALONE in judgement.curves else []
    heads = ["original", *goal, *(f"{k} token{'s' * (k > 1)}" for k in lengths)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "judge.json").write_text(json.dumps(asdict(judgement), indent=1) + "\n", "utf-8")
    text = PAGE.format(**about, tables=judgement.tables(), head=24 + len(about["name"]))
    (folder / "JUDGE.md").write_text(text, "utf-8")
    for number, start in enumerate(range(0, len(rows), ROWS_A_PAGE), 1):
        lay_out(rows[start : start + ROWS_A_PAGE], heads).save(folder / f"sheet-{number}.png")
    free = lay_out([row for row in rows if row[0].free], heads, 160)
    free.save(folder / "judge.webp", quality=80, method=6)
    title = f"{about['name']} ({about['checkpoint_id']}) on {about['n']} photographs of {about['photos']}"
    draw_curves(folder / "judge.png", title, judgement.curves)
