"""Arguments of every family: numbers of any library are numbers, all else is one sentence.

In a process of its own, without the hook that checks shapes and types in the other tests: a user has none.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SCRIPT = """
import json, sys
import numpy as np, torch
import tokenizer_core as tc
import tiny_alit, tiny_flow, tiny_linear
from tokenizer_core.errors import TokenizerError

class Odd:
    pass

def said(call):
    try:
        call()
    except TokenizerError as error:
        return str(error)
    except Exception as error:
        return repr(error)
    return "went well"

def asks(tokenizer, encoding, length):
    for name, value in json.loads(sys.argv[1]):
        option = {name: eval(value, globals(), {"length": length})}
        if name == "encoding":
            yield said(lambda: list(tokenizer.decode_many(option["encoding"], [length])))
        elif name == "length":
            yield said(lambda: tokenizer.decode(encoding, option["length"]))
        elif name == "lengths":
            yield said(lambda: list(tokenizer.decode_many(encoding, option["lengths"])))
        elif name in ("layer", "direction") and tokenizer.info.has_attention:
            yield said(lambda: tokenizer.attention(encoding, **option))
        elif name in ("layer", "direction"):
            yield "went well"
        else:
            yield said(lambda: list(tokenizer.decode_many(encoding, [length], **option)))

torch.set_num_threads(1)
found = {}
for module in (tiny_alit, tiny_flow, tiny_linear):
    tokenizer = module.make_tokenizer()
    encoding = tokenizer.encode(tiny_flow.make_picture())
    found[module.__name__] = list(asks(tokenizer, encoding, tokenizer.info.lengths[-1]))
print(json.dumps(found))
"""
WELL = [
    ("steps", "np.int64(2)"),
    ("steps", "torch.tensor(2)"),
    ("steps", "None"),
    ("guidance_scale", "np.float32(1.5)"),
    ("guidance_scale", "2"),
    ("guidance_scale", "np.int8(2)"),
    ("seed", "np.uint8(7)"),
    ("seed", "2**63 - 1"),
    ("batch", "np.int32(3)"),
    ("lengths", "np.array([length])"),
    ("lengths", "(length, np.int64(length))"),
    ("lengths", "[]"),
    ("length", "np.int16(length)"),
    ("layer", "np.int64(0)"),
]
WRONG = [
    ("steps", "0"),
    ("steps", "2.0"),
    ("steps", "np.float64(2)"),
    ("steps", "True"),
    ("steps", "np.True_"),
    ("steps", "'2'"),
    ("steps", "[2]"),
    ("steps", "10**30"),
    ("guidance_scale", "'1'"),
    ("guidance_scale", "True"),
    ("guidance_scale", "float('nan')"),
    ("guidance_scale", "1j"),
    ("seed", "None"),
    ("seed", "'0'"),
    ("seed", "1.5"),
    ("seed", "False"),
    ("seed", "-1"),
    ("seed", "2**63"),
    ("batch", "-1"),
    ("batch", "0"),
    ("batch", "2.5"),
    ("batch", "True"),
    ("batch", "'4'"),
    ("lengths", "'12'"),
    ("lengths", "3"),
    ("lengths", "[None]"),
    ("lengths", "[True]"),
    ("lengths", "[1.0]"),
    ("lengths", "[-1]"),
    ("lengths", "np.array([[1]])"),
    ("length", "'1'"),
    ("length", "10**30"),
    ("length", "Odd()"),
    ("encoding", "None"),
    ("encoding", "b'TKD2'"),
    ("encoding", "np.zeros((4, 16))"),
]
ODD_LAYERS = [("layer", "'0'"), ("layer", "-1"), ("layer", "0.5"), ("layer", "99"), ("direction", "3")]
CASES = [*WELL, *WRONG, *ODD_LAYERS]


@pytest.fixture(scope="module")
def said():
    """What each family said to each case."""
    path = f"{HERE.parent}:{HERE}"
    words = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(
        [*words, json.dumps(CASES)],
        env={"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    return {case: {name: each[number] for name, each in found.items()} for number, case in enumerate(CASES)}


@pytest.mark.parametrize("case", WELL, ids=" ".join)
def test_numbers_of_any_library_are_numbers(said, case):
    assert set(said[case].values()) == {"went well"}


@pytest.mark.parametrize("case", WRONG, ids=" ".join)
def test_what_is_no_such_number_is_a_sentence_in_every_family(said, case):
    for family, sentence in said[case].items():
        assert sentence.endswith("."), family
        assert "(" not in sentence
        assert sentence != "went well"


@pytest.mark.parametrize("case", ODD_LAYERS, ids=" ".join)
def test_a_layer_that_is_none_is_a_sentence(said, case):
    for family in ("tiny_alit", "tiny_flow"):
        assert said[case][family].endswith("."), said[case]
