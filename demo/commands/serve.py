"""`tokendial demo` and `tokendial export-page`: the page, served or as static files."""

import argparse
import socket
import tempfile
from pathlib import Path
from typing import Any

import tokenizer_core as tc

from .options import add_device, add_verb

PORTS = range(1, 65_536)


def add(subparsers: Any) -> None:
    """Their options."""
    demo = add_verb(subparsers, "demo", run, "serve the page")
    demo.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1; 0.0.0.0 for every address")
    demo.add_argument("--port", type=int, help="default: the first free one from 7860")
    demo.add_argument("--root-path", help="where a proxy puts the page, such as /tokendial")
    demo.add_argument("--share", action="store_true", help="also open a public link through Gradio's servers")
    demo.add_argument(
        "--runtime",
        metavar="WHERE",
        help="onnxruntime-web, for visitors who decode on their own machine: a folder, or npm",
    )
    add_device(demo)

    page = add_verb(subparsers, "export-page", run_export, "write the page without a server, as static files")
    page.add_argument("folder", type=Path, metavar="FOLDER", help="it needs nothing but a host of files")
    page.add_argument("--with-model", action="store_true", help="a visitor's browser runs the model (85 MB)")
    page.add_argument(
        "--runtime",
        type=Path,
        metavar="DIR",
        help="onnxruntime-web's files (default: node_modules, else npm brings them)",
    )
    page.add_argument("--weights", metavar="ADDRESS", help="of the weights on another host (default: here)")


def run(args: argparse.Namespace) -> None:
    """Serve until Ctrl-C."""
    if args.port is not None and args.port not in PORTS:
        raise tc.TokenizerError(f"A port is a number from {PORTS[0]} to {PORTS[-1]}, not {args.port}.")
    try:
        socket.getaddrinfo(args.host, None)
    except OSError:
        raise tc.TokenizerError(f"This machine has no address named {args.host}.") from None
    from ..app import launch  # slow: it brings Gradio

    where = {"server_name": args.host, "server_port": args.port, "share": args.share}
    try:
        app, local, public = launch(
            args.device,
            args.dtype,
            args.runtime,
            root_path=args.root_path,
            prevent_thread_lock=True,
            **where,
        )
    except OSError:
        what = f"Port {args.port}" if args.port else "Every port from 7860 on"
        raise tc.TokenizerError(f"{what} at {args.host} is taken or not allowed.") from None
    print(f"tokendial is at {public or local} (Ctrl-C ends it)", flush=True)
    app.blocks.block_thread()


def run_export(args: argparse.Namespace) -> None:
    """Write the files, and the model's if they are wanted.

    Raises:
        TokenizerError: the model has no graphs, or what runs them is not to be had.
    """
    from ..export import export
    from ..runtime import find
    from ..with_model import WebModel, baseline

    if not args.with_model:
        if args.runtime or args.weights:
            raise tc.TokenizerError("--runtime and --weights are about a model: they go with --with-model.")
        export(args.folder)
        return
    weights_at = args.weights or ""
    if weights_at and not weights_at.startswith("https://"):
        raise tc.TokenizerError("The address of the weights begins with https://.")
    manifest, files = tc.graph_files()
    info = next(one for one in tc.catalog() if one.name == manifest["name"])
    with tempfile.TemporaryDirectory() as fetched:
        runtime = find(args.runtime, Path(fetched))
        export(args.folder, WebModel(info, manifest, files, runtime, weights_at, baseline(runtime)))
