"""The page's kept libraries are what their packages published, of the lock file's versions."""

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
VENDOR = ROOT / "demo" / "page" / "vendor"
LOCK = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]


def test_the_copies_are_unchanged():
    sums = dict(reversed(line.split()) for line in (VENDOR / "SHA256SUMS").read_text("utf-8").splitlines())
    assert set(sums) >= {"uPlot.esm.js", "gifenc.esm.js", "lean-qr.mjs", "jpeg-turbo.wasm"}
    for name, wanted in sums.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == wanted, name


def test_each_has_its_licence_and_the_lock_file_s_version():
    about = (VENDOR / "README.md").read_text("utf-8")
    for package, licence in {"uplot": "uPlot", "gifenc": "gifenc", "lean-qr": "lean-qr"}.items():
        row = f"| {package} | {LOCK[f'node_modules/{package}']['version']} | MIT |"
        assert row in about, "run make vendor"
        assert "Permission is hereby granted" in (VENDOR / f"{licence}.LICENSE").read_text("utf-8")


def test_libjpeg_turbo_has_its_licences_which_its_package_lacks():
    package = "@cwasm/jpeg-turbo"
    row = f"| {package} | {LOCK[f'node_modules/{package}']['version']} | MIT |"
    assert row in (VENDOR / "README.md").read_text("utf-8"), "run make vendor"
    licences = (VENDOR.parent / "onnx" / "jpeg-turbo.LICENSE").read_text("utf-8")
    assert "Permission is hereby granted" in licences
    assert "This software is based in part on the work of" in licences
    assert "Neither the name of the libjpeg-turbo Project" in licences


def test_the_lock_file_names_no_host():
    assert [name for name, package in LOCK.items() if "resolved" in package] == []
    assert all(package.get("integrity") for name, package in LOCK.items() if name)
