"""The command ``lmac`` and the files it works on: nothing is lost, nothing is half, whatever happens."""

from __future__ import annotations

import io
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import lmac
import pytest
from lmac.command_line import operations
from lmac.command_line.files import Source
from lmac.command_line.operations import compress
from lmac.command_line.progress import Progress
from lmac.filesystem.folder import place_of

from program import LMAC, PROGRAM, names, run

NOISE = random.Random(3).randbytes(3000)
#: Takes seconds for the text below, so that something can happen meanwhile.
SLOW = ["--no-adaptive", "--executor", "onnx", "--device", "cpu"]


@pytest.fixture
def source(tmp_path: Path, tiny_text: bytes) -> Path:
    path = tmp_path / "text"
    path.write_bytes(tiny_text)
    return path


@pytest.fixture
def blocks(source: Path) -> Path:
    """Three blocks: coded, coded, stored."""
    source.write_bytes(source.read_bytes()[:2000] + NOISE[:500])
    assert run("--block-len", 1000, source).returncode == 0
    return source.with_name("text.lmac")


# Removing and keeping


def test_rm_replaces_a_file_by_its_compressed_form_and_back(source: Path, tiny_text: bytes) -> None:
    assert run("--rm", source).returncode == 0
    assert names(source.parent) == ["text.lmac"]
    assert run("-d", "--rm", source.with_name("text.lmac")).returncode == 0
    assert names(source.parent) == ["text"]
    assert source.read_bytes() == tiny_text
    assert run("--rm", "-k", source).returncode == 0
    assert source.exists()


def test_rm_removes_nothing_when_anything_fails(source: Path, tiny_text: bytes) -> None:
    damaged = source.with_name("damaged.lmac")
    frame = bytearray(run("-c", source).stdout)
    frame[-9] ^= 1
    damaged.write_bytes(frame)
    assert run("-d", "--rm", damaged).returncode == 1
    assert run("-d", "--rm", "--recover", damaged).returncode == 2
    assert damaged.read_bytes() == frame
    for arguments in (["-c", source], ["-o", "-", source], ["-o", "/dev/null", source], ["-o", source.parent / "no" / "such", source], ["-t", source]):
        assert run("--rm", *arguments).returncode == 1
        assert source.read_bytes() == tiny_text


def test_a_file_that_changes_meanwhile_is_kept_and_its_frame_is_not(source: Path, tiny_text: bytes) -> None:
    source.write_bytes(tiny_text * 30)
    with subprocess.Popen([*LMAC, *SLOW, "--rm", source], stderr=subprocess.PIPE) as process:
        wait_for_temporary(source.parent)
        with source.open("r+b") as file:
            file.write(b"another beginning")
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr == f"lmac: {source}: the file changed while it was read; nothing was written or removed, try again\n".encode()
    assert names(source.parent) == ["text"]


# Interruptions


