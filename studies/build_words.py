"""The page's glossary, from docs/words.md.

    python -m studies.build_words

writes demo/page/words.json: each word of the table *On the page*, and what the page says of it.
"""

import argparse
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE, WORDS = ROOT / "docs" / "words.md", ROOT / "demo" / "page" / "words.json"


def words() -> dict[str, str]:
    """What the page's file holds."""
    _, _, table = SOURCE.read_text("utf-8").partition("\n## On the page\n")
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    return dict(rows[1:])  # the first one is the table's head


def main() -> None:
    """Write the file."""
    argparse.ArgumentParser(description=str(__doc__).partition("\n")[0]).parse_args()
    WORDS.write_text(json.dumps(words(), indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
