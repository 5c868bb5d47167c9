"""``lmac doctor``: what this machine has, what lmac uses of it, and what to do about the rest.

It is for the moment when something does not work, so it relies on little: each line is found by itself and printed at
once, and a package that is missing or broken becomes a line too. Where it can, it tries a thing instead of asking whether it is there: what
should work is what misled the user. Problems come last and make the exit code 1; advice is about what would be possible besides.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import metadata

from .. import __version__
from .._core import Executor, LmacError, Model, cpu_features, instruction_sets
from ..predictors import providers
from ..predictors.model import DEFAULT_MODEL, model_names, read_model
from .options import UsageError
from .standard_streams import Stdout

HELP = "usage: lmac doctor\n\nShow what this machine has and what lmac uses of it. The exit status is 1 if something is broken."

_LABEL_LEN = 18
_SIMD = "LMAC_SIMD"
_REINSTALL = "pip install --force-reinstall --no-deps lmac"


def main(arguments: Sequence[str] = ()) -> int:
    """Prints the report; returns 1 if something is broken, otherwise 0.

    Raises:
        UsageError: An argument that it does not take.
        StdoutError: The report cannot be printed.
    """
    if not arguments:
        return Doctor().examine()
    if arguments[0] in ("-h", "--help"):
        _print(HELP)
        return 0
    raise UsageError(f"doctor takes no {arguments[0]!r}", "lmac doctor")


class Doctor:
    """Examines this installation, line by line."""

    def __init__(self) -> None:
        self._problems: list[str] = []
        self._advice: list[str] = []
        self._has_runtime = True  # ONNX Runtime, and numpy, without which it gives nothing

    def examine(self) -> int:
        """Prints everything; returns the exit code."""
        sections = {
            "Versions": self._show_versions,
            "Hardware": self._show_hardware,
            "What runs a model, if no device is named": self._show_choices,
            "Self-test of the models inside the package": self._show_self_tests,
        }
        for title, show in sections.items():
            _print(title)
            show()
            _print("")
        return self._conclude()

    def _show_versions(self) -> None:
        _show("lmac", __version__)
        _show("Python", f"{platform.python_version()}, {sys.executable}")
        _show("system", platform.platform())
        self._has_runtime = self._show_package("numpy", "ONNX Runtime needs it")
        self._show_package("tokenizers", "language models need it")
        self._show_runtime()
        _show("huggingface_hub", _version("huggingface_hub") or "not installed; models named hf:owner/repo need it: pip install 'lmac[hf]'")

    def _show_package(self, name: str, need: str) -> bool:
        """Shows a package that lmac depends on; whether it can be used."""
        failure = _failure(lambda: importlib.import_module(name))
        version = _version(name)
        if failure is None:
            _show(name, version or "of unknown version")
            return True
        _show(name, f"{version} is broken: {failure}" if version else "not installed")
        if version:
            self._problems.append(f"{name} cannot be imported, and {need}: pip install --force-reinstall {name}")
        else:
            self._advice.append(f"{name} is missing, and {need}: pip install {name}")
        return False

    def _show_runtime(self) -> None:
        distributions = providers.installed_distributions()
        for name, version in (distributions or {"onnxruntime": "not installed"}).items():
            _show(name, version)
        if not self._has_runtime:  # importing it without numpy would print a traceback of its own
            self._advice += [] if distributions else [f"ONNX Runtime is missing, and language models need it: pip install {providers.RECOMMENDED}"]
            return
        try:
            runtime = providers.import_runtime()
        except LmacError as error:
            self._has_runtime = False
            is_absent = not distributions and isinstance(error.__cause__, ImportError)
            (self._advice if is_absent else self._problems).append(f"language models and the onnx executor cannot run: {error}")
            return
        _show("  built for", ", ".join(name.removesuffix("ExecutionProvider") for name in runtime.get_available_providers()))
        if clash := providers.clash():
            self._problems.append(clash)

    def _show_hardware(self) -> None:
        _show("processors", f"{providers.thread_count(None)} of {os.cpu_count() or '?'} usable")
        _show("instruction sets", " ".join(cpu_features()) or platform.machine())
        _show("NVIDIA driver", providers.driver_obstacle() or "works")
        _show("CUDA libraries", _cuda_libraries() if self._has_runtime else "not looked for, without ONNX Runtime")

    def _show_choices(self) -> None:
        _show("an exact model", _instruction_set())
        if not self._has_runtime:
            return _show("a float model", "nothing can, without ONNX Runtime")
        obstacle = providers.why_not_cuda()
        if obstacle:
            self._advice.append(f"CUDA is not used: {obstacle}")
        _show("a float model", f"ONNX Runtime on {'the CPU' if obstacle else 'CUDA'}")
        return _show("  its fingerprint", _fingerprint())

    def _show_self_tests(self) -> None:
        self._show_self_test("native executor", lambda name: Executor(Model(read_model(name))))
        if self._has_runtime:
            self._show_self_test("ONNX Runtime, CPU", lambda name: _run_in_onnx_runtime(name, "cpu"))
            if providers.why_not_cuda() is None:
                self._show_self_test("ONNX Runtime, CUDA", lambda name: _run_in_onnx_runtime(name, "cuda"))

    def _show_self_test(self, label: str, test: Callable[[str | None], object]) -> None:
        """Shows whether ``test`` passes with every model."""
        models = {name: name for name in model_names()} | {DEFAULT_MODEL: None}  # what a codec uses that is told no name, also where it is missing
        failures = {name: _failure(partial(test, model)) for name, model in models.items()}
        failures = {name: failure for name, failure in failures.items() if failure is not None}
        _show(label, f"failed: {', '.join(failures)}" if failures else "passed")
        for name, failure in failures.items():
            self._problems.append(f"{label}, model {name}: {failure}; if nothing else explains it, install lmac anew: {_REINSTALL}")

    def _conclude(self) -> int:
        for title, lines in (("Advice", self._advice), ("Problems", self._problems)):
            if lines:
                _print("\n".join([title, *(f"  * {line}" for line in lines), ""]))
        _print("Something is broken: see the problems above." if self._problems else "lmac works here.")
        return 1 if self._problems else 0


def _show(label: str, text: str) -> None:
    _print(f"  {label:{_LABEL_LEN}} {text}")


def _print(text: str) -> None:
    Stdout().write(f"{text}\n".encode(sys.stdout.encoding, "backslashreplace"))


def _failure(attempt: Callable[[], object]) -> str | None:
    """What went wrong, in words; ``None`` if nothing did."""
    try:
        attempt()
    except Exception as error:  # whatever a broken package raises
        return str(error) or type(error).__name__
    return None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cuda_libraries() -> str:
    runtime = providers.import_runtime()
    if providers.CUDA not in runtime.get_available_providers():
        return "not needed: ONNX Runtime was built without CUDA"
    return providers.load_libraries(runtime) or "found"


def _instruction_set() -> str:
    """What the native executor computes with."""
    named = os.environ.get(_SIMD)
    if named is not None:
        return f"the native executor, {_SIMD}={named}"
    *_, best = instruction_sets()
    return f"the native executor, {best} ({_SIMD} can name another)"


def _fingerprint() -> str:
    """What files of a float model would say of this machine; the model does not matter."""
    from ..predictors.fingerprint import machine_fingerprint, to_text

    try:
        session = providers.create_session(read_model(None), "auto", None, exact=False)
        return to_text(machine_fingerprint(session, None))
    except (LmacError, OSError) as error:
        return f"not known: {error}"


def _run_in_onnx_runtime(model: str | None, device: str) -> None:
    from ..predictors.onnx_executor import OnnxExecutor

    OnnxExecutor(read_model(model), device=device)
