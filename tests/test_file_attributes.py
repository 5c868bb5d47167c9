"""What a result gets of its source beside the content, and what it must not get."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lmac.filesystem import atomic_file
from lmac.filesystem.atomic_file import AtomicFile
from lmac.filesystem.folder import place_of

from program import PROGRAM, names, run
from tiny_model import TINY_MODEL

OTHER_USER, OTHER_GROUP = 54321, 54322

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="files are given to other users by the superuser only")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents[:2]:  # so that other users come this far
        folder.chmod(0o755)
    path = tmp_path / "text"
    path.write_bytes(b"content")
    return path


def status(path: Path) -> tuple[int, int, int]:
    """Owner, group, and mode."""
    found = path.lstat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def as_user(*options: str) -> list[str]:
    """The command as another user runs it, who reaches neither our packages nor our model where they lie in root's own folders."""
    if shutil.which("setpriv") is None:
        pytest.skip("there is no setpriv")
    command = ["setpriv", *options, PROGRAM, "--model", str(TINY_MODEL)]
    if subprocess.run([*command, "--version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("another user cannot run this installation, or there are no other users")
    return command


def test_permissions_and_times_are_kept(source: Path) -> None:
    source.chmod(0o640)
    os.utime(source, ns=(1_000_000_001, 1_234_567_890_123_456_789))
    assert run("--rm", source).returncode == 0
    assert run("-d", "--rm", f"{source}.lmac").returncode == 0
    assert (status(source)[2], source.stat().st_mtime_ns) == (0o640, 1_234_567_890_123_456_789)


def test_no_result_runs_with_anybodys_rights(source: Path) -> None:
    source.chmod(0o7755)
    assert run(source).returncode == 0
    compressed = source.with_name("text.lmac")
    assert status(compressed)[2] == 0o755
    compressed.chmod(0o6755)
    assert run("-df", compressed).returncode == 0
    assert status(source)[2] == 0o755


@as_root
def test_the_superuser_keeps_owner_and_group_but_never_setuid(source: Path) -> None:
    os.chown(source, OTHER_USER, OTHER_GROUP)
    source.chmod(0o6750)
    assert run(source).returncode == 0
    assert status(source.with_name("text.lmac")) == (OTHER_USER, OTHER_GROUP, 0o750)


@as_root
@pytest.mark.parametrize(("mode", "expected"), [(0o660, 0o600), (0o664, 0o644), (0o604, 0o600), (0o6775, 0o755)])
def test_a_group_that_cannot_be_kept_loses_its_permissions(source: Path, mode: int, expected: int) -> None:
    os.chown(source, OTHER_USER, OTHER_GROUP)
    source.chmod(mode)
    done = run(source, program=as_user(f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups"))
    assert done.stderr == f"lmac: {source}.lmac: the group could not be kept (Operation not permitted)\n".encode()
    assert done.returncode == 2
    assert status(source.with_name("text.lmac")) == (OTHER_USER, OTHER_USER, expected)


@as_root
def test_a_group_that_a_user_has_is_kept(source: Path) -> None:
    os.chown(source, OTHER_USER, OTHER_GROUP)
    source.chmod(0o660)
    done = run(source, program=as_user(f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", f"--groups={OTHER_GROUP}"))
    assert (done.returncode, done.stderr) == (0, b"")
    assert status(source.with_name("text.lmac")) == (OTHER_USER, OTHER_GROUP, 0o660)


@as_root
def test_an_owner_who_does_not_exist_in_a_container_is_a_warning(source: Path) -> None:
    os.chown(source, OTHER_USER, OTHER_GROUP)
    source.chmod(0o664)
    container = ["unshare", "-Ur"]
    if shutil.which("unshare") is None or subprocess.run([*container, "true"], capture_output=True, check=False).returncode:
        pytest.skip("there are no user namespaces")
    done = run("--rm", source, program=[*container, PROGRAM, "--model", str(TINY_MODEL)])
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"lmac: {source}.lmac: the {what} could not be kept (Invalid argument)".encode() for what in ("owner", "group")]
    assert names(source.parent) == ["text.lmac"]
    assert status(source.with_name("text.lmac")) == (0, 0, 0o644)
    assert run("-dc", f"{source}.lmac").stdout == b"content"


def set_attribute(path: Path, name: str, value: bytes) -> None:
    try:
        os.setxattr(path, name, value)
    except (AttributeError, OSError) as error:
        pytest.skip(f"no extended attributes here: {error}")


def access_list(other_user: int) -> bytes:
    """A POSIX access list: owner and another user read and write, the group does nothing, nor do others."""
    nobody = 0xFFFFFFFF
    entries = [(1, 6, nobody), (2, 6, other_user), (4, 0, nobody), (16, 6, nobody), (32, 0, nobody)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def test_attributes_of_users_are_kept_and_those_of_the_system_are_not(source: Path) -> None:
    set_attribute(source, "user.origin", b"somewhere")
    if os.geteuid() == 0:
        set_attribute(source, "trusted.overlay", b"x")
        set_attribute(source, "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 7, 0, 0, 0))  # may become any user
    assert run(source).returncode == 0
    assert os.listxattr(f"{source}.lmac") == ["user.origin"]
    assert os.getxattr(f"{source}.lmac", "user.origin") == b"somewhere"


def test_a_list_of_access_is_kept_so_that_the_group_gains_nothing(source: Path) -> None:
    set_attribute(source, "system.posix_acl_access", access_list(OTHER_USER))
    assert status(source)[2] == 0o660  # what looks like the group's bits is the bound of the list
    assert run(source).returncode == 0
    assert os.getxattr(f"{source}.lmac", "system.posix_acl_access") == access_list(OTHER_USER)


def test_a_list_that_a_folder_gives_to_new_files_does_not_widen_access(source: Path) -> None:
    source.chmod(0o640)
    set_attribute(source.parent, "system.posix_acl_default", access_list(OTHER_USER))
    assert run(source).returncode == 0
    assert "system.posix_acl_access" not in os.listxattr(f"{source}.lmac")
    assert status(source.with_name("text.lmac"))[2] == 0o640


def test_attributes_that_a_file_system_does_not_have_are_a_warning(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_attribute(source, "user.origin", b"somewhere")
    if not os.access("/sys/fs/cgroup", os.F_OK):
        pytest.skip("no other file system here")
    script = 'mount -t ramfs ramfs "$1" || exit 77; shift; "$@"'
    disk = source.parent / "disk"
    disk.mkdir()
    inner = [PROGRAM, "--model", str(TINY_MODEL), str(source), "-o", str(disk / "out")]
    done = subprocess.run(["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", str(disk), *inner], capture_output=True, timeout=60, check=False)
    if done.returncode == 77 or b"unshare" in done.stderr:
        pytest.skip("mounting is not permitted")
    assert done.returncode == 2
    assert done.stderr == f"lmac: {disk}/out: extended attributes could not be kept (Operation not supported)\n".encode()


# What is refused. No file system at hand refuses to sync folders, so the call is made to.


REFUSING = """
import os, stat, sys
sync, kind, number = os.fsync, sys.argv.pop(1), int(sys.argv.pop(1))
def fsync(descriptor):
    if stat.S_ISDIR(os.fstat(descriptor).st_mode) == (kind == "folder"):
        raise OSError(number, os.strerror(number))
    sync(descriptor)
os.fsync = fsync
from lmac.command_line.cli import main
raise SystemExit(main())
"""


def refuse(kind: str, number: int) -> list[str]:
    return [sys.executable, "-c", REFUSING, kind, str(number), "--model", str(TINY_MODEL)]


@pytest.mark.parametrize("number", [22, 95])  # EINVAL, EOPNOTSUPP
def test_a_folder_that_cannot_be_synced_is_a_warning(source: Path, number: int) -> None:
    done = run("--rm", source, program=refuse("folder", number))
    assert done.returncode == 2
    assert done.stderr == f"lmac: {source}.lmac: its folder could not be synced to the disk ({os.strerror(number)})\n".encode()
    assert names(source.parent) == ["text.lmac"]


def test_a_source_is_kept_when_its_result_is_not_known_to_be_on_the_disk(source: Path) -> None:
    for kind, number in (("folder", 5), ("file", 22)):
        done = run("-f", "--rm", source, program=refuse(kind, number))
        assert done.returncode == 1
        assert f"lmac: {source}: kept, because {source}.lmac is not known to be on the disk\n".encode() in done.stderr
        assert names(source.parent) == ["text", "text.lmac"]


def test_a_disk_that_fails_leaves_no_result(source: Path) -> None:
    done = run("--rm", source, program=refuse("file", 5))
    assert (done.returncode, done.stderr) == (1, f"lmac: {source}.lmac: Input/output error\n".encode())
    assert names(source.parent) == ["text"]


def test_no_message_shows_a_temporary_name(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = source.with_name("target")
    for call in ("open", "fsync", "replace", "write"):

        def fail(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device", ".lmac-temporary.tmp", None, "other")

        def write(call: str = call, fail: Callable[..., None] = fail) -> None:
            with place_of(str(target)) as place, monkeypatch.context() as context:
                if call != "write":
                    context.setattr(os, call, fail)
                with AtomicFile(place) as file:
                    if call == "write":
                        context.setattr(file, "_file", type("Full", (), {"write": fail, "close": file._file.close})())
                    file.write(b"content")

        with pytest.raises(OSError, match="No space left") as error:
            write()
        assert (error.value.filename, error.value.filename2) == (str(target), None)
        assert names(source.parent) == ["text"]


# Folders whose owner plays tricks: what the superuser does there touches nothing else.


def swapped(source: Path, monkeypatch: pytest.MonkeyPatch, moment: str, trick: Callable[[Path], None]) -> AtomicFile:
    """Writes a file like ``source``, while somebody does something to its temporary name just before ``moment``."""
    with place_of(str(source.with_name("target"))) as place, source.open("rb") as like:
        file = AtomicFile(place, like=like.fileno())
        original = getattr(file, moment)

        def first_the_trick() -> object:
            trick(source.with_name(file._temporary))
            return original()

        monkeypatch.setattr(file, moment, first_the_trick)
        with file:
            file.write(b"content")
    return file


@pytest.mark.parametrize("moment", ["_set_attributes", "_sync", "_publish"])
def test_a_temporary_file_that_is_swapped_for_a_link_gives_nothing_away(source: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    source.chmod(0o777)
    if os.geteuid() == 0:
        os.chown(source, OTHER_USER, OTHER_GROUP)
    (secret := source.parent / "secret").write_bytes(b"secret")
    secret.chmod(0o600)
    before = secret.stat()

    def swap(temporary: Path) -> None:
        temporary.unlink()
        temporary.symlink_to(secret)

    file = swapped(source, monkeypatch, moment, swap)
    after = secret.stat()
    assert (after.st_uid, after.st_gid, after.st_mode, after.st_mtime_ns) == (before.st_uid, before.st_gid, before.st_mode, before.st_mtime_ns)
    assert secret.read_bytes() == b"secret"
    assert not file.is_safe
    assert file.warnings == ["somebody has removed or replaced it already"]


def test_a_source_that_is_swapped_gives_its_result_nothing(source: Path) -> None:
    """The name of the source belongs to a setuid program of another user when attributes are copied."""
    source.chmod(0o640)
    with place_of(str(source.with_name("target"))) as place, source.open("rb") as opened:
        source.unlink()
        source.write_bytes(b"other")
        source.chmod(0o6755)
        with AtomicFile(place, like=opened.fileno()) as file:
            file.write(b"content")
    assert status(source.with_name("target"))[2] == 0o640


def test_temporary_files_are_their_owners_alone(tmp_path: Path) -> None:
    with atomic_file.replacing(tmp_path / "target") as file:
        file.write(b"content")
        (temporary,) = tmp_path.iterdir()
        assert status(temporary)[2] == 0o600
        assert atomic_file.is_temporary(temporary.name)
    assert names(tmp_path) == ["target"]
