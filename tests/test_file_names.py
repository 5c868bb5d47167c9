"""Names: any that a file system allows, shown so that no terminal obeys them; folders of any depth; names that are left alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from lmac.command_line.names import shown
from lmac.filesystem.folder import Folder
from lmac.filesystem.walk import walk

from program import LMAC, names, run

NAME_MAX = 255


@pytest.mark.parametrize(
    "name",
    ["长" * 83 + "a", "x" * 250, "näme \udcff\udcfe", "\udce4\udcf6" * 125, "new\nline", "\x1b[2J", " ", "…", "é" * 125],
    ids=["chinese", "long", "no text", "long and no text", "line break", "escape", "space", "dots", "latin"],
)
def test_any_name_goes_there_and_back(tmp_path: Path, name: str) -> None:
    assert len(os.fsencode(name)) <= NAME_MAX - len(".lmac")
    (tmp_path / name).write_bytes(b"content")
    done = run("--rm", name, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert os.listdir(tmp_path) == [name + ".lmac"]
    done = run("-d", "--rm", name + ".lmac", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == b"content"


@pytest.mark.parametrize("name", ["x" * 251, "长" * 84])
def test_a_name_that_leaves_no_room_for_the_suffix_is_refused_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"content")
    done = run(name, cwd=tmp_path)
    assert done.returncode == 1
    assert f"the name of the result, {name}.lmac, is too long for the file system; use -o FILE".encode() in done.stderr
    assert os.listdir(tmp_path) == [name]
    assert run(name, "-o", "short", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_names_do_not_depend_on_the_locale(tmp_path: Path, locale: str) -> None:
    name = "näme \udcff"
    (tmp_path / name).write_bytes(b"content")
    environment = {**os.environ, "LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run([*LMAC, name], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    done = subprocess.run([*LMAC, "-l", name + ".lmac"], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(os.listdir(tmp_path)) == sorted([name, name + ".lmac"])


def test_shown_names_are_one_line_and_command_no_terminal() -> None:
    for name, expected in (
        ("plain näme 长.txt", "plain näme 长.txt"),
        ("a\nb\tc\x7f", r"a\nb\tc\x7f"),
        ("\x1b[31m\x9b1m", r"\x1b[31m\x9b1m"),
        ("\udcff", r"\xff"),
        ("\ud800", r"\ud800"),
        ("txt.\u202eexe", r"txt.\u202eexe"),
        ("\u2028", r"\u2028"),
    ):
        assert shown(name) == expected


def test_no_message_breaks_a_line_or_commands_a_terminal(tmp_path: Path) -> None:
    name = "a\n\x1b[2Jb\udcff"
    (tmp_path / name).write_bytes(b"content")
    escaped = rb"a\n\x1b[2Jb\xff"
    for arguments in (
        ["missing" + name],
        ["-d", name],
        ["-t", name],
        ["-vf", name],
        ["-vt", name + ".lmac"],
        [name],
        ["--model", name, "-c", name],
        [name + ".lmac"],
    ):
        done = run(*arguments, cwd=tmp_path)
        assert done.stderr.count(b"\n") == 1
        assert escaped in done.stderr
        assert b"\x1b" not in done.stderr
    done = run("-lv", name + ".lmac", cwd=tmp_path)
    assert escaped in done.stdout
    assert done.stdout.count(b"\n") == 3
    assert b"\x1b" not in done.stdout
    (tmp_path / "folder").mkdir()
    assert escaped in run(name, "-o", tmp_path / "folder" / name / "x", cwd=tmp_path).stderr


# What is left alone


def test_what_is_compressed_already_is_left_alone_with_a_word(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    assert run("a", cwd=tmp_path).returncode == 0
    (tmp_path / "b").write_bytes(b"b")
    for options in ([], ["-f"], ["--rm"]):
        done = run(*options, "a.lmac", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr == b"lmac: a.lmac: the name ends in .lmac already, left alone; use -o FILE or -c to compress it again\n"
    assert run("a.lmac", "b", cwd=tmp_path).returncode == 2
    assert run("a.lmac", "b", cwd=tmp_path).returncode == 1  # b.lmac is there
    assert names(tmp_path) == ["a", "a.lmac", "b", "b.lmac"]
    twice = run("-c", "a.lmac", cwd=tmp_path).stdout
    assert run("-dc", stdin=twice).stdout == (tmp_path / "a.lmac").read_bytes()


def test_r_leaves_temporary_files_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / ".lmac-0123456789abcdef.tmp").write_bytes(b"left behind by a crash")
    (tmp_path / "other.tmp").write_bytes(b"somebody else's")
    assert run("-r", tmp_path).returncode == 0
    assert names(tmp_path) == sorted([".lmac-0123456789abcdef.tmp", "a", "a.lmac", "other.tmp", "other.tmp.lmac"])


# Folders


def make_deep(folder: Path, levels: int) -> None:
    """A folder in a folder in a folder ..., with a file at the bottom; no path leads there."""
    opened = Folder.at(str(folder))
    for _ in range(levels):
        descriptor = opened._descriptor
        os.mkdir("twenty characters ok", dir_fd=descriptor)
        following = opened.enter("twenty characters ok")
        opened.close()
        opened = following
    file = opened.open("file", os.O_WRONLY | os.O_CREAT)
    os.write(file, b"content")
    os.close(file)
    opened.close()


def found(folder: Path) -> list[str]:
    errors: list[OSError] = []
    paths = [place.path for place in walk(str(folder), errors.append)]
    assert errors == []
    return [os.path.relpath(path, folder) for path in paths]


def test_folders_may_be_deeper_than_paths_and_calls(tmp_path: Path) -> None:
    make_deep(tmp_path, 1300)
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "last").write_bytes(b"last")
    try:
        done = run("-r", tmp_path)
        assert (done.returncode, done.stderr) == (0, b"")
        assert [os.path.basename(path) for path in found(tmp_path)] == ["file", "file.lmac", "last", "last.lmac"]
        done = run("-rd", "-f", "--rm", tmp_path)
        assert (done.returncode, done.stderr) == (0, b"")
        assert [os.path.basename(path) for path in found(tmp_path)] == ["file", "last"]
    finally:
        subprocess.run(["rm", "-rf", tmp_path], check=True)  # Python's own walk does not get there


def test_a_walk_goes_through_files_first_and_then_folders_in_order(tmp_path: Path) -> None:
    for name in ("b/c/1", "b/2", "a/3", "a/b/c/4", "z", "c/d/e/5", "m"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert found(tmp_path) == ["m", "z", "a/3", "a/b/c/4", "b/2", "b/c/1", "c/d/e/5"]


def test_a_walk_ends_where_the_way_back_leads_elsewhere(tmp_path: Path) -> None:
    inner = tmp_path / "top" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    (tmp_path / "top" / "z").mkdir()
    (tmp_path / "top" / "z" / "file").touch()
    errors: list[OSError] = []
    walked = walk(str(tmp_path / "top"), errors.append)
    assert next(walked).path == str(inner / "file")
    inner.rename(tmp_path / "elsewhere")
    assert list(walked) == []
    assert "moved away meanwhile" in str(errors[0])


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs another user")
def test_what_cannot_be_listed_is_named_and_the_rest_is_done(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "open" / "file").write_bytes(b"content")
    done = run("-r", tmp_path, program=["setpriv", "--reuid=54321", "--clear-groups", *LMAC])
    if b"lmac: " not in done.stderr:
        pytest.skip("another user cannot run this installation")
    assert done.returncode == 1
    assert done.stderr == f"lmac: {tmp_path}/closed: Permission denied\n".encode()
    assert names(tmp_path) == ["open/file", "open/file.lmac"]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs another user")
def test_a_folder_that_may_be_entered_but_not_listed_is_no_obstacle(tmp_path: Path) -> None:
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o755)
    tmp_path.chmod(0o733)
    (tmp_path / "file").write_bytes(b"content")
    done = run(tmp_path / "file", "-o", tmp_path / "out", program=["setpriv", "--reuid=54321", "--clear-groups", *LMAC])
    if b"lmac: " not in done.stderr:
        pytest.skip("another user cannot run this installation")
    assert done.returncode == 2
    assert b"its folder could not be synced to the disk (Permission denied)" in done.stderr
    assert run("-dc", "-", stdin=(tmp_path / "out").read_bytes()).stdout == b"content"
