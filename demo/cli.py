"""The command `tokendial`: the core's verbs, and `demo`.

What a user got wrong ends in one sentence on stderr and exit code 2.
"""

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

# A page shares its cores with a browser or with other visitors. Threads that wait spinning, torch's default,
# then take up to ten times as long as threads that sleep; alone they are a tenth to a quarter faster.
if "demo" in sys.argv[1:2]:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import tokenizer_core as tc
from demo.export import export
from tokenizer_core.cli import add_verbs


def build_parser() -> argparse.ArgumentParser:
    """All verbs and options; `tests/test_cli.py` holds the list."""
    parser = argparse.ArgumentParser(prog="tokendial", description="Ordered image tokens with a live dial.")
    subparsers = parser.add_subparsers(metavar="VERB", required=True)

    demo = subparsers.add_parser("demo", help="serve the page", description="Serve the page.")
    demo.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1; 0.0.0.0 for every address")
    demo.add_argument("--port", type=int, help="default: the first free one from 7860")
    demo.add_argument("--share", action="store_true", help="also open a public link through Gradio's servers")
    demo.add_argument("--device", default="auto", help="auto, cpu, cuda (default: auto)")
    demo.set_defaults(run=_demo)

    page = subparsers.add_parser("export-page", help="write the page without a server, as static files")
    page.add_argument("folder", type=Path, metavar="FOLDER", help="it needs nothing but a host of files")
    page.set_defaults(run=lambda args: export(args.folder))

    add_verbs(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after `tokendial`; None takes the process's own.

    Returns:
        0, or 2 when the user can mend it: then a sentence is on stderr. (argparse exits by itself.)
    """
    args = build_parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except tc.TokenizerError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _demo(args: argparse.Namespace) -> None:
    from demo.app import launch

    try:
        socket.getaddrinfo(args.host, None)
    except OSError:
        raise tc.TokenizerError(f"This machine has no address named {args.host}.") from None
    try:
        where = {"server_name": args.host, "server_port": args.port, "share": args.share}
        app, local, public = launch(args.device, prevent_thread_lock=True, **where)
    except OSError:
        what = f"Port {args.port}" if args.port else "Every port from 7860 on"
        raise tc.TokenizerError(f"{what} at {args.host} is taken or not allowed.") from None
    print(f"tokendial is at {public or local} (Ctrl-C ends it)", flush=True)
    app.blocks.block_thread()


if __name__ == "__main__":
    sys.exit(main())
