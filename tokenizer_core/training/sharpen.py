"""One step of the latent decoder against a discriminator: used by `train autoencoder` and `train polish`.

Three kinds of latents can share a batch. *True* ones (of photographs) are pulled to their photograph and judged
by the discriminator. *Mean* ones (one-step means of the flow decoder) are pulled to their photograph alone, so
that an uncertain latent gives a calm picture. *Sampled* ones are held near what they decoded to before, and
judged by the discriminator.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tokenizer_core.training.loop import AveragedWeights, Place, Schedule, set_rate
from tokenizer_core.training.losses import (
    Pyramid,
    adaptive_weight,
    feature_loss,
    gradient_penalty,
    hinge_loss,
    local_spectrum_loss,
    patch_discriminator,
)

PENALTY_EVERY, PENALTY_WEIGHT = 16, 2.0
SPECTRUM_WEIGHT = 0.05


class DecoderSharpener:
    """Optimisers, discriminator and averages around a decoder that is in training."""

    def __init__(
        self,
        decoder: nn.Module,
        classifier: Pyramid,
        place: Place,
        adversarial_weight: float,
        rate: float = 3e-4,
        feature_weight: float = 0.3,
    ) -> None:
        self.decoder, self.classifier, self.place = decoder.requires_grad_(True), classifier, place
        self.weight, self.rate, self.feature_weight = adversarial_weight, rate, feature_weight
        self.discriminator = patch_discriminator().to(place.device).to(memory_format=torch.channels_last)
        place.share_weights(self.discriminator)
        fused = place.device.type == "cuda"
        self.optimiser = torch.optim.AdamW(decoder.parameters(), rate, betas=(0.5, 0.95), weight_decay=0.01, fused=fused)
        self.critic = torch.optim.AdamW(
            self.discriminator.parameters(), rate, betas=(0.5, 0.95), weight_decay=0.01, fused=fused
        )
        self.averages = AveragedWeights(decoder, decay=0.998)
        self.balance = torch.tensor(0.1, device=place.device)
        self.decode = torch.compile(decoder) if fused else decoder
        self.features = torch.compile(self._features) if fused else self._features
        self.judge = self.discriminator

    def _features(self, made: Tensor, target: Tensor) -> Tensor:
        return feature_loss(self.classifier, made, target)

    def step(
        self,
        schedule: Schedule,
        latent: Float[Tensor, "B C h w"],
        target: Float[Tensor, "B 3 H W"],
        num_means: int = 0,
        num_samples: int = 0,
    ) -> dict[str, Tensor]:
        """Update decoder and discriminator once; the batch is true latents, then means, then samples.

        Args:
            schedule: gives the learning rate.
            latent: true, mean and sampled latents in this order.
            target: the photographs; for sampled latents what they decoded to before the run.
            num_means: how many of the batch are means.
            num_samples: how many, at the end, are samples.
        """
        factor = schedule.rate(decay_from=0.6, floor=0.02, warm_up=100)
        set_rate(self.optimiser, self.rate, factor)
        set_rate(self.critic, self.rate, max(factor, 0.25))
        true = len(latent) - num_means - num_samples
        with self.place.autocast():
            made = self.decode(latent)
            reconstruction = self._reconstruction(made[:true], target[:true])
            if num_means:
                mean_part = slice(true, true + num_means)
                reconstruction = reconstruction + _distance(made[mean_part], target[mean_part])
            if num_samples:
                reconstruction = reconstruction + 0.5 * _distance(made[-num_samples:], target[-num_samples:])
            sharp = torch.cat([made[:true], made[len(made) - num_samples :]])
            self.discriminator.requires_grad_(False)
            adversarial = -self.judge(sharp).float().mean()
        if schedule.step % 10 == 1:
            last = self.decoder.out.weight
            self.balance.lerp_(adaptive_weight(reconstruction, adversarial, last), 0.2)  # type: ignore[arg-type]
        weight = self.weight * min(1.0, schedule.step / 300) * self.balance
        self.optimiser.zero_grad(set_to_none=True)
        (reconstruction + weight * adversarial).backward()
        self.place.average_gradients(self.decoder.parameters())
        nn.utils.clip_grad_norm_(self.decoder.parameters(), 1.0)
        self.optimiser.step()
        self.averages.update(schedule.step)
        real, fake = self._criticise(schedule.step, target[:true], sharp.detach())
        return {"reconstruction": reconstruction.detach(), "balance": self.balance, "real": real, "made": fake}

    def _reconstruction(self, made: Tensor, target: Tensor) -> Tensor:
        loss = _distance(made, target) + self.feature_weight * self.features(made, target)
        return loss + SPECTRUM_WEIGHT * local_spectrum_loss(made, target)

    def _criticise(self, step: int, real: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
        self.discriminator.requires_grad_(True)
        with self.place.autocast():
            real_logits, made_logits = self.judge(real), self.judge(made)
            loss = hinge_loss(real_logits, made_logits)
            if step % PENALTY_EVERY == 0:
                loss = loss + PENALTY_EVERY * PENALTY_WEIGHT * gradient_penalty(self.discriminator, real)
        self.critic.zero_grad(set_to_none=True)
        loss.backward()
        self.place.average_gradients(self.discriminator.parameters())
        self.critic.step()
        return real_logits.detach().float().mean(), made_logits.detach().float().mean()


def _distance(made: Tensor, target: Tensor) -> Tensor:
    """L1 plus squared error, in units of half the range."""
    difference = made.float() - target.float()
    return difference.abs().mean() + 2 * F.mse_loss(made.float(), target.float())
