"""How the sources hang together: no circles between modules, wings that import in one direction, nothing that imports the laboratory.

A circle of types counts as any other: who wants to understand one of the two has to read both.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "python" / "lmac"
CRATE = ROOT / "rust" / "lmac-core" / "src"

Graph = Mapping[str, set[str]]

#: What each wing of the package may import of the others. The package's own ``__init__`` is the table of contents.
WINGS = {
    "filesystem": set[str](),
    "predictors": {"filesystem"},
    "coding": {"predictors"},
    "hooks": {"coding"},
    "command_line": {"coding", "predictors", "filesystem"},
    "lab": {"coding", "predictors", "command_line", "filesystem"},
}


def circles(graph: Graph) -> list[set[str]]:
    """The sets of modules that reach each other."""
    reached = {module: reachable(graph, module) for module in graph}
    groups = {frozenset(other for other in reached[module] if module in reached[other]) for module in graph if module in reached[module]}
    return sorted(map(set, groups), key=sorted)


def reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        new = graph[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def python_imports(package: Path) -> dict[str, set[str]]:
    """For each module of the package, by its name below it, those that it imports, anywhere in its file."""
    names = {path: ".".join(path.relative_to(package).with_suffix("").parts).removesuffix("__init__").rstrip(".") for path in package.rglob("*.py")}
    modules = {*names.values(), *(path.stem for path in package.glob("*.pyi"))}
    graph = {name: {found for found in _imported(path, package) if found in modules} - {name} for path, name in names.items()}
    return graph | {name: set() for name in modules - set(graph)}


def _imported(path: Path, package: Path) -> Iterator[str]:
    """Names below the package, of modules and of what is in them."""
    folder = [package.name, *path.parent.relative_to(package).parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix(f"{package.name}.") for alias in node.names if alias.name.startswith(f"{package.name}."))
        if isinstance(node, ast.ImportFrom):
            origin = folder[: len(folder) + 1 - node.level] if node.level else []
            full = ".".join([*origin, *filter(None, [node.module])])
            if full.split(".")[0] == package.name:
                below = full.removeprefix(package.name).lstrip(".")
                inside = [f"{below}.{alias.name}".lstrip(".") for alias in node.names]
                modules = [name for name in inside if (package / Path(*name.split("."))).with_suffix(".py").exists() or name == "_core"]
                yield from modules
                if len(modules) < len(inside):
                    yield below


def rust_uses(crate: Path) -> dict[str, set[str]]:
    """For each module of the crate, those whose names it uses, but in its tests."""
    paths = {_rust_name(path, crate): path for path in crate.rglob("*.rs")}
    graph = {}
    for name, path in paths.items():
        code = re.sub(r"//.*", "", path.read_text()).split("#[cfg(test)]\nmod tests")[0]
        graph[name] = {module for used in _rust_paths(code, name) if (module := _innermost(used, paths)) is not None} - {name}
    return graph


def _rust_name(path: Path, crate: Path) -> str:
    return "::".join(part for part in path.relative_to(crate).with_suffix("").parts if part != "mod")


def _rust_paths(code: str, module: str) -> Iterator[str]:
    """All paths that begin with ``crate`` or ``super``, as paths below the crate; lists in braces are taken apart."""
    for match in re.finditer(r"\b(crate|super)((?:::\w+)*)(?:::\{([^;]*)\};)?", code):
        beginning = [] if match[1] == "crate" else module.split("::")[:-1]
        stem = "::".join([*beginning, *filter(None, match[2].split("::"))])
        first = [re.split(r"[\s:{]", item.strip())[0] for item in re.split(r",(?![^{]*\})", match[3] or "")]
        yield from (f"{stem}::{item}".strip(":") for item in (first if match[3] else [""]))


def _innermost(path: str, modules: Mapping[str, Path]) -> str | None:
    """The module that holds what a path names; ``lib`` is the table of contents, and nobody's."""
    parts = path.split("::")
    return next((name for end in range(len(parts), 0, -1) if (name := "::".join(parts[:end])) in modules), None)


def test_no_modules_of_the_package_go_in_a_circle() -> None:
    graph = python_imports(PACKAGE)
    assert len(graph) > 40
    assert "coding.codec" in graph[""]
    assert "_core" in graph["coding.codec"]
    assert circles(graph) == []


def test_no_modules_of_the_core_go_in_a_circle() -> None:
    graph = rust_uses(CRATE)
    assert len(graph) > 40
    assert "error" in graph["models::architecture"]
    assert circles(graph) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [{"b", "c"}]


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_imports_only_what_stands_below_it(wing: str) -> None:
    below = WINGS[wing] | {wing, "", "_core"}
    imported = {name: uses for name, uses in python_imports(PACKAGE).items() if name.split(".")[0] == wing}
    assert {f"{name} -> {use}" for name, uses in imported.items() for use in uses if use.split(".")[0] not in below} == set()


def test_nothing_outside_the_laboratory_imports_it() -> None:
    graph = python_imports(PACKAGE)
    assert [name for name, uses in graph.items() if not name.startswith("lab") and any(use.startswith("lab") for use in uses)] == []
    assert set(WINGS) == {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}


def test_what_needs_the_laboratorys_packages_is_marked_so() -> None:
    for path in Path(__file__).parent.glob("test_*.py"):
        text = path.read_text()
        assert text.count("reason=LAB_IS_MISSING") == 0 or "mark.lab" in text, path.name
