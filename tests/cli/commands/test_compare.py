"""`skviz compare` and `--quantity` as a user calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from skviz.cli.main import cli
from skviz.figures.metadata import figure_info
from tests.helpers.synthetic import make_run, stage_units

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "a", stage_units((3, 4, 6, 3), channels=8), classes=6, per_class=3)
    make_run(folder / "b", stage_units((3, 4, 6, 2), channels=8), classes=6, per_class=3, seed=1)
    return folder / "a", folder / "b"


def call(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_two_runs(runs: tuple[Path, Path]) -> None:
    result = call("compare", *runs)
    assert result.exit_code == 0, result.stderr
    assert f"a: {runs[0]}: made up" in result.stdout
    assert "18 images; scales 1, 1.5, 2" in result.stdout
    assert "units that only a has: SK_5_3" in result.stdout
    assert "95 %, 2000 bootstrap resamples of classes, seed 0" in result.stdout
    assert result.stdout.count("SK_5_2 ") == 6
    assert result.stderr == f"next: skviz compare {runs[0]} {runs[1]} --figure compared.pdf\n"


def test_two_runs_as_json_with_table_and_figure(runs: tuple[Path, Path], tmp_path: Path) -> None:
    csv, figure = tmp_path / "table.csv", tmp_path / "figure.svg"
    words = ("--resamples", 50, "--confidence", 0.8, "--csv", csv, "--figure", figure, "--json")
    result = call("compare", *runs, *words, "--style", "dark")
    document = json.loads(result.stdout)
    assert document["files"] == [str(figure), str(csv)]
    assert document["bootstrap"]["confidence"] == 0.8
    assert document["only_a"] == ["SK_5_3"]
    frame = pd.read_csv(csv)
    assert len(frame) == 15 * 6
    assert frame["difference"].iloc[0] == pytest.approx(document["levels"][0]["difference"])
    assert "2.0x" in figure.read_text()
    again = call("compare", *runs, "--csv", csv)
    assert again.exit_code == 1
    assert "already exists; pass --overwrite" in again.stderr


def test_pairs(runs: tuple[Path, Path]) -> None:
    result = call("compare", *runs, "--pair", "5_3=5_2", "--pair", "2_1=2_1", "--no-bootstrap")
    assert "SK_5_3 / SK_5_2" in result.stdout
    assert "bootstrap" not in result.stdout


def test_the_paper(runs: tuple[Path, Path], tmp_path: Path) -> None:
    figure = tmp_path / "figure.png"
    result = call("compare", runs[0], "--paper", "--figure", figure)
    assert result.exit_code == 0, result.stderr
    assert "2_3 < 3_4 < 4_6 < 5_3" in result.stdout
    assert "98 of 100" in result.stdout
    assert "steps from a scale to the next have the paper's sign" in result.stdout
    assert figure.read_bytes().startswith(b"\x89PNG")
    document = json.loads(call("compare", runs[1], "--paper", "--no-bootstrap", "--json").stdout)
    assert document["missing"] == ["SK_5_3"]
    missing = call("compare", runs[1], "--paper", "--no-bootstrap").stdout
    assert "units that only the paper has: SK_5_3" in missing


def test_other_kernels_than_the_papers_are_noted(runs: tuple[Path, Path], tmp_path: Path) -> None:
    make_run(tmp_path / "run", stage_units((3, 4), branches=3), classes=6, per_class=3)
    file = tmp_path / "figure.png"
    word = "Warning: the paper's difference is that of 5x5 and 3x3 kernels, which SK_2_3, SK_3_4"
    other = call(
        "compare", tmp_path / "run", "--paper", "--no-bootstrap", "--json", "--figure", file
    )
    assert word in other.stderr
    assert json.loads(other.stdout)["notes"][0] in other.stderr
    caption = figure_info(file).caption
    assert caption is not None
    assert "published, figure 3 (c), 5x5 \N{MINUS SIGN} 3x3" in caption
    assert word not in call("compare", runs[0], "--paper", "--no-bootstrap").stderr


def test_notes_are_warnings(runs: tuple[Path, Path], tmp_path: Path) -> None:
    make_run(tmp_path / "part", stage_units((3,)), classes=6, per_class=3, shards=1)
    file = tmp_path / "part" / "run.json"
    settings = json.loads(file.read_text())
    settings["model"]["trained"] = False
    file.write_text(json.dumps(settings))
    result = call("compare", runs[0], tmp_path / "part", "--no-bootstrap")
    assert "Warning: 16 images are in both runs, of 18 in a and 16 in b" in result.stderr
    assert "Warning: the network of b is untrained" in result.stderr
    paper = call("compare", tmp_path / "part", "--paper", "--no-bootstrap", "--quiet")
    assert paper.stdout == ""
    assert "Warning: the run is not complete" in paper.stderr
    assert "Warning: the network is untrained" in paper.stderr


# Name: (arguments, part of the message).
CASES = {
    "one run": ("{a}", "expected two runs, or one run and --paper, got one run"),
    "both": ("{a} {b} --paper", "got both a second run and --paper"),
    "pair and paper": ("{a} --paper --pair 2_1=2_1", "expected --pair with two runs"),
    "bad pair": ("{a} {b} --pair 2_1", "expected --pair as A=B, such as 3_4=2_2, got '2_1'"),
    "unknown unit": ("{a} {b} --pair 2_1=9_9", "unknown unit '9_9'"),
    "no run": ("{a} {nothing}", "the folder of a run"),
    "ending": ("{a} {b} --figure {x}.txt", "ends with .png, .pdf, .svg"),
    "style": ("{a} {b} --figure {x}.png --style dar", "unknown style 'dar'"),
}


@pytest.mark.parametrize("case", CASES)
def test_mistakes_are_explained(runs: tuple[Path, Path], tmp_path: Path, case: str) -> None:
    command, message = CASES[case]
    places = {"a": runs[0], "b": runs[1], "nothing": tmp_path / "nothing", "x": tmp_path / "x"}
    result = call("compare", *command.format(**places).split())
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_comparing_loads_no_torch(runs: tuple[Path, Path], tmp_path: Path) -> None:
    code = (
        "import sys; from skviz.cli.main import cli\n"
        "a, b, out = sys.argv[1:]\n"
        "for words in ([a, b], [a, '--paper', '--figure', out]):\n"
        "    cli.main(['compare', *words, '--no-bootstrap'], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules"
    )
    words = [sys.executable, "-c", code, *map(str, runs), str(tmp_path / "x.png")]
    subprocess.run(words, check=True, cwd=ROOT, capture_output=True)


def test_summary_of_kernels(runs: tuple[Path, Path]) -> None:
    words = ("--no-bootstrap", "--quantity", "expected-kernel", "--all")
    result = call("summary", runs[0], *words)
    assert "expected kernel size in pixels: mean (standard deviation)" in result.stdout
    assert "paired shift of the expected kernel size" in result.stdout
    document = json.loads(
        call("summary", runs[0], "--no-bootstrap", "--quantity", "expected-kernel", "--json").stdout
    )
    assert document["quantity"] == "expected_kernel"
    # A 3x3 and a 5x5 kernel: the size is 4 plus the difference, and shifts are the same.
    plain = json.loads(call("summary", runs[0], "--no-bootstrap", "--json").stdout)
    for one, other in zip(document["shifts"], plain["shifts"], strict=True):
        assert one["shift"] == pytest.approx(other["shift"], abs=1e-6)


@pytest.mark.parametrize("kind", ["lines", "bars", "classes", "units", "channels"])
def test_plot_of_kernels(runs: tuple[Path, Path], tmp_path: Path, kind: str) -> None:
    out = tmp_path / "figure.svg"
    result = call("plot", runs[0], "--figure", kind, "--quantity", "expected-kernel", "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "expected kernel" in out.read_text()


def test_units_of_unknown_kernels_are_named(tmp_path: Path) -> None:
    units = (*stage_units((1,)), *stage_units((1, 1), known=False)[1:])
    make_run(tmp_path / "some", units, classes=5, per_class=2)
    text = call("summary", tmp_path / "some", "--no-bootstrap").stdout
    assert "expected kernel size: not of SK_3_1, for kernel sizes are not known" in text
    words = ("--figure", "bars", "--quantity", "expected-kernel", "--out", tmp_path / "x.png")
    drawn = call("plot", tmp_path / "some", *words)
    assert "Warning: kernel sizes, and so expected ones, are not known of SK_3_1" in drawn.stderr
    make_run(tmp_path / "none", units[1:], classes=5, per_class=2)
    text = call("summary", tmp_path / "none", "--no-bootstrap").stdout
    assert "expected kernel size: of no unit" in text
    failed = call("summary", tmp_path / "none", "--quantity", "expected-kernel")
    assert failed.exit_code == 2
    assert "expected units of known kernel sizes" in failed.stderr
