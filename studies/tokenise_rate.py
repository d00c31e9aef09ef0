"""How fast a data set becomes tokens on 1, 2, ... devices, beside what a device encodes by itself.

Unpacks an archive of photographs as many times as needed, reads them once so that the disk is out of it,
and runs `tokenize` on one device, on two, and so on, each into a folder of its own. *Share* is photographs
a second over those of as many devices alone, on batches that they have already; *busy* is the part of the
time in which a device computed, by its own clock. The clock starts when every device has its model. The
rows of all runs must be the same, byte by byte; with `--kills`, also those of a run that was killed
(SIGKILL) so many times and gone on with.

    python -m studies.tokenise_rate train-0.zip --photographs 20000 --devices 1 2 --kills 2 --json rate.json
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import tokenizer_core as tc
from tokenizer_core.sets.encoder import Encoder
from tokenizer_core.sets.plan import Plan, read_manifest


def main() -> None:
    """Measure, print a line a run, and end with 1 where rows differ."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("photos", help="a folder, a zip or a tar")
    parser.add_argument("--photographs", type=int, default=20_000)
    parser.add_argument("--devices", type=int, nargs="+", default=[1], help="how many, run by run")
    parser.add_argument("--device", default="auto", help="cpu, or auto")
    parser.add_argument("--model")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--shard-size", type=int, default=1024)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--kills", type=int, default=0, help="of a further run on all devices")
    parser.add_argument("--work", type=Path, default=Path("runs/tokenise"), help="a folder, emptied first")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    source = copies(args.photos, args.photographs, args.work / "photos")
    settings = tc.SetSettings(
        model=args.model,
        device=args.device,
        dtype=args.dtype,
        batch=args.batch,
        workers=args.workers,
        shard_size=args.shard_size,
        compiled=args.compile,
    )
    found = {"photographs": args.photographs, "cores": os.cpu_count(), "compiled": args.compile, "runs": []}
    sums, first = [], None
    for count in args.devices:
        folder = args.work / f"tokens-{count}"
        began = time.monotonic()
        state = tc.tokenize(source, folder, replace(settings, device=some(args.device, count))).progress
        about = read_manifest(folder)
        sums.append([file["sha256"] for file in about["files"]])
        alone = alone_rate(about, "cpu" if args.device == "cpu" else "cuda:0")
        first = first or state.rate
        run = {"devices": state.devices, "rate": state.rate, "alone": alone, "busy": state.busy}
        run |= {"share": state.rate / (alone * state.devices), "times": state.rate / first}
        run |= {"whole_seconds": time.monotonic() - began, "dtype": about["dtype"], "batch": about["batch"]}
        found["runs"].append(run)
        print(
            f"{state.devices} devices: {state.rate:7.0f} photos/s, {run['times']:.2f} times the first; "
            f"a device alone {alone:.0f}/s, share {run['share']:.2f}, busy {state.busy:.2f}; "
            f"{run['whole_seconds']:.1f} s with loading",
            flush=True,
        )
    if args.kills:
        sums.append(killed(source, args, some(args.device, max(args.devices))))
    found["same_rows"] = all(one == sums[0] for one in sums)
    print(f"rows of all {len(sums)} runs are {'the same' if found['same_rows'] else 'NOT the same'}")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    sys.exit(0 if found["same_rows"] else 1)


def some(device: str, count: int) -> str:
    """So many GPUs; or processes on the processor, where that was asked for."""
    return ",".join("cpu" if device == "cpu" else f"cuda:{i}" for i in range(count))


def copies(photos: str, count: int, folder: Path) -> Path:
    """So many files, the photographs again and again under other names; all are read once."""
    folder.mkdir(parents=True)
    files = list(tc.PhotoSet(photos).files())
    for number in range(count):
        name, data = files[number % len(files)]
        (folder / f"{number:07d}-{Path(name).name}").write_bytes(data)
    return folder


def alone_rate(about: dict, device: str) -> float:
    """Photographs a second of one device alone, in the same numbers and batches."""
    tokenizer = tc.load(about["model"], device, about["dtype"])
    encoder = Encoder(tokenizer, about["batch"], about["compiled"])
    encoder.device_rate(3)
    return encoder.device_rate(20 if device != "cpu" else 3)


def killed(source: Path, args: argparse.Namespace, device: str) -> list[str]:
    """The sums of a run that was killed when a part of its shards was done, each time, and gone on with."""
    folder = args.work / "tokens-killed"
    words = ["tokenize", str(source), "--out", str(folder), "--device", device, "--dtype", args.dtype]
    words += ["--shard-size", str(args.shard_size), *(["--compile"] if args.compile else [])]
    for name in ("model", "batch", "workers"):
        if getattr(args, name) is not None:
            words += [f"--{name}", str(getattr(args, name))]
    shards = -(-args.photographs // args.shard_size)
    for kill in range(args.kills):
        process = subprocess.Popen([sys.executable, "-m", "demo.cli", *words])
        while process.poll() is None and len(list(folder.glob("shard-*.json"))) <= shards * (kill + 1) // 4:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        done = len(Plan(folder).to_do())
        print(f"killed: {shards - done} of {shards} shards were done", flush=True)
    subprocess.run([sys.executable, "-m", "demo.cli", *words], check=True)
    return [file["sha256"] for file in read_manifest(folder)["files"]]


if __name__ == "__main__":
    main()
