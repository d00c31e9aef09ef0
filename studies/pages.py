"""Tables in pages that are made from data by a command, and where they stand: between two markers."""

from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKPOINT = ROOT / "checkpoints/prefix-flow-256"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; every row has as many cells as the head."""
    assert all(len(row) == len(head) for row in rows)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def between(text: str, name: str) -> str:
    """What a page has between its markers of this name.

    Raises:
        ValueError: the page does not have both markers, once each.
    """
    start, end = _markers(name)
    if text.count(start) != 1 or text.count(end) != 1:
        raise ValueError(f"The page needs {start} and {end}, once each.")
    return text.split(start)[1].split(end)[0].strip("\n")


def put_between(path: Path, name: str, made: str) -> None:
    """Write what was made between a page's markers, in place of what was there."""
    text = path.read_text("utf-8")
    before = between(text, name)
    start, end = _markers(name)
    parts = text.split(start)[0], text.split(end)[1]
    if before != made:
        path.write_text(f"{parts[0]}{start}\n{made}\n{end}{parts[1]}", "utf-8")


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- {name}: made by a command -->", f"<!-- {name}: end -->"
