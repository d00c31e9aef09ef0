"""`tokendial train ...`: one verb a run; its options are the fields of the run's dataclass."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from tokenizer_core.nn.config import tiny_config
from tokenizer_core.training import autoencoder, bundle, pca, polish, prefix_flow

MODULES = autoencoder, prefix_flow, polish, pca, bundle
RUNS = {module.__name__.rpartition(".")[2].replace("_", "-"): module for module in MODULES}


def add_training_verbs(subparsers: Any) -> None:
    """Add one parser a run; required fields become required options, help is the file's first line.

    Args:
        subparsers: what `ArgumentParser.add_subparsers` returned.
    """
    for name, module in RUNS.items():
        what = (module.__doc__ or "").partition(": ")[2].partition("\n")[0]
        parser = subparsers.add_parser(name, help=what, description=what)
        options = get_type_hints(module.run)["options"]
        for field in dataclasses.fields(options):
            if field.name != "config":
                _add_option(parser, field, get_type_hints(options)[field.name])
        parser.add_argument("--tiny", action="store_true", help="a few thousand weights, for dry runs")
        parser.set_defaults(run=lambda args, options=options, run=module.run: _run(args, options, run))


def _add_option(parser: argparse.ArgumentParser, field: dataclasses.Field, hint: Any) -> None:
    more: dict[str, Any] = {"nargs": "+"} if get_origin(hint) is tuple else {}
    given = field.default is not dataclasses.MISSING
    more |= {"help": f"default: {field.default}", "default": field.default} if given else {"required": True}
    kind = next(t for t in (Path, int, float, str) if t in (hint, *get_args(hint)))
    parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, **more)


def _run(args: argparse.Namespace, options: Any, run: Any) -> None:
    names = {field.name for field in dataclasses.fields(options)}
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in vars(args).items() if k in names}
    if args.tiny and "config" in names:
        values["config"] = tiny_config(image_size=64)
    print(run(options(**values)))
