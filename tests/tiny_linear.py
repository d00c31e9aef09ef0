"""A linear tokenizer of four tokens with drawn components, for the tests of what measures tokenizers."""

import torch

from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.linear.tokenizer import LinearTokenizer

TOKENS = 4


def make_info() -> ModelInfo:
    return ModelInfo(
        name="pca",
        title="Linear",
        family="linear",
        role="baseline",
        licence="none",
        lengths=tuple(range(TOKENS + 1)),
        tokens="soft",
        numbers_per_token=16,
        ordered=True,
        checkpoint_id="abc123abc123",
    )


def make_tokenizer() -> LinearTokenizer:
    coarse = torch.randn((TOKENS * 16, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bicubic").flatten(1)
    components = torch.linalg.qr(smooth.T).Q.T.contiguous()
    return LinearTokenizer(make_info(), torch.zeros(12288), components, torch.linspace(9, 3, TOKENS * 16))
