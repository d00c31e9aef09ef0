"""The moving average of a network's weights, which is what a run keeps."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import nn

EVERY = 5  # steps; a decay is that of one step, to the fifth power


class AveragedWeights:
    """Exponential moving average of a module's parameters and buffers, moved every five steps."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module, self.decay = module, decay
        self.values = {name: v.detach().clone().float() for name, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the current weights; short memory at first."""
        if step % EVERY != 0:
            return
        decay = min(self.decay, (1 + step) / (20 + step)) ** EVERY
        for name, value in self.module.state_dict().items():
            self.values[name].lerp_(value.float(), 1 - decay)

    @contextmanager
    def in_module(self) -> Iterator[None]:
        """The module has the averages, and is in evaluation mode, inside a `with`."""
        own, training = deepcopy(self.module.state_dict()), self.module.training
        self.module.eval().load_state_dict(self.values)
        try:
            yield
        finally:
            self.module.train(training).load_state_dict(own)
