"""`skviz summary` and `skviz plot` as a user calls them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from skviz.cli.main import cli
from tests.helpers.mistakes import mistakes
from tests.helpers.synthetic import make_run, stage_units
from tests.helpers.synthetic_suite import make_suite

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    make_run(folder, stage_units((3, 4, 6, 3), channels=16), classes=6, per_class=3)
    return folder


def call(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_summary_prints_every_unit(run: Path) -> None:
    result = call("summary", run)
    assert result.exit_code == 0, result.stderr
    assert "18 images, 6 classes, 0 unreadable" in result.stdout
    assert "2000 bootstrap resamples of 6 classes, seed 0" in result.stdout
    units = re.findall(r"^SK_\S+", result.stdout, re.MULTILINE)
    assert units == ["SK_2_3", "SK_3_4", "SK_4_6", "SK_5_3"]
    assert "shown: 4 of 16 units (--units all shows the others)" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stderr.startswith(f"next: skviz plot {run} --figure 3c --out figure3.pdf\n")
    assert call("summary", run, "--units", "all").stdout.count("\nSK_") == 16
    assert "\nSK_2_1" in call("summary", run, "--stage", "2_1").stdout
    wrong = call("summary", run, "--units", "9_9")
    assert wrong.exit_code == 2 and "9_9" in wrong.stderr


def test_summary_calls_a_change_by_its_interval(run: Path) -> None:
    """The table's last word is that of figures and captions."""
    words = ("summary", run, "--units", "all")
    shifts = json.loads(call(*words, "--json").stdout)["shifts"]
    ends = {
        s["unit"]: (s["low"], s["high"])
        for s in shifts
        if s["to_scale"] == 2.0 and s["from_scale"] == 1.0
    }
    for line in call(*words).stdout.splitlines():
        if line.startswith("SK_"):
            low, high = ends[line.split()[0]]
            word = "rises" if low > 0 else "falls" if high < 0 else "no clear change"
            assert line.endswith(word), line


def test_summary_prints_every_table(run: Path) -> None:
    result = call("summary", run, "--all")
    assert "95 % intervals (2000 bootstrap resamples of 6 classes, seed 0)" in result.stdout
    assert "Page's test" in result.stdout
    # Once for its means, three times for its shifts, once for its trend.
    assert result.stdout.count("SK_5_3") == 5
    expected = call("summary", run, "--quantity", "expected-kernel").stdout
    assert "expected kernel size in pixels: mean over images" in expected


def test_summary_as_json(run: Path) -> None:
    result = call("summary", run, "--json", "--no-bootstrap")
    document = json.loads(result.stdout)
    assert (document["images"], document["bootstrap"], document["files"]) == (18, None, [])
    assert len(document["shifts"]) == 48
    assert document["shifts"][0]["low"] is None


def test_summary_options_reach_the_bootstrap(run: Path) -> None:
    words = ("--resamples", 100, "--confidence", 0.8, "--seed", 3, "--json")
    document = json.loads(call("summary", run, *words).stdout)
    assert document["bootstrap"]["resamples"] == 100
    assert (document["bootstrap"]["confidence"], document["bootstrap"]["seed"]) == (0.8, 3)


