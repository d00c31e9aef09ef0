"""Is a server's CPU quicker with the graphs and native onnxruntime than with PyTorch in float32?

    OMP_WAIT_POLICY=passive python -m studies.native_runtime --threads 2

Before that, ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 ATEN_CPU_CAPABILITY=avx2 takes AVX-512 from
PyTorch (onnxruntime has no such switch); OMP_WAIT_POLICY is what the program itself sets. Each call is made
by one and by the other in turns, so that what else the machine does falls on both. It prints the least and
the middle wall time of each, its processor seconds, and the middle ratios of the pairs.
Needs the extra `dev`. What was found: docs/web.md.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

import tokenizer_core as tc
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer
from tokenizer_core.nn.autoencoder import latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.sampler import draw_noise

Call = Callable[[], object]


def sessions(threads: int, unpacked: bool) -> dict:
    """A session a graph of the bundled model; `unpacked` makes float32 of the weights when it is loaded."""
    import onnxruntime

    manifest, files = tc.graph_files()
    data = {name: files[name].read_bytes() for name in manifest["weights"]}
    found = {}
    for name, told in manifest["graphs"].items():
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", "0"
        )  # as torch's threads, they sleep
        options.add_session_config_entry("session.disable_quant_qdq", str(int(unpacked)))
        sizes = [len(one) for one in data.values()]
        options.add_external_initializers_from_files_in_memory(list(data), list(data.values()), sizes)
        found[name] = onnxruntime.InferenceSession(files[told["file"]].read_bytes(), options)
    return found


def torch_calls(tokenizer: FlowTokenizer, photo: tc.Picture) -> tuple[dict[str, Call], dict[str, dict]]:
    """What PyTorch computes, by graph, and what the graphs are given for the same."""
    pixels = photo.to_pixels().to(memory_format=torch.channels_last)
    autoencoder, decoder = tokenizer.autoencoder, tokenizer.decoder
    latent = latent_to_sequence(autoencoder.encode(pixels))
    tokens = tokenizer.encoder(latent)
    context, noise, t = (
        decoder.context(tokens),
        draw_noise(0, latent.shape[1], latent.shape[2]),
        torch.ones(1),
    )
    maps = sequence_to_latent(latent).to(memory_format=torch.channels_last)
    calls: dict[str, Call] = {
        "encode": lambda: tokenizer.encoder(latent_to_sequence(autoencoder.encode(pixels))),
        "context": lambda: decoder.context(tokens),
        "predict": lambda: decoder(noise, t, context),
        "paint": lambda: autoencoder.decode(maps),
    }
    everything = np.ones((1, tokens.shape[1]), bool)
    pairs = torch.cat([*context.keys, *context.values], 1)
    feeds = {
        "encode": {"pixels": pixels.contiguous()},
        "context": {"tokens": tokens, "present": everything},
        "predict": {"noisy": noise, "time": t, "context": pairs, "keep": everything},
        "paint": {"latent": latent},
    }
    return calls, {name: {key: np.asarray(one) for key, one in feed.items()} for name, feed in feeds.items()}


def timed(call: Call) -> tuple[float, float]:
    """Wall and processor seconds of a call."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def compare(ours: Call, theirs: Call, rounds: int) -> str:
    """Both in turns, the first one by turns, too; a line of milliseconds."""
    ours(), theirs()
    pairs = []
    for i in range(rounds):
        first, second = (ours, theirs) if i % 2 else (theirs, ours)
        one, two = timed(first), timed(second)
        pairs.append((one, two) if i % 2 else (two, one))
    cells = []
    for side in zip(*pairs, strict=True):
        walls, processors = zip(*side, strict=True)
        cells.append(f"{1e3 * min(walls):5.0f} {1e3 * median(walls):5.0f} {1e3 * median(processors):5.0f}")
    ratio = median(a[0] / b[0] for a, b in pairs)
    work = median(a[1] / b[1] for a, b in pairs)
    return " | ".join([*cells, f"{ratio:.2f} {work:.2f}"])


def main() -> None:
    """A line a graph."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--unpacked", action="store_true", help="float32 weights in onnxruntime, not int8")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    tokenizer = tc.load(device="cpu", dtype="float32")
    assert isinstance(tokenizer, FlowTokenizer)
    photo = tc.square_crop(tc.open_photo(sorted(Path("demo/examples").glob("*.webp"))[0]))
    print(f"{torch.backends.cpu.get_cpu_capability()}, {args.threads} threads, {args.rounds} pairs")
    print("graph    | PyTorch: least, median, processor ms | onnxruntime | times as quick: wall, processor")
    with torch.inference_mode():
        calls, feeds = torch_calls(tokenizer, photo)
        for name, session in sessions(args.threads, args.unpacked).items():
            line = compare(calls[name], lambda s=session, n=name: s.run(None, feeds[n]), args.rounds)
            print(f"{name:8} | {line}", flush=True)


if __name__ == "__main__":
    main()