def test_a_signal_stops_all_threads(source: Path, tiny_text: bytes) -> None:
    source.write_bytes(tiny_text * 2000)
    frame = source.with_name("text.lmac")
    with subprocess.Popen([*LMAC, "-T", "3", "--block-len", "1000000", source], stderr=subprocess.PIPE) as process:
        wait_for_temporary(source.parent)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, stderr = process.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert (process.returncode, stderr) == (130, b"lmac: interrupted\n")
    assert not frame.exists()
    assert names(source.parent) == ["text"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_source_and_nothing_else(source: Path, tiny_text: bytes, number: signal.Signals) -> None:
    source.write_bytes(tiny_text * 100)
    with subprocess.Popen([*LMAC, *SLOW, "--rm", source], stderr=subprocess.PIPE) as process:
        wait_for_temporary(source.parent)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (128 + number, b"lmac: interrupted\n")
    assert names(source.parent) == ["text"]


def wait_for_temporary(folder: Path) -> None:
    deadline = time.monotonic() + 20
    while not any(name.endswith(".tmp") for name in names(folder)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_killed_at_any_moment_either_file_is_whole(source: Path, tiny_text: bytes) -> None:
    target = source.with_name("text.lmac")
    command = [*LMAC, "--rm", "--block-len", "300", str(source)]
    start = time.monotonic()
    assert run("-c", "--block-len", 300, source).returncode == 0
    duration = time.monotonic() - start
    outcomes = []
    for moment in range(12):
        source.write_bytes(tiny_text)
        target.unlink(missing_ok=True)
        with subprocess.Popen(command) as process:
            time.sleep(duration * (0.5 + 0.06 * moment))
            process.kill()
        if target.exists():
            assert run("-dc", target).stdout == tiny_text
        if not source.exists():
            assert target.exists()
        else:
            assert source.read_bytes() == tiny_text
        outcomes.append(target.exists())
    assert False in outcomes, "every kill came too late to tell anything"


def test_a_full_disk_is_an_error_that_leaves_the_source(tmp_path: Path) -> None:
    script = """
        mount -t tmpfs -o size=64k tmpfs "$1" || exit 77
        head -c 50000 /dev/urandom > "$1/source" && cp "$1/source" "$1/../copy"
        shift; "$@" --rm "$DISK/source"; echo "exit code $?"
        cmp "$DISK/source" "$DISK/../copy" && ls -A "$DISK"
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    namespace = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", str(disk), *LMAC]
    try:
        done = subprocess.run(namespace, capture_output=True, env={**os.environ, "DISK": str(disk)}, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if done.returncode in (1, 77) and b"exit code" not in done.stdout:
        pytest.skip("mounting is not permitted")
    assert done.stdout == b"exit code 1\nsource\n"
    assert done.stderr == f"lmac: {disk}/source.lmac: No space left on device\n".encode()


def test_a_full_device_is_named(source: Path) -> None:
    compressed = source.with_name("compressed")
    compressed.write_bytes(run("-c", source).stdout)
    for arguments in (["-c", source], ["-dc", compressed], ["-l", compressed]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*LMAC, *map(str, arguments)], stdout=full, stderr=subprocess.PIPE, check=False)
        assert (done.returncode, done.stderr) == (1, b"lmac: standard output: No space left on device\n")
    done = run(source, "-o", "/dev/full")
    assert (done.returncode, done.stderr) == (1, b"lmac: /dev/full: No space left on device\n")


def test_what_cannot_be_read_or_written_is_named(source: Path) -> None:
    missing = source.with_name("missing")
    for arguments, name in (([missing], missing), ([source, "-o", missing / "out"], missing / "out")):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr == f"lmac: {name}: No such file or directory\n".encode()
    assert names(source.parent) == ["text"]
    if os.geteuid() == 0:
        pytest.skip("nothing is unreadable for the superuser")
    source.chmod(0)
    assert b"Permission denied" in run(source).stderr


# Testing, listing, recovering


def test_t_checks_and_writes_nothing(blocks: Path) -> None:
    before = names(blocks.parent)
    assert run("-t", blocks, "-").returncode == 1  # standard input is empty, which is no frame
    done = run("-tv", blocks, blocks)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.count(b"intact\n") == 2
    assert run("-t", stdin=blocks.read_bytes()).returncode == 0
    assert names(blocks.parent) == before


def test_t_finds_every_truncation_and_many_flips(blocks: Path) -> None:
    frame = blocks.read_bytes()
    for damaged in (frame[:-1], frame[:-600], frame[:7], frame[:3], frame + b"x", b"x" + frame, frame[:50] + bytes([frame[50] ^ 4]) + frame[51:]):
        blocks.write_bytes(damaged)
        done = run("-t", blocks)
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)


def test_l_shows_sizes_ratio_bits_model_and_blocks_without_a_model(blocks: Path, tiny_codec: lmac.Codec) -> None:
    done = run("-l", blocks, program=[PROGRAM, "--model", "/no/such/model"])
    head, line = done.stdout.decode().splitlines()
    assert head.split() == ["frames", "blocks", "compressed", "uncompressed", "ratio", "bits/byte", "model", "name"]
    size = blocks.stat().st_size
    model = tiny_codec.model_id[:3].hex()
    assert line.split() == ["1", "3", f"{size:,}", "2,500", f"{2500 / size:.3f}", f"{8 * size / 2500:.3f}", model, str(blocks)]
    blocks.write_bytes(blocks.read_bytes() * 2)
    lines = run("-lv", blocks, blocks).stdout.decode().splitlines()
    assert lines[1].split()[:2] == ["2", "6"]
    assert "mode: adaptive; blocks stored: 2, coded without the model: 0" in lines[2]
    assert lines[-1].split()[:4] == ["4", "12", f"{4 * size:,}", "10,000"]
    assert run("-l", stdin=blocks.read_bytes()).stdout.decode().splitlines()[1].split()[:2] == ["2", "6"]


def test_l_notices_a_truncated_file(blocks: Path) -> None:
    frame = blocks.read_bytes()
    for length in (len(frame) - 1, len(frame) - 100, 200, 3, 0):
        blocks.write_bytes(frame[:length])
        done = run("-l", blocks)
        assert (done.returncode, b"truncated" in done.stderr) == (1, True)


def test_recover_writes_the_intact_blocks_and_names_the_others(blocks: Path, source: Path) -> None:
    content, frame = source.read_bytes(), bytearray(blocks.read_bytes())
    frame[len(frame) // 2 - 200] ^= 1  # in the payload of the second block: the third is stored
    blocks.write_bytes(frame)
    plain = run("-dc", blocks)
    assert plain.returncode == 1
    assert b"block 1 is damaged" in plain.stderr
    assert b"1000 bytes from byte 1000" in plain.stderr
    assert plain.stderr.endswith(b"; --recover restores what is intact\n")
    rest = source.with_name("rest")
    done = run("-d", "--recover", blocks, "-o", rest)
    assert done.returncode == 2
    assert b"lost 1000 bytes from byte 1000 of the content" in done.stderr
    assert rest.read_bytes() == content[:1000] + content[2000:]


@pytest.mark.parametrize("block_len", [100, 999, 1300])
def test_any_number_of_threads_does_the_same(source: Path, tiny_text: bytes, block_len: int) -> None:
    frame = run("-T", 1, "--block-len", block_len, "-c", source).stdout
    damaged = bytearray(frame)
    for at in range(len(frame) // 5, len(frame), len(frame) // 3):
        damaged[at] ^= 1
    spoilt = source.with_name("spoilt.lmac")
    spoilt.write_bytes(damaged)
    restored = run("-T", 1, "-dc", "--recover", spoilt)
    assert restored.returncode == 2
    partly = run("-T", 1, "-dc", spoilt)
    for threads in (2, 3, 8):
        assert run("-T", threads, "--block-len", block_len, "-c", source).stdout == frame
        assert run("-T", threads, "--block-len", block_len, stdin=tiny_text).stdout == run("-T", 1, "--block-len", block_len, stdin=tiny_text).stdout
        (whole := source.with_name("whole.lmac")).write_bytes(frame + frame)
        assert run("-T", threads, "-dc", whole).stdout == 2 * tiny_text
        for arguments, expected in ((["--recover"], restored), ([], partly)):
            done = run("-T", threads, "-dc", *arguments, spoilt)
            assert (done.returncode, done.stdout, done.stderr) == (expected.returncode, expected.stdout, expected.stderr)


def test_recover_gives_what_comes_before_a_truncation(blocks: Path, source: Path) -> None:
    content = source.read_bytes()
    for lost, expected_len in ((1, 2500), (100, 2000), (505, 2000), (510, 1000)):
        done = run("--recover", "-c", stdin=blocks.read_bytes()[:-lost])
        assert (done.returncode, done.stdout) == (2, content[:expected_len])
        assert b"lost" in done.stderr
    assert run("--recover", "-c", blocks).returncode == 0
    for data in (b"", b"no lmac file"):
        assert run("--recover", "-c", stdin=data).returncode == 1


# Folders and names


def test_r_works_on_the_files_in_folders(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_bytes(b"a")
    (folder / "sub" / "b").write_bytes(b"b")
    (folder / "link").symlink_to("a")
    plain = ["a", "link", "sub/b"]
    assert b"is a directory; use -r" in run(folder).stderr
    assert run("-r", folder).returncode == 0
    assert names(folder) == sorted([*plain, "a.lmac", "sub/b.lmac"])
    assert run("-rf", folder).returncode == 0  # not a.lmac.lmac
    assert names(folder) == sorted([*plain, "a.lmac", "sub/b.lmac"])
    assert run("-rt", folder).returncode == 0
    assert run("-r", "-d", "-f", "--rm", folder).returncode == 0
    assert names(folder) == plain
    assert (folder / "sub" / "b").read_bytes() == b"b"


def test_names_that_look_like_options_come_after_two_dashes(tmp_path: Path) -> None:
    (tmp_path / "-d").write_bytes(b"content")
    (tmp_path / "näme \udcff").write_bytes(b"content")
    done = subprocess.run([*LMAC, "--", "-d", "näme \udcff"], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert names(tmp_path) == sorted(["-d", "-d.lmac", "näme \udcff", "näme \udcff.lmac"])
    assert run("-dc", tmp_path / "-d.lmac", tmp_path / "näme \udcff.lmac").stdout == b"contentcontent"


def test_what_is_no_regular_file_is_read_only_on_request(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert b"is not a regular file; use -c or -o" in run(tmp_path / "pipe").stderr
    with subprocess.Popen(["sh", "-c", f"echo content > {tmp_path}/pipe"]):
        done = run(tmp_path / "pipe", "-c")
    assert run("-d", stdin=done.stdout).stdout == b"content\n"


def test_lengths_have_units_and_limits(source: Path) -> None:
    assert run("-l", stdin=run("-c", "--block-len", "1K", "--lane-len", 200, source).stdout).stdout.split()[9] == b"3"
    for arguments in (["--block-len", "17M"], ["--block-len", "x"], ["--lane-len", "0"], ["-T", "-1"]):
        done = run("-c", *arguments, source)
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)


@pytest.mark.skipif(shutil.which("tar") is None, reason="there is no tar")
def test_tar_packs_and_unpacks_with_lmac(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_bytes(b"a" * 5000)
    (folder / "b").write_bytes(NOISE)
    filter_option = ["-I", " ".join(LMAC)]
    subprocess.run(["tar", *filter_option, "-cf", "x.tar.lmac", "folder"], cwd=tmp_path, check=True)
    assert (tmp_path / "x.tar.lmac").read_bytes()[:2] == b"\xac\x4c"
    shutil.rmtree(folder)
    listed = subprocess.run(["tar", *filter_option, "-tf", "x.tar.lmac"], cwd=tmp_path, check=True, capture_output=True)
    assert sorted(listed.stdout.split()) == [b"folder/", b"folder/a", b"folder/b"]
    subprocess.run(["tar", *filter_option, "-xf", "x.tar.lmac"], cwd=tmp_path, check=True)
    assert (folder / "b").read_bytes() == NOISE


# Terminals


class Terminal:
    """The command on a terminal: standard input, output and error."""

    def __init__(self, *arguments: object, answer: bytes = b"") -> None:
        controller, terminal = pty.openpty()
        with subprocess.Popen([*LMAC, *map(str, arguments)], stdin=terminal, stdout=terminal, stderr=terminal) as process:
            os.close(terminal)
            os.write(controller, answer)
            self.shown = b""
            try:
                while part := os.read(controller, 4096):
                    self.shown += part
            except OSError:  # how Linux reports that the other side is closed
                pass
        os.close(controller)
        self.returncode = process.returncode


def test_on_a_terminal_overwriting_is_asked_for(source: Path) -> None:
    target = source.with_name("text.lmac")
    for answer, returncode in ((b"n\n", 1), (b"\n", 1), (b"y\n", 0)):
        target.write_bytes(b"old")
        terminal = Terminal(source, answer=answer)
        assert b"already exists; overwrite it (y/n)?" in terminal.shown
        assert terminal.returncode == returncode
        assert (target.read_bytes() == b"old") == (returncode == 1)
    assert b"(y/n)" not in Terminal("-q", source).shown


def test_a_terminal_is_neither_source_nor_target_of_compressed_data(source: Path) -> None:
    for arguments in ([], ["-d"], ["-c", "-"]):
        terminal = Terminal(*arguments)
        assert terminal.returncode == 1
        assert b"standard input is a terminal" in terminal.shown
    terminal = Terminal("-c", source)
    assert terminal.returncode == 1
    assert b"is not written to a terminal" in terminal.shown


def test_progress_shows_share_speed_and_bits(source: Path, tiny_text: bytes) -> None:
    source.write_bytes(tiny_text * 8)
    shown = Terminal(*SLOW, "--block-len", 2000, source).shown
    for words in (b" % ", b" kB/s ", b" bits per byte"):
        assert words in shown
    shown = Terminal("-d", "-f", *SLOW, source.with_name("text.lmac")).shown
    for words in (b" % ", b" kB/s ", b" bits per byte"):
        assert words in shown
    done = Terminal("--no-progress", "-f", *SLOW, source).shown
    assert done.startswith(f"{source}: {8 * len(tiny_text)} bytes, compressed ".encode())
    assert done.count(b"\n") == 1
    assert Terminal("-q", "-f", *SLOW, source).shown == b""
    assert b" kB/s" in run("--progress", "-f", *SLOW, source).stderr


def test_bits_per_byte_are_shown_while_the_first_block_is_compressed(source: Path, tiny_text: bytes) -> None:
    source.write_bytes(tiny_text * 16)
    shown = Terminal(*SLOW, source).shown
    assert lmac.inspect(source.with_name("text.lmac").read_bytes())[0].blocks == 1
    figures = re.findall(rb"(\d+) %  [0-9.]+ kB/s  ([0-9.]+) bits per byte", shown)
    total = re.search(rb"([0-9.]+) bits per byte\r\n$", shown)
    assert total
    assert int(figures[0][0]) < 100
    for _, bits_per_byte in figures:
        assert 0.75 < float(bits_per_byte) / float(total[1]) < 1.25  # the text is about the same everywhere


def test_the_block_under_way_is_added_to_those_before(source: Path, tiny_text: bytes, tiny_model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "READ_LEN", 700)

    class Line(Progress):
        def __init__(self) -> None:
            self.shown: list[tuple[int, int, int]] = []

        def show(self, done_bytes: int, coded_bytes: int, compressed_bytes: int) -> None:
            self.shown.append((done_bytes, coded_bytes, compressed_bytes))

    line, output = Line(), io.BytesIO()
    codec = lmac.Codec(tiny_model, adaptive=False, threads=1, block_len=1000)
    with place_of(str(source)) as place, Source(place) as opened:
        assert compress(opened, output, codec, line) == (3000, len(output.getvalue()))
    assert codec.decompress(output.getvalue()) == tiny_text
    assert {1000, 2000} <= {done for done, coded, _ in line.shown if done == coded}
    for _, coded, compressed in line.shown:
        assert compressed == 0 or 0.75 < compressed / coded / (len(output.getvalue()) / 3000) < 1.25


def test_redirected_files_are_read_from_where_they_stand(blocks: Path, source: Path) -> None:
    for target, arguments in ((blocks, ["-d", "--progress"]), (source, ["--progress", "-c"])):
        content = target.read_bytes()
        target.write_bytes(b"12345" + content)
        with target.open("rb") as file:
            os.lseek(file.fileno(), 5, os.SEEK_SET)
            done = subprocess.run([*LMAC, *arguments], stdin=file, capture_output=True, check=True)
        restored = done.stdout if target == blocks else run("-d", stdin=done.stdout).stdout
        assert restored == (source.read_bytes() if target == blocks else content)


def test_content_on_a_terminal_is_not_mixed_with_progress(source: Path) -> None:
    source.write_bytes(b"plain words\n")
    assert run(source).returncode == 0
    assert Terminal("-dc", source.with_name("text.lmac")).shown == b"plain words\r\n"


def test_twice_quiet_says_nothing() -> None:
    done = run("-qq", "/no/such/file")
    assert (done.returncode, done.stderr) == (1, b"")


# Memory


STAND_IN = """
import sys, lmac, lmac.command_line.command, numpy as np

class Wrong:
    "Is certain of a byte that never comes, so that blocks are soon stored."
    alphabet_size, model_id = 256, bytes(32)
    def start(self, lanes): pass
    def advance(self, symbols):
        logits = np.zeros((*symbols.shape, 256), np.int64)
        logits[..., 0] = 32767
        return logits

lmac.command_line.command.Codec = lambda model, **options: lmac.Codec(Wrong(), **options)
from lmac.command_line.cli import main
code = main()
(peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak.split()[1], file=sys.stderr)
raise SystemExit(code)
"""


def peak_bytes(*arguments: str, source: Path, target: Path) -> int:
    """The most memory that the command had while it worked on a stream."""
    command = [sys.executable, "-c", STAND_IN, "--no-adaptive", *arguments]
    with source.open("rb") as stdin, target.open("wb") as stdout:
        done = subprocess.run(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, check=True)
    return int(done.stderr) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peaks of memory are read from /proc")
def test_memory_does_not_grow_with_the_stream(tmp_path: Path) -> None:
    peaks = []
    for size in (1_000_000, 5_000_000):
        content = random.Random(size).randbytes(size).replace(b"\0", b"a")
        (tmp_path / "content").write_bytes(content)
        there = peak_bytes("-c", "--block-len", "64K", source=tmp_path / "content", target=tmp_path / "frame")
        back = peak_bytes("-dc", source=tmp_path / "frame", target=tmp_path / "restored")
        assert (tmp_path / "restored").read_bytes() == content
        peaks.append((there, back))
    for short, long in zip(*peaks, strict=True):
        assert long < short + 3_000_000
