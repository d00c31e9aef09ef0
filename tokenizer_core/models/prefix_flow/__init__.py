"""Ordered soft tokens of a photograph, and a rectified flow that paints any prefix of them.

tokenizer.py    encode once, decode any length
painter.py      tokens of one photo or of several visitors to pictures, in batches
calls.py        the calls of its networks, which a GPU may record or compile
config.py       sizes and defaults
networks.py     the three networks and the catalog's line that a config.json makes
encoder.py      latent to ordered tokens
graphs.py       its networks as graphs for a runtime without Python
"""

from tokenizer_core.models.family import Family
from tokenizer_core.models.prefix_flow.graphs import plan
from tokenizer_core.models.prefix_flow.networks import describe
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer

FAMILY = Family(
    name="prefix-flow",
    describe=describe,
    load=FlowTokenizer.from_checkpoint,
    trainers={"prefix-flow": "tokenizer_core.training.prefix_flow"},
    graphs=plan,
)
