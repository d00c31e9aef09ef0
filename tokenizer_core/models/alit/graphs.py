"""ALIT's networks as graphs of fixed shapes, for a runtime without Python: a call is a pass.

Every pass has room for all tokens; those that are not there yet are hidden from attention. `state` begins as
zeros, which the norm before it leaves alone, so the first pass is one like the others. What a bridge's flow
paints has no graphs. Neighbours: `networks` (makes what is wrapped here), `tokenizer` (does it in Python).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tokenizer_core.graphs.parts import HIDDEN, latent_of, weights_of
from tokenizer_core.graphs.plan import Graph, Plan
from tokenizer_core.models.alit.config import AlitConfig
from tokenizer_core.models.alit.networks import AlitEncoder, AlitWriter
from tokenizer_core.models.alit.tokenizer import AlitTokenizer
from tokenizer_core.nn.autoencoder import Autoencoder, latent_to_sequence, sequence_to_latent
from tokenizer_core.nn.layers import merge_heads
from tokenizer_core.storage.checkpoints import Checkpoint, checkpoints_folder, read_part


class ToLatent(nn.Module):
    """Pixels to the latent that every pass sees."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, pixels: Tensor) -> Tensor:
        """(1, 3, S, S) in [-1, 1] -> (1, N, C)."""
        return latent_to_sequence(latent_of(self.autoencoder, pixels))


