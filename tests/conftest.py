"""What every test gets: a home of its own, no network but loopback, no global randomness."""

import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest

# Before anything that reads them is imported.
OLD_HOME, HOME = Path.home(), Path(tempfile.mkdtemp(prefix="tokendial-home-"))
BROWSERS = next(
    (p for p in (OLD_HOME / ".cache/ms-playwright", OLD_HOME / "Library/Caches/ms-playwright") if p.is_dir()),
    None,
)
os.environ |= {
    "HOME": str(HOME),
    "USERPROFILE": str(HOME),
    "XDG_CACHE_HOME": str(HOME),
    "XDG_CONFIG_HOME": str(HOME),
}
os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as tokenizer_core does; torch may be here first
os.environ |= {"MPLBACKEND": "agg", "GRADIO_TEMP_DIR": str(HOME / "gradio")}
# Each process has ports of its own: Gradio takes the first free one, and two at once may find the same.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
os.environ["GRADIO_SERVER_PORT"] = str(7860 + 200 * WORKER)
if BROWSERS:
    os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", str(BROWSERS))
for name in ("HF_TOKEN", "HF_HOME", "TOKENDIAL_CHECKPOINTS"):
    os.environ.pop(name, None)

hypothesis.settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("house")


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked as long runs where `make test-long` or a file's own name asks for it."""
    if "long" in config.getoption("markexpr") or all(item.get_closest_marker("long") for item in items):
        return
    left = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


@pytest.fixture(scope="session", autouse=True)
def only_loopback() -> Iterator[None]:
    """Connections and look-ups of other hosts fail at once."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def checked_connect(self: socket.socket, address: object) -> None:
        if self.family != getattr(socket, "AF_UNIX", None):
            _check(address[0] if isinstance(address, tuple) else address)
        return connect(self, address)

    def checked_look_up(host: object, *args: object, **options: object) -> list:
        _check(host)
        return look_up(host, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked_connect)
        patch.setattr(socket, "getaddrinfo", checked_look_up)
        yield


@pytest.fixture
def generator():
    """A fresh `torch.Generator`, seeded the same for every test."""
    import torch

    return torch.Generator().manual_seed(0)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tiny networks are slower on several threads, much slower where another program computes."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _check(host: object) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return
    try:
        local = ipaddress.ip_address(str(name)).is_loopback or str(name) in ("0.0.0.0", "::")
    except ValueError:
        local = False
    if not local:
        raise OSError(f"Tests have no network: {name}")


@pytest.fixture(scope="session")
def stand_ins():
    """The models of a page that needs no weights, by name."""
    from tests.stand_in import StandIn, models

    return {info.name: StandIn(info) for info in models()}


@contextmanager
def served(stand_ins):
    """The address of a page with these tokenizers while it is served."""
    from demo import app

    page = app.build(lambda name, device: stand_ins[name], [model.info for model in stand_ins.values()])
    _, url, _ = app.serve(page, server_name="127.0.0.1", server_port=None, prevent_thread_lock=True)
    yield url
    page.close()


@pytest.fixture(scope="session")
def upload_folder():
    """Gradio's folder for uploads when the page is first served; who starts another server changes it."""
    return os.environ["GRADIO_TEMP_DIR"]


@pytest.fixture(scope="session")
def address(stand_ins, upload_folder):
    """Where that page is served."""
    with served(stand_ins) as url:
        yield url
