"""Links, pipes, sockets, devices, the kernel's files, and files that change: as sources and in the place of results."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lmac.command_line.files import ChangedError, Source
from lmac.filesystem.folder import place_of

from program import LMAC, names, run

SLOW = ["--no-adaptive", "--executor", "onnx", "--device", "cpu"]
needs_dev_fd = pytest.mark.skipif(not Path("/dev/fd/0").exists(), reason="there is no /dev/fd")


@pytest.fixture
def source(tmp_path: Path, tiny_text: bytes) -> Path:
    path = tmp_path / "text"
    path.write_bytes(tiny_text)
    return path


@pytest.fixture
def compressed(source: Path) -> Path:
    assert run(source).returncode == 0
    return source.with_name("text.lmac")


def shell(script: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    """A script of bash, in which ``$LMAC`` is the program and the arguments are $1, $2, ..."""
    done = subprocess.run(
        ["bash", "-c", script, "bash", *map(str, arguments)], capture_output=True, timeout=60, check=False, env={**os.environ, "LMAC": " ".join(LMAC)}
    )
    assert b"Traceback" not in done.stderr
    return done


# Links in the place of a result


@pytest.mark.parametrize("is_there", [True, False], ids=["to a file", "dangling"])
@pytest.mark.parametrize("operation", ["compress", "restore"])
def test_a_link_in_the_place_of_a_result_is_never_followed(source: Path, compressed: Path, tiny_text: bytes, is_there: bool, operation: str) -> None:
    given, result = (source, compressed) if operation == "compress" else (compressed, source)
    expected = result.read_bytes()
    result.unlink()
    behind = source.with_name("behind")
    if is_there:
        behind.write_bytes(b"precious")
    result.symlink_to(behind)
    direction = [] if operation == "compress" else ["-d"]
    done = run(*direction, given)
    assert done.returncode == 1
    assert done.stderr == f"lmac: {given}: {result} is a symbolic link, which is not followed; use -f to replace the link itself\n".encode()
    assert result.is_symlink()
    assert behind.exists() == is_there
    assert run(*direction, "-f", given).returncode == 0
    assert not result.is_symlink()
    assert result.read_bytes() == expected
    assert not is_there or behind.read_bytes() == b"precious"
    assert behind.exists() == is_there


def test_a_link_named_by_o_is_not_followed_either(source: Path) -> None:
    link = source.with_name("link")
    link.symlink_to("behind")
    assert run(source, "-o", link).returncode == 1
    assert run(source, "-fo", link).returncode == 0
    assert not link.is_symlink()
    link.unlink()
    link.symlink_to(source)  # the source itself is not in danger: the link is what is replaced
    assert run(source, "-fo", link).returncode == 0
    assert run("-dc", "-", stdin=link.read_bytes()).stdout == source.read_bytes()


def test_a_second_name_of_the_source_is_not_replaced(source: Path, tiny_text: bytes) -> None:
    os.link(source, source.with_name("other"))
    assert b"input and output are the same file" in run(source, "-fo", source.with_name("other")).stderr
    assert b"input and output are the same file" in shell('$LMAC -c "$1" >> "$1"', source).stderr
    assert source.read_bytes() == tiny_text


# Links as sources


def test_a_link_as_a_source_is_followed_but_not_removed(source: Path, tiny_text: bytes) -> None:
    link = source.with_name("link")
    link.symlink_to("text")
    done = run("--rm", link)
    assert done.returncode == 1
    assert b"is a symbolic link, and --rm would not say which of the two goes" in done.stderr
    assert names(source.parent) == ["link", "text"]
    assert run(link).returncode == 0
    assert not (source.parent / "link.lmac").is_symlink()
    assert run("-dc", f"{link}.lmac").stdout == tiny_text


# Results that are no regular files


@needs_dev_fd
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_has_names(source: Path, compressed: Path, tiny_text: bytes, name: str) -> None:
    done = run("-d", compressed, "-o", name)
    assert (done.returncode, done.stdout, done.stderr) == (0, tiny_text, b"")
    log = source.with_name("log")
    log.write_bytes(b"before,")
    assert shell('$LMAC -d "$1" -o "$2" >> "$3"', compressed, name, log).returncode == 0
    assert log.read_bytes() == b"before," + tiny_text
    assert shell('{ echo -n before,; $LMAC -d "$1" -o "$2"; echo -n after; } > "$3"', compressed, name, log).returncode == 0
    assert log.read_bytes() == b"before," + tiny_text + b"after"


@needs_dev_fd
def test_what_a_shell_gives_for_a_command_is_written_and_read(source: Path, compressed: Path, tiny_text: bytes) -> None:
    copy = source.with_name("copy")
    assert shell('$LMAC -d "$1" -o >(cat > "$2.new"; mv "$2.new" "$2")', compressed, copy).returncode == 0
    for _ in range(500):
        if copy.exists():
            break
        time.sleep(0.02)
    assert copy.read_bytes() == tiny_text
    assert shell('$LMAC -d -c <(cat "$1")', compressed).stdout == tiny_text
    assert shell('$LMAC -t <(cat "$1") && $LMAC -l <(cat "$1")', compressed).returncode == 0
    assert shell('$LMAC -dc /dev/stdin < "$1"', compressed).stdout == tiny_text
    assert shell('exec 3>> "$2"; $LMAC -d "$1" -o /dev/fd/3', compressed, copy).returncode == 0
    assert copy.read_bytes() == tiny_text * 2
    for script in ('$LMAC <(cat "$1")', '$LMAC /dev/stdin < "$1"', '$LMAC --rm -o "$1.new" /dev/stdin < "$1"'):
        assert shell(script, source).returncode == 1
    assert names(source.parent) == ["copy", "text", "text.lmac"]


def test_a_device_is_written_to_and_stays(source: Path) -> None:
    before = os.stat("/dev/null")
    done = run("-f", source, "-o", "/dev/null")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (os.stat("/dev/null").st_mode, os.stat("/dev/null").st_ino) == (before.st_mode, before.st_ino)


def test_a_pipe_with_a_name_is_written_to(source: Path, compressed: Path, tiny_text: bytes) -> None:
    pipe = source.with_name("pipe")
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert run("-d", compressed, "-o", pipe).returncode == 0
        assert reader.communicate(timeout=20)[0] == tiny_text
    assert pipe.is_fifo()
    assert b"leave out --rm" in run("-d", "--rm", compressed, "-o", pipe).stderr


# Sources that are no regular files


def special_files(folder: Path) -> list[Path]:
    """A pipe that nobody writes to, a socket, a link to an endless device, a dangling one, one to itself."""
    os.mkfifo(folder / "pipe.lmac")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "socket.lmac"))
    listener.close()
    (folder / "zero.lmac").symlink_to("/dev/zero")
    (folder / "dangling.lmac").symlink_to("nowhere")
    (folder / "circle.lmac").symlink_to("circle.lmac")
    return sorted(folder.glob("*.lmac"))


def test_no_special_file_hangs_or_fills_memory(tmp_path: Path) -> None:
    special = special_files(tmp_path)
    for options in (["-t"], ["-l"], ["-d"], ["-df"], ["-df", "--rm"], ["--rm"]):
        done = run(*options, *special)
        assert (done.returncode, done.stdout) == (1, b"")
        for path, line in zip(special, done.stderr.splitlines(), strict=True):
            assert line.startswith(f"lmac: {path}: ".encode())
    assert sorted(tmp_path.iterdir()) == special
    assert b"not an lmac file" in run("-dc", tmp_path / "zero.lmac").stderr


def test_r_leaves_special_files_alone(tmp_path: Path) -> None:
    for path in special_files(tmp_path):
        path.rename(path.with_suffix(""))
    special = special_files(tmp_path) + [path for path in tmp_path.iterdir() if path.suffix != ".lmac"]
    for options in (["-r"], ["-rf", "--rm"], ["-rt"], ["-rl"], ["-rdf"]):
        done = run(*options, tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert sorted(tmp_path.iterdir()) == sorted(special)


def test_a_pipe_with_a_name_is_waited_for_on_request(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write_later() -> None:
        time.sleep(1.5)
        pipe.write_bytes(b"content")

    writer = threading.Thread(target=write_later)
    writer.start()
    done = run(pipe, "-c")
    writer.join()
    assert run("-dc", stdin=done.stdout).stdout == b"content"


# The kernel's files


@pytest.mark.parametrize("name", ["/proc/version", "/proc/self/status", "/proc/cpuinfo", "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/fscaps"])
def test_files_that_lie_about_their_size_are_compressed(tmp_path: Path, name: str) -> None:
    if not os.access(name, os.R_OK):
        pytest.skip(f"there is no {name}")
    done = run(name, "-o", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, b"")
    restored = run("-dc", "-", stdin=(tmp_path / "out").read_bytes()).stdout
    expected = Path(name).read_bytes()
    assert restored[:5] == expected[:5]
    assert abs(len(restored) - len(expected)) < 200  # a process is not the other
    done = shell('$LMAC < "$1"', name)
    assert run("-dc", stdin=done.stdout).stdout[:5] == expected[:5]


# Sources that change


def wait_for_temporary(folder: Path) -> None:
    deadline = time.monotonic() + 20
    while not any(name.endswith(".tmp") for name in names(folder)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("removes", [False, True])
def test_a_log_that_grows_is_compressed_as_far_as_it_was(source: Path, tiny_text: bytes, removes: bool) -> None:
    source.write_bytes(tiny_text * 10)
    with subprocess.Popen([*LMAC, *SLOW, *(["--rm"] if removes else []), source], stderr=subprocess.PIPE) as process:
        wait_for_temporary(source.parent)
        with source.open("ab") as file:
            file.write(b"one more line")
        _, stderr = process.communicate(timeout=60)
    target = source.with_name("text.lmac")
    words = f"lmac: {source}: the file changed while it was read; it was kept, and {target} has what was read of it\n"
    assert (process.returncode, stderr) == ((1, words.encode()) if removes else (0, b""))
    assert run("-dc", target).stdout == tiny_text * 10
    assert source.read_bytes() == tiny_text * 10 + b"one more line"


def test_a_log_that_grows_on_standard_input_too(source: Path, tiny_text: bytes) -> None:
    with source.open("rb") as file, subprocess.Popen([*LMAC, *SLOW, "-c"], stdin=file, stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + 20
        while os.lseek(file.fileno(), 0, os.SEEK_CUR) == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        with source.open("ab") as log:
            log.write(b"one more line")
        frame, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert run("-dc", stdin=frame).stdout == tiny_text


def rewrite_longer(path: Path) -> None:
    path.write_bytes(b"other words" * 100_000)


def overwrite_and_append(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"other words")
        file.seek(0, os.SEEK_END)
        file.write(b"one more line")


def overwrite_and_set_time_back(path: Path) -> None:
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"other words")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [rewrite_longer, overwrite_and_append, overwrite_and_set_time_back])
def test_old_and_new_content_are_never_mixed(source: Path, tiny_text: bytes, change: Callable[[Path], None]) -> None:
    source.write_bytes(tiny_text * 10)
    with subprocess.Popen([*LMAC, *SLOW, source], stderr=subprocess.PIPE) as process:
        wait_for_temporary(source.parent)
        change(source)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr == f"lmac: {source}: the file changed while it was read; nothing was written or removed, try again\n".encode()
    assert names(source.parent) == [source.name]


def test_attributes_may_change_while_a_file_is_read(source: Path, tiny_text: bytes) -> None:
    source.write_bytes(tiny_text * 10)
    with subprocess.Popen([*LMAC, *SLOW, source]) as process:
        wait_for_temporary(source.parent)
        source.chmod(0o600)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert run("-dc", source.with_name("text.lmac")).stdout == tiny_text * 10


def test_what_was_written_of_a_file_that_changed_is_said(source: Path, tiny_text: bytes) -> None:
    source.write_bytes(tiny_text * 10)
    with subprocess.Popen([*LMAC, *SLOW, "-c", "--block-len", "1000", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.read(1)
        os.truncate(source, 100)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.endswith(b"the file changed while it was read; what was written of it is not to be used, try again\n")


def test_rm_looks_again_at_the_time_of_the_last_change(source: Path) -> None:
    """Content of the same length, and the modification time set back, as tools do that mean well."""
    with place_of(str(source)) as place, Source(place) as opened:
        opened.file.read()
        before = source.stat()
        with source.open("r+b") as file:
            file.write(b"other")
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
        opened.check_unchanged()  # cannot know
        with pytest.raises(ChangedError):
            opened.remove()
    assert source.exists()


@pytest.mark.parametrize("successor", ["nothing", "a file", "a link"])
def test_rm_removes_only_what_was_read(source: Path, successor: str) -> None:
    with place_of(str(source)) as place, Source(place) as opened:
        source.unlink()
        if successor == "a file":
            source.write_bytes(opened.file.read())
        elif successor == "a link":
            source.symlink_to("elsewhere")
        with pytest.raises(ChangedError):
            opened.remove()
    assert os.path.lexists(source) == (successor != "nothing")


def test_rm_keeps_to_the_folder_that_was_opened(source: Path) -> None:
    """The path leads to another folder when the file is to be removed."""
    folder = source.parent / "folder"
    folder.mkdir()
    (folder / "a").write_bytes(b"content")
    (other := source.parent / "other").mkdir()
    os.link(folder / "a", other / "a")
    with place_of(str(folder / "a")) as place, Source(place) as opened:
        folder.rename(moved := source.parent / "moved")
        folder.symlink_to(other)
        opened.remove()
    assert names(moved) == []
    assert names(other) == ["a"]
