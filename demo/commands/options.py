"""Options that several verbs have, and what verbs print."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

import tokenizer_core as tc

SKIPPED = 3  # exit status where photos were left out


def add_verb(
    subparsers: Any, name: str, run: Callable[[argparse.Namespace], int | None], what: str, **options: Any
) -> argparse.ArgumentParser:
    """A verb that calls `run` with its parsed arguments.

    Args:
        subparsers: what `ArgumentParser.add_subparsers` returned.
        name: of the verb.
        run: does it; gives an exit status, or None for 0.
        what: it does, as a phrase.
        options: of the parser.
    """
    parser = subparsers.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".", **options)
    parser.set_defaults(run=run)
    return parser


def add_model(parser: argparse.ArgumentParser) -> None:
    """Which model, where, and in which numbers."""
    parser.add_argument("--model", help="a name of `tokendial models` (default: the first)")
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Where to compute, and in which numbers."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda (default: auto)")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 (default: auto, as timed)")


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Of the noise."""
    parser.add_argument("--seed", type=int, default=0, help="of the noise (default: 0)")


def add_seeds(parser: argparse.ArgumentParser) -> None:
    """How many samples."""
    parser.add_argument("--seeds", type=int, default=1, help="samples of a photo and length (default: 1)")


def add_spread(parser: argparse.ArgumentParser) -> None:
    """Over how many processes, or which cluster."""
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="on this machine (default: 1)")
    parser.add_argument("--ray", metavar="ADDRESS", help="of a Ray cluster; auto: the one of this machine")


def spread_of(args: argparse.Namespace) -> tc.Spread:
    """What `add_spread` asked for.

    Raises:
        TokenizerError: the number of processes is out of range.
    """
    return tc.Spread(args.processes, args.ray)


def add_photos(parser: argparse.ArgumentParser, what: str = "a folder, a zip or a tar") -> None:
    """Many photos: which, how many, and what of them may be left out."""
    parser.add_argument("photos", metavar="PHOTOS", help=what)
    parser.add_argument("--limit", type=int, help="only the first so many photos, by name")
    parser.add_argument("--skip-damaged", action="store_true", help="leave out photos that cannot be opened")
    parser.add_argument("--exact", action="store_true", help="decode JPEGs larger than they are needed")


def photos_of(args: argparse.Namespace) -> tc.PhotoSet:
    """The photos that `add_photos` asked for.

    Raises:
        TokenizerError: the limit is no number of photos.
    """
    if args.limit is not None and args.limit < 1:
        raise tc.TokenizerError("The number of photos is 1 or more.")
    return tc.PhotoSet(args.photos, args.limit, args.skip_damaged, args.exact)


def add_json(parser: argparse.ArgumentParser) -> None:
    """The figures as a file."""
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")


def load(args: argparse.Namespace) -> tc.Tokenizer:
    """The tokenizer that `add_model` asked for."""
    return tc.load(args.model, args.device, args.dtype)


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between them."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError("expected whole numbers, with commas between them") from None


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they need to be."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def progress() -> Callable[[int], None] | None:
    """A line that counts photos, for people only."""
    if not sys.stderr.isatty():
        return None
    return lambda done: print(f"\r{done} photos", end="\r", file=sys.stderr, flush=True)


def say_skipped(skipped: Sequence[tuple[str, str]]) -> int | None:
    """List what was left out, (name, why) each; the exit status that says so."""
    for name, why in skipped:
        print(f"{name}: {why}", file=sys.stderr)
    if skipped:
        print(f"{len(skipped)} photos were skipped.", file=sys.stderr)
    return SKIPPED if skipped else None
