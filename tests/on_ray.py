"""Two Ray nodes on one machine, one of them killed half-way: a process of its own, since Ray opens sockets.

    python tests/on_ray.py SOURCE FOLDER

Prints one line of JSON: rows, how many photographs were done when the node died, whether all is complete.
"""

import json
import sys
import threading
import time
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

import tokenizer_core as tc
from tokenizer_core.sets.plan import Plan


def main() -> None:
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    other = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    settings = tc.SetSettings(
        model="pca",
        device="cpu",
        dtype="float32",
        shard_size=8,
        batch=4,
        skip_damaged=True,
        form="safetensors",
    )
    seen = {"killed_at": -1}

    def kill() -> None:
        while len(list(folder.glob("shard-*.json"))) < 8:
            time.sleep(0.01)
        cluster.remove_node(other, allow_graceful=False)
        seen["killed_at"] = len(list(folder.glob("shard-*.json")))

    threading.Thread(target=kill, daemon=True).start()
    found = tc.tokenize(source, folder, settings, ray=cluster.address)
    plan = Plan(folder)
    alive = sum(node["Alive"] for node in ray.nodes())
    told = {"rows": found.rows, "complete": found.complete, "shards": len(plan), "alive": alive, **seen}
    line = json.dumps(told | {"damaged": len(found.damaged), "devices": found.progress.devices})
    sys.stdout.write(f"{line}\n")
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
