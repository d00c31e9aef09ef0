"""A code a length, 32 to 256 hard tokens, by passes of one recurrent encoder: simple photos stop early.

tokenizer.py    encode pass by pass, decode any of the codes
memory.py       what encoding saw of the last photos
networks.py     the encoder, the writer, and the recurrence
bridge.py       another model's flow paints the codes
graphs.py       its networks as graphs for a runtime without Python
config.py       sizes, and whose autoencoder it is
catalog.py      what is known of a checkpoint before it is loaded
"""

from tokenizer_core.models.alit.catalog import describe
from tokenizer_core.models.alit.graphs import plan
from tokenizer_core.models.alit.tokenizer import AlitTokenizer
from tokenizer_core.models.family import Family

FAMILY = Family(
    name="alit",
    describe=describe,
    load=AlitTokenizer.from_checkpoint,
    graphs=plan,
    trainers={
        "alit": "tokenizer_core.training.alit",
        "alit-bridge": "tokenizer_core.training.alit_bridge",
        "alit-pixels": "tokenizer_core.training.alit_pixels",
        "alit-bundle": "tokenizer_core.training.alit_bundle",
    },
)
