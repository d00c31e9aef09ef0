"""A discriminator beside the network that makes pictures: what each minimises, and their balance.

The discriminator looks at a batch one step after it was made, so that one backward pass of each network is
all that a step needs. Neighbours: `losses` (the terms); `polish` and `alit_pixels` (who
train with it).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tokenizer_core.training import losses
from tokenizer_core.training.guard import gradient_norm, not_finite
from tokenizer_core.training.loop import Values, set_rate
from tokenizer_core.training.place import Place
from tokenizer_core.training.settings import setting


@dataclass(frozen=True, kw_only=True)
class AdversarySettings:
    """Settings that a run with a discriminator has besides its own."""

    rate: float = setting("learning rate of the network and the discriminator", 2e-4)
    betas: tuple[float, float] = setting("memories of both optimisers, a step", (0.5, 0.95))
    weight_decay: float = setting("of both optimisers", 0.01)
    adversarial_weight: float = setting("of the discriminator's opinion", 0.6)
    adversarial_warm_up: int = setting("steps until that weight is full", 300)
    balance_every: int = setting("steps between two looks at how large the two gradients are", 10)
    balance_share: float = setting("how far the balance moves to what such a look found", 0.2)
    penalty_every: int = setting("steps between two penalties on the discriminator's gradient", 16)
    penalty_weight: float = setting("of that penalty, a step", 2.0)
    least_discriminator_rate: float = setting("the discriminator's rate falls to this share of `rate`", 0.25)


class Adversary:
    """A discriminator, its optimiser, and what both networks owe one another.

    Args:
        discriminator: of pixels, and of what else is given with them.
        place: of this process.
        settings: of the run.
    """

    def __init__(self, discriminator: nn.Module, place: Place, settings: AdversarySettings) -> None:
        self.discriminator, self.place, self.settings = discriminator, place, settings
        s = settings
        parameters, decay = discriminator.parameters(), s.weight_decay
        self.optimiser = torch.optim.AdamW(parameters, s.rate, s.betas, weight_decay=decay, fused=True)
        self.balance = torch.tensor(0.1, device=place.device)
        self.last: tuple[
            Tensor, ...
        ] = ()  # real and made pictures of the last batch, and what else was given

    def opinion(
        self, made: Tensor, target: Tensor, reconstruction: Tensor, last: Tensor, step: int, *more: Tensor
    ) -> Tensor:
        """What the discriminator adds to the loss of the network: the better pictures look to it, the less.

        Args:
            made: (B, 3, H, W) that the network learns from.
            target: (B, 3, H, W) photographs that the discriminator is shown beside them, in the next step.
            reconstruction: the other losses together.
            last: weights of the network's last layer, where both gradients are compared.
            step: of the run.
            more: what the discriminator is given besides the pixels, a row a picture.
        """
        s = self.settings
        self.discriminator.requires_grad_(False)
        with self.place.autocast():
            adversarial = -self.discriminator(made, *more).float().mean()
        if step % s.balance_every == 1:
            found = losses.adaptive_weight(reconstruction, adversarial, last)
            self.balance = self.balance.lerp(found, s.balance_share)
        self.last = (target, made.detach(), *more)
        weight = s.adversarial_weight * min(1.0, step / s.adversarial_warm_up)
        return weight * self.balance * adversarial

    def learn(self, step: int, rate: float) -> Values:
        """One step of the discriminator on the last batch; its mean logits, loss and norm.

        Args:
            step: of the run.
            rate: factor of the learning rate.
        """
        if not self.last:
            return {}
        s, (real, made, *more) = self.settings, self.last
        self.discriminator.requires_grad_(True).zero_grad()
        with self.place.autocast():
            real_logits, made_logits = self.discriminator(real, *more), self.discriminator(made, *more)
            loss = losses.hinge_loss(real_logits, made_logits)
            if step % s.penalty_every == 0:
                penalty = losses.gradient_penalty(lambda pixels: self.discriminator(pixels, *more), real)
                loss = loss + s.penalty_every * s.penalty_weight * penalty
        loss.backward()
        self.place.average_gradients(self.discriminator.parameters())
        norm = gradient_norm(self.discriminator.parameters())
        (wrong,) = self.place.any(not_finite(loss, norm))
        if not wrong:
            set_rate(self.optimiser, s.rate * max(rate, s.least_discriminator_rate))
            self.optimiser.step()
        means = {"real": real_logits.detach().mean(), "made": made_logits.detach().mean()}
        return means | {"discriminator_loss": loss.detach(), "discriminator_norm": norm}

    def state(self) -> dict[str, Tensor]:
        """Balance and last batch, which the discriminator sees in the next step: for `Run.own_state`."""
        return {"balance": self.balance} | {f"last {i}": value for i, value in enumerate(self.last)}

    def take(self, state: dict[str, Tensor]) -> None:
        """Go back, or go on, to what `state` gave."""
        self.balance = state["balance"].to(self.place.device)
        count = sum(name.startswith("last ") for name in state)
        values = [state[f"last {i}"].to(self.place.device) for i in range(count)]
        channels_last = [v.contiguous(memory_format=torch.channels_last) for v in values if v.dim() == 4]
        self.last = (*channels_last, *(value for value in values if value.dim() != 4))
