"""The settings of a run: a dataclass that a config file and the command line fill, and that is written back.

A config file is TOML or JSON with one key a setting, and a table `tokenizer` for the sizes of the networks:

    photos = ["photos.zip", "texture.zip:3"]
    rate = 1e-3
    [tokenizer.decoder]
    depth = 20

What it leaves out has its default. A run writes all of its settings into its folder as `run.json`, which is
such a file, too.
"""

import dataclasses
import importlib
import json
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from tokenizer_core.errors import TokenizerError
from tokenizer_core.nn.config import JsonConfig

TABLE = "tokenizer"  # of a file; the field `config`
KINDS = {str: "a text", Path: "a path", int: "a whole number", float: "a number", bool: "true or false"}


def setting(what: str, default: Any = dataclasses.MISSING) -> Any:
    """A field with a phrase for `--help`; without a default it must be given."""
    return dataclasses.field(default=default, metadata={"what": what})


def kind_of(hint: Any) -> tuple[type, int | None]:
    """str, Path, int, float or bool, and how many: 1, an exact number, or None for one or more."""
    if get_origin(hint) is not tuple:
        kinds = [kind for kind in (hint, *get_args(hint)) if kind in KINDS]
        return kinds[0], 1
    kinds = get_args(hint)
    return kinds[0], None if kinds[-1] is Ellipsis else len(kinds)


def read_file(path: Path) -> dict[str, Any]:
    """What a config file holds.

    Raises:
        TokenizerError: there is no such file, or it is not what its name ends in.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise TokenizerError(f"There is no readable config file named {path.name}.") from None
    try:
        values = _parse(path, text)
    except ValueError as error:  # both parsers' errors are among these
        raise TokenizerError(f"{path.name} is damaged: {error}.") from None
    if not isinstance(values, dict):
        raise TokenizerError(f"{path.name} must hold one object of settings.")
    return values


def _parse(path: Path, text: str) -> Any:
    if path.suffix == ".json":
        return json.loads(text)
    if path.suffix != ".toml":
        raise TokenizerError(f"A config file ends in .toml or .json, not as {path.name}.")
    try:
        parser = importlib.import_module("tomllib")
    except ModuleNotFoundError:
        raise TokenizerError(
            "TOML needs Python 3.11 or newer; Python 3.10 reads config files in JSON."
        ) from None
    return parser.loads(text)


def fill(kind: type, verb: str, given: dict[str, Any], file: Path | None = None, tiny: bool = False) -> Any:
    """An instance of a run's dataclass: defaults, over them the file, over that what is given in words.

    Args:
        kind: the dataclass.
        verb: its name on the command line. Of another run's file only the table `tokenizer` is taken.
        given: field name -> value, already of the right kind.
        file: a config file.
        tiny: networks of a few thousand weights, where the file says nothing else.

    Raises:
        TokenizerError: a key is unknown, a value is of another kind, or one without a default is missing.
    """
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    values = read_file(file) if file is not None else {}
    sizes = values.pop(TABLE, {})
    if values.pop("run", verb) != verb:
        values = {}
    unknown = sorted(set(values) - set(names) | {"config"} & set(values))
    if unknown:
        raise TokenizerError(f"{verb} has no setting named {', '.join(unknown)}.")
    values = {name: _converted(name, value, hints[name]) for name, value in values.items()} | given
    if "config" in names:
        own: type[JsonConfig] = hints["config"]
        values["config"] = _sizes(sizes, own.tiny() if tiny else own())
    lacking = [f.name for f in dataclasses.fields(kind) if f.name not in values and _must(f)]
    if lacking:
        words = " and ".join(f"--{name.replace('_', '-')}" for name in lacking)
        raise TokenizerError(f"{verb} needs {words}, in words or in the config file.")
    return kind(**values)


def to_values(verb: str, options: Any) -> dict[str, Any]:
    """All settings as JSON knows them: what `fill` reads from a file."""
    values = json.loads(json.dumps(dataclasses.asdict(options), default=str))
    sizes = values.pop("config")
    return {"run": verb, **values, TABLE: sizes}


def _must(field: dataclasses.Field) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _converted(name: str, value: Any, hint: Any) -> Any:
    if value is None and type(None) in get_args(hint):
        return None
    kind, count = kind_of(hint)
    if count == 1:
        return _one(name, value, kind)
    if not isinstance(value, list) or not value or (count is not None and len(value) != count):
        raise TokenizerError(f"{name} must be a list of {count or 'one or more'}, not {value!r}.")
    return tuple(_one(name, part, kind) for part in value)


def _one(name: str, value: Any, kind: type) -> Any:
    allowed = {Path: str, float: int | float}.get(kind, kind)
    if isinstance(value, bool) != (kind is bool) or not isinstance(value, allowed):
        raise TokenizerError(f"{name} must be {KINDS[kind]}, not {value!r}.")
    return kind(value)


def _sizes(table: Any, default: JsonConfig) -> JsonConfig:
    """The tokenizer of a file's table, which may leave out what is as in `default`."""
    return type(default).from_dict(_over(default.to_dict(), table, TABLE))


def _over(below: dict[str, Any], above: Any, where: str) -> dict[str, Any]:
    if not isinstance(above, dict):
        raise TokenizerError(f"{where} must be a table.")
    merged = dict(below)
    for name, value in above.items():
        inside = isinstance(below.get(name), dict)
        merged[name] = _over(below[name], value, f"{where}.{name}") if inside else value
    return merged
