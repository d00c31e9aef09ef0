r"""How fast One-D-Piece and TiTok are on this machine at full size, whatever their weights are.

    python -m studies.published_speed one-d-piece-s-256 --device cpu

draws random weights of a published model's sizes, which take as long as its authors', and prints how long
encoding takes, and a picture of a short and of the longest code. Beside the seconds stand the processor's, of
all threads, which another program's work changes less, and the floor: the call's operations at the rate of
a large matrix product, measured in the same run. Neighbour: `published_way` (Semanticist).
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

import tokenizer_core as tc
from tokenizer_core.engine.fast import plainly
from tokenizer_core.models.published.offers import Offer, offers
from tokenizer_core.models.published.titok import (
    ORDERED,
    UNORDERED,
    TitokConfig,
    TitokNetworks,
    TitokTokenizer,
    describe,
)
from tokenizer_core.reports.bench import draw_picture, matrix_product_rate

OFFERS = {name: one for name, one in offers().items() if one.kind in (ORDERED, UNORDERED)}
SHORT = 16  # tokens


def random_tokenizer(wanted: Offer, device: str, dtype: str) -> TitokTokenizer:
    """Networks of a published model's sizes; matrices keep the size of their input, as trained ones do."""
    said = {
        "kind": wanted.kind,
        "name": f"random-{wanted.name}",
        "title": "Random weights",
        "licence": "none",
    }
    config = TitokConfig(**said, **wanted.sizes)
    networks = TitokNetworks(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in networks.parameters():
            if value.dim() > 1:
                value.normal_(0, value[0].numel() ** -0.5, generator=generator)
    info = describe(config.to_dict(), "0" * 12, 0)
    device = tc.find_device(device)
    return TitokTokenizer(config, info, networks, device, tc.find_dtype(dtype, device))


def timed(call: Callable[[], object], runs: int) -> tuple[float, float, int]:
    """Seconds and the processor's seconds, medians after two calls that are not timed; and operations."""
    with plainly(), FlopCounterMode(display=False) as counter:  # a recorded call counts no operation
        call()
    call()
    wall, processor = [], []
    for _ in range(runs):
        start, own = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - own)
    return statistics.median(wall), statistics.median(processor), counter.get_total_flops()


def measure(tokenizer: TitokTokenizer, runs: int) -> dict[str, tuple[float, float, int]]:
    """What `timed` gives of encoding and of two pictures."""
    picture = draw_picture(tokenizer.info.picture_size)
    encoding, last = tokenizer.encode(picture), tokenizer.info.lengths[-1]
    calls: dict[str, Callable[[], object]] = {"encode": lambda: tokenizer.encode(picture)}
    for length in dict.fromkeys((tokenizer.info.nearest(SHORT), last)):
        calls[f"a picture of {length} tokens"] = lambda k=length: tokenizer.decode(encoding, k)
    return {name: timed(call, runs) for name, call in calls.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("model", choices=OFFERS)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    tokenizer = random_tokenizer(OFFERS[options.model], options.device, options.dtype)
    tokenizer.accelerate(wait=True)
    rate = matrix_product_rate(tokenizer.device, tokenizer.dtype)
    threads = f"{torch.get_num_threads()} threads, {rate / 1e9:.0f} GFLOP/s"
    print(f"{options.model}, random weights; {tokenizer.device}, {tokenizer.dtype}, {threads}")
    for name, (wall, processor, flops) in measure(tokenizer, options.runs).items():
        floor = f"{flops / 1e9:.0f} GFLOP, floor {flops / rate:.3f} s"
        print(f"{name:24s} {wall:7.3f} s, of the processor {processor:7.3f} s; {floor}", flush=True)


if __name__ == "__main__":
    main()
