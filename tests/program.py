"""The program ``lmac`` as users run it, and what it leaves in a folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tiny_model import TINY_MODEL

PROGRAM = str(Path(sys.executable).with_name("lmac"))
LMAC = [PROGRAM, "--model", str(TINY_MODEL)]


def run(*arguments: object, stdin: bytes = b"", program: Sequence[str] = LMAC, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """The finished command; a traceback fails every test."""
    done = subprocess.run([*program, *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=False, cwd=cwd)
    assert b"Traceback" not in done.stderr
    return done


def names(folder: Path) -> list[str]:
    """What is in a folder and below, without folders."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
