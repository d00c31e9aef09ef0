"""`pca`, the linear tokenizer that every curve carries: projections on principal components."""

from tokenizer_core.models.family import Family
from tokenizer_core.models.linear.graphs import plan
from tokenizer_core.models.linear.tokenizer import LinearTokenizer, describe

FAMILY = Family(
    name="linear",
    describe=describe,
    load=LinearTokenizer.from_checkpoint,
    graphs=plan,
    trainers={"pca": "tokenizer_core.training.pca"},
)
