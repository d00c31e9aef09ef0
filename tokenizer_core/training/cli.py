"""`tokendial train ...`: one verb a run; its options are the fields of the run's dataclass.

`python -m tokenizer_core.training ...` is the same, and is what torchrun starts.
"""

import argparse
import dataclasses
import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from tokenizer_core.models.registry import families
from tokenizer_core.training import autoencoder, bundle, polish
from tokenizer_core.training.place import leave
from tokenizer_core.training.settings import fill, kind_of

SHARED = {"autoencoder": autoencoder, "polish": polish, "bundle": bundle}  # of no one family


def runs() -> dict[str, ModuleType]:
    """The module of every run by its verb: the shared ones, and those that families name."""
    found = dict(SHARED)
    for family in families().values():
        found |= {verb: importlib.import_module(name) for verb, name in family.trainers.items()}
    return found


def train(words: Sequence[str]) -> None:
    """Run the verb that these words name, with the options behind it.

    Raises:
        TokenizerError: an option or the config file is wrong, or the run ended with a sentence.
    """
    parser = argparse.ArgumentParser(prog="tokendial train", description="Train a model.")
    add_training_verbs(parser.add_subparsers(dest="what", required=True))
    chosen = parser.parse_args(words)
    chosen.run(chosen)


def add_training_verbs(subparsers: Any) -> None:
    """Add one parser a run, whose help is the first line of the run's file.

    Args:
        subparsers: what `ArgumentParser.add_subparsers` returned.
    """
    for name, module in runs().items():
        what = (module.__doc__ or "").partition(": ")[2].partition("\n")[0]
        parser = subparsers.add_parser(name, help=what, description=what)
        parser.add_argument("--config", type=Path, dest="file", help="a .toml or .json file of settings")
        parser.add_argument("--tiny", action="store_true", help="a few thousand weights, for dry runs")
        options = get_type_hints(module.run)["options"]
        for field in dataclasses.fields(options):
            if field.name != "config":
                _add_option(parser, field, get_type_hints(options)[field.name])
        parser.set_defaults(run=lambda args, module=module, options=options: _run(args, module, options))


def _add_option(parser: argparse.ArgumentParser, field: dataclasses.Field, hint: Any) -> None:
    """What is not given is left out, so that a config file can say it."""
    kind, count = kind_of(hint)
    more: dict[str, Any] = {} if count == 1 else {"nargs": count or "+"}
    must = field.default is dataclasses.MISSING
    default = "must be given" if must else f"default: {_shown(field.default)}"
    what = " ".join(filter(None, (field.metadata.get("what"), f"({default})")))
    word = f"--{field.name.replace('_', '-')}"
    parser.add_argument(word, type=kind, default=argparse.SUPPRESS, help=what, **more)


def _shown(default: Any) -> str:
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)


def _run(args: argparse.Namespace, module: Any, options: type) -> None:
    names = {field.name for field in dataclasses.fields(options)}
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in vars(args).items() if k in names}
    filled = fill(options, args.what, given, args.file, args.tiny)
    try:
        print(module.run(filled))
    finally:
        leave()
