r"""Soft and hard tokens side by side: what a lost token costs, and four claims about them, tested.

    python -m studies.soft_and_hard val-256.zip --limit 500 --device cuda --processes 24 \
        --train train-0.zip --labels train.jsonl --source imagenette160 --test probe-test-256.zip \
        --probes probes.json

measures every model of the catalog that can be loaded, and writes demo/page/kinds.json, which the page draws
its table from. Of every photograph the first token and some others are left out, one at a time; which others
moves on from photo to photo, so that all are left out somewhere. The claims are tested over pairs of a soft
and a hard model, each in the longest code that a number of bytes holds; the interval is of the difference in
the same photographs. Without `--train` no probe is fitted; `--probes` keeps those that are found, each as
soon as it is, and reads them again where weights and photographs are the same. `--processes` spreads
photographs over processes, and these over all GPUs; the figures are the same. A processor rounds bfloat16 by
how many threads a process has: there `OMP_NUM_THREADS=1` gives one process the figures of several. Times
are of one process on a machine that does nothing else: several leave them out, and so does `--no-times`.
`--times-of` takes them from what such a process found of the same weights; without photographs that is all
that changes in the file.
Neighbours: `soft_and_hard_photo` (one photograph), `soft_and_hard_probe`, demo/kinds.py (the table).
"""

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

import tokenizer_core as tc
from demo.commands.options import progress
from studies.pages import ROOT
from studies.soft_and_hard_photo import PhotoWork, Seen
from studies.soft_and_hard_probe import probe_options, probed
from tokenizer_core.codes.packing import HARD, SOFT
from tokenizer_core.measure.tally import interval
from tokenizer_core.reports.blocks import Portable, places_of
from tokenizer_core.reports.compare import lengths_within

OUT = ROOT / "demo/page/kinds.json"
BYTES = 384  # 256 hard tokens of 12 bits; 48 soft ones of 64
DROPS = 16  # tokens that are left out of a photograph
LONG = ("lengths", "ladder")  # of a description: what the table does not need
CLAIMS = (  # name, the measure, whether more is better, the kind that is said to be better
    ("texture", "high", False, SOFT),
    ("boundaries", "edges", True, HARD),
    ("interpretability", "place", True, HARD),
    ("efficiency", "feature", False, HARD),
)
Found = dict[str, list[float]]  # by measure: a number a photograph


class Measured:
    """What is found of one model, photograph after photograph.

    Args:
        tokenizer: the model.
        budget: bytes at which kinds are compared.
    """

    def __init__(self, tokenizer: tc.Tokenizer, budget: int) -> None:
        self.info, self.device, self.dtype = tokenizer.info, tokenizer.device, tokenizer.dtype
        self.length = lengths_within(self.info, [budget]).get(budget, 0)  # 0: no code near so many bytes
        self.modes: dict[str, Found] = {mode: defaultdict(list) for mode in self.info.modes}
        self.equal: dict[str, Found] = {mode: defaultdict(list) for mode in self.info.modes}
        self.lost: dict[int, list[tuple[float, float]]] = defaultdict(list)  # by token: dB, feature distance
        self.place: list[float] = []
        self.times: dict[str, list[float]] = defaultdict(list)  # seconds by what was done

    def add(self, seen: Seen) -> None:
        """Add one photograph's numbers."""
        for kept, here in ((self.modes, seen.whole), (self.equal, seen.equal)):
            for mode, found in here.items():
                for name, value in found.items():
                    kept[mode][name].append(value)
        for token, near, distance in seen.lost:
            self.lost[token].append((near, distance))
        self.place += [] if seen.place is None else [seen.place]
        for what, seconds in seen.seconds.items():
            self.times[what].append(seconds)

    def to_dict(self, probe: dict[str, Any] | None) -> dict[str, Any]:
        """Plain data: means over photographs; milliseconds are medians."""
        return {
            "info": {name: told for name, told in self.info.to_dict().items() if name not in LONG},
            "device": self.device,
            "dtype": self.dtype,
            "length": self.length,
            "modes": {mode: means(found) for mode, found in self.modes.items()},
            "equal": {mode: means(found) for mode, found in self.equal.items() if found},
            "place": rounded(self.place),
            "lost": stretches(self.lost),
            "probe": probe,
            "ms": {what: round(1000 * statistics.median(some), 1) for what, some in self.times.items()},
            "timed_on": self.device,
        }


