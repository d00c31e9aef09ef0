"""What studies of many photographs are asked."""

import argparse


def photo_options(doc: str | None) -> argparse.Namespace:
    """Photographs, how many of them, and where to compute; the script's first line is its description."""
    parser = argparse.ArgumentParser(description=str(doc).partition("\n")[0])
    parser.add_argument("photos")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--device", default="auto")
    return parser.parse_args()
