"""Models named ``hf:owner/repo``, found in a cache laid out as Hugging Face's programs do it."""

from __future__ import annotations

import socket
from pathlib import Path

import lmac
import pytest
from lmac.predictors import hub

import fake_machine

huggingface_hub = pytest.importorskip("huggingface_hub")

NEWEST, OLDER = "a" * 40, "b" * 40


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with two revisions of owner/repo: the branch main, and one that has only its hash and a tag."""
    for revision in (NEWEST, OLDER):
        snapshot = tmp_path / "models--owner--repo" / "snapshots" / revision
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text("{}")
    refs = tmp_path / "models--owner--repo" / "refs"
    refs.mkdir()
    (refs / "main").write_text(NEWEST)
    (refs / "v1.0").write_text(OLDER)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path / "models--owner--repo" / "snapshots"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks the network for anything fails the test."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_a_name_leads_to_the_newest_revision_in_the_cache(cache: Path) -> None:
    assert hub.resolve("hf:owner/repo") == cache / NEWEST
    assert (hub.resolve("hf:owner/repo") / "config.json").read_text() == "{}"


def test_a_name_can_ask_for_a_revision(cache: Path) -> None:
    assert hub.resolve("hf:owner/repo@main") == cache / NEWEST
    assert hub.resolve("hf:owner/repo@v1.0") == cache / OLDER
    assert hub.resolve(f"hf:owner/repo@{OLDER}") == cache / OLDER


def test_the_cache_is_where_the_environment_says(cache: Path) -> None:
    code = "import os, sys; os.environ['HF_HUB_CACHE'] = sys.argv[1]; from lmac.predictors import hub; print(hub.resolve('hf:owner/repo'))"
    assert fake_machine.run(cache, code, str(cache.parents[1])).stdout == f"{cache / NEWEST}\n"


def test_a_part_of_a_model_is_enough(cache: Path) -> None:
    tree = pytest.importorskip("huggingface_hub._tree_cache")  # in versions that remember what a whole model has
    files = {name: tree.TreeCacheEntry(size=2, blob_id="c" * 40, lfs_sha256=None, lfs_size=None, xet_hash=None) for name in ("config.json", "onnx/model.onnx")}
    tree.write_tree_cache(str(cache.parent), NEWEST, files)
    assert hub.resolve("hf:owner/repo") == cache / NEWEST


@pytest.mark.usefixtures("cache")
def test_a_model_that_was_not_downloaded_is_an_error_with_the_command_that_does_it() -> None:
    with pytest.raises(lmac.LmacError, match=r"hf:owner/other is not on this machine.*: get it with hf download owner/other$"):
        hub.resolve("hf:owner/other")
    with pytest.raises(lmac.LmacError, match=r"get it with hf download owner/repo --revision v2$"):
        hub.resolve("hf:owner/repo@v2")


@pytest.mark.parametrize(
    "name",
    [
        *("owner/repo", "hf:", "hf:repo", "hf:owner/", "hf:/repo", "hf:a/b/c", "hf:owner/repo@", "hf:@main", "hf:../repo", "hf:owner/.."),
        *("hf:owner/repo@../../x", "hf:owner/repo@/etc", "hf:owner/repo; ls", "hf:owner/re\npo", "hf:owner--x/repo", "hf:owner/" + "x" * 200),
    ],
)
@pytest.mark.usefixtures("cache")
def test_a_malformed_name_is_an_error(name: str) -> None:
    with pytest.raises(lmac.LmacError, match="is no name of a model"):
        hub.resolve(name)


def test_without_the_package_the_error_says_what_to_install(tmp_path: Path) -> None:
    done = fake_machine.run(tmp_path, "from lmac.predictors import hub; hub.resolve('hf:owner/repo')", blocked=("huggingface_hub",))
    assert "LmacError: hf:owner/repo needs huggingface_hub" in done.stderr
    assert "pip install 'lmac[hf]'" in done.stderr
