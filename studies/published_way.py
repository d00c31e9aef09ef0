r"""What sharing and fewer steps save on Semanticist, against the way its published demo works.

    python -m studies.published_way --size L --device cuda

The published demo does everything anew for every number of tokens: it encodes the photo (its autoencoder and
its transformer; it also loads DINOv2, which is left out here, in its favour), draws a noise, and takes 250
guided ancestral steps. Here a photo is encoded once, and the ladder of lengths is one batch with one noise.
Both are run with the same sizes, random weights and numbers, in one process; two ratios come out, of the time
for one position of the dial: with the same 250 steps (what sharing buys), and with 25 DDIM steps (what fewer
steps buy; what they cost in quality is not measured here, and random weights could not say).
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

import tokenizer_core as tc
from tokenizer_core.models.published.semanticist import (
    KIND,
    PUBLISHED_STEPS,
    STEPS,
    SemanticistConfig,
    SemanticistTokenizer,
    describe,
)
from tokenizer_core.reports.bench import draw_picture

SIZES = {"L": {"width": 1024, "depth": 24}, "XL": {"width": 1152, "depth": 28}}
LENGTHS = (1, 16, 256)  # of the published way, which takes as long for any


def random_tokenizer(size: str, device: str, dtype: str) -> SemanticistTokenizer:
    """Networks of a released size with drawn weights: what they paint is noise, in the time it takes."""
    said = {"name": f"random-{size.lower()}", "title": "Random weights", "licence": "none"}
    config = SemanticistConfig(kind=KIND, **SIZES[size], **said)
    info = describe(config.to_dict(), "0" * 12, 0)
    device = tc.find_device(device)
    with torch.device(device):
        networks, autoencoder = config.networks(), config.autoencoder()
    return SemanticistTokenizer(config, info, networks, autoencoder, device, tc.find_dtype(dtype, device))


def published(tokenizer: SemanticistTokenizer, picture: tc.Picture, length: int, seed: int) -> tc.Picture:
    """One position of the dial as the demo gets it."""
    tokenizer.reconstruct(picture)
    encoding = tokenizer.encode(picture)
    return tokenizer.decode(encoding, length, steps=PUBLISHED_STEPS, seed=seed)


def ours(tokenizer: SemanticistTokenizer, picture: tc.Picture, steps: int) -> int:
    """All positions of the ladder; how many."""
    ladder = tokenizer.info.ladder
    encoding = tokenizer.encode(picture)
    return len(list(tokenizer.decode_many(encoding, ladder, steps=steps, batch=len(ladder))))


def seconds(call: Callable[[], object], runs: int) -> float:
    """The median of so many calls, after one that is not counted."""
    taken = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def measure(tokenizer: SemanticistTokenizer, runs: int) -> dict[str, float]:
    """Seconds: of encoding, of one position the published way, and of the ladder with many and few steps."""
    picture = draw_picture(tokenizer.info.picture_size)
    last = tokenizer.info.lengths[-1]
    lengths = [min(length, last) for length in LENGTHS]
    anew = [seconds(lambda k=k: published(tokenizer, picture, k, seed=k), runs) for k in lengths]
    return {
        "encode": seconds(lambda: tokenizer.encode(picture), max(runs, 10)),
        "position, published way": statistics.median(anew),
        f"ladder, {PUBLISHED_STEPS} steps": seconds(lambda: ours(tokenizer, picture, PUBLISHED_STEPS), runs),
        f"ladder, {STEPS} steps": seconds(lambda: ours(tokenizer, picture, STEPS), runs),
    }


def main() -> None:
    """Print times and ratios."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--size", choices=SIZES, default="L")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    tokenizer = random_tokenizer(options.size, options.device, options.dtype)
    positions, found = len(tokenizer.info.ladder), measure(tokenizer, options.runs)
    print(f"Semanticist-{options.size}, random weights; {tokenizer.device}, {tokenizer.dtype}")
    for name, taken in found.items():
        print(f"{name:28s} {taken * 1000:10.1f} ms")
    anew = found["position, published way"]
    for steps in (PUBLISHED_STEPS, STEPS):
        each = found[f"ladder, {steps} steps"] / positions
        print(f"{steps} steps: {each * 1000:.1f} ms a position of {positions}, {anew / each:.1f} times less")


if __name__ == "__main__":
    main()
