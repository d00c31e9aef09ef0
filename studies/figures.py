"""The tables of README.md and docs/figures.md, from what was measured and lies beside the weights.

    python -m studies.figures

JUDGE.md (`make judge` writes it) gives the README's table; evaluation.json and bench.json (what
`tokendial evaluate` and `tokendial bench` write with `--json`) and faces.json (`studies.faces` with `--out`)
give the blocks of docs/figures.md. Nothing is measured here.
"""

import argparse
import json
import re
from pathlib import Path

from studies.face_shares import tables
from studies.pages import CHECKPOINT, ROOT, put_between, table
from tokenizer_core.measure.spectrum import SpectrumError
from tokenizer_core.measure.tally import Measures
from tokenizer_core.reports.bench import BenchReport, Timing
from tokenizer_core.reports.evaluate import Report, Row

README, PAGE = ROOT / "README.md", ROOT / "docs/figures.md"
COLUMNS = (  # the head of a column, the measure in JUDGE.md, and its row
    ("mean, dB", "PSNR, dB", "mean"),
    ("sample, dB", "PSNR, dB", "sample"),
    ("`pca`, dB", "PSNR, dB", "pca"),
    ("WebP, dB", "PSNR, dB", "WebP"),
    ("JPEG, dB", "PSNR, dB", "JPEG"),
    ("label, sample", "label agreement", "sample"),
    ("label, WebP", "label agreement", "WebP"),
    ("high band, sample", "spectrum error, high band, decades", "sample"),
    ("high band, WebP", "spectrum error, high band, decades", "WebP"),
)


def judged(text: str) -> dict[str, dict[str, dict[str, str]]]:
    """The tables of a judge's page: cells by measure, row and column ("64: 512 bytes")."""
    found = {}
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        head, _, *rows = (
            [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
        )
        found[head[0]] = {name: dict(zip(head[1:], cells, strict=True)) for name, *cells in rows}
    return found


def readme_table(text: str) -> str:
    """The README's figures, a row a length, from the text of a judge's page; empty where none is possible."""
    measures = judged(text)
    places = list(next(iter(measures.values()))["mean"])
    rows = []
    for place in places:
        length, size = re.fullmatch(r"(\d+): ([\d,]+) bytes", place).groups()
        cells = [measures[measure][row][place] for _, measure, row in COLUMNS]
        rows.append([length, size, *(cell.replace("not possible", "") for cell in cells)])
    return table(("tokens", "bytes", *(head for head, _, _ in COLUMNS)), rows)


def read_evaluation(path: Path) -> Report:
    """What `tokendial evaluate --json` wrote."""
    about = json.loads(path.read_text("utf-8"))
    rows = []
    for row in about.pop("rows"):
        place = {name: row.pop(name) for name in ("length", "steps", "guidance_scale", "bytes")}
        older = "mean" if place["steps"] == 1 else "sample"  # there were no other modes
        place["mode"] = row.pop("mode", older)
        row["spectrum_error"] = SpectrumError(**row["spectrum_error"])
        rows.append(Row(**place, measures=Measures(**row)))
    return Report(**about, rows=tuple(rows))


def read_bench(path: Path) -> BenchReport:
    """What `tokendial bench --json` wrote."""
    about = json.loads(path.read_text("utf-8"))
    return BenchReport(**{**about, "timings": tuple(Timing(**one) for one in about["timings"])})


def blocks() -> dict[str, str]:
    """What stands between the markers of docs/figures.md."""
    evaluation = read_evaluation(CHECKPOINT / "evaluation.json")
    bench = read_bench(CHECKPOINT / "bench.json")
    faces = json.loads((CHECKPOINT / "faces.json").read_text("utf-8"))
    return {
        "evaluation": f"```\n{evaluation.table()}\n```",
        "bench": f"```\n{bench.table()}\n```",
        "faces": tables(faces),
    }


def main() -> None:
    """Make the tables."""
    argparse.ArgumentParser(description=str(__doc__).partition("\n")[0]).parse_args()
    made = readme_table((CHECKPOINT / "JUDGE.md").read_text("utf-8"))
    put_between(README, "figures", made)
    for name, block in blocks().items():
        put_between(PAGE, name, block)
    print(made)


if __name__ == "__main__":
    main()
