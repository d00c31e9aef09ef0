"""Data sets on Ray: two nodes on one machine, one of them killed half-way. `make test-ray` runs it.

Half a minute, and Ray is an extra: so not in `make test`. What Ray runs there, the shard function and the
tallies, is tested quickly without it in test_sets.py and test_spread.py.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import tokenizer_core as tc
from tests.test_sets import QUICK, contents, photo

ROOT = Path(__file__).resolve().parent.parent

pytest.importorskip("ray", reason="Ray is an extra: make test-ray")
if "WITH_RAY" not in os.environ:
    pytest.skip("half a minute: make test-ray", allow_module_level=True)


def test_a_node_that_is_killed_half_way_costs_no_row(tmp_path):
    source = tmp_path / "photos"
    source.mkdir()
    for number in range(400):
        (source / f"{number:03d}.jpg").write_bytes(photo(number) if number != 77 else photo(7)[:300])
    tc.tokenize(source, tmp_path / "here", replace(QUICK, shard_size=8, batch=4))
    command = [sys.executable, "tests/on_ray.py", str(source), str(tmp_path / "ray")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    told = json.loads(next(line for line in run.stdout.splitlines() if line.startswith("{")))
    assert told["alive"] == 1
    assert 0 < told["killed_at"] < told["shards"], "the node was killed half-way"
    assert (told["rows"], told["damaged"], told["complete"]) == (399, 1, True)
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")
