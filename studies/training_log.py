"""What the training of prefix-flow-256 and alit-256 did to their figures, run by run.

    python -m studies.training_log

reads training_log.jsonl in the folder of each and makes the tables of TRAINING_LOG.md beside it, between
their markers, and of prefix-flow-256 the plot training_log.webp. One line of a file is one object; its `kind`
says which:

run       date, name, minutes, gpus, device, photos (seen), config, measured (on what), before and after
          (figures), bundled (it, or what grew from it, is in the present weights), learnt (one sentence)
bundle    the same keys, for weights that were put together and shipped
study     date, name, command, weights, config, figures, learnt
data      date, name, figures, learnt: which photographs the runs saw

Figures by length are objects from the number of tokens to the value. Units: `_psnr` is in dB, `_high_band` in
decades, labels and other shares in 0..1, minutes are those of the clock. What was not written down is null.
`date` is the day on which the log first had the line.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from studies.pages import CHECKPOINT, ROOT, put_between, table

DATA, PAGE, PLOT = (CHECKPOINT / f for f in ("training_log.jsonl", "TRAINING_LOG.md", "training_log.webp"))
FOLDERS = (CHECKPOINT, ROOT / "checkpoints/alit-256")
LENGTHS = ("1", "4", "16", "64", "256")
Record = dict[str, Any]


def read(path: Path = DATA) -> list[Record]:
    """All records, in the order of the file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def of_kind(records: Sequence[Record], kind: str) -> list[Record]:
    """The records of one kind."""
    return [record for record in records if record["kind"] == kind]


def run_rows(records: Sequence[Record]) -> list[list[str]]:
    """A row a run: when, what (bold: in the weights), where and how long, photographs seen, its lesson."""
    return [
        [
            run["date"],
            f"**{run['name']}**" if run["bundled"] else run["name"],
            where(run),
            "" if run["photos"] is None else f"{run['photos']:,}",
            run["learnt"],
        ]
        for run in of_kind(records, "run")
    ]


def where(run: Record) -> str:
    """How many of what, and for how many minutes of the clock."""
    if run["gpus"] is None:
        parts = run["config"]["parts"]
        return ", ".join(f"{part['gpus']} x {run['device']}, {part['minutes']:g}" for part in parts)
    if run["gpus"] == 0:
        machine = f"{run['config']['cores']} {run['device']}"
    else:
        machine = f"{run['gpus']} x {run['device']}"
    return machine if run["minutes"] is None else f"{machine}, {run['minutes']:g}"


def bundle_rows(records: Sequence[Record]) -> list[list[str]]:
    """A row a bundle: its autoencoder, and means and samples at one to all tokens."""
    rows = []
    for bundle in of_kind(records, "bundle"):
        after, measured = bundle["after"], bundle["measured"]
        photos = measured["photos"], measured.get("sample_photos", measured["photos"])
        rows.append(
            [
                bundle["name"],
                f"{photos[0]}" if photos[0] == photos[1] else f"{photos[0]} ({photos[1]})",
                f"{after['autoencoder_psnr']:.2f}",
                by_length(after["mean_psnr"], "{:.2f}"),
                by_length(after["sample_psnr"], "{:.2f}"),
                by_length(after["sample_high_band"], "{:.2f}"),
                by_length(after.get("sample_label"), "{:.0%}").replace("%", ""),
            ]
        )
    return rows


def by_length(values: dict[str, float] | None, form: str) -> str:
    """Values at 1, 4, 16, 64 and 256 tokens in one cell."""
    return "" if values is None else " / ".join(form.format(values[length]) for length in LENGTHS)


def minutes_in_the_weights(records: Sequence[Record]) -> tuple[int, float, float]:
    """Of what is in the present weights: runs on GPUs, minutes of the clock, and minutes times GPUs."""
    runs = [run for run in of_kind(records, "run") if run["bundled"] and run["gpus"]]
    return len(runs), sum(run["minutes"] for run in runs), sum(run["minutes"] * run["gpus"] for run in runs)


def tables(records: Sequence[Record]) -> dict[str, str]:
    """What stands between the markers of TRAINING_LOG.md, by their names; where nothing was bundled, two."""
    count, minutes, gpu_minutes = minutes_in_the_weights(records)
    bundles = ("weights", "photos (samples)", "autoencoder, dB", "mean, dB", "sample, dB")
    runs = ("day", "run", "where, minutes", "photos seen", "what it taught")
    made = {
        "minutes": f"{count} runs on GPUs are in the present weights: {minutes:.0f} minutes of the clock, "
        f"{gpu_minutes:.0f} GPU minutes.",
        "runs": table(runs, run_rows(records)),
    }
    if of_kind(records, "bundle"):
        made["bundles"] = table((*bundles, "sample, high band", "label, %"), bundle_rows(records))
    return made


def known(bundles: Sequence[Record], pick: Callable[[Record], float | None]) -> tuple[list[int], list[float]]:
    """Places and values of those bundles that have a figure."""
    found = [(place, pick(bundle["after"])) for place, bundle in enumerate(bundles)]
    some = [(place, value) for place, value in found if value is not None]
    return [place for place, _ in some], [value for _, value in some]


def draw(records: Sequence[Record], path: Path) -> None:
    """The figures of the bundles, one after the other: means, and the texture and labels of samples."""
    from matplotlib.figure import Figure

    bundles = of_kind(records, "bundle")
    names = [bundle["name"].replace(" weights", "") for bundle in bundles]
    panels = (
        ("mean, PSNR, dB", "mean_psnr", "autoencoder_psnr"),
        ("samples, spectrum error in the high band, decades", "sample_high_band", "autoencoder_high_band"),
        ("samples, label agreement", "sample_label", "autoencoder_label"),
    )
    figure = Figure(figsize=(15, 4.2), layout="constrained")
    for axes, (title, key, alone) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        for length in LENGTHS:
            label = "1 token" if length == "1" else f"{length} tokens"
            places, values = known(bundles, lambda after, key=key, k=length: after.get(key, {}).get(k))
            axes.plot(places, values, marker="o", markersize=4, label=label)
        places, values = known(bundles, lambda after, key=alone: after.get(key))
        axes.plot(places, values, color="grey", linestyle="--", label="autoencoder alone")
        axes.set_xticks(range(len(names)), names, fontsize=8, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    figure.savefig(path, dpi=80, pil_kwargs={"quality": 85})


def main() -> None:
    """Make the tables and the plot."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.parse_args()
    for folder in FOLDERS:
        records = read(folder / DATA.name)
        for name, made in tables(records).items():
            put_between(folder / PAGE.name, name, made)
        print(f"{folder.name}: {len(records)} records")
    draw(read(), PLOT)


if __name__ == "__main__":
    main()
