"""tokenizer_core: photographs as ordered tokens, and any prefix of them as a picture. The public list."""

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.engine.devices import find_device
from tokenizer_core.errors import TokenizerError
from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.measure.codecs import best_pictures
from tokenizer_core.measure.metrics import psnr, ssim
from tokenizer_core.measure.scorer import Score, Scorer
from tokenizer_core.measure.spectrum import Spectrum, SpectrumError, power_spectrum, spectrum_error
from tokenizer_core.models.attention import AttentionMaps
from tokenizer_core.models.info import ModelInfo
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.models.registry import catalog, load
from tokenizer_core.photos.photo import Picture, open_photo, square_crop
from tokenizer_core.reports.bench import BenchReport, bench
from tokenizer_core.reports.evaluate import Report, evaluate

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
