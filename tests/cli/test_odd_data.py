"""Data sets as they are met: names of any bytes, files of all kinds, classes without images."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from skviz.cli.main import cli
from skviz.figures.provenance import Provenance
from skviz.inference.summary import summarise
from skviz.models.registry import CONFIGS
from skviz.names import escaped
from skviz.numbers import counted
from skviz.reports.documents.saved import read_result
from skviz.runs.records import Run

pytestmark = pytest.mark.usefixtures("tiny")

# As Python holds what a file system says: not UTF-8, a line feed, a command to the terminal,
# and a backslash that must not pass for one of ours.
CLASSES = ("ca\udcef", "d\x1b[31mg", "e\\xef", "plain")
FILES = ("na\udcefve.png", "two\nlines.png", "\x1b]0;title\x07.png", "plain.png")
NAMES = sorted(escaped(f"{name}/{file}") for name in CLASSES for file in FILES)
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]")


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    path.write_bytes(file.getvalue())


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Four pictures in each of four classes."""
    for name in CLASSES:
        for seed, file in enumerate(FILES):
            draw(tmp_path / "set" / name / file, seed)
    return tmp_path / "set"


def skviz(command: str, *arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, [command, *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.stderr
    for text in (result.stdout, result.stderr):
        assert not OBEYED.search(text)
    return result


def analyze(data: Path, out: Path, *arguments: object, code: int = 0) -> Result:
    options = ("--model", "tiny", "--scales", "1,2", "--workers", 0, "--shard-size", 5)
    return skviz("analyze", data, "--out", out, "--device", "cpu", *options, *arguments, code=code)


def images_of(run: Path) -> list[str]:
    return sorted(pd.read_parquet(run / "shards")["image"].unique())


def test_names_of_any_bytes_in_records_and_results(odd: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    analyze(odd, out)
    assert images_of(out) == NAMES
    assert Run(out).classes == tuple(escaped(name) for name in CLASSES)
    skviz("summary", out, "--csv", tmp_path / "csv", "--no-bootstrap")
    assert set(pd.read_csv(tmp_path / "csv" / "classes.csv")["name"]) == set(Run(out).classes)
    skviz("summary", out, "--about")
    svg = tmp_path / "classes.svg"
    skviz("plot", out, "--figure", "classes", "--scales", "1,2", "--sort", "name", "--out", svg)
    assert not OBEYED.search(svg.read_text("utf-8"))


def test_names_of_any_bytes_resume_and_merge(odd: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    analyze(odd, whole)
    for file in (whole / "shards" / "00001.parquet", whole / "moments" / "00001.npz"):
        file.unlink()
    assert "resuming" in analyze(odd, whole).stderr
    assert images_of(whole) == NAMES
    parts = [tmp_path / f"part{i}" for i in (1, 2)]
    for number, part in enumerate(parts, start=1):
        analyze(odd, part, "--part", f"{number}/2")
    skviz("merge", *parts, "--out", tmp_path / "all")
    assert images_of(tmp_path / "all") == NAMES
    twice = skviz("merge", parts[0], parts[0], "--out", tmp_path / "twice", code=2)
    assert "expected every image in one run only, 'ca\\xef/" in twice.stderr
    for given in (CLASSES[0], escaped(CLASSES[0])):
        chosen = tmp_path / f"chosen{len(given)}"
        analyze(odd, chosen, "--classes", given)
        assert images_of(chosen) == [name for name in NAMES if name.startswith(r"ca\xef/")]


def test_unreadable_images_of_any_name(odd: Path, tmp_path: Path) -> None:
    for name in CLASSES:
        (odd / name / "bro\udcefken\n.png").write_text("no picture")
    result = analyze(odd, tmp_path / "run", "--json", code=3)
    wrong = json.loads(result.stdout)["unreadable"]
    assert sorted(error["image"] for error in wrong) == sorted(
        escaped(f"{name}/bro\udcefken\n.png") for name in CLASSES
    )
    assert Run(tmp_path / "run").errors == wrong
    assert r"Error: ca\xef/bro\xefken\u000a.png: cannot read" in result.stderr


@pytest.mark.slow
def test_photographs_of_any_name(odd: Path, tmp_path: Path) -> None:
    """Results are named in plain text after an image, and `skviz report` finds it again."""
    given = [odd / CLASSES[0] / file for file in FILES]
    options = ("--model", "tiny", "--scales", "1,2", "--device", "cpu", "--out", tmp_path / "out")
    result = skviz("attention", *given, *options, "--data", "csv,json", "--format", "svg", "--json")
    documents = json.loads(result.stdout)["images"]
    assert [Path(one["image"]).name for one in documents] == [escaped(file) for file in FILES]
    made = sorted((tmp_path / "out").iterdir())
    assert len(made) == 12
    for file in made:
        assert not OBEYED.search(file.name)
        assert "\\" not in file.name
        assert not OBEYED.search(file.read_text("utf-8"))
    saved = [file for file in made if file.suffix == ".json"]
    skviz("report", *saved, "--to", tmp_path / "page.html")
    assert not OBEYED.search((tmp_path / "page.html").read_text("utf-8"))
    # Views are made only where the photograph is found again.
    assert all(read_result(file).views.pixels.size for file in saved)
    gone = odd / "go\udcefne\x1b[2J.png"
    failed = skviz("attention", gone, *options, code=1)
    assert r"go\xefne\u001b[2J.png': no such file" in failed.stderr


def test_what_was_left_out_stands_in_the_run(odd: Path, tmp_path: Path) -> None:
    for number in range(5):
        (odd / "plain" / f"no{number}\udcef.txt").write_text("text")
    draw(odd / "plain" / "@eaDir" / "thumb.png", 0)
    (odd / "plain" / "up").symlink_to("..")
    out = tmp_path / "run"
    result = analyze(odd, out, "--json", "--per-class", 2)
    notes = json.loads(result.stdout)["notes"]
    assert notes == json.loads((out / "run.json").read_text("utf-8"))["notes"]
    assert [note.to_dict() for note in Run(out).notes] == notes
    said = {name for note in notes for name in note["names"] if note["kind"] == "left out"}
    assert said == {f"plain/no{i}\\xef.txt" for i in range(5)} | {"plain/@eaDir", "plain/up"}
    assert "(5: plain/no0\\xef.txt, plain/no1\\xef.txt, plain/no2\\xef.txt, ...)" in result.stderr
    assert "plain/up" in skviz("summary", out, "--about").stdout
    assert "plain/up" in skviz("summary", out, "--no-bootstrap").stderr
    (odd / "plain" / "one more.txt").write_text("text")
    assert "already finished" in analyze(odd, out, "--per-class", 2).stderr


@pytest.mark.parametrize(
    ("subset", "present"),
    [
        (("--limit", 5), 2),
        (("--limit", 1), 1),
        (("--per-class", 1), 4),
        (("--classes", "plain"), 1),
        (("--shuffle", 0, "--limit", 3), None),
        ((), 4),
    ],
)
def test_classes_are_those_with_images(
    odd: Path, tmp_path: Path, subset: tuple[object, ...], present: int | None
) -> None:
    (odd / "empty").mkdir()
    out = tmp_path / "run"
    count = json.loads(analyze(odd, out, "--json", *subset).stdout)["classes"]
    records = pd.read_parquet(out / "shards")
    assert count == records["label"].nunique()
    assert present in (count, None)
    run = Run(out)
    summary = summarise(run, resamples=0)
    assert f", {counted(count, 'class', 'classes')}\n" in analyze(odd, out, *subset).stdout
    assert json.loads(skviz("summary", out, "--about", "--json").stdout)["classes"] == count
    shown = skviz("summary", out, "--no-bootstrap")
    assert f" {counted(count, 'class', 'classes')}," in shown.stdout
    assert summary.to_dict()["classes"] == count
    assert Provenance.of_run(run).classes == Provenance.of_summary(summary).classes == count


def test_numbered_classes(tmp_path: Path) -> None:
    """Class "10" is output 10; sorted as text it would be output 2."""
    outputs = Run(numbered(tmp_path, 0)).settings["dataset"]
    assert outputs["labels"] == "number"
    frame = pd.read_parquet(tmp_path / "run0" / "shards").dropna(subset="correct")
    names = np.array(outputs["classes"])[frame["label"]].astype(int)
    assert len(frame)
    assert (frame["correct"] == (frame["predicted"] == names)).all()
    run = Run(numbered(tmp_path, 1))
    assert run.settings["dataset"]["labels"] == "number from 1"
    (note,) = run.notes
    assert note.text.startswith("classes are numbered from 1")


def numbered(folder: Path, first: int) -> Path:
    classes = CONFIGS["tiny"].classes
    for number in range(first, classes + first):
        draw(folder / f"set{first}" / str(number) / "p.png", number)
    analyze(folder / f"set{first}", folder / f"run{first}")
    return folder / f"run{first}"
