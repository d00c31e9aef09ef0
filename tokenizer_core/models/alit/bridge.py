"""The bridge: another checkpoint's rectified flow, which paints ALIT's hard tokens.

The flow's decoder was trained on soft, ordered tokens and stays as it is. A bridge holds all that differs:

- a stream of tokens of its own: code, position and pass to a vector, and a few blocks in which all see all;
- the matrices that make keys and values of that stream, which start as the flow's own;
- the flow's biases of modulation by time, likewise;
- what ALIT's own writer, which stays as it is, makes of the tokens at each patch, added to the noisy latent:
  its blocks have read the tokens already, and are stored anyway;
- a product of two thin matrices for every other matrix of the flow's blocks (LoRA, arXiv 2106.09685).

Guidance goes against the picture of no token, as in the flow itself. Neighbours: `networks` (the writer),
`nn.flow_decoder`, `training.alit_bridge`.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tokenizer_core.errors import TokenizerError
from tokenizer_core.models.alit.config import AlitConfig, BridgeConfig
from tokenizer_core.models.base import read_base
from tokenizer_core.models.remembered import Recent
from tokenizer_core.nn.flow_decoder import DecoderBlock, FlowDecoder, TokenContext
from tokenizer_core.nn.layers import Block
from tokenizer_core.nn.sampler import draw_noise, sample
from tokenizer_core.storage.checkpoints import fill

REMEMBERED = 8  # codes whose keys and values stay
ADAPTED = ("qkv", "out", "mlp.gate_and_value", "mlp.out")  # matrices of a block of the flow's decoder


class Adapter(nn.Module):
    """What is added to a matrix: the product of a tall one and a wide one; nothing before training."""

    def __init__(self, matrix: nn.Linear, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(rank, matrix.in_features) / matrix.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(matrix.out_features, rank))

    def forward(self, x: Float[Tensor, "... I"]) -> Float[Tensor, "... O"]:
        """What it adds to the product of `x` and the matrix."""
        return F.linear(F.linear(x, self.down), self.up)

    def product(self) -> Float[Tensor, "O I"]:
        """What it adds to the matrix."""
        return self.up @ self.down


class Adapted(nn.Module):
    """A matrix and its adapter, while the latter learns."""

    def __init__(self, matrix: nn.Linear, adapter: Adapter) -> None:
        super().__init__()
        self.matrix, self.adapter = matrix, adapter

    def forward(self, x: Float[Tensor, "... I"]) -> Float[Tensor, "... O"]:
        """The product of `x` and both."""
        return self.matrix(x) + self.adapter(x)


class Bridge(nn.Module):
    """All weights of a bridge, and nothing of the flow's."""

    def __init__(self, config: AlitConfig) -> None:
        super().__init__()
        sizes, width = config.bridge, config.bridge.decoder.width
        self.from_code = nn.Linear(len(config.levels), width)
        self.token_positions = nn.Parameter(torch.randn(config.num_tokens, width) * 0.02)
        self.pass_vectors = nn.Parameter(torch.randn(config.passes, width) * 0.02)
        self.token_blocks = nn.ModuleList(Block(width) for _ in range(sizes.token_depth))
        self.from_writer = nn.Linear(config.width, width, bias=False)
        nn.init.zeros_(self.from_writer.weight)
        blocks = [DecoderBlock(width) for _ in range(sizes.decoder.depth)]
        self.keys_values = nn.ModuleList(block.token_keys_values for block in blocks)
        self.modulation = nn.ParameterList(block.modulation_bias for block in blocks)
        self.adapters = nn.ModuleList(
            nn.ModuleList(Adapter(_matrix(block, name), sizes.rank) for name in ADAPTED) for block in blocks
        )

    @torch.no_grad()
    def begin_as(self, decoder: FlowDecoder) -> None:
        """Start where the flow is: its keys and values, its modulation, its blocks of tokens."""
        for mine, block in zip(self.keys_values, decoder.blocks, strict=True):
            mine.load_state_dict(block.token_keys_values.state_dict())  # type: ignore[union-attr]
        for bias, block in zip(self.modulation, decoder.blocks, strict=True):
            bias.copy_(block.modulation_bias)  # type: ignore[arg-type]
        for mine, theirs in zip(self.token_blocks, decoder.token_blocks, strict=False):
            mine.load_state_dict(theirs.state_dict())

    def join(self, decoder: FlowDecoder) -> None:
        """Put these weights into the flow's decoder, which computes with them from now on: they can learn."""
        for i, block in enumerate(decoder.blocks):
            block.token_keys_values = self.keys_values[i]
            block.modulation_bias = self.modulation[i]
            for name, adapter in zip(ADAPTED, self.adapters[i], strict=True):  # type: ignore[arg-type]
                _put(block, name, Adapted(_matrix(block, name), adapter))

    @torch.no_grad()
    def fold(self, decoder: FlowDecoder) -> None:
        """As `join`, where nothing learns: adapters are added to the decoder's matrices and cost nothing."""
        for i, block in enumerate(decoder.blocks):
            block.token_keys_values = self.keys_values[i]
            block.modulation_bias = self.modulation[i]
            for name, adapter in zip(ADAPTED, self.adapters[i], strict=True):  # type: ignore[arg-type]
                _matrix(block, name).weight += adapter.product()

    def context(
        self,
        decoder: FlowDecoder,
        codes: Float[Tensor, "B K size"],
        number: int,
        patches: Float[Tensor, "B N D"],
    ) -> TokenContext:
        """What the joined decoder is told of a code, once for all steps and seeds.

        Args:
            decoder: joined or folded.
            codes: points of the quantiser's grid.
            number: of the pass that they are of, from 0.
            patches: what the writer knows of each patch (`AlitWriter.patches`).
        """
        places = self.token_positions[: codes.shape[1]] + self.pass_vectors[number]
        stream = self.from_code(codes.to(self.from_code.weight.dtype)) + places
        for block in self.token_blocks:
            stream = block(stream)
        return decoder.keys_values(stream, self.from_writer(patches.to(self.from_writer.weight.dtype)))


