"""`regions`: tokens that are pieces of the picture, each a place, an outline and a colour; no training.

outline.py     a region as 21 bytes, and the pixels that these cover
hierarchy.py   candidates: superpixels, and everything that they merge into
tokenizer.py   which candidates become tokens, and pictures of them
"""

from tokenizer_core.models.family import Family
from tokenizer_core.models.regions.outline import RegionPacker
from tokenizer_core.models.regions.tokenizer import RegionsTokenizer, describe

FAMILY = Family(
    name="regions",
    describe=describe,
    load=RegionsTokenizer.from_checkpoint,
    packer=RegionPacker(),
)
