"""The loop of every run: steps by a schedule, averaged weights, a log, snapshots, and a guard around it all.

A run is given minutes, not steps: its learning rate, and whatever else changes over time, follows the share
of the minutes that has passed. The weights that it writes are averages; another run starts from them with
`start`. A run whose folder has a snapshot goes on from it by itself: whatever starts a killed run again
(torchrun, a queue, a person) has the same words as before and nothing to think of. The settings must be the
snapshot's, so that no run goes on from another one's by accident.
"""

import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from tokenizer_core.errors import TokenizerError
from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.measure.metrics import psnr_batch, round_to_8_bit
from tokenizer_core.models.prefix_flow.config import TokenizerConfig
from tokenizer_core.photos.photoset import load_crops
from tokenizer_core.storage.whole import write_whole
from tokenizer_core.training.averages import AveragedWeights
from tokenizer_core.training.data import LEFT_OUT, PhotoPool, to_pixels
from tokenizer_core.training.guard import Skips, Stopped, StopSignals, not_finite
from tokenizer_core.training.log import RunLog
from tokenizer_core.training.place import M, Place
from tokenizer_core.training.schedule import Schedule
from tokenizer_core.training.settings import setting, to_values
from tokenizer_core.training.snapshots import Moving, Snapshot, Snapshots
from tokenizer_core.training.weights import load_weights, save_weights

FREE = ("out", "workers", "skip_damaged", "log_seconds", "snapshot_seconds")  # may change when a run goes on

