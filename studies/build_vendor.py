"""The page's kept libraries, copied from npm's packages of package-lock.json's versions to demo/page/vendor.

    make vendor        which is `npm ci --ignore-scripts`, then python -m studies.build_vendor

Each file stays as it was published; README.md there has versions and licences, SHA256SUMS the sums.
"""

import argparse
import hashlib
import json
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES, VENDOR = ROOT / "node_modules", ROOT / "demo" / "page" / "vendor"
FILES = {  # what is copied of a package, and under which name
    "uplot": {
        "dist/uPlot.esm.js": "uPlot.esm.js",
        "dist/uPlot.d.ts": "uPlot.esm.d.ts",
        "dist/uPlot.min.css": "uPlot.min.css",
        "LICENSE": "uPlot.LICENSE",
    },
    "gifenc": {"dist/gifenc.esm.js": "gifenc.esm.js", "LICENSE.md": "gifenc.LICENSE"},
    "lean-qr": {"index.mjs": "lean-qr.mjs", "LICENSE": "lean-qr.LICENSE"},
    "@cwasm/jpeg-turbo": {"jpeg-turbo.wasm": "jpeg-turbo.wasm"},  # its licences: demo/page/onnx
}
TYPES = {  # of packages that bring none for a file; only what the page uses
    "gifenc.esm.d.ts": """interface Encoder {
  writeFrame(index: Uint8Array, width: number, height: number, options: object): void;
  finish(): void;
  bytes(): Uint8Array<ArrayBuffer>;
}
export function GIFEncoder(): Encoder;
export function quantize(rgba: Uint8ClampedArray, colours: number): number[][];
export function applyPalette(rgba: Uint8ClampedArray, palette: number[][]): Uint8Array;
""",
    "lean-qr.d.mts": """interface Code {
  readonly size: number;
  get(x: number, y: number): boolean;
}
export function generate(text: string): Code;
""",
}
WHY = {
    "uplot": "the plots: several axes, a cursor that tells values, thousands of points a millisecond",
    "gifenc": "a clip of the dial's turn in browsers that cannot record a film",
    "lean-qr": "the QR code of the present state, for a lecture's audience",
    "@cwasm/jpeg-turbo": "libjpeg-turbo in a browser: a large JPEG at a half, a quarter or an eighth, as a "
    "server has it",
}
HEAD = """# Kept libraries

Copied by `make vendor`, unchanged but for the files' names. Nothing is fetched from another host at run time.

| package | version | licence | why it is here |
|---|---|---|---|
"""


def main() -> None:
    """Copy them, and say what they are."""
    argparse.ArgumentParser(description=str(__doc__).partition("\n")[0]).parse_args()
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    rows, sums, copies = [], [], {}
    for package, names in FILES.items():
        about = lock[f"node_modules/{package}"]
        rows.append(f"| {package} | {about['version']} | {about['license']} | {WHY[package]} |\n")
        for source, name in names.items():
            data = (PACKAGES / package / source).read_bytes()
            copies[name] = data
            sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
    shutil.rmtree(VENDOR, ignore_errors=True)  # only now: all that is to be there was read
    VENDOR.mkdir(parents=True)
    for name, data in copies.items():
        (VENDOR / name).write_bytes(data)
    for name, types in TYPES.items():
        (VENDOR / name).write_text(types, "utf-8")
    (VENDOR / "README.md").write_text(HEAD + "".join(rows), "utf-8")
    (VENDOR / "SHA256SUMS").write_text("".join(sums), "utf-8")


if __name__ == "__main__":
    main()