class Write(nn.Module):
    """The tokens of a pass to the latent."""

    def __init__(self, writer: AlitWriter, encoder: AlitEncoder) -> None:
        super().__init__()
        self.writer, self.quantiser, self.per_pass = writer, encoder.quantiser, encoder.tokens_per_pass
        self.index = _index(len(encoder.queries))

    def forward(self, tokens: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (1, K) int32, pass (1,) int32 from 0 -> latent (1, N, C), write maps (layers, N, K)."""
        return self.of_codes(self.quantiser.codes(tokens.long()), number)

    def of_codes(self, codes: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
        """The same of points of the quantiser's grid (1, K, size)."""
        writer = self.writer
        tokens = writer.from_code(codes) + writer.token_positions
        x = torch.cat([writer.patch_queries[None], tokens], 1) + writer.pass_vectors[number.long()]
        hidden, patches, write = (
            _hidden(self.index, number, self.per_pass, writer.num_patches),
            writer.num_patches,
            [],
        )
        for i, block in enumerate(writer.blocks):
            rows = patches if i + 1 == len(writer.blocks) else None  # nobody asks what became of the tokens
            x, weights = _through(block, x, hidden, rows)
            write.append(weights[:, :, :patches, patches:].mean(1))
        return writer.to_latent(writer.norm_out(x)), torch.cat(write)


class OnePass(nn.Module):
    """A pass of the encoder, and what the writer makes of its tokens."""

    def __init__(self, encoder: AlitEncoder, write: Write, halt: float) -> None:
        super().__init__()
        self.encoder, self.write, self.halt = encoder, write, halt
        self.index = _index(len(encoder.queries))

    def forward(
        self, latent: Tensor, state: Tensor, halted: Tensor, number: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Latent (1, N, C), state (1, N + K, D), halted (1, N), pass (1,) int32 from 0 -> all of the pass.

        That is the next state, tokens (1, K) int32, what the writer makes of them (1, N, C), which positions
        are halted now (1, N), and read maps (layers, K, N). Before the first pass the state is zeros and
        nothing is halted. The tokens of a pass are the first `tokens_per_pass` * (number + 1); the others
        mean nothing.
        """
        encoder, patches = self.encoder, self.encoder.num_patches
        before = encoder.norm_state(state)
        image = before[:, :patches] + encoder.embed(latent)
        image = torch.where(halted[..., None], encoder.halted + encoder.patch_positions, image)
        old = (number * encoder.tokens_per_pass - self.index).clamp(0, 1)  # 1 for a token of the pass before
        tokens = before[:, patches:] * old[None, :, None] + encoder.queries
        x = torch.cat([image, tokens], 1) + encoder.pass_vectors[number.long()]
        hidden, read = _hidden(self.index, number, encoder.tokens_per_pass, patches), []
        for block in encoder.blocks:
            x, weights = _through(block, x, hidden, None)
            read.append(weights[:, :, patches:, :patches].mean(1))
        codes = encoder.codes(x).codes
        prediction, _ = self.write.of_codes(codes, number)
        right = (prediction - latent).abs().mean(-1) < self.halt
        return x, encoder.quantiser.index(codes).int(), prediction, right, torch.cat(read)


class ToPixels(nn.Module):
    """Latent to pixels."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, latent: Tensor) -> Tensor:
        """(1, N, C) -> (1, 3, S, S), not clipped."""
        return self.decoder(sequence_to_latent(latent))


def plan(checkpoint: Checkpoint) -> Plan:
    """The graphs of an ALIT checkpoint; the autoencoder's weights are another one's.

    Raises:
        TokenizerError: config and weights do not fit, or the base is not here or of other weights.
    """
    model = AlitTokenizer.from_checkpoint(checkpoint, "cpu", "float32")
    config, base = model.config, model.config.base
    sizes, count = config.autoencoder, config.num_tokens
    latent = torch.zeros(1, config.num_patches, sizes.latent_channels)
    picture = torch.zeros(1, 3, sizes.image_size, sizes.image_size)
    number = torch.zeros(1, dtype=torch.int32)
    given = {
        "latent": latent,
        "state": torch.zeros(1, config.num_patches + count, config.width),
        "halted": torch.zeros(1, config.num_patches, dtype=torch.bool),
        "number": number,
    }
    tokens = {"tokens": torch.zeros(1, count, dtype=torch.int32), "number": number}
    write = Write(model.writer, model.encoder)
    made = ("next_state", "tokens", "prediction", "next_halted", "read")
    graphs = [
        Graph(
            name="latent", module=ToLatent(model.autoencoder), inputs={"pixels": picture}, outputs=("latent",)
        ),
        Graph(name="pass", module=OnePass(model.encoder, write, config.halt), inputs=given, outputs=made),
        Graph(name="write", module=write, inputs=tokens, outputs=("latent", "write")),
        _paint("paint", model.decoder, latent),
    ]
    if config.own_decoder:  # else the goal is painted as a mean is
        graphs.append(_paint("goal", model.autoencoder.decoder, latent))
    if "writer" in config.sharp:
        sharp = Write(model.sharp_writer, model.encoder)  # type: ignore[arg-type]
        graphs.append(Graph(name="write_sharp", module=sharp, inputs=tokens, outputs=("latent", "write")))
    if "decoder" in config.sharp:
        graphs.append(_paint("paint_sharp", model.sharp_decoder, latent))
    return Plan(
        graphs=tuple(graphs),
        tensors=checkpoint.tensors | read_part(checkpoints_folder() / base.checkpoint, base.file)[0],
        model=_told(config),
        elsewhere={base.file: base.checkpoint},
    )


def _paint(name: str, decoder: nn.Module, latent: Tensor) -> Graph:
    return Graph(name=name, module=ToPixels(decoder), inputs={"latent": latent}, outputs=("pixels",))


def _told(config: AlitConfig) -> dict[str, Any]:
    """What a page's script needs beside the graphs."""
    return {
        "image_size": config.autoencoder.image_size,
        "pixel_range": [-1, 1],
        "passes": config.passes,
        "tokens_per_pass": config.tokens_per_pass,
        "vocabulary": config.vocabulary,
        "layers": {"read": config.encoder_depth, "write": config.writer_depth},
        "sharp": list(config.sharp),
    }


def _index(count: int) -> nn.Parameter:
    """0, 1, ... as numbers of the graph."""
    return nn.Parameter(torch.arange(count).float(), requires_grad=False)


def _hidden(index: Tensor, number: Tensor, per_pass: int, patches: int) -> Tensor:
    """(N + K,): `HIDDEN` for tokens that come in later passes."""
    later = (index - (number + 1) * per_pass + 1).clamp(0, 1)
    return F.pad(later * HIDDEN, (patches, 0))


def _through(block: Any, x: Tensor, hidden: Tensor, rows: int | None) -> tuple[Tensor, Tensor]:
    """`Block.forward` with what is hidden; also the attention weights (1, h, rows, M)."""
    queries, keys, values = block.heads(x)
    weights = weights_of(queries[:, :, :rows], keys, hidden)
    x = x[:, :rows] + block.out(merge_heads(weights @ values))
    return x + block.mlp(block.norm_mlp(x)), weights
