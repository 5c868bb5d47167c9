"""``lmac doctor``, on this machine and on machines where something is missing or broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import lmac
import pytest
from lmac import _core
from lmac.command_line import cli
from lmac.predictors import providers
from lmac.predictors.model import read_model

import fake_machine
from conftest import needs_default_model

DOCTOR = "import sys; from lmac.command_line import doctor; sys.exit(doctor.main())"


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The finished command in ``folder``; a traceback fails every test."""
    command = [sys.executable, "-m", "lmac", *arguments]
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    return done


@needs_default_model
def test_a_sound_installation_gets_exit_code_0(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("lmac works here.\n")
    assert "Problems" not in done.stdout
    rows = {label.strip(): text.strip() for label, text in ((line[2:20], line[20:]) for line in done.stdout.splitlines() if line.startswith("  "))}
    assert rows["lmac"] == lmac.__version__
    assert rows["numpy"]
    assert "CPU" in rows["built for"]
    assert rows["native executor"] == rows["ONNX Runtime, CPU"] == "passed"
    assert rows["its fingerprint"].startswith("onnxruntime=")
    assert (providers.why_not_cuda() is None) == (rows["a float model"] == "ONNX Runtime on CUDA")


@needs_default_model
def test_why_cuda_is_not_used_is_advice_and_no_problem(tmp_path: Path) -> None:
    reason = providers.why_not_cuda()
    if reason is None:
        pytest.skip("CUDA is used")
    assert f"\nAdvice\n  * CUDA is not used: {reason}\n" in run(tmp_path, "doctor").stdout


@needs_default_model
def test_the_instruction_set_is_the_one_that_the_environment_names(tmp_path: Path) -> None:
    assert "an exact model     the native executor, LMAC_SIMD=scalar\n" in run(tmp_path, "doctor", LMAC_SIMD="scalar").stdout
    done = run(tmp_path, "doctor", LMAC_SIMD="mmx")
    assert done.returncode == 1
    assert "native executor    failed" in done.stdout
    assert f"set it to {' or '.join(_core.instruction_sets())}, or unset it" in done.stdout


def test_two_distributions_of_onnx_runtime_are_a_problem(tmp_path: Path) -> None:
    fake_machine.add_distribution(tmp_path, "onnxruntime", "1.32.0")
    fake_machine.add_distribution(tmp_path, "onnxruntime-gpu", "1.31.1")
    done = fake_machine.run(tmp_path, DOCTOR)
    assert done.returncode == 1
    assert "pip uninstall -y onnxruntime onnxruntime-gpu && pip install --force-reinstall" in done.stdout.partition("\nProblems\n")[2]
    assert done.stdout.endswith("Something is broken: see the problems above.\n")


def test_an_emptied_package_is_a_problem(tmp_path: Path) -> None:
    fake_machine.add_package(tmp_path, "onnxruntime")
    done = fake_machine.run(tmp_path, DOCTOR)
    assert (done.returncode, done.stderr) == (1, "")
    assert "the installed ONNX Runtime is incomplete; repair it with: " in done.stdout.partition("\nProblems\n")[2]
    assert "a float model      nothing can, without ONNX Runtime" in done.stdout


@pytest.mark.parametrize("package", ["numpy", "tokenizers", "onnxruntime", "huggingface_hub"])
def test_a_package_that_cannot_be_imported_is_reported_and_stops_nothing(package: str, tmp_path: Path) -> None:
    done = fake_machine.run(tmp_path, DOCTOR, blocked=(package,))
    assert done.stderr == ""
    assert "\nSelf-test of the models inside the package\n  native executor" in done.stdout
    if package != "huggingface_hub":  # which is not needed, and only its version is shown
        assert done.returncode == 1
        assert f"No module named '{package}'" in done.stdout


def test_packages_that_were_never_installed_are_advice(tmp_path: Path) -> None:
    hide = """
from importlib import metadata
installed = metadata.version
def version(name):
    if name.startswith(("numpy", "tokenizers", "onnxruntime", "huggingface_hub")):
        raise metadata.PackageNotFoundError(name)
    return installed(name)
metadata.version = version
"""
    done = fake_machine.run(tmp_path, hide + DOCTOR, blocked=("numpy", "tokenizers", "onnxruntime", "huggingface_hub"))
    assert done.stderr == ""
    assert done.stdout.count("not installed") >= 4
    advice = done.stdout.partition("\nAdvice\n")[2].partition("\nProblems\n")[0]
    assert "numpy is missing, and ONNX Runtime needs it: pip install numpy" in advice
    assert f"pip install {providers.RECOMMENDED}" in advice
    assert done.returncode == (0 if "native executor    passed" in done.stdout else 1)


def test_a_package_without_its_model_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("lmac.predictors.model.DEFAULT_MODEL", "none")
    assert cli.main(["doctor"]) == 1
    assert "this installation of lmac has no model of its own" in capfd.readouterr().out.partition("\nProblems\n")[2]


def test_a_file_called_doctor_is_compressed_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "doctor"
    for arguments in (["doctor"], ["./doctor"], ["--", "doctor"]):
        path.write_bytes(b"who")
        done = run(tmp_path, *arguments)
        assert (done.returncode, done.stdout) == (0, "")
        (tmp_path / "doctor.lmac").unlink()
    path.unlink()
    for arguments in (["./doctor"], ["--", "doctor"]):
        assert "No such file" in run(tmp_path, *arguments).stderr


def test_the_word_takes_no_arguments(tmp_path: Path) -> None:
    assert run(tmp_path, "doctor", "--help").stdout.startswith("usage: lmac doctor")
    done = run(tmp_path, "doctor", "who")
    assert (done.returncode, done.stderr) == (1, "lmac: doctor takes no 'who'; see lmac doctor --help\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes work otherwise here")
def test_a_reader_that_leaves_is_no_error_to_speak_of(tmp_path: Path) -> None:
    done = subprocess.run(f"{sys.executable} -m lmac doctor | head -1", shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("Versions\n", "")


def test_compressing_does_not_load_the_doctor(tmp_path: Path) -> None:
    code = "import sys, lmac.command_line.cli; print([m for m in sys.modules if m.startswith('lmac.')])"
    loaded = fake_machine.run(tmp_path, code).stdout
    assert "lmac.command_line.cli" in loaded
    assert not any(f".{name}'" in loaded for name in ("doctor", "providers", "fingerprint", "tokenization", "language_model"))


@needs_default_model
def test_every_model_of_the_package_is_tested(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def damaged(name: str | None) -> bytes:
        return read_model(name)[: -1 if name == "fast" else None]

    monkeypatch.setattr("lmac.command_line.doctor.read_model", damaged)
    assert cli.main(["doctor"]) == 1
    out = capfd.readouterr().out
    assert "native executor    failed: fast\n" in out
    assert "native executor, model fast: " in out.partition("\nProblems\n")[2]
