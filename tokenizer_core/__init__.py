"""tokenizer_core: photographs as tokens, and tokens as pictures. The public list."""

import os
import sys

# Threads that wait spinning, torch's default, take two to ten times as long as threads that sleep where other
# programs want the same cores; alone they are a tenth to a quarter faster. Whoever has set it, or has loaded
# torch, has decided.
if "torch" not in sys.modules:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from tokenizer_core.codes.encoding import Encoding
from tokenizer_core.codes.nesting import nesting
from tokenizer_core.codes.text import text_of_tokens, tokens_of_text
from tokenizer_core.engine.devices import find_device, find_dtype
from tokenizer_core.engine.faults import Fault, fault_of, free_memory, works
from tokenizer_core.engine.spread import Spread
from tokenizer_core.errors import TokenizerError
from tokenizer_core.measure.classifier import LiteClassifier
from tokenizer_core.measure.codecs import best_pictures
from tokenizer_core.measure.criteria import CRITERIA, Criterion, criterion_of, first_that_reaches
from tokenizer_core.measure.metrics import psnr, ssim
from tokenizer_core.measure.scorer import Score, Scorer, scores_of, spectra_of
from tokenizer_core.measure.spectrum import Spectrum, SpectrumError, power_spectrum, spectrum_error
from tokenizer_core.models.attention import AttentionMaps
from tokenizer_core.models.family import Family
from tokenizer_core.models.graphs import export_graphs, graph_files
from tokenizer_core.models.info import MODES, VIEWS, AttentionInfo, ModelInfo
from tokenizer_core.models.interface import Tokenizer
from tokenizer_core.models.published.bring import IMPORTED, fetch, fetch_chosen, import_weights
from tokenizer_core.models.published.offers import Offer, offer, offers
from tokenizer_core.models.registry import catalog, damaged_models, default_model, families, load
from tokenizer_core.models.requests import DecodeRequest
from tokenizer_core.photos.memory import opening as photo_memory
from tokenizer_core.photos.photo import Picture, open_photo, square_crop
from tokenizer_core.photos.photoset import PhotoSet
from tokenizer_core.reports.allocate import Allocation, Need, allocate, choose_code, need_of
from tokenizer_core.reports.bench import BenchReport, bench, draw_picture
from tokenizer_core.reports.compare import BUDGETS, Comparison, compare, write_comparison
from tokenizer_core.reports.evaluate import Report, evaluate
from tokenizer_core.reports.judge import judge_curves, visitors_sheet
from tokenizer_core.reports.judge import write_page as write_judges_page
from tokenizer_core.sets.reading import TokenRow, TokenSet, TorchTokens
from tokenizer_core.sets.run import Summary, tokenize
from tokenizer_core.sets.settings import SetProgress, SetSettings
from tokenizer_core.stopping import Stopped, stoppable
from tokenizer_core.storage.token_files import load_tokens, pack_tokens, save_tokens
from tokenizer_core.storage.whole import write_whole

__all__ = [
    "BUDGETS",
    "CRITERIA",
    "IMPORTED",
    "MODES",
    "VIEWS",
    "Allocation",
    "AttentionInfo",
    "AttentionMaps",
    "BenchReport",
    "Comparison",
    "Criterion",
    "DecodeRequest",
    "Encoding",
    "Family",
    "Fault",
    "LiteClassifier",
    "ModelInfo",
    "Need",
    "Offer",
    "PhotoSet",
    "Picture",
    "Report",
    "Score",
    "Scorer",
    "SetProgress",
    "SetSettings",
    "Spectrum",
    "SpectrumError",
    "Spread",
    "Stopped",
    "Summary",
    "TokenRow",
    "TokenSet",
    "Tokenizer",
    "TokenizerError",
    "TorchTokens",
    "allocate",
    "bench",
    "best_pictures",
    "catalog",
    "choose_code",
    "compare",
    "criterion_of",
    "damaged_models",
    "default_model",
    "draw_picture",
    "evaluate",
    "export_graphs",
    "families",
    "fault_of",
    "fetch",
    "fetch_chosen",
    "find_device",
    "find_dtype",
    "first_that_reaches",
    "free_memory",
    "graph_files",
    "import_weights",
    "judge_curves",
    "load",
    "load_tokens",
    "need_of",
    "nesting",
    "offer",
    "offers",
    "open_photo",
    "open_tokens",
    "pack_tokens",
    "photo_memory",
    "power_spectrum",
    "psnr",
    "save_tokens",
    "scores_of",
    "spectra_of",
    "spectrum_error",
    "square_crop",
    "ssim",
    "stoppable",
    "text_of_tokens",
    "tokenize",
    "tokens_of_text",
    "visitors_sheet",
    "works",
    "write_comparison",
    "write_judges_page",
    "write_whole",
]

open_tokens = TokenSet
families()  # each registers its kind of token, so that bytes of any model can be read before it is loaded
