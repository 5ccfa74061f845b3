"""A folder is an audience, a tool has one name, and imports go down."""

from __future__ import annotations

import ast
import graphlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cronnx_server.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SCRIPTS = ROOT / "scripts"
COMMANDS = sorted(path.name for path in SCRIPTS.iterdir() if path.is_file())
BACKENDS = sorted(ROOT.glob("*_backend"))
PURE_PACKAGES = {f"cronnx_{backend.name.removesuffix('_backend')}": backend for backend in BACKENDS}
PACKAGES = {
    **PURE_PACKAGES,
    "cronnx": ROOT / "client" / "src",
    "cronnx_server": ROOT / "server" / "src",
    "cronnx_lab": ROOT / "lab" / "src",
}
BELOW = {
    **{package: set() for package in (*PURE_PACKAGES, "cronnx")},
    "cronnx_server": {*PURE_PACKAGES, "cronnx"},
    "cronnx_lab": {*PURE_PACKAGES, "cronnx", "cronnx_server"},
}
COMMAND = '''#!/usr/bin/env -S python3 -I
"""{what}: `scripts/{name} --help`."""

import os
import sys
from pathlib import Path

SERVER = Path(__file__).resolve().parents[1] / "server" / "src"
os.execv(sys.executable, [sys.executable, "-I", str(SERVER), "{package}.{name}", *sys.argv[1:]])
'''


def modules(package: str) -> dict[str, Path]:
    """The modules of a package, by their names."""
    source = PACKAGES[package]
    found = {}
    for path in sorted((source / package).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = {name: path for package in PACKAGES for name, path in modules(package).items()}
PRODUCT = [
    *MODULES.values(),
    *(path for path in ROOT.glob("*_backend/model.py")),
    *(SCRIPTS / name for name in COMMANDS),
]


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Everything that runs when a module is imported."""
    for child in ast.iter_child_nodes(tree):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from statements(child)


def imported(path: Path, *, at_the_top: bool) -> set[str]:
    """The modules, or the names in modules, that a file imports."""
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    for node in statements(tree) if at_the_top else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def module_of(name: str) -> str:
    """The module of ours that an imported name stands for, or else the name's first part."""
    while name not in MODULES and "." in name:
        name = name.rpartition(".")[0]
    return name


def needed(path: Path) -> set[str]:
    return {module_of(name) for name in imported(path, at_the_top=True)}


def package_of(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_calls_the_module_of_its_name_and_does_nothing_else(name: str) -> None:
    assert os.access(SCRIPTS / name, os.X_OK)
    text = (SCRIPTS / name).read_text()
    what = text.split('"""')[1].partition(": `")[0]
    packages = [
        package
        for package in ("cronnx_server", "cronnx_lab")
        if {f"{package}.{name}.__main__", f"{package}.{name}"} & {*MODULES}
    ]
    assert [text] == [COMMAND.format(what=what, name=name, package=package) for package in packages]


def test_scripts_holds_commands_and_the_pictures_they_show() -> None:
    assert [path.name for path in SCRIPTS.iterdir() if path.is_dir()] == ["pictures"]


def test_whatever_can_be_run_as_a_package_is_a_command() -> None:
    runnable = {name.split(".")[1] for name in MODULES if re.fullmatch(r"cronnx_(server|lab)\.\w+\.__main__", name)}
    assert runnable <= {*COMMANDS}


def test_a_page_on_a_command_has_its_name() -> None:
    titles = {path.stem: path.read_text().partition("\n")[0] for path in (ROOT / "docs").glob("*.md")}
    named = {page: title.removeprefix("# scripts/") for page, title in titles.items() if title.startswith("# scripts/")}
    assert named == {page: page for page in named}
    assert {*named} <= {*COMMANDS}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_unit_tests_of_a_package_mirror_its_folders(package: str) -> None:
    tests, source = ROOT / "tests" / "unit" / package, PACKAGES[package] / package
    folders = {path.parent.relative_to(tests) for path in tests.rglob("*.py")}
    known = {_without_underscores(path.relative_to(source)) for path in (source, *source.rglob("*")) if path.is_dir()}
    assert {folder for folder in folders if _without_underscores(folder) not in known} == set()


def _without_underscores(folder: Path) -> Path:
    """Drop the underscores that make a folder private: the tests of `_transports` are in `transports`."""
    return Path(*(part.lstrip("_") for part in folder.parts))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_imports_one_above_or_beside_it(package: str) -> None:
    for path in modules(package).values():
        ours = {package_of(module_of(name)) for name in imported(path, at_the_top=False)} & {*PACKAGES}
        assert ours - {package} <= BELOW[package], path


@pytest.mark.parametrize("package", PACKAGES)
def test_the_modules_of_a_package_import_each_other_in_no_circle(package: str) -> None:
    graph = {
        name: {each for each in needed(path) if package_of(each) == package and each != name}
        for name, path in modules(package).items()
    }
    graphlib.TopologicalSorter(graph).prepare()


def test_the_model_of_a_backend_alone_imports_tritons_python_api() -> None:
    users = {path for path in PRODUCT if "triton_python_backend_utils" in imported(path, at_the_top=False)}
    assert users == {backend / "model.py" for backend in BACKENDS}


@pytest.mark.parametrize("start", ["cronnx_server.launch", "cronnx_server.healthcheck.__main__"])
def test_what_runs_in_nvidias_container_needs_the_standard_library_alone(start: str) -> None:
    left, seen, foreign = [start], set(), set()
    while left:
        module = left.pop()
        if module in seen:
            continue
        seen.add(module)
        parents = [module.rpartition(".")[0]] if "." in module else []
        names = needed(MODULES[module])
        left += [*(name for name in names if name in MODULES), *parents]
        foreign |= {name for name in names if name not in MODULES and package_of(name) not in sys.stdlib_module_names}
    assert foreign == set()
    assert {package_of(module) for module in seen} == {"cronnx_server"}


def test_nothing_edits_the_import_path() -> None:
    for path in PRODUCT:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path"), path


def texts(node: object) -> Iterator[str]:
    """Every text in a TOML document, keys included."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from texts(value)
    elif isinstance(node, list):
        for each in node:
            yield from texts(each)


def test_the_settings_of_the_checks_list_no_package_and_no_command() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "project" not in settings
    sources = [source.relative_to(ROOT) for source in PACKAGES.values()]
    listed = {*(f"scripts/{name}" for name in COMMANDS), *map(str, sources)}
    listed |= {f"{source}/{package}" for package, source in zip(PACKAGES, sources, strict=True)} | {*PACKAGES}
    assert listed & {*texts(settings)} == set()
