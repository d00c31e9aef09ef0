"""The figures of the page's scenes, from the judge's page of the bundled weights.

    python -m studies.build_figures

writes demo/page/figures.json: the weights' id, the command, and the tables of JUDGE.md.
"""

import argparse
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
JUDGED, FIGURES = (
    ROOT / "checkpoints" / "prefix-flow-256" / "JUDGE.md",
    ROOT / "demo" / "page" / "figures.json",
)


def tables(text: str) -> dict[str, dict[str, dict[str, str]]]:
    """A judge's page's tables: measure -> row -> tokens -> number, as they stand there."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    measure, lengths = "", []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or set(line) <= set("|-: "):
            continue
        if re.match(r"\d+: ", cells[-1]):
            measure, lengths = cells[0], [cell.split(":")[0] for cell in cells[1:]]
            found[measure] = {}
        else:
            found[measure][cells[0]] = dict(zip(lengths, cells[1:], strict=True))
    return found


def figures() -> dict:
    """What the page's file holds."""
    text = JUDGED.read_text("utf-8")
    (weights,) = re.findall(r"^Weights `([0-9a-f]+)`", text, re.MULTILINE)
    ((photos, folder),) = re.findall(r"(\d+) photographs of (\S+),", text)
    command = f"tokendial judge {folder}"
    return {"weights": weights, "photos": int(photos), "command": command, "tables": tables(text)}


def main() -> None:
    """Write the file."""
    argparse.ArgumentParser(description=str(__doc__).partition("\n")[0]).parse_args()
    FIGURES.write_text(json.dumps(figures(), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
