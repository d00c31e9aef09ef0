"""`tokendial fetch` and `tokendial import`: published models, from the hub or from a user's own file."""

import argparse
import sys
from pathlib import Path
from typing import Any

import tokenizer_core as tc

from .options import add_verb


def add(subparsers: Any) -> None:
    """Their options."""
    names = ", ".join(tc.offers())
    fetch = add_verb(subparsers, "fetch", run, "fetch a published model's weights from the Hugging Face hub")
    fetch.add_argument("name", metavar="NAME", help=names)
    fetch.add_argument("--yes", action="store_true", help="do not ask")

    own = add_verb(subparsers, "import", run_import, "take a published model's weights from a file of yours")
    own.add_argument("kind", metavar="KIND", help=" or ".join(tc.IMPORTED))
    own.add_argument("file", type=Path, metavar="FILE", help="the authors' .pth file")
    own.add_argument("--name", help="what it is called from then on (default: KIND-published)")


def run(args: argparse.Namespace) -> None:
    """Say what it is, ask, fetch, and say what is there now."""
    one = tc.offer(args.name)
    print(f"{one.name}: {one.title}")
    print(f"  size     {one.size_bytes / 1e6:,.0f} MB to fetch; about as much stays on the disk")
    print(f"  from     {', '.join(one.places)}")
    print(f"  licence  {one.licence}")
    print(f"  credit   {one.credit}; {one.source}", flush=True)
    if not args.yes and not _agreed():
        raise tc.TokenizerError("Nothing was fetched.")
    _done(tc.fetch(args.name, say=print))


def run_import(args: argparse.Namespace) -> None:
    """Convert, and say what is there now."""
    _done(tc.import_weights(args.kind, args.file, args.name))


def _agreed() -> bool:
    """What the user says.

    Raises:
        TokenizerError: nobody is there to say it.
    """
    if not sys.stdin.isatty():
        raise tc.TokenizerError("Nobody can be asked here; --yes fetches without asking.")
    return input("Fetch it? [y/N] ").strip().lower() in ("y", "yes")


def _done(info: tc.ModelInfo) -> None:
    print(f"{info.name} is in the catalog now ({info.size_bytes / 1e6:,.0f} MB, {info.checkpoint_id}).")
