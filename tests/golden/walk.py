"""The walk of one photo through the bundled weights, hop by hop: float32, on the CPU, on one thread."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.measure.metrics import psnr
from tokenizer_core.models.prefix_flow.config import TokenizerConfig
from tokenizer_core.models.prefix_flow.networks import build_networks, describe
from tokenizer_core.models.prefix_flow.tokenizer import FlowTokenizer
from tokenizer_core.nn.autoencoder import latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.flow import interpolate
from tokenizer_core.nn.sampler import draw_noise, sample
from tokenizer_core.photos.photo import open_photo, square_crop
from tokenizer_core.storage.checkpoints import checkpoints_folder, fill, read_checkpoint

NAME = "prefix-flow-256"
EXAMPLES = sorted((Path(__file__).resolve().parent.parent.parent / "demo/examples").glob("*.webp"))
PHOTO = next(path for path in EXAMPLES if path.stem == "chelsea_cat")
FILE = Path(__file__).with_name("walk.json")
LENGTH, SEED = 32, 0
LENGTHS = (4, 16, 64, 256)  # of the figures
STEPS = {"distilled": 4, "guided": 8}
NUMBERS = 256  # kept of each hop


def load_networks() -> tuple[nn.ModuleDict, TokenizerConfig, str]:
    """The bundled networks in float32, their config, and the checkpoint's id."""
    checkpoint = read_checkpoint(checkpoints_folder() / NAME)
    config = TokenizerConfig.from_dict(checkpoint.config)
    networks = build_networks(config)
    fill(networks, checkpoint.tensors, NAME)
    return networks.eval().requires_grad_(False), config, checkpoint.checkpoint_id


@torch.inference_mode()
def read_hops(networks: nn.ModuleDict) -> tuple[dict[str, Tensor], Tensor]:
    """Hops 1 to 3: photo to tokens; and the latent as patches (1, N, C)."""
    pixels = square_crop(open_photo(PHOTO)).to_pixels()
    latent = networks["autoencoder"].encode(pixels)
    patches = latent_to_sequence(latent)
    tokens = networks["encoder"](patches)
    return {"1 pixels": pixels, "2 latent": latent, "3 tokens": tokens}, patches


@torch.inference_mode()
def write_hops(
    networks: nn.ModuleDict, config: TokenizerConfig, code: bytes, patches: Tensor
) -> dict[str, Tensor]:
    """Hops 5 to 7: the first tokens of a packed code to pixels.

    They begin at bytes that are given: a number on the border of two of a code's 16 levels may fall on either
    side of it on another processor, and everything behind it would differ.
    """
    prefix = Encoding.from_bytes(code).prefix(LENGTH)
    decoder, autoencoder = networks["decoder"], networks["autoencoder"]
    context = decoder.context(torch.from_numpy(prefix.tokens)[None])
    noise = draw_noise(SEED, config.autoencoder.latent_size**2, config.autoencoder.latent_channels)
    half = interpolate(patches, noise, torch.tensor([0.5]))
    hops = {
        "5 keys of the first block": context.keys[0],
        "5 values of the first block": context.values[0],
        "5 keys of the last block": context.keys[-1],
        "5 values of the last block": context.values[-1],
        "6 noise": noise,
        "6 prediction at t = 1": decoder(noise, torch.ones(1), context),
        "6 prediction at t = 0.5": decoder(half, torch.tensor([0.5]), context),
    }
    own = config.sampler
    for kind, steps in STEPS.items():
        options = {"guidance_scale": own.guidance_scale, "time_shift": own.time_shift}
        end = sample(decoder, context, noise, steps=steps, distilled_steps=own.distilled_steps, **options)
        hops[f"6 latent of {steps} steps, {kind}"] = end
        hops[f"7 pixels of {steps} steps, {kind}"] = autoencoder.decode(sequence_to_latent(end))
    return hops


def pack(tokens: Tensor, checkpoint_id: str) -> bytes:
    """Hop 4: tokens (1, K, D) to bytes."""
    values = tokens[0].numpy()
    return Encoding(values, torch.arange(len(values)).numpy(), checkpoint_id, NAME).to_bytes()


def some_of(hop: Tensor) -> Tensor:
    """`NUMBERS` numbers of a hop, always from the same places."""
    chosen = torch.randperm(hop.numel(), generator=torch.Generator().manual_seed(0))[:NUMBERS]
    return hop.flatten()[chosen]


def summary(hop: Tensor) -> dict[str, object]:
    """What is kept of a hop: its shape, mean and spread, and some of its numbers."""
    spread, mean = torch.std_mean(hop.double())
    numbers = [float(f"{value:.6g}") for value in some_of(hop).tolist()]
    return {"shape": list(hop.shape), "mean": mean.item(), "spread": spread.item(), "numbers": numbers}


@dataclass(frozen=True)
class Golden:
    """What walk.json holds: the hops' summaries by name, a packed code, and figures over all example photos.

    Attributes:
        checkpoint_id: of the weights that gave all of it.
        code: of the walk's photo.
        psnr: dB of the one-step means of packed tokens, averaged over the photos, by length.
        hops: what `summary` gives, by name.
    """

    checkpoint_id: str
    code: bytes
    psnr: dict[int, float]
    hops: dict[str, dict]


def read_golden() -> Golden:
    """What is stored."""
    stored = json.loads(FILE.read_text("utf-8"))
    psnr = {int(length): value for length, value in stored["psnr"].items()}
    return Golden(stored["checkpoint_id"], base64.b64decode(stored["code"]), psnr, stored["hops"])


def psnr_of_means(networks: nn.ModuleDict, config: TokenizerConfig, checkpoint_id: str) -> dict[int, float]:
    """Of the example photos, in float32: see `Golden.psnr`."""
    info = describe(json.loads(config.to_json()), checkpoint_id, 0)
    tokenizer = FlowTokenizer(config, info, networks, "cpu", torch.float32)
    found: dict[int, list[float]] = {length: [] for length in LENGTHS}
    for path in EXAMPLES:
        picture = square_crop(open_photo(path))
        packed = Encoding.from_bytes(tokenizer.encode(picture).to_bytes())
        for length, mean in tokenizer.decode_many(packed, LENGTHS, steps=1):
            found[length].append(psnr(mean, picture))
    return {length: round(sum(values) / len(values), 4) for length, values in found.items()}
