"""The package holds what the checkout holds, and asks for what it imports."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

import skviz

ROOT = Path(__file__).resolve().parent.parent
# Folder of each top package, as in [tool.setuptools.package-dir].
FOLDERS = {"skviz": "skviz", "skviz.cli": "cli", "skviz.assets": "assets"}
# Distributions whose module has another name.
MODULES = {
    "pillow": "PIL",
    "ipython": "IPython",
    "pillow-heif": "pillow_heif",
    "python-pptx": "pptx",
}


@pytest.fixture(scope="module")
def project() -> dict[str, dict]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def source_files() -> list[Path]:
    return [file for folder in FOLDERS.values() for file in sorted((ROOT / folder).rglob("*.py"))]


def test_listed_packages_are_the_folders(project: dict[str, dict]) -> None:
    found = set()
    for file in source_files():
        top = next(name for name, folder in FOLDERS.items() if (ROOT / folder) in file.parents)
        inside = file.parent.relative_to(ROOT / FOLDERS[top]).parts
        found.add(".".join((top, *inside)))
    assert project["tool"]["setuptools"]["packages"] == sorted(found)


def test_every_package_has_an_init() -> None:
    without = {
        str(file.parent.relative_to(ROOT))
        for file in source_files()
        if not (file.parent / "__init__.py").is_file()
    }
    assert without == set()


def test_every_asset_is_package_data(project: dict[str, dict]) -> None:
    patterns = project["tool"]["setuptools"]["package-data"]["skviz.assets"]
    endings = {pattern.removeprefix("**/*") for pattern in patterns}
    assets = [file for file in (ROOT / "assets").rglob("*") if file.is_file()]
    others = [f for f in assets if f.suffix not in {".py", ".pyc"} and f.suffix not in endings]
    assert others == []


def test_resources_are_found_by_their_package() -> None:
    assert files("skviz.assets").joinpath("__init__.py").is_file()
    assert files("skviz").joinpath("py.typed").is_file()


def test_version_has_one_source(project: dict[str, dict]) -> None:
    assert project["project"]["dynamic"] == ["version"]
    assert importlib.metadata.version("skviz") == skviz.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", skviz.__version__)


def test_dependencies_are_what_is_imported(project: dict[str, dict]) -> None:
    """Nothing that is imported is undeclared, and nothing is declared that nothing imports."""
    asked = [re.split(r"[<>=!~\[; ]", entry)[0] for entry in project["project"]["dependencies"]]
    declared = {MODULES.get(name, name) for name in asked}
    extras = project["project"]["optional-dependencies"]
    optional = {re.split(r"[<>=!~\[; ]", name)[0] for names in extras.values() for name in names}
    optional = {MODULES.get(name, name) for name in optional}
    imported = set()
    for file in source_files():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                imported.add(node.module.split(".")[0])
    third_party = imported - set(sys.stdlib_module_names) - {"skviz"}
    assert third_party - optional <= declared
    assert declared <= third_party


def test_no_upper_bound_on_torch(project: dict[str, dict]) -> None:
    (torch,) = [n for n in project["project"]["dependencies"] if re.match(r"torch\b", n)]
    assert "<" not in torch
