"""Machines that are not at hand: packages that are missing, broken or doubled, and an NVIDIA driver that is none.

Each is a folder, and what is tested runs in a process of its own that finds the folder first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import lmac
import pytest

#: Hides packages: importing one of them fails as if it were not there.
BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
"""

DRIVER = """
#include <string.h>
int cuInit(unsigned flags) { return INIT; }
int cuDeviceGetCount(int *count) { *count = COUNT; return 0; }
int cuDriverGetVersion(int *version) { *version = VERSION; return 0; }
int cuGetErrorString(int code, const char **text) { *text = "no CUDA-capable device is detected"; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetName(char *name, int len, int device) { strncpy(name, "NVIDIA H100 80GB HBM3", len); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device)
{
    *value = attribute == 75 ? 9 : attribute == 76 ? 0 : attribute == 16 ? 132 : -1;
    return 0;
}
"""


def run(folder: Path, code: str, *arguments: str, blocked: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """What ``code`` does where the packages and libraries of ``folder`` come first."""
    program = (BLOCKER.format(blocked=blocked) if blocked else "") + code
    paths = [str(folder), str(Path(lmac.__file__).parents[1])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "LD_LIBRARY_PATH": str(folder)}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def add_distribution(folder: Path, name: str, version: str) -> None:
    """What an installer leaves behind of a distribution, without its files."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def add_package(folder: Path, name: str, code: str = "") -> None:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(code)


def add_driver(folder: Path, *, init: int = 0, count: int = 1, version: int = 13000) -> None:
    """A library that answers as NVIDIA's driver would; skips the test where it cannot be made."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C compiler and Linux")
    (folder / "driver.c").write_text(DRIVER)
    numbers = [f"-DINIT={init}", f"-DCOUNT={count}", f"-DVERSION={version}"]
    subprocess.run([compiler, "-shared", "-fPIC", *numbers, "-o", folder / "libcuda.so.1", folder / "driver.c"], check=True)