def test_summary_writes_tables(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    result = call("summary", run, "--csv", folder, "--no-bootstrap", "--quiet")
    assert (result.exit_code, result.stdout) == (0, "")
    names = sorted(file.name for file in folder.iterdir())
    tables = ["channel-kernels", "channels", "classes", "shifts", "trends", "units"]
    assert names == [f"{table}.csv" for table in tables]
    assert len(pd.read_csv(folder / "units.csv")) == 48
    assert len(pd.read_csv(folder / "classes.csv")) == 6 * 48
    again = call("summary", run, "--csv", folder, "--no-bootstrap")
    assert again.exit_code == 1
    assert "units.csv' already exists; pass --overwrite" in again.stderr
    assert call("summary", run, "--csv", folder, "--no-bootstrap", "--overwrite").exit_code == 0


@pytest.mark.parametrize("kind", ["lines", "bars", "classes", "units", "channels"])
def test_plot_draws(run: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "figure.svg"
    result = call("plot", run, "--figure", kind, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"written: {out}\n"
    assert out.read_text().count("<svg") == 1


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_plot_format_follows_the_ending(
    run: Path, tmp_path: Path, ending: str, start: bytes
) -> None:
    out = tmp_path / f"figure.{ending}"
    result = call("plot", run, "--figure", "bars", "--paper", "--out", out, "--json")
    assert json.loads(result.stdout) == {"run": str(run), "figure": "bars", "files": [str(out)]}
    assert out.read_bytes().startswith(start)


def test_plot_takes_units_and_scales(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "figure.svg"
    words = ("--unit", "2_1,2_2", "--unit", "4_*", "--scales", "1,2", "--sort", "shift")
    result = call("plot", run, "--figure", "classes", *words, "--out", out)
    assert result.exit_code == 0, result.stderr
    drawn = out.read_text()
    assert "SK_4_5" in drawn
    assert "SK_5_3" not in drawn
    assert "classes, sorted by shift" in drawn


CASES = mistakes(
    """
no run | plot {nothing} --figure bars --out {out.png} | the folder of a run | 2
summary of no run | summary {nothing} | the folder of a run | 2
no figure | plot {run} --out {out.png} | Missing option '--figure' | 2
no out | plot {run} --figure bars | Missing option '--out' | 2
unknown figure | plot {run} --figure bar --out {out.png} | 'bar' is not one of | 2
unknown unit | plot {run} --figure bars --unit 9_9 --out {out.png} | unknown unit | 2
unknown scale | plot {run} --figure bars --scales 1,3 --out {out.png} | got 3 | 2
bad scale | plot {run} --figure bars --scales big --out {out.png} | got 'big' | 2
bad ending | plot {run} --figure bars --out {out.txt} | ends with .png, .pdf, .svg | 2
both | plot {run} --figure classes --every 2 --smooth 2 --out {out.png} | 'every' or 'smooth', got both | 2
every too large | plot {run} --figure classes --every 10 --out {out.png} | from 1 to the 6 classes | 2
not for bars | plot {run} --figure bars --smooth 2 --out {out.png} | belongs to the | 2
paper, few classes | plot {run} --figure classes --paper --out {out.png} | ImageNet's 1000 classes | 2
unknown style | plot {run} --figure bars --style dar --out {out.png} | 'dark' | 2
exists | plot {run} --figure bars --out {there.png} | already exists | 1
no folder | plot {run} --figure bars --out {no}/x.png | there is no folder | 1
confidence | summary {run} --confidence 95 | not in the range | 2
csv is a file | summary {run} --no-bootstrap --csv {there.png} | is a file | 1
"""  # noqa: E501
)


@pytest.mark.parametrize("case", CASES)
def test_mistakes_are_explained(run: Path, tmp_path: Path, case: str) -> None:
    command, message, code = CASES[case]
    (tmp_path / "there.png").write_text("old")
    words = [
        str(run) if word == "{run}" else word.replace("{", f"{tmp_path}/").replace("}", "")
        for word in command.split()
    ]
    result = call(*words)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert (tmp_path / "there.png").read_text() == "old"
    assert not (tmp_path / "out.png").exists()


def test_a_run_that_is_not_complete_warns(tmp_path: Path) -> None:
    make_run(tmp_path / "run", shards=2)
    warning = "the run is not complete: 2 of 4 shards are missing"
    assert warning in call("summary", tmp_path / "run", "--no-bootstrap").stderr
    words = ("plot", tmp_path / "run", "--figure", "bars", "--out", tmp_path / "x.png")
    assert warning in call(*words).stderr


def test_a_run_without_records_fails(tmp_path: Path) -> None:
    make_run(tmp_path / "run", shards=0)
    result = call("summary", tmp_path / "run")
    assert result.exit_code == 1
    assert "there are none; finish `skviz analyze` first" in result.stderr


def test_plot_and_summary_load_no_torch(run: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from skviz.cli.main import cli\n"
        "for words in (['plot', sys.argv[1], '--figure', 'classes', '--out', sys.argv[2]],"
        " ['summary', sys.argv[1], '--no-bootstrap']):\n"
        "    cli.main(words, standalone_mode=False)\n"
        "assert 'torch' not in sys.modules"
    )
    words = [sys.executable, "-c", code, str(run), str(tmp_path / "x.png")]
    subprocess.run(words, check=True, cwd=ROOT, capture_output=True)


@pytest.mark.parametrize("units", [(3, 4, 6, 3), (1, 1, 1, 1)])
def test_summary_fits_a_screen(units: tuple[int, ...], tmp_path: Path) -> None:
    """24 lines of 80 characters on a terminal, with the prompt and what may come next."""
    make_run(tmp_path / "run", stage_units(units, channels=4), classes=8, per_class=3)
    lines = on_a_terminal(call("summary", tmp_path / "run"), tmp_path / "run")
    assert sum(line.startswith("SK_") for line in lines) == 4
    assert any(line.endswith("no clear change") for line in lines)


def test_summary_of_controls_fits_a_screen(tmp_path: Path) -> None:
    shifts = dict.fromkeys(("plain", "blur", "object-constant"), (0.05, 0.05, 0.0, -0.05))
    make_suite(tmp_path / "suite", shifts, seeds=3)
    lines = on_a_terminal(call("summary", tmp_path / "suite"), tmp_path / "suite")
    assert sum(line.startswith("SK_") for line in lines) == 8
    assert any("rises, but" in line for line in lines)


def test_more_branches_and_scales_say_what_is_left_out(tmp_path: Path) -> None:
    units = stage_units((1, 1, 1, 1), branches=3, channels=4)
    make_run(tmp_path / "run", units, scales=(0.5, 1.0, 1.2, 1.5, 2.0), classes=4, per_class=2)
    shown = "\n".join(on_a_terminal(call("summary", tmp_path / "run"), tmp_path / "run", 26))
    heads = [line.split() for line in shown.splitlines() if line.startswith("unit")]
    assert [[word for word in line if word.endswith("x")] for line in heads] == [
        ["0.5x", "1.0x", "2.0x"], ["0.5x", "1.0x", "2.0x"],
    ]  # fmt: skip
    assert "shown: 3 of 5 scales (--all shows the others)" in shown


def on_a_terminal(result: Result, path: Path, most: int = 24) -> list[str]:
    """The lines of a screen of 80 columns, for a path of usual length."""
    assert result.exit_code == 0, result.stderr
    text = (result.stdout + result.stderr).replace(str(path), "runs/imagenet-val")
    lines = text.splitlines()
    assert len(lines) + 1 <= most
    assert max(map(len, lines)) <= 80
    return lines


@pytest.mark.slow
def test_a_palette_reaches_figures_and_pages(run: Path, tmp_path: Path) -> None:
    drawn = [
        (("plot", run, "--figure", "3c"), "figure.svg"),
        (("attention", "example"), "okapi_attention_3_4.svg"),
        (("report", run), "page.html"),
    ]
    for words, name in drawn:
        last = ("--to", tmp_path / name) if words[0] == "report" else ("--out", tmp_path / name)
        if words[0] == "attention":
            last = ("--out", tmp_path, "--format", "svg")
        result = call(*words, *last, "--palette", "paper", "--quiet")
        assert result.exit_code == 0, result.stderr
        text = (tmp_path / name).read_text().lower()
        assert "#1f4ead" in text and "#c8171e" in text and "#08476f" not in text
    wrong = call("plot", run, "--figure", "bars", "--palette", "papr", "--out", tmp_path / "x.png")
    assert wrong.exit_code == 2 and "Did you mean 'paper'" in wrong.stderr