class BridgedFlow:
    """A flow with a bridge folded in, and what it was told of the last codes.

    Args:
        bridge: filled, where and in what the others compute.
        flow: the decoder as it is in its own checkpoint; it is changed.
        config: sizes, and the sampler's defaults.
        device: where it computes.
        dtype: in what.
    """

    def __init__(
        self, bridge: Bridge, flow: FlowDecoder, config: AlitConfig, device: str, dtype: torch.dtype
    ) -> None:
        bridge.fold(flow.to(device))
        self._bridge, self._config, self._device = bridge, config, device
        self._flow = flow.to(dtype=dtype).eval().requires_grad_(False)
        self._told: Recent[TokenContext] = Recent(REMEMBERED)

    def told(
        self,
        key: bytes,
        codes: Float[Tensor, "1 K size"],
        number: int,
        patches: Callable[[], Float[Tensor, "1 N D"]],
    ) -> TokenContext:
        """What the flow is told of a code, computed once for all steps and seeds; `key` is the code's."""
        known = self._told.get(key)
        if known is None:
            known = self._bridge.context(self._flow, codes, number, patches())
            self._told.put(key, known)
        return known

    def latent(
        self, told: TokenContext, seed: int, steps: int | None, guidance_scale: float | None
    ) -> Float[Tensor, "1 N C"]:
        """What it paints from the noise of a seed; None is the bridge's own number of steps, or guidance."""
        own, sizes = self._config.bridge, self._config.autoencoder
        noise = draw_noise(seed, sizes.latent_size**2, sizes.latent_channels).to(self._device)
        scale = own.guidance_scale if guidance_scale is None else guidance_scale
        return sample(self._flow, told, noise, steps=steps or own.steps, guidance_scale=scale)


def read_flow(config: AlitConfig) -> FlowDecoder:
    """The decoder of the flow that a configuration names, as it is in its own checkpoint.

    Raises:
        TokenizerError: it is not here, damaged, or not the one that the bridge was trained on.
    """
    return flow_of(read_base(config.bridge.base, config.name, "flow"), config)


def flow_of(tensors: dict[str, Tensor], config: AlitConfig) -> FlowDecoder:
    """A decoder from the tensors of its file, whose tokens may be of any number and width.

    Raises:
        TokenizerError: they are not a decoder's of the sizes in `config`.
    """
    own = {name.removeprefix("decoder."): value for name, value in tensors.items()}
    if "token_positions" not in own or "from_token.weight" not in own:
        raise TokenizerError(f"The weights of {config.bridge.base.checkpoint} hold no flow decoder.")
    num_tokens, token_width = len(own["token_positions"]), own["from_token.weight"].shape[1]
    sizes: BridgeConfig = config.bridge
    channels = config.autoencoder.latent_channels
    decoder = FlowDecoder(sizes.decoder, channels, config.num_patches, num_tokens, token_width)
    fill(decoder, own, sizes.base.checkpoint)
    return decoder


def _matrix(block: nn.Module, name: str) -> nn.Linear:
    return block.get_submodule(name)  # type: ignore[return-value]


def _put(block: nn.Module, name: str, module: nn.Module) -> None:
    room, _, last = name.rpartition(".")
    setattr(block.get_submodule(room) if room else block, last, module)
