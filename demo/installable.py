"""A page with a model as an app: what lets it be installed, and opened without a network.

The service worker must lie at the root of the page's folder, or it would see only what is below it.
Neighbours: `export`, which calls this; page/app, where the files are.
"""

import json
import shutil
from pathlib import Path

APP = Path(__file__).parent / "page" / "app"
LARGE = {".onnx", ".safetensors", ".packed"}  # the model's: the page keeps these by itself
FILES = "files.json"
HEAD = '<link rel="manifest" href="app.webmanifest">\n<meta name="theme-color" content="#0f766e">'


def write(folder: Path, first: str) -> None:
    """Make a page's folder installable.

    Args:
        folder: all of the page's other files are here.
        first: the example that the page opens with. The others are kept once a visitor has seen them.

    Raises:
        OSError: the folder cannot be written.
    """
    shutil.copy(APP / "service.js", folder / "sw.js")
    for name in ("app.webmanifest", "icon.svg"):
        shutil.copy(APP / name, folder)
    (folder / FILES).write_text(json.dumps(kept_from_the_start(folder, first)), "utf-8")


def kept_from_the_start(folder: Path, first: str) -> list[str]:
    """Addresses, below the page's, of what is kept at the first visit: scripts, photos, and one film."""
    scripts = [path for part in ("page", "ort", "model") for path in sorted((folder / part).rglob("*"))]
    photos = [*sorted(folder.glob("*.webp")), folder / "photos" / f"{first}.webp"]
    others = [folder / name for name in (f"{first}.json", "beside.json", "app.webmanifest", "icon.svg")]
    files = [path for path in (*scripts, *photos, *others) if path.is_file() and path.suffix not in LARGE]
    return ["./", *(path.relative_to(folder).as_posix() for path in files)]
