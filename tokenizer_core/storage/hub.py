"""One file from the Hugging Face hub: resumed where it stopped, checked, and every failure a sentence.

The hub's own client fetches; it is imported when somebody asks for a model, and never before. Its usual way,
`hf_hub_download`, begins again after an interruption, so the part that is there is handed to the function
below it. `HF_ENDPOINT` and `HF_TOKEN` mean what they mean there.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tokenizer_core.errors import TokenizerError
from tokenizer_core.storage.checkpoints import sum_of


@dataclass(frozen=True)
class Fetched:
    """A file that has arrived.

    Attributes:
        path: where it is.
        revision: commit of the repository.
        sha256: of the file.
    """

    path: Path
    revision: str
    sha256: str


def download(repository: str, revision: str, name: str, folder: Path, sha256: str = "") -> Fetched:
    """Fetch one file, or what is missing of it.

    Args:
        repository: "owner/name".
        revision: commit; "" takes the newest.
        name: of the file there.
        folder: where it goes, made if need be; what arrived stays there after a failure. What the hub's own
            cache has is read there.
        sha256: that it must have; "" where nobody knows it yet.

    Raises:
        TokenizerError: no network, no such file, not allowed, no space, cut short, or another sum.
    """
    with _sentences(repository, name):
        path, commit = _cached(repository, revision, name) or _fetched(repository, revision, name, folder)
        found = sum_of(path)
    if sha256 and found != sha256:
        if path == folder / name:
            path.unlink()
        raise TokenizerError(
            f"{name} of {repository} is not the file that it should be, and was not taken: "
            f"its SHA-256 begins {found[:12]}, not {sha256[:12]}."
        )
    return Fetched(path, commit, found)


def _cached(repository: str, revision: str, name: str) -> tuple[Path, str] | None:
    """The file where another program has fetched it, or a Space's build; and its commit."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, name, revision=revision or None)
    if not isinstance(found, str):
        return None
    return Path(found), Path(found).parts[-1 - len(Path(name).parts)]  # .../snapshots/COMMIT/NAME


def _fetched(repository: str, revision: str, name: str, folder: Path) -> tuple[Path, str]:
    """The file from the hub, or what is missing of it; and its commit."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    endpoint = os.getenv("HF_ENDPOINT")
    url = hf_hub_url(repository, name, revision=revision or None, endpoint=endpoint)
    about = get_hf_file_metadata(url, endpoint=endpoint)
    path, commit = folder / name, about.commit_hash or revision
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{commit[:12]}.part")
        with part.open("ab") as file:
            size, headers = about.size, build_hf_headers()
            http_get(url, file, resume_size=file.tell(), expected_size=size, headers=headers)
        part.replace(path)
    return path, commit


@contextmanager
def _sentences(repository: str, name: str) -> Iterator[None]:
    """Failures of the hub's client, of the network and of the disk as sentences."""
    from huggingface_hub import errors

    again = "What has arrived is kept: the same command goes on from there."
    try:
        yield
    except errors.GatedRepoError:
        raise TokenizerError(
            f"{repository} asks for an account that accepted its terms; set HF_TOKEN to a token of one."
        ) from None
    except errors.RepositoryNotFoundError:
        raise TokenizerError(
            f"{repository} is not on the hub any more, or is private; it may have another name now."
        ) from None
    except (errors.RevisionNotFoundError, errors.EntryNotFoundError):
        raise TokenizerError(f"{repository} has no file {name} at this revision any more.") from None
    except errors.OfflineModeIsEnabled:
        raise TokenizerError(
            "HF_HUB_OFFLINE is set, so nothing is fetched; unset it and try again."
        ) from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise TokenizerError(f"There is no space left on the disk for {name}. {again}") from None
        if error.errno in (errno.EACCES, errno.EROFS):
            raise TokenizerError(f"{name} cannot be written: {error.strerror}.") from None
        raise TokenizerError(f"{name} of {repository} did not arrive whole. {again}") from None
    except Exception:  # the client's transport has kinds of its own, which change with its version
        raise TokenizerError(f"The hub cannot be reached for {name} of {repository}. {again}") from None
