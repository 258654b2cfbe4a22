"""The installed package, as a user meets it: run outside the checkout, with its path."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import skviz

CHECKOUT = Path(sys.argv[1]).resolve()
PARAMETERS = {"sknet26": 16_746_408, "sknet50": 27_479_784, "sknet101": 48_736_040}


def run(*arguments: str) -> str:
    """Run the console script; a failure ends the check and shows what it said."""
    print("+ skviz", *arguments, flush=True)
    done = subprocess.run(["skviz", *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def main() -> None:
    """Check where the package comes from, its resources and its commands."""
    home = Path(skviz.__file__).resolve()
    assert CHECKOUT not in home.parents, f"skviz comes from the checkout: {home}"
    assert CHECKOUT not in Path.cwd().resolve().parents

    shipped = sorted(f.relative_to(CHECKOUT / "assets") for f in assets(CHECKOUT / "assets"))
    for name in shipped:
        resource = files("skviz.assets").joinpath(*name.parts)
        assert resource.is_file(), f"{name} is missing in the installed package"
        assert resource.read_bytes() == (CHECKOUT / "assets" / name).read_bytes()
    assert files("skviz").joinpath("py.typed").is_file()
    print(f"{len(shipped)} bundled files are readable and equal to those of the checkout")

    assert run("--version").splitlines()[0] == f"skviz {version('skviz')}"
    models = {model["name"]: model for model in json.loads(run("models", "--json"))}
    for name, parameters in PARAMETERS.items():
        assert models[name]["parameters"] == parameters, models[name]

    formats = ("--format", "png,pdf,svg", "--data", "csv,json")
    document = json.loads(run("attention", "example", "--stage", "3_4", *formats, "--json"))
    assert document["scales"] == [1.0, 1.5, 2.0]
    assert len(document["units"]["SK_3_4"]["difference"]) == 3
    assert len(document["files"]) == 5
    for file in document["files"]:
        assert Path(file).stat().st_size > 1000, file
    print("the installed package works")


def assets(folder: Path) -> list[Path]:
    """Files of the checkout that must be in the package."""
    return [
        file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    ]


main()
