"""tokenizer_core: photographs as ordered tokens, and any prefix of them as a picture. The public list."""

from tokenizer_core.attention import AttentionMaps
from tokenizer_core.bench import BenchReport, bench
from tokenizer_core.catalog import ModelInfo
from tokenizer_core.classifier import LiteClassifier
from tokenizer_core.codecs import best_pictures
from tokenizer_core.devices import find_device
from tokenizer_core.errors import TokenizerError
from tokenizer_core.evaluate import Report, evaluate
from tokenizer_core.interface import Tokenizer
from tokenizer_core.metrics import psnr, ssim
from tokenizer_core.models import catalog, load
from tokenizer_core.photo import Picture, open_photo, square_crop
from tokenizer_core.scorer import Score, Scorer
from tokenizer_core.spectrum import Spectrum, SpectrumError, power_spectrum, spectrum_error
from tokenizer_core.tokens import Encoding

__all__ = [
    "AttentionMaps",
    "BenchReport",
    "Encoding",
    "LiteClassifier",
    "ModelInfo",
    "Picture",
    "Report",
    "Score",
    "Scorer",
    "Spectrum",
    "SpectrumError",
    "Tokenizer",
    "TokenizerError",
    "bench",
    "best_pictures",
    "catalog",
    "evaluate",
    "find_device",
    "load",
    "open_photo",
    "power_spectrum",
    "psnr",
    "spectrum_error",
    "square_crop",
    "ssim",
]