def stretches(lost: dict[int, list[tuple[float, float]]]) -> list[dict[str, Any]]:
    """The mean cost by octave of the token's number: 1, 2, 3 to 4, 5 to 8, ..."""
    octaves: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for n, costs in lost.items():
        octaves[(n - 1).bit_length()] += costs
    rows = []
    for octave, costs in sorted(octaves.items()):
        psnr, feature = np.mean(costs, 0)
        first, last = (2**octave // 2 + 1 if octave else 1), 2**octave
        own = {"n": len(costs), "psnr": round(float(psnr), 3), "feature": round(float(feature), 4)}
        rows.append({"first": first, "last": last, **own})
    return rows


def claims_of(models: Sequence[Measured]) -> list[dict[str, Any]]:
    """Every claim, over all pairs of a soft and a hard model's kinds of picture."""
    rows, some = [], distinct(models)
    for name, measure, more_is_better, said in CLAIMS:
        curves = {kind: list(_of_kind(some, kind, measure)) for kind in (SOFT, HARD)}
        pairs = []
        for (soft, ours), (hard, theirs) in product(curves[SOFT], curves[HARD]):
            gain = torch.tensor(ours) - torch.tensor(theirs)  # of the same photographs
            gain = gain if more_is_better == (said == SOFT) else -gain
            low, high = interval(gain)
            pair = {"soft": soft, "hard": hard, "gain": gain.mean().item(), "low": low, "high": high}
            pairs.append({key: v if isinstance(v, str) else round(v, 4) for key, v in pair.items()})
        rows.append({"name": name, "measure": measure, "better": said, "pairs": pairs})
    return rows


def distinct(models: Sequence[Measured]) -> list[Measured]:
    """Those whose pictures at equal bytes no earlier one has: a whole grid is the same one in any order."""
    found: list[Measured] = []
    for one in models:
        if not one.length or one.equal not in [other.equal for other in found]:
            found.append(one)
    return found


def _of_kind(models: Sequence[Measured], kind: str, measure: str) -> Iterator[tuple[str, list[float]]]:
    """(name of a curve, its numbers) of the models with such tokens."""
    for one in (one for one in models if one.info.tokens == kind):
        if measure == "place":
            yield one.info.name, one.place
            continue
        for mode, found in one.equal.items():
            if found:
                yield f"{one.info.name}, {mode}" if len(one.equal) > 1 else one.info.name, found[measure]


def means(found: Found) -> dict[str, float | None]:
    """The mean of every measure."""
    return {name: rounded(values) for name, values in found.items()}


def rounded(values: Sequence[float]) -> float | None:
    """The mean, with four decimals; None of nothing."""
    return round(statistics.fmean(values), 4) if values else None


def loaded(names: Sequence[str] | None, device: str) -> tuple[list[tc.Tokenizer], list[dict[str, str]]]:
    """The models that are here, and of the others why they are not."""
    found, skipped = [], []
    infos = {info.name: info for info in tc.catalog()}
    for name in names or infos:
        try:
            found.append(tc.load(name, infos[name].device_of(device) if name in infos else device))
        except tc.TokenizerError as why:
            skipped.append({"name": name, "why": str(why)})
    return found, skipped


def study(
    tokenizers: Sequence[tc.Tokenizer],
    photos: tc.PhotoSet,
    *,
    device: str,
    budget: int = BYTES,
    drops: int = DROPS,
    probes: dict[str, dict[str, Any]] | None = None,
    count_up: Callable[[int], None] | None = None,
    times: bool = True,
    spread: tc.Spread | None = None,
) -> dict[str, Any]:
    """Measure models over photographs: what kinds.json holds but for its command.

    Args:
        tokenizers: each of another name.
        photos: to measure on.
        device: where the classifier looks.
        budget: bytes at which kinds are compared.
        drops: tokens that are left out of each photograph.
        probes: by model what `probed` found.
        count_up: called with the number of photos done.
        times: whether milliseconds are worth to be kept; those of several processes never are.
        spread: over which processes; the figures are the same. None is this process alone.

    Raises:
        TokenizerError: there is no photo.
    """
    spread = tc.Spread() if spread is None else spread
    models = [Measured(one, budget) for one in tokenizers]
    lengths = [one.length for one in models]
    work = PhotoWork([Portable(one) for one in tokenizers], lengths, drops, device)
    squares = ((number, tc.square_crop(photo)) for number, (_, photo) in enumerate(photos))
    count = 0
    for found in places_of(spread, device).map(work, squares):
        count += 1
        for one, seen in zip(models, found, strict=True):
            one.add(seen)
        if count_up is not None:
            count_up(count)
    if not count:
        raise tc.TokenizerError("There is no photo to measure on.")
    rows = [one.to_dict((probes or {}).get(one.info.name)) for one in models]
    rows = rows if times and spread.alone else [row | {"ms": {}} for row in rows]
    return {"photos": photos.name, "n": count, "bytes": budget, "models": rows, "claims": claims_of(models)}


def put_times(found: dict[str, Any], timed: dict[str, Any]) -> None:
    """Milliseconds of another run into rows that have none, where the weights are the same.

    Args:
        found: what is changed.
        timed: what `study` found in one process.
    """
    known = {_weights_of(row): row for row in timed["models"] if row["ms"]}
    for row in found["models"]:
        same = known.get(_weights_of(row))
        if same is not None and not row["ms"]:
            row |= {"ms": same["ms"], "timed_on": same["device"]}


def _weights_of(row: dict[str, Any]) -> tuple[str, str]:
    return row["info"]["name"], row["info"]["checkpoint_id"]


def main() -> None:
    """Measure, and write the page's data."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("photos", nargs="?", help="a folder, zip or tar to measure on")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="default: all that are here")
    parser.add_argument("--bytes", type=int, default=BYTES, help="at which kinds are compared")
    parser.add_argument("--drops", type=int, default=DROPS, help="tokens left out of a photograph")
    parser.add_argument("--no-times", action="store_true", help="the machine does something else, too")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="more than 1: no times")
    parser.add_argument("--times-of", type=Path, metavar="FILE", help="what a run in one process wrote")
    parser.add_argument("--out", type=Path, default=OUT)
    probe_options(parser)
    options = parser.parse_args()
    found = measured(options) if options.photos else json.loads(options.out.read_bytes())
    if options.times_of:
        put_times(found, json.loads(options.times_of.read_bytes()))
    options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(f"{options.out}: {len(found['models'])} models over {found['n']} photographs")


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """What kinds.json holds, of what the command's words ask for."""
    spread = tc.Spread(options.processes)
    tokenizers, skipped = loaded(options.models, options.device)
    for one in skipped:
        print(f"left out: {one['name']}: {one['why']}", flush=True)
    device = tc.find_device(options.device)
    probes = probed(tokenizers, options, spread)
    photos = tc.PhotoSet(options.photos, options.limit)
    sizes = {"budget": options.bytes, "drops": options.drops, "probes": probes}
    sizes |= {"times": not options.no_times, "spread": spread}
    found = study(tokenizers, photos, device=device, count_up=progress(), **sizes)
    return found | {"command": "python -m studies.soft_and_hard", "skipped": skipped}


if __name__ == "__main__":
    main()
