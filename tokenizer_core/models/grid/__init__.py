"""`grid`: what most vision models use: a hard token a cell of the picture. Its orders are a lesson in order.

tokenizer.py    a photo to a code a cell, and pictures of the first cells
config.py       sizes, the order, and whose autoencoder and codebook it has
graphs.py       its networks as graphs for a runtime without Python
orders.py       three ways through a square of cells
"""

from tokenizer_core.models.family import Family
from tokenizer_core.models.grid.graphs import plan
from tokenizer_core.models.grid.tokenizer import GridTokenizer, describe

FAMILY = Family(
    name="grid",
    describe=describe,
    load=GridTokenizer.from_checkpoint,
    graphs=plan,
    trainers={"grid": "tokenizer_core.training.grid", "grid-bundle": "tokenizer_core.training.grid_bundle"},
)
