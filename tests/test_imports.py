"""Imports run one way, names come when they are used, and help costs nothing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import skviz

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "torchvision", "matplotlib", "pandas", "numpy", "PIL", "scipy", "rich")

# Each room may import those before it, and itself. Rooms in one line do not know each other.
ORDER = [
    {"displays", "names", "notes", "numbers", "typing", "version"},
    {"errors", "frames"},
    {
        "kernels",
        "scales",
        "files",
        "hardware",
        "hooks",
        "statistics",
    },
    {"units"},
    {"quantities"},
    {"pictures"},
    {"models"},
    {"data"},
    {"capture"},
    {"training"},
    {"runs"},
    {"inference"},
    {"studies"},
    {"figures"},
    {"reports"},
    {"explorer"},
    {"cli"},
]
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}


def modules() -> dict[str, Path]:
    """Every module of the library and the command line, by its dotted name."""
    found = {}
    for top, folder in (("skviz", "skviz"), ("skviz.cli", "cli")):
        for file in sorted((ROOT / folder).rglob("*.py")):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join((top, *(part for part in parts if part != "__init__")))
            found[name] = file
    return found


def imports_of(name: str, file: Path) -> set[str]:
    """Modules of skviz that a module imports, anywhere in it, also for types only."""
    is_package = file.name == "__init__.py"
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name != "skviz"}
        elif isinstance(node, ast.Attribute):
            # After `import skviz`, what is taken from it.
            if isinstance(node.value, ast.Name) and node.value.id == "skviz":
                found.add(f"skviz.{node.attr}")
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = name.split(".")[: len(name.split(".")) - node.level + is_package]
                base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return {module for module in found if module.split(".")[0] == "skviz"}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("name", sorted(set(modules()) - {"skviz"}))
def test_imports_run_one_way(name: str) -> None:
    own = room(name)
    assert own in RANK, f"{own} has no place in the order of rooms"
    for module in imports_of(name, modules()[name]):
        other = room(module)
        if other == own:
            continue
        assert other in RANK, f"{name} imports {module}: import it from its own room"
        # A module beside others in one line of the order may use only what lies below.
        message = f"{name} imports {module}, which comes later in the order of rooms"
        assert RANK[other] < RANK[own], message


def test_what_is_imported_exists() -> None:
    """Imports inside functions fail only when they are called: a file that moved is seen here."""
    known = modules()
    missing = [
        f"{name} imports {module}"
        for name, file in known.items()
        for module in imports_of(name, file)
        if module not in known and module.rpartition(".")[0] not in known
    ]
    assert missing == []


def test_the_check_sees_a_wrong_import(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text("def late():\n    from skviz.figures import draw_attention\n")
    (module,) = imports_of("skviz.models.wrong", file)
    assert RANK[room(module)] > RANK["models"]
    file.write_text("import skviz\nskviz.Probe\n")
    assert imports_of("skviz.models.wrong", file) == {"skviz.Probe"}
    file.write_text("from ..figures import draw_attention\n")
    assert imports_of("skviz.models.wrong", file) == {"skviz.figures.draw_attention"}


def test_public_names_are_those_that_types_see() -> None:
    """The lazy table and the imports for type checkers name the same things in the same place."""
    tree = ast.parse((ROOT / "skviz" / "__init__.py").read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == skviz._HOME
    assert set(skviz.__all__) == {*seen, "__version__"}


@pytest.mark.parametrize("name", skviz.__all__)
def test_every_public_name_is_there_and_explains_itself(name: str) -> None:
    value = getattr(skviz, name)
    assert name in dir(skviz)
    assert name == "__version__" or value.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'skviz' has no attribute 'nothing'"):
        _ = skviz.nothing


def loaded_by(code: str, **environment: str) -> set[str]:
    """Top-level modules that are loaded after running `code` in a fresh interpreter."""
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\n"
    script += "print('LOADED', *{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    return set(done.stdout.rsplit("LOADED", 1)[1].split())


COMPLETION = {"_SKVIZ_COMPLETE": "bash_complete", "COMP_WORDS": "skviz ", "COMP_CWORD": "1"}


@pytest.mark.parametrize(
    ("code", "environment"),
    [
        ("import skviz", {}),
        ("from skviz.cli.main import main; sys.argv = ['skviz', '--help']; main()", {}),
        ("from skviz.cli.main import main; sys.argv = ['skviz', '--version']; main()", {}),
        ("from skviz.cli.main import main; sys.argv = ['skviz', 'attention', '-h']; main()", {}),
        ("from skviz.cli.main import main; sys.argv = ['skviz']; main()", COMPLETION),
    ],
    ids=["import", "help", "version", "command help", "completion"],
)
def test_nothing_heavy_is_loaded(code: str, environment: dict[str, str]) -> None:
    loaded = loaded_by(code, **environment)
    assert "skviz" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_check_sees_what_is_loaded() -> None:
    assert "numpy" in loaded_by("import skviz; skviz.enlarge")
