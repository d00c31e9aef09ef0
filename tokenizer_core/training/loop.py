"""The loop of every run: a clock that is its schedule, averaged weights, progress lines, snapshots.

A run is given minutes, not steps: its learning rate, and whatever else changes over time, follows the share
of the minutes that has passed. Snapshots hold averaged weights; another run goes on from one with `start`.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.measure.metrics import psnr_batch, round_to_8_bit
from tokenizer_core.nn.config import TokenizerConfig
from tokenizer_core.photos.photoset import load_crops
from tokenizer_core.training.data import PhotoPool, to_pixels
from tokenizer_core.training.place import M, Place, RunLog
from tokenizer_core.training.weights import load_weights, save_weights

SNAPSHOT_SECONDS, LOG_SECONDS = 110, 10
DECAY_FROM = 0.6  # share of the minutes with the full learning rate

Values = dict[str, Tensor]
Step = Callable[[], Values]  # draws a batch; "loss" is what descends, all of it is logged
Steppers = Sequence[tuple[torch.optim.Optimizer, float]]  # optimisers, each with its base rate
O = TypeVar("O", bound="RunOptions")  # noqa: E741


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of every run: `batch` counts crops a process, `limit` photographs a source; `start` resumes.

    `validation` is a source of which middle crops are judged and never learnt from.
    """

    photos: tuple[str, ...]
    validation: str
    out: Path
    minutes: float
    max_steps: int | None = None
    start: Path | None = None
    batch: int = 64
    seed: int = 0
    limit: int | None = None
    workers: int = 8
    config: TokenizerConfig = field(default_factory=TokenizerConfig)


class Schedule:
    """Share of the run's minutes (or of `max_steps`, where given) that has passed, by rank 0's clock.

    The clock starts after ten steps (compilation); the learning rate is full after `warm_up` steps.
    """

    def __init__(self, place: Place, minutes: float, max_steps: int | None, warm_up: int = 200) -> None:
        self.place, self.seconds, self.max_steps = place, minutes * 60, max_steps
        self.warm_up, self.step, self.share, self.start = warm_up, 0, 0.0, math.inf

    def __iter__(self) -> Iterator[int]:
        """Count steps from 0, until minutes or steps are used up."""
        while self.share < 1:
            if self.step == 10:
                self.start = time.monotonic()
            self.step += 1
            yield self.step - 1
            if self.max_steps is not None:
                self.share = self.step / self.max_steps
            elif self.step % 10 == 0:
                self.share = self.place.agree(self.elapsed / self.seconds)

    @property
    def rate(self) -> float:
        """Factor of the learning rate: linear warm-up, flat, linear decay to a hundredth."""
        return min(1.0, self.step / self.warm_up) * min(1.0, max(0.01, (1 - self.share) / (1 - DECAY_FROM)))

    @property
    def elapsed(self) -> float:
        """Seconds on the clock: 0 while it has not started, however long the first steps compile."""
        return max(0.0, time.monotonic() - self.start)


class AveragedWeights:
    """Exponential moving average of a module's parameters and buffers, moved every five steps."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module, self.decay = module, decay
        self.values = {k: v.detach().clone().float() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the current weights; short memory at first."""
        decay = min(self.decay, (1 + step) / (20 + step)) ** 5
        for name, value in self.module.state_dict().items() if step % 5 == 0 else ():
            self.values[name].lerp_(value.float(), 1 - decay)

    @contextmanager
    def in_module(self) -> Iterator[None]:
        """The module has the averages, and is in evaluation mode, inside a `with`."""
        own, training = deepcopy(self.module.state_dict()), self.module.training
        self.module.eval().load_state_dict(self.values)
        yield
        self.module.train(training).load_state_dict(own)


class Run(Generic[O]):
    """Place, log, photographs and classifier of one run, and the loop; each run says what a snapshot is."""

    def __init__(self, name: str, options: O) -> None:
        self.options, self.place, config = options, Place.find(), options.config.autoencoder
        self.log = RunLog(options.out, self.place)
        torch.default_generator.manual_seed(options.seed)
        source = (config.image_size, options.limit, options.workers)
        self.pool = PhotoPool(options.photos, self.place.device, *source)
        self.photos = to_pixels(torch.from_numpy(load_crops(options.validation, *source, two=False)))
        self.classifier = self.place.put(LiteClassifier(0))
        self.log.write(run=name, world=self.place.world, crops=len(self.pool.crops), **asdict(options))

    def ready(self, module: M, weights: Path | None, *allow_missing: str) -> M:
        """The module on the device, with the weights of a file if there is one."""
        if weights is not None:
            load_weights(weights, module, allow_missing)
        return self.place.put(module)

    def snapshot(self) -> Path:
        """Write weights into the run's folder, and log what they are worth."""
        raise NotImplementedError

    def save(self, name: str, module: nn.Module) -> Path:
        """Write `module` into the run's folder (rank 0), and say where."""
        if self.place.rank == 0:
            save_weights(self.options.out / name, module.state_dict())
        return self.options.out / name

    @torch.no_grad()
    def judge(self, makers: dict[str, Callable[[Tensor], Tensor]], pictures: int | None = None) -> None:
        """Log the PSNR of what each maker makes of the first validation photographs (B, 3, H, W)."""
        photos, scores = self.photos[:pictures], {}
        for kind, make in makers.items() if self.place.rank == 0 else ():
            with self.place.autocast(), torch.compiler.set_stance("force_eager"):
                made = [make(part.to(self.place.device)).float().cpu() for part in photos.split(50)]
            scores[kind] = round(psnr_batch(round_to_8_bit(torch.cat(made)), photos).mean().item(), 2)
        self.log.write(psnr=scores, pictures=len(photos))

    def fit(self, averages: AveragedWeights, schedule: Schedule, steppers: Steppers, losses: Step) -> None:
        """Train the module of `averages`, which ends with its averages and in evaluation mode.

        Args:
            averages: of the module.
            schedule: when to stop, and the learning rate.
            steppers: optimisers of the module's parameters, and their rates.
            losses: draws a batch; "loss" of what it returns descends, all of it is logged.
        """
        module, logged, saved = averages.module, 0.0, 0.0
        for step in schedule:
            values = losses()
            module.zero_grad()
            values["loss"].backward()
            self.place.average_gradients(module.parameters())
            values["norm"] = nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            for optimiser, rate in steppers:
                set_rate(optimiser, rate * schedule.rate)
                optimiser.step()
            averages.update(step)
            if step == 0 or schedule.elapsed - logged > LOG_SECONDS:
                logged = schedule.elapsed
                numbers = {name: value.item() for name, value in values.items()}
                photos = (step + 1) * self.options.batch * self.place.world
                self.log.write(step=step, share=schedule.share, photos=photos, seconds=logged, **numbers)
            if schedule.elapsed - saved > SNAPSHOT_SECONDS and self.place.rank == 0:
                with averages.in_module():
                    self.snapshot()
                saved = schedule.elapsed
        module.eval().load_state_dict(averages.values)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Learning rate of every group."""
    for group in optimiser.param_groups:
        group["lr"] = rate