Values = dict[str, Tensor]
Step = Callable[[], Values]  # draws a batch; "loss" is what descends, all of it is logged
Steppers = Sequence[tuple[torch.optim.Optimizer, float]]  # optimisers, each with its base rate
O = TypeVar("O", bound="RunOptions")  # noqa: E741


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Settings of every run.

    `validation` is a source whose middle crops are measured and never learnt from.
    """

    photos: tuple[str, ...] = setting("folders, zips or tars; x.zip:3 draws from one three times as often")
    validation: str = setting("photographs to measure on, never learnt from")
    out: Path = setting("the run's folder; a snapshot in it is gone on from")
    minutes: float = setting("how long the run takes")
    max_steps: int | None = setting("how many steps it takes instead", None)
    start: Path | None = setting("weights to start from", None)
    batch: int = setting("crops of a step in each process", 64)
    seed: int = setting("of all that is drawn", 0)
    limit: int | None = setting("only the first so many photographs of each source", None)
    skip_damaged: bool = setting("leave out photographs that cannot be opened", False)
    workers: int = setting("processes that decode photographs, for each process of the run", 8)
    dtype: str = setting("of the networks: auto, float32 or bfloat16", "auto")
    warm_up: int = setting("steps until the learning rate is full", 200)
    decay_from: float = setting("share of the run from which on the learning rate falls", 0.6)
    largest_norm: float = setting("gradients that are longer together are shortened to this", 1.0)
    average_decay: float = setting("of the averaged weights, a step", 0.998)
    log_seconds: float = setting("between two lines of the log", 10.0)
    snapshot_seconds: float = setting("between two snapshots, each with a validation", 110.0)
    most_skipped: int = setting("more steps that are not finite end the run", 100)
    most_skipped_in_a_row: int = setting("as many in a row end the run", 10)
    config: TokenizerConfig = field(default_factory=TokenizerConfig)


class Run(Generic[O]):
    """Place, log, photographs and classifier of one run, and the loop; each run says what its weights are.

    Attributes:
        other_modules: what also changes, beside the module that `fit` trains.
        other_optimisers: of those that learn.
        watched: names of the values that must be finite; a step where one is not is skipped.

    Raises:
        TokenizerError: the folder holds a snapshot of a run with other settings.
    """

    def __init__(self, name: str, options: O) -> None:
        self.options = options
        place = Place.find()
        self.snapshots = Snapshots(options.out, place)
        self.settings = to_values(name, options)
        self.resumed = self.snapshots.newest()
        if self.resumed is not None:
            self._require_same_settings(self.resumed.values["settings"])
        self.place = place.in_numbers(self.resumed.values["dtype"] if self.resumed else options.dtype)
        torch.default_generator.manual_seed(options.seed)
        source = (options.config.autoencoder.image_size, options.limit, options.workers)
        self.damaged = LEFT_OUT if options.skip_damaged else None
        self.pool = PhotoPool(options.photos, self.place, *source, self.damaged)
        self.photos = self._validation_photos(*source)
        self.classifier = self.place.put(LiteClassifier(0))
        self.logged, self.saved = 0.0, 0.0  # seconds on the clock
        self.skips = Skips(options.most_skipped, options.most_skipped_in_a_row)
        self.watched = ("loss", "norm")
        self.other_modules: Sequence[nn.Module] = ()
        self.other_optimisers: Sequence[torch.optim.Optimizer] = ()
        self.log = RunLog(options.out, self.place)
        self._begin_log(name)

    def _require_same_settings(self, before: dict[str, object]) -> None:
        """A snapshot of other settings is another run's."""
        now = self.settings
        other = [name for name in now | before if name not in FREE and now.get(name) != before.get(name)]
        if other:
            raise TokenizerError(
                f"{self.options.out.name} holds a snapshot of a run with another {', '.join(other)}: "
                "give that run's settings to go on with it, or another --out to begin a new one."
            )

    def _validation_photos(self, size: int, limit: int | None, workers: int) -> Tensor:
        """Pixels (M, 3, H, W) on rank 0, which alone validates; none elsewhere."""
        if self.place.rank != 0:
            return torch.empty(0, 3, size, size)
        crops = load_crops(self.options.validation, size, limit, workers, two=False, damaged=self.damaged)
        return to_pixels(torch.from_numpy(crops))

    def _begin_log(self, name: str) -> None:
        """The settings as a file for `--config`; the first line of the log, or the one where it goes on."""
        if self.place.rank == 0:
            text = json.dumps(self.settings, indent=2) + "\n"
            write_whole(self.options.out / "run.json", text.encode(), make_folders=True)
        if self.resumed is None:
            self.log.start()
            words = asdict(self.options)
            self.log.write(run=name, world=self.place.world, crops=self.pool.total, **words)
            return
        step = self.resumed.values["schedule"]["step"]
        self.log.start(self.resumed.values["log_size"], step)
        self.log.write(resumed=step, world=self.place.world)

    def ready(self, module: M, weights: Path | None, *allow_missing: str) -> M:
        """The module on the device, with the weights of a file if there is one."""
        if weights is not None:
            load_weights(weights, module, allow_missing)
        return self.place.put(module)

    def schedule(self) -> Schedule:
        """The schedule that the settings say."""
        o = self.options
        return Schedule(self.place, o.minutes, o.max_steps, o.warm_up, o.decay_from)

    def write_weights(self) -> Path:
        """Write the weights that the network has now into the run's folder, and log what they are worth."""
        raise NotImplementedError

    def save(self, name: str, module: nn.Module) -> Path:
        """Write `module` into the run's folder (rank 0), and say where."""
        if self.place.rank == 0:
            save_weights(self.options.out / name, module.state_dict())
        return self.options.out / name

    @torch.no_grad()
    def validate(self, makers: dict[str, Callable[[Tensor], Tensor]], pictures: int | None = None) -> None:
        """Log the PSNR of what each maker makes of the first validation photographs (B, 3, H, W)."""
        if self.place.rank != 0:
            return
        photos, scores = self.photos[:pictures], {}
        for kind, make in makers.items():
            with self.place.autocast(), torch.compiler.set_stance("force_eager"):
                made = [make(part.to(self.place.device)).float().cpu() for part in photos.split(50)]
            scores[kind] = round(psnr_batch(round_to_8_bit(torch.cat(made)), photos).mean().item(), 2)
        self.log.write(psnr=scores, pictures=len(photos))
        self.log.flush()  # the last one of a run is behind its last snapshot

    def own_state(self) -> dict[str, Tensor]:
        """What this process's trainer holds beside networks and optimisers, never changed in place."""
        return {}

    def take_own_state(self, state: dict[str, Tensor]) -> None:
        """Go back, or go on, to what `own_state` gave."""

    def fit(
        self,
        averages: AveragedWeights,
        schedule: Schedule,
        steppers: Steppers,
        losses: Step,
        generator: torch.Generator,
    ) -> None:
        """Train the module of `averages`, which ends with its averages and in evaluation mode.

        Args:
            averages: of the module.
            schedule: when to stop, and the learning rate.
            steppers: optimisers of the module's parameters, and their rates.
            losses: draws a batch; "loss" of what it returns descends, all of it is logged.
            generator: that it draws from.

        Raises:
            TokenizerError: too many steps were not finite.
            Stopped: SIGTERM or Ctrl-C came, and a snapshot of the last step is written.
        """
        module = averages.module
        optimisers = [optimiser for optimiser, _ in steppers]
        modules = [module, *self.other_modules]
        moving = Moving(modules, averages, [*optimisers, *self.other_optimisers], [generator])
        self._go_on(moving, schedule)
        with StopSignals() as signals:
            for step in schedule:
                before = [buffer.clone() for buffer in module.buffers()], self.own_state()
                values = self._descend(module, losses)
                wrong, saving, stopping = self._flags(values, schedule, signals)
                if wrong:
                    self._undo(module, *before)
                    self._skip(step, values)
                else:
                    self._move(steppers, schedule.rate)
                    averages.update(step)
                    self.skips.accept()
                    self._log_step(step, schedule, values)
                if stopping:
                    self._save_snapshot(moving, schedule)
                    self._stop(schedule.step, signals)
                if saving:
                    self._validate_averages(averages, schedule)
                    self._save_snapshot(moving, schedule)
        self._save_snapshot(moving, schedule)
        module.eval().load_state_dict(averages.values)

    def _go_on(self, moving: Moving, schedule: Schedule) -> None:
        """Everything as the snapshot has it, if there is one."""
        if self.resumed is None:
            return
        values = self.resumed.values
        moving.take(self.resumed)
        self.take_own_state(self.resumed.own)
        schedule.take(values["schedule"])
        self.skips.total, self.skips.in_a_row = values["skips"]
        self.logged, self.saved = values["logged"], schedule.elapsed
        self.resumed = None  # it is as large as the networks

    def _descend(self, module: nn.Module, losses: Step) -> Values:
        """Losses of a batch, and in the module's parameters their gradient, the mean of all processes."""
        values = losses()
        module.zero_grad()
        values["loss"].backward()
        self.place.average_gradients(module.parameters())
        values["norm"] = nn.utils.clip_grad_norm_(module.parameters(), self.options.largest_norm)
        return values

    def _flags(self, values: Values, schedule: Schedule, signals: StopSignals) -> list[bool]:
        """Whether a number was not finite, a snapshot is due, a signal came: the same in every process.

        Reading them waits for the device once a step: the price of a step that can still be refused.
        """
        watched = [values[name] for name in self.watched if name in values]
        due = self.place.rank == 0 and schedule.elapsed - self.saved > self.options.snapshot_seconds
        return self.place.any(not_finite(*watched), due, signals.number != 0)

    def _move(self, steppers: Steppers, rate: float) -> None:
        for optimiser, base_rate in steppers:
            set_rate(optimiser, base_rate * rate)
            optimiser.step()

    @torch.no_grad()
    def _undo(self, module: nn.Module, buffers: list[Tensor], state: dict[str, Tensor]) -> None:
        """What the forward passes of a refused step left behind goes."""
        for buffer, value in zip(module.buffers(), buffers, strict=True):
            buffer.copy_(value)
        self.take_own_state(state)

    def _skip(self, step: int, values: Values) -> None:
        numbers = {name: value.item() for name, value in values.items()}
        self.skips.skip()
        self.log.write(step=step, skipped=self.skips.total, **numbers)
        self.skips.check(step, numbers)

    def _log_step(self, step: int, schedule: Schedule, values: Values) -> None:
        """A line after the first step, and then one after every few seconds."""
        if step > 0 and schedule.elapsed - self.logged <= self.options.log_seconds:
            return
        self.logged = schedule.elapsed
        numbers = {name: value.item() for name, value in values.items()}
        photos = (step + 1) * self.options.batch * self.place.world
        counts = {"photos": photos, "skipped": self.skips.total, "seconds": self.logged}
        self.log.write(step=step, share=schedule.share, **counts, **numbers)

    def _validate_averages(self, averages: AveragedWeights, schedule: Schedule) -> None:
        if self.place.rank == 0:
            with averages.in_module():
                self.write_weights()
        self.saved = schedule.elapsed

    def _save_snapshot(self, moving: Moving, schedule: Schedule) -> None:
        values = {
            "settings": self.settings,
            "dtype": "bfloat16" if self.place.dtype == torch.bfloat16 else "float32",
            "schedule": schedule.values(),
            "skips": [self.skips.total, self.skips.in_a_row],
            "logged": self.logged,
            "log_size": self.log.size,
        }
        self.log.flush()
        own = moving.own() | self.own_state()
        self.snapshots.write(schedule.step, Snapshot(moving.shared(), own, values))

    def _stop(self, step: int, signals: StopSignals) -> None:
        number = signals.number or signal.SIGTERM  # another process's
        name = signal.Signals(number).name
        if self.place.rank == 0:
            what = f"{name} after {step} steps: the same command goes on from there."
            print(what, file=sys.stderr, flush=True)  # noqa: T201
        self.log.close()
        raise Stopped(number)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Learning rate of every group."""
    for group in optimiser.param_groups:
        group["lr"] = rate
