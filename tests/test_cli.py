"""The command ``lmac``, run as users run it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import lmac
import pytest
from lmac.command_line import cli
from lmac.filesystem.atomic_file import AtomicFile, replacing
from lmac.filesystem.folder import place_of

from tiny_model import TINY_MODEL

LMAC = [sys.executable, "-m", "lmac", "--model", str(TINY_MODEL)]


def run(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The finished command; a traceback fails every test."""
    done = subprocess.run([*LMAC, *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=False)
    assert b"Traceback" not in done.stderr
    return done


@pytest.fixture
def source(tmp_path: Path, tiny_text: bytes) -> Path:
    path = tmp_path / "text.txt"
    path.write_bytes(tiny_text)
    path.chmod(0o640)
    os.utime(path, (1_000_000_000, 1_234_567_890))
    return path


def test_a_file_is_compressed_beside_itself_and_restored(source: Path, tiny_text: bytes) -> None:
    assert run(source).returncode == 0
    compressed = source.with_name("text.txt.lmac")
    assert source.read_bytes() == tiny_text
    assert compressed.stat().st_size < len(tiny_text)
    source.unlink()
    done = run("-d", compressed)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert source.read_bytes() == tiny_text
    assert (source.stat().st_mode & 0o777, int(source.stat().st_mtime)) == (0o640, 1_234_567_890)
    assert sorted(path.name for path in source.parent.iterdir()) == ["text.txt", "text.txt.lmac"]


def test_standard_input_to_standard_output(tiny_text: bytes, tiny_codec: lmac.Codec, adaptive: bool) -> None:
    mode = [] if adaptive else ["--no-adaptive"]
    for arguments in ([], ["-"], ["-c"], ["-k", "-T", "1", "--executor", "onnx", "--device", "cpu"]):
        compressed = run(*mode, *arguments, stdin=tiny_text)
        assert compressed.stdout == tiny_codec.compress(tiny_text)
    assert run("-d", stdin=compressed.stdout).stdout == tiny_text
    assert run("-dc", "-", stdin=compressed.stdout).stdout == tiny_text


def test_plain_code_writes_the_same_bytes_as_vector_instructions(
    tiny_text: bytes, tiny_codec: lmac.Codec, adaptive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    mode = [] if adaptive else ["--no-adaptive"]
    repeated = b"she sells sea shells by the sea shore; " * 200  # adaptive: without the model
    for content in (tiny_text, repeated):
        frame = tiny_codec.compress(content)
        with monkeypatch.context() as context:
            context.setenv("LMAC_SIMD", "scalar")
            assert run(*mode, stdin=content).stdout == frame
            assert run("-d", stdin=frame).stdout == content


def test_several_files_go_on_after_an_error(source: Path, tiny_text: bytes) -> None:
    other = source.with_name("other")
    other.write_bytes(b"other")
    done = run(source, source.with_name("missing"), other)
    assert done.returncode == 1
    assert b"missing: No such file or directory" in done.stderr
    assert run("-dc", f"{source}.lmac", f"{other}.lmac").stdout == tiny_text + b"other"


def test_the_output_can_be_named(source: Path, tiny_text: bytes) -> None:
    named = source.with_name("named")
    assert run(source, "-o", named).returncode == 0
    assert run("-d", named, "-o", source.with_name("restored")).returncode == 0
    assert source.with_name("restored").read_bytes() == tiny_text
    assert b"one input" in run(source, source, "-o", named).stderr


def test_an_existing_file_is_overwritten_only_by_force(source: Path) -> None:
    target = source.with_name("text.txt.lmac")
    target.write_bytes(b"precious")
    done = run(source)
    assert done.returncode == 1
    assert b"already exists; use -f" in done.stderr
    assert target.read_bytes() == b"precious"
    assert run("-f", source).returncode == 0
    assert run("-dc", target).stdout == source.read_bytes()


def test_the_source_is_never_its_own_output(source: Path, tiny_text: bytes) -> None:
    done = run("-f", source, "-o", source)
    assert done.returncode == 1
    assert source.read_bytes() == tiny_text


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"plain text", "plain.lmac", b"not an lmac file"),
        (b"", "empty.lmac", b"truncated"),
        (b"plain text", "plain.txt", b"does not end in .lmac"),
    ],
)
def test_what_cannot_be_restored_is_one_line_and_exit_code_1(tmp_path: Path, content: bytes, name: str, message: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    done = run("-d", tmp_path / name)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.count(b"\n") == 1
    assert message in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_damaged_file_leaves_no_output(source: Path) -> None:
    compressed = run("-c", source).stdout
    damaged = source.with_name("damaged.lmac")
    damaged.write_bytes(compressed[:-20] + bytes(20))
    assert run("-d", damaged).returncode == 1
    assert not source.with_name("damaged").exists()


def test_wrong_options_and_models_are_one_line_and_exit_code_1(source: Path) -> None:
    for arguments in (["--no-such-option"], ["-T", "many"], [source, "--model", "missing.onnx"], [source, "--model", source], [source.parent]):
        done = run(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith(b"lmac: ")
        assert done.stderr.count(b"\n") == 1


def test_help_and_version_need_no_model() -> None:
    assert run("--version").stdout == f"lmac {lmac.__version__}\n".encode()
    assert b"--decompress" in run("-h").stdout


def test_verbose_says_how_well_a_file_was_compressed(source: Path) -> None:
    assert b"3000 bytes, compressed" in run("-vc", source).stderr


def on_terminal(stream: str, *arguments: object) -> tuple[int, bytes]:
    """Exit code and what a terminal shows when ``stream`` is connected to it."""
    controller, terminal = pty.openpty()
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: terminal}
    with subprocess.Popen([*LMAC, *map(str, arguments)], **streams) as process:  # type: ignore[call-overload]
        os.close(terminal)
        shown = b""
        try:
            while part := os.read(controller, 4096):
                shown += part
        except OSError:  # how Linux reports that the other side is closed
            pass
    os.close(controller)
    return process.returncode, shown


def test_compressed_data_is_not_written_to_a_terminal(source: Path) -> None:
    assert on_terminal("stdout", "-c", source) == (1, b"")
    returncode, shown = on_terminal("stdout", "-fc", source)
    assert returncode == 0
    assert len(shown) > 1000


def test_progress_is_shown_on_a_terminal_only(source: Path) -> None:
    slow = [source, "-f", "--executor", "onnx", "--device", "cpu"]
    assert b" kB/s" in on_terminal("stderr", *slow)[1]
    assert b" kB/s" not in on_terminal("stderr", "-q", *slow)[1]
    assert run(*slow).stderr == b""


def test_interrupting_leaves_nothing_behind(source: Path, tiny_text: bytes) -> None:
    source.write_bytes(tiny_text * 100)
    slow = ["--no-adaptive", "--executor", "onnx", "--device", "cpu"]  # what repeats needs no model otherwise
    with subprocess.Popen([*LMAC, source, *slow], stderr=subprocess.PIPE) as process:
        time.sleep(2.5)
        assert process.poll() is None, "the file is too small to be interrupted"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (130, b"lmac: interrupted\n")
    assert [path.name for path in source.parent.iterdir()] == ["text.txt"]


def test_a_closed_pipe_is_no_traceback(source: Path) -> None:
    with subprocess.Popen([*LMAC, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"), replacing(target) as sink:
        sink.write(b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "target"

    def write_slowly() -> None:
        with place_of(str(target)) as place, AtomicFile(place, overwrite=False) as sink:
            sink.write(b"new")
            target.write_bytes(b"by somebody else")

    with pytest.raises(FileExistsError) as error:
        write_slowly()
    assert error.value.filename == str(target)
    assert target.read_bytes() == b"by somebody else"
    assert list(tmp_path.iterdir()) == [target]


def test_new_files_get_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").write_bytes(b"")
    with replacing(tmp_path / "written") as sink:
        sink.write(b"data")
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_main_can_be_called_from_python(source: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--model", str(TINY_MODEL), str(source)]) == 0
    assert cli.main(["--model", str(TINY_MODEL), str(source)]) == 1
    assert "already exists" in capfd.readouterr().err
