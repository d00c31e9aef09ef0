"""How a data set is made into tokens, and how far the work is: what every engine is given.

Neighbours: `run` (makes the plan), `machine` and `cluster` (do the work).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from tokenizer_core.engine.devices import find_device
from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.sets.plan import Mark

SHARD_SIZE = 2048
BATCH = {"cuda": 256, "cpu": 16}


@dataclass(frozen=True, kw_only=True)
class SetSettings:
    """How a data set is made into tokens.

    Attributes:
        model: a name of the catalog; None is the default model.
        device: "auto" and "cuda" are every GPU that is there; "auto" without one, and "cpu", the processor;
            "cuda:0,cuda:3" are some of them; "cpu,cpu" are two processes.
        dtype: as in `load`; "auto" is decided once a folder of shards.
        exact: decode JPEGs larger than they are needed, as `encode` with `exact`; three times as slow.
        skip_damaged: list photographs that cannot be opened, and go on.
        shard_size: photographs of a shard.
        workers: processes that decode, a device; None is what the cores allow; 0 decodes where is encoded.
        batch: photographs that a device encodes at once; None is 256 on a GPU, 16 on a processor.
        compiled: compile the encoder, on a GPU: a minute more at the start.
        share: (i, n) makes the shards i, i + n, i + 2 n, ... alone: one of n machines that share a folder.
        form: "parquet", "safetensors", or None: Parquet where pyarrow is installed.
    """

    model: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    exact: bool = False
    skip_damaged: bool = False
    shard_size: int = SHARD_SIZE
    workers: int | None = None
    batch: int | None = None
    compiled: bool = False
    share: tuple[int, int] = (0, 1)
    form: str | None = None

    def __post_init__(self) -> None:
        """What cannot be is a sentence."""
        first, shares = self.share
        wrong = [
            not 1 <= self.shard_size <= 1_000_000 and "A shard has 1 to 1,000,000 photographs.",
            self.workers is not None and not 0 <= self.workers <= 1024 and "Workers are 0 to 1024.",
            self.batch is not None and not 1 <= self.batch <= 4096 and "A batch has 1 to 4096 photographs.",
            not 0 <= first < shares and "A worker is 0/n to (n-1)/n.",
            self.form not in (None, "parquet", "safetensors") and "Shards are parquet or safetensors.",
        ]
        for sentence in wrong:
            if sentence:
                raise TokenizerError(sentence)


@dataclass
class SetProgress:
    """How far the work of this process is.

    Attributes:
        total: photographs of the shards that are to be made here.
        done: of them encoded.
        devices: that encode.
        started: when all devices were ready, as `time.monotonic` says it; None before.
        ended: when the last shard was written; None before.
        device_seconds: that the devices computed, together.
        damaged: (key, sentence) of what was left out.
    """

    total: int
    done: int = 0
    devices: int = 1
    started: float | None = None
    ended: float | None = None
    device_seconds: float = 0.0
    damaged: list[tuple[str, str]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Since all devices were ready."""
        return 0.0 if self.started is None else (self.ended or time.monotonic()) - self.started

    @property
    def rate(self) -> float:
        """Photographs a second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At this rate; None before there is one."""
        return (self.total - self.done) / self.rate if self.rate else None

    @property
    def busy(self) -> float:
        """The share of the time that a device computed, 0..1."""
        return self.device_seconds / self.seconds / self.devices if self.seconds > 0 else 0.0


Told = Callable[[SetProgress], None]


def local_devices(asked: str, info: ModelInfo) -> list[str]:
    """The devices of this machine that are asked for, by their full names; see `SetSettings.device`."""
    if asked in ("auto", "cuda") and "cuda" in info.devices and torch.cuda.is_available():
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [find_device(one.strip(), info.devices) for one in asked.split(",")]


def note(state: SetProgress, mark: Mark) -> None:
    """A shard that is done, for whoever asks how far the work is."""
    state.damaged.extend(mark.damaged)
