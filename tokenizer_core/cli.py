"""The core's verbs for the command line: models, encode, decode, evaluate, judge, bench, train.

`add_verbs` builds them; whoever owns the command (`demo.cli`) adds its own and calls `args.run(args)`.
Nothing heavy is imported until a verb runs, so that `--help` is quick; the training code only for `train`.
Neighbours: every verb calls the public list; the training code is reached from here alone.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tokenizer_core as tc

if TYPE_CHECKING:
    from tokenizer_core.codes.encoding import Encoding

FORMAT = "tokendial-tokens-1"
DEFAULT_LENGTHS = (1, 4, 16, 64, 256)
DTYPE_CHOICE = "the quicker of bfloat16 and float32 in a matrix product timed now; --dtype chooses."
MAX_TOKENS_FILE = 1 << 20  # bytes; a full code is a few thousand


def add_verbs(subparsers: Any) -> None:
    """Add the core's verbs; each sets `run`, a function of the parsed arguments.

    Args:
        subparsers: what `ArgumentParser.add_subparsers` returned.
    """
    _verb(subparsers, "models", _models, "list the models")

    encode = _verb(subparsers, "encode", _encode, "turn a photo into a file of tokens")
    encode.add_argument("photo", metavar="PHOTO")
    encode.add_argument("-o", "--output", required=True, metavar="TOKENS", help="a .safetensors file")
    _add_model(encode)

    decode = _verb(subparsers, "decode", _decode, "turn the first tokens of a file into a picture")
    decode.add_argument("tokens", metavar="TOKENS", help="a file that `encode` wrote")
    decode.add_argument("-o", "--output", required=True, metavar="PICTURE", help="a .png, .webp or .jpg file")
    decode.add_argument("--length", type=int, help="how many tokens, from the first on (default: all)")
    decode.add_argument("--steps", type=int, help="1 is the mean; more is a sample (default: the model's)")
    decode.add_argument("--guidance-scale", type=float, help="1 is off (default: the model's)")
    _add_seed(decode)
    _add_device(decode)

    evaluate = _verb(subparsers, "evaluate", _evaluate, "measure a model on photos")
    evaluate.add_argument("photos", metavar="PHOTOS", help="a folder, a zip or a tar")
    evaluate.add_argument("--lengths", type=_numbers, help="default: those of 1,4,16,64,256 that it has")
    evaluate.add_argument("--steps", type=_numbers, default=(1, 8), help="default: 1,8")
    evaluate.add_argument("--limit", type=int, help="only the first so many photos, by name")
    evaluate.add_argument("--classifier", action="store_true", help="also measure features and labels (slow)")
    _add_seed(evaluate)
    _add_seeds(evaluate)
    _add_model(evaluate)
    _add_json(evaluate)

    judge = _verb(subparsers, "judge", _judge, "write the page that weights are judged by")
    judge.add_argument("photos", metavar="PHOTOS", help="the validation photos: a folder, a zip or a tar")
    judge.add_argument("--free", required=True, metavar="FOLDER", help="photos that everybody may see")
    judge.add_argument("--out", default="runs/judge", help="a folder (default: runs/judge)")
    judge.add_argument("--limit", type=int, help="curves of only the first so many photos, by name")
    judge.add_argument("--baseline", help="the model beside it (default: the first of that role)")
    _add_seeds(judge)
    _add_model(judge)

    bench = _verb(subparsers, "bench", _bench, "time the encoder and the decoder on this machine")
    _add_model(bench)
    _add_json(bench)

    # every word after `train`, dashes or not, goes on to the training code's own parser
    train = _verb(subparsers, "train", _train, "train a model", add_help=False, prefix_chars="\0")
    train.add_argument("rest", nargs="*")


def save_tokens(encoding: "Encoding", path: str | Path) -> int:
    """Write an encoding's packed bytes as a safetensors file.

    Args:
        encoding: any encoding; K tokens stay K tokens.
        path: where to; an existing file is replaced.

    Returns:
        The number of bytes that the tokens themselves take.

    Raises:
        TokenizerError: the file cannot be written.
    """
    import numpy as np
    from safetensors.numpy import save

    packed = encoding.to_bytes()
    about = {"format": FORMAT, "model": encoding.model, "checkpoint_id": encoding.checkpoint_id}
    _write(path, lambda p: p.write_bytes(save({"tokens": np.frombuffer(packed, np.uint8)}, about)))
    return len(packed)


def load_tokens(path: str | Path) -> "Encoding":
    """Read a file that `save_tokens` wrote; nothing in it is executed.

    Args:
        path: a safetensors file of at most 1 MiB.

    Returns:
        The encoding. Whether the model at hand made it is for `decode` to say.

    Raises:
        TokenizerError: there is no such file, or it is damaged, or it is something else.
    """
    import numpy as np
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise tc.TokenizerError(f"There is no file named {path.name}.")
    if path.stat().st_size > MAX_TOKENS_FILE:
        raise tc.TokenizerError(f"{path.name} is too large to be a file of tokens.")
    try:
        with safe_open(path, framework="np") as file:
            if (file.metadata() or {}).get("format") != FORMAT:
                raise tc.TokenizerError(f"{path.name} is not a file of tokens.")
            packed = np.asarray(file.get_tensor("tokens"))
    except (SafetensorError, OSError):
        raise tc.TokenizerError(f"{path.name} is damaged, or is not a file of tokens.") from None
    return tc.Encoding.from_bytes(packed.tobytes())


def _models(args: argparse.Namespace) -> None:
    head = ("name", "role", "MB", "tokens", "bits a token", "ordered", "id", "licence", "title")
    rows = [
        (
            info.name,
            info.role,
            f"{info.size_bytes / 1e6:.1f}",
            f"{info.lengths[-1]} {info.tokens}",
            str(info.bits_per_token),
            "yes" if info.ordered else "no",
            info.checkpoint_id or "not here",
            info.licence,
            info.title,
        )
        for info in tc.catalog()
    ]
    _print_table(head, rows)
    device = tc.find_device("auto")
    print(f"\nOn this machine: {device}, {tc.find_dtype('auto', device)}, {DTYPE_CHOICE}")


def _encode(args: argparse.Namespace) -> None:
    encoding = tc.load(args.model, args.device, args.dtype).encode(args.photo)
    count = save_tokens(encoding, args.output)
    print(f"{args.output}: {len(encoding.tokens)} tokens of {encoding.model}, {count} bytes")


def _decode(args: argparse.Namespace) -> None:
    encoding = load_tokens(args.tokens)
    tokenizer = tc.load(encoding.model, args.device, args.dtype)
    length = len(encoding.tokens) if args.length is None else args.length
    options = {"steps": args.steps, "guidance_scale": args.guidance_scale, "seed": args.seed}
    picture = tokenizer.decode(encoding, length, **options)
    _write(args.output, lambda path: picture.to_pil().save(path))
    print(f"{args.output}: {length} of {len(encoding.tokens)} tokens, seed {args.seed}")


def _evaluate(args: argparse.Namespace) -> None:
    tokenizer = tc.load(args.model, args.device, args.dtype)
    lengths = args.lengths or _default_lengths(tokenizer.info)
    options = {"seed": args.seed, "seeds": args.seeds, "limit": args.limit, "progress": _progress()}
    classifier = tc.LiteClassifier(2) if args.classifier else None
    report = tc.evaluate(tokenizer, args.photos, lengths, args.steps, classifier=classifier, **options)
    print(report.table())
    _write_json(args.json, report)


def _judge(args: argparse.Namespace) -> None:
    from tokenizer_core.reports import judge

    tokenizer = tc.load(args.model, args.device, args.dtype)
    baseline = tc.load(_baseline(args.baseline))
    options = (args.seeds, args.limit, tc.LiteClassifier(2), _progress())
    found = judge.judge_curves(tokenizer, baseline, args.photos, *options)
    print(found.tables(), flush=True)
    rows = list(judge.visitors_sheet(tokenizer, args.photos, args.free))
    _write(args.out, lambda folder: judge.write_page(found, rows, folder))
    print(f"{args.out}: JUDGE.md, judge.png, judge.webp, and the sheet of {len(rows)} rows")


def _bench(args: argparse.Namespace) -> None:
    report = tc.bench(tc.load(args.model, args.device, args.dtype))
    print(report.table())
    _write_json(args.json, report)


def _train(args: argparse.Namespace) -> None:
    from tokenizer_core.training.cli import train

    train(args.rest)


def _verb(subparsers: Any, name: str, run: Callable, what: str, **options: Any) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".", **options)
    parser.set_defaults(run=run)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help="a name of `tokendial models` (default: the first)")
    _add_device(parser)


def _add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="of the noise (default: 0)")


def _add_seeds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=1, help="samples of a photo and length (default: 1)")


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda (default: auto)")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 (default: auto, as timed)")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")


def _default_lengths(info: tc.ModelInfo) -> list[int]:
    some = [length for length in DEFAULT_LENGTHS if length in info.lengths]
    return some or list(info.ladder)


def _baseline(name: str | None) -> str:
    """The model that others are set beside: the one that was named, or the first of that role."""
    found = name or next((info.name for info in tc.catalog() if info.role == "baseline"), None)
    if found is None:
        raise tc.TokenizerError("There is no baseline among the models here; name one with --baseline.")
    return found


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError("expected whole numbers, with commas between them") from None


def _print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _write(path: str | Path, write: Callable[[Path], Any]) -> None:
    try:
        write(Path(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "unknown kind of file"
        raise tc.TokenizerError(f"{Path(path).name} could not be written: {reason}.") from None


def _write_json(path: str | None, report: Any) -> None:
    if path is not None:
        _write(path, lambda p: p.write_text(report.to_json() + "\n", "utf-8"))


def _progress() -> Callable[[int], None] | None:
    """A line that counts photos, for people only."""
    if not sys.stderr.isatty():
        return None
    return lambda done: print(f"\r{done} photos", end="\r", file=sys.stderr, flush=True)
