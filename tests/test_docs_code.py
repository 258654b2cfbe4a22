"""What the documentation says to type works: Python runs, commands are known or run."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner

import skviz
import skviz.figures
from skviz.cli.main import COMMANDS, RENAMED, cli
from tests.conftest import draw_photo
from tests.helpers.docs_pages import PAGES, ROOT, SHELLS, Block, blocks, commands, inline_commands
from tests.helpers.synthetic import make_run, stage_units
from tests.helpers.synthetic_suite import make_suite as make_synthetic_suite

PYTHON = [page for page in PAGES if any(block.language == "python" for block in blocks(page))]
# Pages with commands. Those of the small network are of photographs that no test has.
SHELL = [
    page
    for page in PAGES
    if any(block.language in SHELLS and list(commands(block.code)) for block in blocks(page))
    and page.name not in ("model-card.md", "small-network.md")
]
# Words of commands that need more than a test has: weights, data sets, a cluster, networks.
ELSEWHERE = {
    "explore",  # serves until Ctrl-C; tests/explorer starts it
    *("a.pth", "b.pth", "sknet50.pth", "cifar.pth", "path/to/net.py:build"),
    *("ILSVRC/val", "torchvision:CIFAR10", "timm:skresnext50_32x4d", "/shared/runs/val"),
    "card/",  # needs photographs of the network's classes; tests/cli/test_card.py makes one
    *("part-*", "part-8", "images.csv", "cat.jpg", "photos_val/", "photos_controls/"),
}
MAKES = (
    "analyze",
    "controls",
    "intervene",
    "receptive-field",
)  # Commands that make a folder of records.
SEEN = re.compile(r" +\d\.\dx  .*%")  # Classes that a network sees in a photograph.


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages speak of: photographs, a data set, a run, a suite."""
    folder = tmp_path_factory.mktemp("material")
    # The photograph of `make demo`, which the README shows.
    shutil.copy(skviz.example_photo(), folder / "photo.jpg")
    draw_photo(folder / "dog.jpg")
    skviz.example_images(folder / "val", per_class=2, size=64)
    for shape, animal in (("disc", "cat"), ("square", "dog")):
        (folder / "val" / shape).rename(folder / "val" / animal)
    (folder / "runs").mkdir()
    for seed, run in enumerate(("val", "a", "b")):
        units = stage_units((3, 4, 6, 3), channels=8)
        make_run(folder / "runs" / run, units, per_class=2, seed=seed)
    skviz.analyze(
        folder / "val", skviz.load_model(), out=folder / "RUN", scales=(1.0, 1.5, 2.0),
        channels=["3_4"], class_channels=True, progress=False,
    )  # fmt: skip
    for suite in ("DIR", "runs/controls"):
        make_synthetic_suite(
            folder / suite,
            {"plain": [0.02] * 4, "blur": [0.005] * 4, "object-constant": [0.004] * 4},
        )
    return folder


