"""`skviz summary --about`, and the places and captions of `skviz plot`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from skviz.cli.main import cli
from tests.helpers.synthetic import make_run


def skviz(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["--no-config", *map(str, words)])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    make_run(folder)
    return folder


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_a_figure_tells_how_it_was_made(run: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"bars.{kind}"
    made = skviz("plot", run, "--figure", "bars", "--out", out, "--for", "paper")
    assert made.exit_code == 0, made.output
    told = json.loads(skviz("summary", out, "--about", "--json").stdout)
    assert told["kind"] == f"{kind.upper()} figure"
    assert "the attention difference rises in 3 of 4 units" in told["title"]
    assert "Mean over 60 images of 'made-up' (10 classes)" in told["caption"]
    assert "Error bars: ± one standard deviation over images" in told["caption"]
    assert told["alternative"].startswith("Bar chart of the attention difference")
    assert told["command"].startswith("skviz plot ")
    assert told["command"].endswith(f"--out {out} --for paper")
    assert "matplotlib" in told["versions"]
    text = skviz("summary", out, "--about").stdout
    assert f"  command: {told['command']}\n" in text


@pytest.mark.parametrize("kind", ["lines", "bars", "classes", "units", "channels"])
def test_every_figure_of_a_run_has_its_caption(run: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"{kind}.svg"
    assert skviz("plot", run, "--figure", kind, "--out", out).exit_code == 0
    told = json.loads(skviz("summary", out, "--about", "--json").stdout)
    assert "Network: made up; weights: none." in told["caption"]
    assert told["alternative"]


@pytest.mark.parametrize(
    ("options", "width"),
    [
        (["--for", "paper"], 3.5 * 600),
        (["--for", "paper", "--columns", "2"], 7.16 * 600),
        (["--for", "talk", "--dark"], 13.333 * 150),
        (["--for", "web"], 8 * 192),
        ([], 9 * 200),
    ],
)
def test_a_place_sets_the_width(
    run: Path, tmp_path: Path, options: list[str], width: float
) -> None:
    out = tmp_path / "bars.png"
    made = skviz("plot", run, "--figure", "bars", "--out", out, *options)
    assert made.exit_code == 0, made.output
    with Image.open(out) as image:
        assert image.width == pytest.approx(width, abs=2)
        corner = image.convert("RGB").getpixel((2, 2))
    assert (sum(corner) < 150) == ("--dark" in options)


def test_wrong_places(run: Path, tmp_path: Path) -> None:
    words = ["plot", run, "--figure", "bars", "--out", tmp_path / "f.png"]
    unknown = skviz(*words, "--for", "tlak")
    assert unknown.exit_code == 2
    assert "talk" in unknown.stderr
    alone = skviz(*words, "--columns", "2")
    assert alone.exit_code == 2
    assert "only a paper has two (--for paper)" in alone.stderr


def test_a_run_and_its_settings(run: Path) -> None:
    text = skviz("summary", run, "--about").stdout
    assert text.startswith(f"{run}: run\n  network: made up\n  weights: none\n  trained: yes\n")
    assert "  measured: 60\n  complete: yes\n" in text
    told = json.loads(skviz("summary", run / "run.json", "--about", "--json").stdout)
    assert (told["kind"], told["images"], told["classes"], told["units"]) == ("run", 60, 10, 4)


def test_documents_of_skviz(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"format": "skviz controls", "runs": [{"name": "plain"}]}))
    assert "controls\n  runs: plain\n" in skviz("summary", file, "--about").stdout
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "controls.json").write_text(file.read_text())
    assert skviz("summary", folder, "--about").stdout.startswith(f"{folder}: controls\n")
    file.write_text(json.dumps({"image": "a.jpg", "model": "m", "units": {}, "scales": [1.0]}))
    assert (
        "attention of an image\n  image: a.jpg\n  network: m\n"
        in skviz("summary", file, "--about").stdout
    )


@pytest.mark.parametrize(
    ("name", "content", "words", "code"),
    [
        ("none", None, "there is no", 2),
        ("a.txt", "x", "expected a figure (.png, .pdf, .svg), a folder or a JSON file", 2),
        ("a.json", "{", "as JSON", 2),
        ("a.json", "[1]", "expected a JSON file of skviz, got another one", 2),
        ("a.png", "x", "cannot read", 1),
    ],
)
def test_what_is_not_of_skviz(
    tmp_path: Path, name: str, content: str | None, words: str, code: int
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    result = skviz("summary", tmp_path / name, "--about")
    assert (result.exit_code, words in result.stderr) == (code, True), result.stderr


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    result = skviz("summary", tmp_path, "--about")
    assert result.exit_code == 2
    assert (
        "expected a folder of skviz, with controls.json, run.json, settings.json" in result.stderr
    )


def test_files_of_a_run_are_checked(tmp_path: Path) -> None:
    run = tmp_path / "run"
    make_run(run)
    good = skviz("summary", run, "--about", "--check")
    assert good.exit_code == 0 and "files: all are as they were written" in good.stdout
    file = next((run / "moments").iterdir())
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    bad = skviz("summary", run, "--about", "--check")
    assert bad.exit_code == 1 and f"cannot read '{file}'" in bad.stderr
    told = json.loads(skviz("summary", run, "--about", "--check", "--json").stdout)
    assert len(told["faults"]) == 1 and str(file) in told["faults"][0]
    nothing = skviz("summary", tmp_path / "run" / "run.json", "--about", "--check")
    assert nothing.exit_code == 2 and "expected a run, or a folder of runs" in nothing.stderr


@pytest.mark.parametrize("change", [{"runs": 3.5}, {"model": {"notes": 1e308}}, {"notes": 3}])
def test_documents_that_were_edited(change: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "controls.json"
    file.write_text(json.dumps({"format": "skviz controls", "version": 1, **change}))
    told = skviz("summary", tmp_path, "--about", "--json")
    assert told.exit_code == 0 and json.loads(told.stdout)["kind"] == "controls"


@pytest.mark.parametrize(
    ("more", "named"),
    [(["--about"], "--csv"), (["--check"], "--csv, --units"), ([], "--csv, --all")],
)
def test_what_belongs_to_numbers_is_refused(
    run: Path, tmp_path: Path, more: list[str], named: str
) -> None:
    figure = tmp_path / "bars.svg"
    assert skviz("plot", run, "--figure", "bars", "--out", figure).exit_code == 0
    words = {"--csv": ["--csv", tmp_path / "tables"], "--units": ["--units", "all"]}
    given = [word for name in named.split(", ") for word in words.get(name, [name])]
    refused = skviz("summary", run if more else figure, *more, *given)
    assert refused.exit_code == 2
    assert f"expected no {named}" in refused.output
    assert not (tmp_path / "tables").exists()
