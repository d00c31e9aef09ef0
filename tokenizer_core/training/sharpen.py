"""The latent decoder against a discriminator: the losses of `train polish`.

Three kinds of latents can share a batch. "true" ones (of photographs) are pulled to their photograph and
judged by the discriminator. "mean" ones (one-step means of the flow decoder) are pulled to their photograph
alone, and away from a grid of cells, so that an uncertain latent gives a calm picture. "held" ones (samples
of the flow decoder) stay near what they decoded to before, take the local spectra of their photograph, and
are judged by the discriminator.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from tokenizer_core.autoencoder import LatentDecoder
from tokenizer_core.training import losses
from tokenizer_core.training.loop import AveragedWeights, Run, Schedule, Values, set_rate

PENALTY_EVERY, PENALTY_WEIGHT = 16, 2.0
FEATURE_WEIGHT = 0.3

Triples = tuple[Tensor, Tensor, Tensor]  # latents (B, C, h, w), what each should decode to, its photograph


def _distance(made: Tensor, target: Tensor) -> Tensor:
    """L1 plus squared error, in units of half the range."""
    return F.l1_loss(made.float(), target.float()) + 2 * F.mse_loss(made.float(), target.float())


PULL: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "true": lambda made, to, photo: _distance(made, to) + 0.1 * losses.local_spectrum_loss(made, photo),
    "mean": lambda made, to, _: 0.3 * losses.log_error(made, to) + 0.03 * losses.grid_loss(made),
    "held": lambda made, to, photo: 0.5 * _distance(made, to) + 0.2 * losses.local_spectrum_loss(made, photo),
}


class DecoderSharpener:
    """A decoder in training, its discriminator, and an optimiser for each.

    Args:
        run: whose loop it uses.
        decoder: the only part of the autoencoder that changes.
        minutes: length of the training.
        weight: of the adversarial loss.
        rate: learning rate of both.
    """

    def __init__(self, run: Run, decoder: LatentDecoder, minutes: float, weight: float, rate: float) -> None:
        self.run, self.place, self.decoder = run, run.place, decoder.requires_grad_(True)
        self.weight, self.rate = weight, rate
        self.schedule = Schedule(run.place, minutes, run.options.max_steps, warm_up=100)
        self.discriminator = run.place.put(losses.patch_discriminator())
        adam = partial(torch.optim.AdamW, lr=rate, betas=(0.5, 0.95), fused=True)
        self.optimiser, self.critic = adam(decoder.parameters()), adam(self.discriminator.parameters())
        self.balance = torch.tensor(0.1, device=run.place.device)
        self.decode = run.place.compiled(decoder)
        self.features = run.place.compiled(lambda *pair: losses.feature_loss(run.classifier, *pair))
        self.judged: tuple[Tensor, Tensor] | None = None  # real and made pictures of the last batch

    def fit(self, draw: Callable[[], dict[str, Triples]]) -> None:
        """Train on what `draw` gives (see the top of this file); the decoder ends with averaged weights."""
        averages, steppers = AveragedWeights(self.decoder, 0.998), [(self.optimiser, self.rate)]
        self.run.fit(averages, self.schedule, steppers, lambda: self.criticise() | self.losses(draw()))

    def losses(self, kinds: dict[str, Triples]) -> Values:
        """What the decoder minimises."""
        latents = [latent for latent, _, _ in kinds.values()]
        with self.place.autocast():
            made = self.decode(torch.cat(latents)).split([len(latent) for latent in latents])
            parts = dict(zip(kinds, made, strict=True))
            pulls = {kind: PULL[kind](part, *kinds[kind][1:]) for kind, part in parts.items()}
            pulls["true"] = pulls["true"] + FEATURE_WEIGHT * self.features(parts["true"], kinds["true"][1])
        sharp = torch.cat([part for kind, part in parts.items() if kind != "mean"])
        self.judged = (kinds["true"][1], sharp.detach())
        total = torch.stack([*pulls.values()]).sum() + self._adversarial(sharp, pulls["true"])
        return {k: pull.detach() for k, pull in pulls.items()} | {"balance": self.balance, "loss": total}

    def _adversarial(self, sharp: Tensor, reconstruction: Tensor) -> Tensor:
        step, last = self.schedule.step, self.decoder.out.weight
        self.discriminator.requires_grad_(False)
        with self.place.autocast():
            adversarial = -self.discriminator(sharp).float().mean()
        if step % 10 == 1:
            self.balance.lerp_(losses.adaptive_weight(reconstruction, adversarial, last), 0.2)
        return self.weight * min(1.0, step / 300) * self.balance * adversarial

    def criticise(self) -> Values:
        """One step of the discriminator on the last batch; its mean logits."""
        if self.judged is None:
            return {}
        real, made = self.judged
        self.discriminator.requires_grad_(True).zero_grad()
        with self.place.autocast():
            real_logits, made_logits = self.discriminator(real), self.discriminator(made)
            loss = losses.hinge_loss(real_logits, made_logits)
            if self.schedule.step % PENALTY_EVERY == 0:
                penalty = losses.gradient_penalty(self.discriminator, real)
                loss = loss + PENALTY_EVERY * PENALTY_WEIGHT * penalty
        loss.backward()
        self.place.average_gradients(self.discriminator.parameters())
        set_rate(self.critic, self.rate * max(self.schedule.rate, 0.25))
        self.critic.step()
        return {"real": real_logits.detach().mean(), "made": made_logits.detach().mean()}
