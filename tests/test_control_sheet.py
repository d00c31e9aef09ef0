"""What stands where on the control's sheet."""

import json

import numpy as np
import torch

import tokenizer_core as tc
from studies.control_sheet import rows_of
from tests.tiny_flow import CHECKPOINT_ID, draw_weights
from tokenizer_core.models.prefix_flow.config import tiny_config
from tokenizer_core.models.prefix_flow.networks import build_networks, describe
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer
from tokenizer_core.reports.evaluate import packed_pictures


def picture(seed):
    return tc.Picture(np.random.default_rng(seed).integers(0, 256, (128, 128, 3), dtype=np.uint8))


def test_a_row_is_the_original_and_its_means_from_packed_tokens():
    config = tiny_config(image_size=128)
    info = describe(json.loads(config.to_json()), CHECKPOINT_ID, 0)
    tokenizer = FlowTokenizer(config, info, draw_weights(build_networks(config)), "cpu", torch.float32)
    originals = {name: picture(seed) for seed, name in enumerate(("a", "b"))}
    rows = rows_of("ours", tokenizer, originals, (1, 4))
    assert [(entry.group, entry.name) for entry, _ in rows] == [("ours", "a"), ("ours", "b")]
    for (_, pictures), original in zip(rows, originals.values(), strict=True):
        assert pictures[0] is original
        wanted = [one for _, one in packed_pictures(tokenizer, original, (1, 4), (1,))]
        assert all(np.array_equal(p.array, w.array) for p, w in zip(pictures[1:], wanted, strict=True))
        assert not np.array_equal(pictures[1].array, pictures[2].array)
