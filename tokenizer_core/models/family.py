"""A family of tokenizers: the one object by which a folder of `models` makes itself known.

To add a family, add a folder with an `__init__.py` that has a `FAMILY`, and a checkpoint folder whose
config.json says its name as `kind`. Nothing else: page, commands, links, reports and tests ask `ModelInfo`.

    FAMILY = Family(name="grid", describe=describe, load=GridTokenizer.from_checkpoint)

A folder whose families share their networks has `FAMILIES`, a tuple of them.

Neighbours: `registry` (finds them), `linear` (the shortest one to read).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tokenizer_core.codes.packing import Packer
from tokenizer_core.graphs.plan import Plan
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.storage.checkpoints import Checkpoint


@dataclass(frozen=True, kw_only=True)
class Family:
    """What a folder of `models` registers.

    Attributes:
        name: `kind` of its checkpoints' config.json.
        describe: parsed config.json, checkpoint id and size in bytes to the catalog's line. A TokenizerError
            where the configuration is not one of this family.
        load: a verified checkpoint, the device's full name and the numbers to compute in ("auto", "float32",
            "bfloat16") to a tokenizer. A TokenizerError where weights and configuration do not fit.
        trainers: verbs of `tokendial train`, each with the module that has its `run`.
        packer: of tokens that are neither soft nor hard.
        graphs: a verified checkpoint to its networks as graphs, for `tokendial export-onnx`; None where the
            family has none. A TokenizerError as `load`.
    """

    name: str
    describe: Callable[[dict[str, Any], str, int], ModelInfo]
    load: Callable[[Checkpoint, str, str], Tokenizer]
    trainers: Mapping[str, str] = field(default_factory=dict)
    packer: Packer | None = None
    graphs: Callable[[Checkpoint], Plan] | None = None