@pytest.fixture
def workplace(material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the material, as the current folder."""
    shutil.copytree(material, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def missing_modules(tree: ast.Module) -> list[str]:
    """Modules that the code imports and that are not installed here."""
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    return [module for module in sorted(names) if importlib.util.find_spec(module) is None]


@pytest.mark.parametrize("page", PYTHON, ids=name)
def test_python_blocks_run_in_order(page: Path, workplace: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page):
        if block.language == "python":
            tree = ast.parse(block.code, block.where)
            if missing_modules(tree):  # Polars and DuckDB are no part of the set-up.
                continue
            # Line numbers of the page, so that a failure says where it is.
            ast.increment_lineno(tree, block.line - 1)
            exec(compile(tree, str(page), "exec"), namespace)


PAGES_AND_COMMAND = [ROOT / "README.md", ROOT / "docs" / "quick-start.md"]


@pytest.mark.parametrize("page", PAGES_AND_COMMAND, ids=name)
def test_python_gives_the_numbers_of_the_command(page: Path, workplace: Path) -> None:
    (block,) = [one for one in blocks(page) if one.language == "python" and "enlarge" in one.code]
    namespace: dict[str, Any] = {"skviz": skviz}
    exec(compile(block.code, block.where, "exec"), namespace)
    done = CliRunner().invoke(cli, ["attention", "photo.jpg", "--json", "--out", "command"])
    assert done.exit_code == 0, done.output
    units = json.loads(done.stdout)["units"]
    assert units
    for unit, found in units.items():
        values = namespace["attention"].difference(unit)
        np.testing.assert_allclose(values, found["difference"], atol=1e-6, err_msg=unit)


def parse(args: list[str], where: str) -> None:
    """Let click parse the arguments as it would; nothing is run."""
    try:
        with cli.make_context("skviz", list(args)) as ctx:
            _, command, rest = cli.resolve_command(ctx, [*ctx._protected_args, *ctx.args])
            assert command is not None
            command.make_context(command.name, rest, parent=ctx)
    except click.exceptions.Exit:  # --version and --help.
        return
    except (click.ClickException, click.UsageError) as error:
        pytest.fail(f"{where}: skviz {' '.join(args)}: {error.format_message()}")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_in_blocks_parse(page: Path, workplace: Path) -> None:
    for block in blocks(page):
        if block.language in SHELLS:
            for args in commands(block.code):
                if args and args[0] != "COMMAND":
                    parse(args, block.where)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_in_sentences_are_known(page: Path) -> None:
    for words in inline_commands(page):
        if not words or words[0].startswith("-") or re.fullmatch(r"[A-Z]+|\.\.\.", words[0]):
            continue
        if page.name == "CHANGELOG.md" and words[0] in RENAMED:
            continue  # History calls commands as they were called.
        assert words[0] in COMMANDS, f"{name(page)}: no command '{words[0]}'"
        command = cli.get_command(click.Context(cli), words[0])
        assert command is not None
        known = {option for param in command.params for option in param.opts} | {"-h", "--help"}
        options = {word.split("=")[0] for word in words if word.startswith("-")}
        assert options <= known, f"{name(page)}: {words[0]} has no {options - known}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_options_in_sentences_are_known(page: Path) -> None:
    """`--precision bf16` by itself, in a sentence: some command has it."""
    context = click.Context(cli)
    options = {option for param in cli.params for option in param.opts} | {"--help"}
    for word in COMMANDS:
        command = cli.get_command(context, word)
        assert command is not None
        for param in command.params:
            options |= {*param.opts, *param.secondary_opts}
    named = set(re.findall(r"`(--[a-z][a-z-]*)", page.read_text()))
    assert named <= options, f"{name(page)}: {named - options}"


@pytest.mark.parametrize("page", SHELL, ids=name)
def test_commands_run_in_order_and_print_what_is_shown(page: Path, workplace: Path) -> None:
    """All but those that need what no test has: a page makes the other runs that it speaks of."""
    printed = ""
    made: set[Path] = set()
    for block in blocks(page):
        calls = list(commands(block.code)) if block.language in SHELLS else []
        for args in calls:
            if not args or args[0] == "COMMAND" or ELSEWHERE & set(args):
                continue
            if args[0] in MAKES and "--out" in args:
                out = Path(args[args.index("--out") + 1])
                if out not in made:  # The material has runs for the pages that make none.
                    shutil.rmtree(out, ignore_errors=True)
                made.add(out)
            done = CliRunner().invoke(cli, args)
            assert done.exit_code == 0, f"{block.where}: skviz {args}: {done.output}"
            printed = done.stdout
        if block.language == "text" and not calls:
            lines = {skeleton(line) for line in printed.splitlines()}
            for line in block.code.splitlines():
                if not SEEN.match(line):
                    assert skeleton(line) in lines, f"{block.where}: not printed: {line}"


def test_the_readme_shows_the_numbers_of_the_bundled_network(workplace: Path) -> None:
    (shown,) = [b for b in blocks(ROOT / "README.md") if b.language == "text"]
    printed = CliRunner().invoke(cli, ["attention", "photo.jpg", "--stage", "3_4"]).stdout
    lines = {line.split()[0]: line for line in printed.splitlines() if line.startswith("SK")}
    for line in shown.code.splitlines():
        if line.startswith("SK"):
            found, wanted = (
                [float(number) for number in re.findall(r"[-+]0\.\d+", text)]
                for text in (lines[line.split()[0]], line)
            )
            assert found == pytest.approx(wanted, abs=2e-4), f"{shown.where}: {line}"


def skeleton(line: str) -> str:
    """A printed line without its numbers: what does not depend on weights and photographs."""
    return " ".join(re.sub(r"[-+]?\d+(\.\d+)?", "#", line).split())


def test_toml_blocks_are_toml() -> None:
    found: list[Block] = [b for page in PAGES for b in blocks(page) if b.language == "toml"]
    assert found
    for block in found:
        tomllib.loads(block.code)


def test_every_block_has_a_language_that_is_tested() -> None:
    known = {*SHELLS, "python", "toml", "none", "latex", "json"}
    for page in PAGES:
        for block in blocks(page):
            directive = block.language.startswith("{")
            assert directive or block.language in known, f"{block.where}: '{block.language}'"


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    """Links between the pages of the site are checked when it is built; these two are not in it."""
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), f"{name(page)}: {target}"


def test_external_links_are_https() -> None:
    for page in PAGES:
        for link in re.findall(r"\w+://[^\s)>\"'`]+", page.read_text()):
            # Storage that skviz reads is no link; a page is, and a link is encrypted.
            assert link.startswith(("https://", "s3://")), f"{name(page)}: {link}"


def test_every_public_name_is_in_the_reference() -> None:
    listed = set((ROOT / "docs" / "api.rst").read_text().split())
    assert set(skviz.__all__) - {"__version__"} <= listed
    figures = {entry for entry in skviz.figures.__all__ if not entry.isupper()}
    assert figures <= listed
