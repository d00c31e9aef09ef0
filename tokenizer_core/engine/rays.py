"""Ray, an extra: connected when somebody asks for it."""

import importlib
from typing import Any

from tokenizer_core.errors import TokenizerError

NEEDED = "This needs the package ray: pip install 'tokendial[ray]'."
A_CORE = 0.5  # of a task, and of an actor beside its GPU, so that one core can hold both


def package() -> Any:
    """The package ray.

    Raises:
        TokenizerError: it is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise TokenizerError(NEEDED) from None


def connect(address: str | None) -> Any:
    """The package ray, connected.

    Args:
        address: of a cluster; "auto" is the one that this machine belongs to, "local" a new one.

    Raises:
        TokenizerError: it is not installed, or there is no such cluster.
    """
    ray = package()
    if not ray.is_initialized():
        try:
            ray.init(address=address or "auto", log_to_driver=False, logging_level="WARNING")
        except (ConnectionError, ValueError, RuntimeError):
            raise TokenizerError(f"There is no Ray cluster at {address}.") from None
    return ray


def places(resources: dict[str, float], asked: str, kinds: tuple[str, ...]) -> list[str]:
    """A device an actor: every GPU of a cluster, or half of its processors.

    Args:
        resources: what the cluster has.
        asked: "auto", "cuda" or "cpu".
        kinds: what the model may run on.
    """
    gpus = int(resources.get("GPU", 0))
    if gpus and "cuda" in kinds and asked != "cpu":
        return ["cuda"] * gpus
    return ["cpu"] * max(1, int(resources.get("CPU", 1)) // 2)
