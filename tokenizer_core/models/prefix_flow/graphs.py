"""The four networks of a flow tokenizer as graphs of fixed shapes, for a runtime without Python.

Attention is written as products and a softmax (`graphs.parts`): the maps that people look at are these
softmaxes. Neighbours: `networks` (makes what is wrapped here), `tokenizer` (does the same in Python).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokenizer_core.codes.packing import BITS_A_NUMBER, BORDERS, LEVELS
from tokenizer_core.graphs.parts import HIDDEN, absent, latent_of, weights_of
from tokenizer_core.graphs.plan import Graph, Plan
from tokenizer_core.models.prefix_flow.config import TokenizerConfig
from tokenizer_core.models.prefix_flow.encoder import TokenEncoder
from tokenizer_core.models.prefix_flow.networks import build_networks
from tokenizer_core.nn.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.flow import time_grid
from tokenizer_core.nn.flow_decoder import FlowDecoder
from tokenizer_core.nn.layers import head_width, merge_heads, rms_norm
from tokenizer_core.nn.sampler import GUIDED
from tokenizer_core.storage.checkpoints import Checkpoint, fill


class Encode(nn.Module):
    """Pixels to tokens, to the latent, and to what each encoder layer's registers looked at."""

    def __init__(self, autoencoder: Autoencoder, encoder: TokenEncoder) -> None:
        super().__init__()
        self.autoencoder, self.encoder = autoencoder, encoder
        self.index = _index(encoder.num_patches + encoder.config.num_tokens)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(1, 3, S, S) in [-1, 1] -> tokens (1, K, D), latent (1, N, C), read maps (layers, K, N)."""
        encoder, patches = self.encoder, self.encoder.num_patches
        latent = latent_to_sequence(latent_of(self.autoencoder, pixels))
        x = torch.cat([encoder.from_latent(latent) + encoder.patch_positions, encoder.registers[None]], 1)
        later = _later(self.index, patches)
        read = []
        for block in encoder.blocks:
            queries, keys, values = block.heads(x)  # type: ignore[operator]
            of_patches = weights_of(queries[:, :, :patches], keys[:, :, :patches])
            of_registers = weights_of(queries[:, :, patches:], keys, later)
            read.append(of_registers[..., :patches].mean(1))
            seen = [of_patches @ values[:, :, :patches], of_registers @ values]
            x = x + block.out(merge_heads(torch.cat(seen, 2)))  # type: ignore[operator]
            x = x + block.mlp(block.norm_mlp(x))  # type: ignore[operator]
        tokens = rms_norm(encoder.to_token(encoder.norm_out(x[:, patches:])))
        return tokens, latent, torch.cat(read)


class Context(nn.Module):
    """Tokens to the keys and values of every decoder block."""

    def __init__(self, decoder: FlowDecoder) -> None:
        super().__init__()
        self.decoder = decoder
        self.index = _index(len(decoder.token_positions))

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        """Tokens (1, K, D), which of them are there (1, K) -> (1, 2 * blocks * heads, K, d), keys first.

        Rows of tokens that are not there mean nothing; `keep` must hide them from the decoder.
        """
        decoder = self.decoder
        hidden = _later(self.index, 0) + absent(present)
        x = decoder.from_token(tokens) + decoder.token_positions
        for block in decoder.token_blocks:
            queries, keys, values = block.heads(x)  # type: ignore[operator]
            seen = weights_of(queries, keys, hidden) @ values
            x = x + block.out(merge_heads(seen))  # type: ignore[operator]
            x = x + block.mlp(block.norm_mlp(x))  # type: ignore[operator]
        context = decoder.keys_values(x)
        return torch.cat([*context.keys, *context.values], 1)


class Predict(nn.Module):
    """One forward of the flow decoder, and what each of its layers' patches looked at."""

    def __init__(self, decoder: FlowDecoder) -> None:
        super().__init__()
        self.decoder = decoder
        self.heads = _heads(decoder)[0]

    def forward(self, noisy: Tensor, time: Tensor, context: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """Noisy (1, N, C), time (1,), context, kept tokens (1, K) -> clean (1, N, C), write maps.

        Write maps are (layers, N, K). A time below 0 asks for a distilled step from -time.
        """
        decoder, patches = self.decoder, noisy.shape[1]
        pairs = context.split(self.heads, 1)
        hidden = F.pad(absent(keep), (patches, 0))
        x, modulation = decoder._start(noisy, time)
        write = []
        for i, block in enumerate(decoder.blocks):
            queries, keys, values = block.heads(x, modulation)  # type: ignore[operator]
            keys = torch.cat([keys, pairs[i]], 2)
            values = torch.cat([values, pairs[len(decoder.blocks) + i]], 2)
            weights = weights_of(queries, keys, hidden)
            write.append(weights[..., patches:].mean(1))
            _, _, gate1, scale2, shift2, gate2 = (modulation + block.modulation_bias).chunk(6, 1)  # type: ignore[operator]
            x = x + gate1 * block.out(merge_heads(weights @ values))  # type: ignore[operator]
            x = x + gate2 * block.mlp(rms_norm(x) * (1 + scale2) + shift2)  # type: ignore[operator]
        scale, shift = decoder.modulation_out
        return decoder.to_latent(rms_norm(x) * (1 + scale) + shift), torch.cat(write)


class Paint(nn.Module):
    """Latent to pixels."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, latent: Tensor) -> Tensor:
        """(1, N, C) -> (1, 3, S, S), about [-1, 1], not clipped."""
        return self.autoencoder.decode(sequence_to_latent(latent))


def plan(checkpoint: Checkpoint) -> Plan:
    """The graphs of a checkpoint's networks, which are filled here in float32, whatever this machine prefers.

    Raises:
        TokenizerError: config and weights do not fit.
    """
    config = TokenizerConfig.from_dict(checkpoint.config)
    networks = build_networks(config).requires_grad_(False).eval()
    fill(networks, checkpoint.tensors, checkpoint.name)
    autoencoder, encoder, decoder = (networks[name] for name in ("autoencoder", "encoder", "decoder"))
    sizes = config.autoencoder
    picture = torch.zeros(1, 3, sizes.image_size, sizes.image_size)
    latent = torch.zeros(1, sizes.latent_size**2, sizes.latent_channels)
    tokens = torch.zeros(1, config.encoder.num_tokens, config.encoder.token_width)
    all_tokens = torch.ones(1, config.encoder.num_tokens, dtype=torch.bool)
    heads, width = _heads(decoder)  # type: ignore[arg-type]
    context = torch.zeros(1, 2 * config.decoder.depth * heads, config.encoder.num_tokens, width)
    noisy = {"noisy": latent, "time": torch.ones(1), "context": context, "keep": all_tokens}
    encode = Encode(autoencoder, encoder)  # type: ignore[arg-type]
    return Plan(
        graphs=(
            Graph(
                name="encode", module=encode, inputs={"pixels": picture}, outputs=("tokens", "latent", "read")
            ),
            Graph(
                name="context",
                module=Context(decoder),  # type: ignore[arg-type]
                inputs={"tokens": tokens, "present": all_tokens},
                outputs=("context",),
            ),
            Graph(name="predict", module=Predict(decoder), inputs=noisy, outputs=("clean", "write")),  # type: ignore[arg-type]
            Graph(name="paint", module=Paint(autoencoder), inputs={"latent": latent}, outputs=("pixels",)),  # type: ignore[arg-type]
        ),
        tensors=checkpoint.tensors,
        model=_told(config),
    )


def _told(config: TokenizerConfig) -> dict[str, Any]:
    """What a page's script needs to sample and to read links as `tokenizer` and `codes.packing` do."""
    sizes, own = config.autoencoder, config.sampler
    return {
        "image_size": sizes.image_size,
        "pixel_range": [-1, 1],
        "num_tokens": config.encoder.num_tokens,
        "token_width": config.encoder.token_width,
        "latent": {"positions": sizes.latent_size**2, "channels": sizes.latent_channels},
        "layers": {"read": config.encoder.depth, "write": config.decoder.depth},
        "sampler": {
            "steps": own.steps,
            "guidance_scale": own.guidance_scale,
            "time_shift": own.time_shift,
            "guided_times": list(GUIDED),
            "distilled_steps": own.distilled_steps,
            "distilled_times": time_grid(own.distilled_steps, own.time_shift) if own.distilled_steps else [],
        },
        "packing": {
            "bits_a_number": BITS_A_NUMBER,
            "levels": LEVELS.tolist(),
            "borders": BORDERS.tolist(),
        },
    }


def _heads(decoder: FlowDecoder) -> tuple[int, int]:
    """How many heads a block has, and the width of each."""
    each = head_width(decoder.config.width)
    return decoder.config.width // each, each


def _index(count: int) -> nn.Parameter:
    """0, 1, ... as numbers of the graph, which are far smaller than a mask made of them."""
    return nn.Parameter(torch.arange(count).float(), requires_grad=False)


def _later(index: Tensor, num_open: int) -> Tensor:
    """(N - num_open, N): `HIDDEN` where a position lies behind the one that looks."""
    return (index[None] - index[num_open:, None]).clamp(0, 1) * HIDDEN
