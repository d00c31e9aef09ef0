"""`tokendial train ...`: one verb a run; its options are the fields of the run's dataclass."""

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

from tokenizer_core.config import TokenizerConfig, tiny_config
from tokenizer_core.training import autoencoder, pca, polish, prefix_flow

RUNS: dict[str, tuple[type, Callable, str]] = {
    "autoencoder": (autoencoder.AutoencoderRun, autoencoder.run, "pixels <-> latent; then its decoder against a discriminator"),
    "prefix-flow": (prefix_flow.PrefixFlowRun, prefix_flow.run, "token encoder and flow decoder on a frozen autoencoder"),
    "polish": (polish.PolishRun, polish.run, "the autoencoder's decoder on the flow decoder's own outputs"),
    "pca": (pca.PcaRun, pca.run, "the linear baseline"),
}


def add_training_verbs(subparsers: Any) -> None:
    """Add one parser a run; required fields become required options.

    Args:
        subparsers: what `ArgumentParser.add_subparsers` returned.
    """
    for name, (options, run, what) in RUNS.items():
        parser = subparsers.add_parser(name, help=what, description=f"Train: {what}.")
        hints = get_type_hints(options)
        for field in dataclasses.fields(options):
            if field.name != "config":
                _add_option(parser, field, hints[field.name])
        parser.add_argument("--tiny", action="store_true", help="a network of a few thousand weights, for dry runs")
        parser.set_defaults(run=lambda args, options=options, run=run: _run(args, options, run))


def _add_option(parser: argparse.ArgumentParser, field: dataclasses.Field, hint: Any) -> None:
    required = field.default is dataclasses.MISSING
    kind = next((t for t in (Path, int, float, str) if t in (hint, *getattr(hint, "__args__", ()))), str)
    many = {"nargs": "+"} if getattr(hint, "__origin__", None) in (tuple, list) or "Sequence" in str(hint) else {}
    shown = {} if required else {"default": field.default, "help": f"default: {field.default}"}
    parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, required=required, **many, **shown)  # type: ignore


def _run(args: argparse.Namespace, options: type, run: Callable) -> None:
    values = {f.name: getattr(args, f.name) for f in dataclasses.fields(options) if f.name != "config"}
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    if args.tiny and "config" in {f.name for f in dataclasses.fields(options)}:
        config: TokenizerConfig = tiny_config(image_size=64)
        values["config"] = config.autoencoder if options is autoencoder.AutoencoderRun else config
    print(run(options(**values)))  # noqa: T201
