"""Put the page on a Hugging Face Space: just the files that it needs, by the hub's own upload.

A plain git push to a Space is refused for files over 10 MiB, and the weights are larger; `upload_folder`
stores those the way the hub wants them. docs/publish.md has the walk-through.
"""

from pathlib import Path

import tokenizer_core as tc

ROOT = Path(__file__).resolve().parent.parent
FILES = ("app.py", "README.md", "LICENSE", "pyproject.toml", "requirements.txt")
FOLDERS = ("checkpoints", "demo", "tokenizer_core")


def space_files(root: Path = ROOT) -> list[Path]:
    """What a Space gets, as paths relative to `root`, sorted.

    Raises:
        TokenizerError: `root` is not a checkout of the project.
    """
    if not all((root / name).exists() for name in FILES + FOLDERS):
        raise tc.TokenizerError("Only a checkout of the whole project can be published.")
    inside = (p for folder in FOLDERS for p in (root / folder).rglob("*") if p.is_file())
    paths = (p.relative_to(root) for p in [*(root / name for name in FILES), *inside])
    return sorted(p for p in paths if not _left_out(p))


def publish(space: str, token: str | None = None, private: bool = False, dry_run: bool = False) -> str:
    """Create the Space if it is not there, and upload.

    Args:
        space: "owner/name".
        token: a Hugging Face token that may write; None takes what `hf auth login` stored, or HF_TOKEN.
        private: whether only its owner sees it.
        dry_run: list the files instead.

    Returns:
        What was done, in words.

    Raises:
        TokenizerError: no token, no right to write, no such owner, no network.
    """
    files = space_files()
    megabytes = sum((ROOT / p).stat().st_size for p in files) / 1e6
    if space.count("/") != 1 or not all(space.split("/")):
        raise tc.TokenizerError(f"A Space is named OWNER/NAME, not {space}.")
    if dry_run:
        names = "\n".join(p.as_posix() for p in files)
        return f"{names}\n{len(files)} files, {megabytes:.1f} MB; nothing was sent."
    _upload(space, token, private, files)
    return f"https://huggingface.co/spaces/{space}: {len(files)} files, {megabytes:.1f} MB"


def _upload(space: str, token: str | None, private: bool, files: list[Path]) -> None:
    from huggingface_hub import HfApi, errors

    hub = HfApi(token=token)
    names = [p.as_posix() for p in files]
    try:
        hub.create_repo(space, repo_type="space", space_sdk="gradio", private=private, exist_ok=True)
        hub.upload_folder(
            repo_id=space, repo_type="space", folder_path=ROOT, allow_patterns=names,
            delete_patterns=[f"{folder}/*" for folder in FOLDERS], commit_message="Publish tokendial",
        )  # fmt: skip
    except errors.LocalTokenNotFoundError:
        raise tc.TokenizerError(
            "There is no Hugging Face token: run `hf auth login` or set HF_TOKEN."
        ) from None
    except (errors.HfHubHTTPError, errors.HFValidationError) as error:
        raise tc.TokenizerError(f"Hugging Face refused: {str(error).strip().splitlines()[0]}") from None
    except (errors.HTTPError, OSError):  # pyright: ignore[reportPrivateImportUsage]  (httpx or httpx2, by version)
        raise tc.TokenizerError("Hugging Face cannot be reached from here.") from None


def _left_out(path: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    return hidden or path.parts[:2] == ("tokenizer_core", "training")
