"""`python -m tests.golden.make`: writes walk.json anew from the bundled weights.

Only for new weights, or for a change of the walk that is meant: it prints how far each hop moved, and the
commit says why it did.
"""

import base64
import json

import torch

from tests.golden.walk import (
    FILE,
    load_networks,
    pack,
    psnr_of_means,
    read_golden,
    read_hops,
    some_of,
    summary,
    write_hops,
)


def main() -> None:
    """Walk, compare with what is stored, and store."""
    torch.set_num_threads(1)
    networks, config, checkpoint_id = load_networks()
    hops, patches = read_hops(networks)
    code = pack(hops["3 tokens"], checkpoint_id)
    hops |= write_hops(networks, config, code, patches)
    before = read_golden().hops if FILE.exists() else {}
    for name, hop in hops.items():
        if name in before:
            moved = (some_of(hop) - torch.tensor(before[name]["numbers"])).abs().max() / hop.std()
            print(f"{name:40s} moved by at most {moved.item():.1e} of its spread")  # noqa: T201
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(summary(hop))}" for name, hop in hops.items())
    figures = json.dumps(psnr_of_means(networks, config, checkpoint_id))
    packed = base64.b64encode(code).decode()
    head = (
        f'{{\n "checkpoint_id": "{checkpoint_id}",\n "code": "{packed}",\n "psnr": {figures},\n "hops": {{\n'
    )
    FILE.write_text(f"{head}{lines}\n }}\n}}\n", "utf-8")  # a line a hop


if __name__ == "__main__":
    main()
