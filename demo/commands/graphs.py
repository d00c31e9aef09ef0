"""`tokendial export-onnx`: a model's networks as ONNX graphs, for a page without a server.

For whoever bundles weights; it needs the extra `onnx`.
"""

import argparse
from pathlib import Path
from typing import Any

import tokenizer_core as tc

from .options import add_verb, print_table


def add(subparsers: Any) -> None:
    """Its options."""
    parser = add_verb(subparsers, "export-onnx", run, "write a model's networks as ONNX graphs")
    parser.add_argument("model", metavar="MODEL", help="a name of `tokendial models`")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: web in the model's own folder")


def run(args: argparse.Namespace) -> None:
    """Write them, and say what each is."""
    folder, manifest = tc.export_graphs(args.model, args.out)
    rows = [
        (name, f"{told['bytes'] / 1000:.0f}", ", ".join(told["weights"]))
        for name, told in manifest["graphs"].items()
    ]
    print_table(("graph", "kB", "its weights"), rows)
    print(f"In {folder}: graphs of {manifest['name']}, weights {manifest['weights_id']}.")
