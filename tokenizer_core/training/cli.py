"""`tokendial train ...`: one verb a run; its options are the fields of the run's dataclass.

`python -m tokenizer_core.training ...` is the same, and is what torchrun starts (docs/training.md).
"""

import argparse
import dataclasses
import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from tokenizer_core.models.registry import families
from tokenizer_core.training.data import LEFT_OUT
from tokenizer_core.training.place import leave
from tokenizer_core.training.settings import fill, kind_of

SHARED = ("autoencoder", "polish", "bundle")  # runs that are of no one family


def runs() -> dict[str, ModuleType]:
    """The module of each verb: those that families share, and each family's own."""
    modules = {verb: f"tokenizer_core.training.{verb}" for verb in SHARED}
    for family in families().values():
        modules |= family.trainers
    return {verb: importlib.import_module(module) for verb, module in sorted(modules.items())}


def train(words: Sequence[str]) -> list[tuple[str, str]]:
    """Run the verb that these words name, with the options behind it.

    Returns:
        The photographs that this process left out, (name, why) each.

    Raises:
        TokenizerError: an option or the config file is wrong, or the run ended with a sentence.
    """
    chosen = parser().parse_args(words)
    LEFT_OUT.clear()
    chosen.run(chosen)
    return list(LEFT_OUT)


def parser() -> argparse.ArgumentParser:
    """All verbs and their options; a parsed verb has `run`, a function of the parsed words."""
    verbs = argparse.ArgumentParser(prog="tokendial train", description="Train a model.")
    add_training_verbs(verbs.add_subparsers(dest="what", required=True))
    return verbs


def given(args: argparse.Namespace, options: type) -> dict[str, Any]:
    """The settings among the parsed words, by their fields' names."""
    names = {field.name for field in dataclasses.fields(options)}
    values = {name: value for name, value in vars(args).items() if name in names}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


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
    more: dict[str, Any] = {"type": kind} if count == 1 else {"type": kind, "nargs": count or "+"}
    if kind is bool:
        more = {"action": "store_true"}
    must = field.default is dataclasses.MISSING
    default = "must be given" if must else f"default: {_shown(field.default)}"
    what = " ".join(filter(None, (field.metadata.get("what"), f"({default})")))
    word = f"--{field.name.replace('_', '-')}"
    parser.add_argument(word, default=argparse.SUPPRESS, help=what, **more)


def _shown(default: Any) -> str:
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)


def _run(args: argparse.Namespace, module: Any, options: type) -> None:
    filled = fill(options, args.what, given(args, options), args.file, args.tiny)
    try:
        print(module.run(filled))
    finally:
        leave()
