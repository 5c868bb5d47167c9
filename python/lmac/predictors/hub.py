"""Models named ``hf:owner/repo``: where Hugging Face's own programs have put them on this machine.

Nothing is downloaded here. What a file was compressed with must not depend on what a server says today, and a
compressor that opens connections would surprise. ``hf download`` fetches a model once; this finds it in the
cache, at the revision asked for, or else at the one downloaded last.
"""

from __future__ import annotations

import re
from pathlib import Path

from .._core import LmacError
from .foreign import comes_from_signal_handler

#: How the name of such a model begins.
PREFIX = "hf:"

# The hub's own rules are narrower; these keep what is not a name of that kind out of paths and of the command that is suggested.
_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", re.ASCII)


def resolve(name: str) -> Path:
    """The folder of a model in Hugging Face's cache on this machine.

    Args:
        name: ``"hf:owner/repo"``, or ``"hf:owner/repo@revision"`` with a branch, a tag, or a whole commit hash.

    Raises:
        LmacError: The name is malformed, ``huggingface_hub`` is not installed, or the model was not downloaded.
    """
    repository, separator, revision = name.removeprefix(PREFIX).partition("@")
    is_revision = _REVISION.fullmatch(revision) if separator else not revision
    if not (name.startswith(PREFIX) and _NAME.fullmatch(repository) and is_revision and ".." not in name):
        raise LmacError(f"{name!r} is no name of a model: write hf:owner/repo, or hf:owner/repo@revision")
    try:
        from huggingface_hub import constants, snapshot_download
    except ImportError as error:
        raise LmacError(f"{name} needs huggingface_hub ({error}): pip install 'lmac[hf]'; or give the path of the model's folder") from error
    reference = Path(constants.HF_HUB_CACHE, f"models--{repository.replace('/', '--')}", "refs", revision or "main")
    if reference.exists() and not reference.is_file():  # the library would wait for a pipe
        raise LmacError(f"{reference} is not a regular file; remove it and download the model again")
    try:
        # No file is required here: whoever downloads one of several variants of a model has what lmac needs.
        return Path(snapshot_download(repository, revision=revision or None, local_files_only=True, allow_patterns=[]))
    except OSError as error:
        if comes_from_signal_handler(error):
            raise
        command = f"hf download {repository}" + (f" --revision {revision}" if revision else "")
        raise LmacError(f"{name} is not on this machine, and lmac downloads nothing: get it with {command}") from error
    except ValueError as error:  # the hub's own rules for names
        raise LmacError(f"{name!r} is no name of a model: {error}") from error
