"""`skviz report` as a user calls it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from skviz.cli.main import cli
from tests.helpers.synthetic import make_run, stage_units


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    units = stage_units((1, 1), channels=16)
    make_run(folder, units, classes=5, per_class=3)
    return folder


def call(*words: object) -> Result:
    return CliRunner().invoke(cli, ["report", *map(str, words)])


@pytest.mark.slow
def test_a_run_becomes_a_page(run: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = call(run, "--to", page)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"written: {page}\n"
    assert "made up on made-up" in page.read_text()
    again = call(run, "--to", page)
    assert again.exit_code == 1
    assert "already exists" in again.stderr
    assert call(run, "--to", page, "--overwrite").exit_code == 0


@pytest.mark.slow
def test_json_says_what_was_written(run: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    document = json.loads(call(run, "--to", page, "--json").stdout)
    assert document == {"title": "made up on made-up", "files": [str(page)], "errors": []}


def test_images_go_through_the_network(photo: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = call(photo, "--to", page, "--scales", "1,1.5", "--stage", "2_1", "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    text = page.read_text()
    assert "lines_photo_SK_2_1" in text
    assert text.count("data:image/jpeg") == 2


def test_a_saved_record_needs_no_network(photo: Path, tmp_path: Path) -> None:
    made = ["attention", photo, "--data", "json", "--out", tmp_path, "--device", "cpu"]
    assert CliRunner().invoke(cli, [str(word) for word in made]).exit_code == 0
    (record,) = tmp_path.glob("*_attention_3_4.json")
    page = tmp_path / "report.html"
    result = call(record, "--to", page, "--model", "no-such-network")
    assert result.exit_code == 0, result.stderr
    assert "photo.jpg" in page.read_text()


def test_one_bad_image_does_not_stop_the_others(photo: Path, tmp_path: Path) -> None:
    page, bad = tmp_path / "report.html", tmp_path / "bad.jpg"
    bad.write_text("no picture")
    words = (photo, bad, "--to", page, "--scales", "1", "--device", "cpu")
    result = call(*words)
    assert result.exit_code == 3
    assert "1 of 2 images failed" in result.stderr
    assert page.exists()
    page.unlink()
    alone = call(bad, "--to", page, "--device", "cpu")
    assert alone.exit_code == 1
    assert "bad.jpg" in alone.stderr
    both = call(bad, bad, "--to", page, "--device", "cpu")
    assert both.exit_code == 1
    assert "2 of 2 images failed" in both.stderr
    assert not page.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--to", "report.docx"), "expected a report that ends with .html, .pptx, .pdf, or a fold"),
        (("--to", "report.htm"), "Did you mean '.html'?"),
        (("--to", "report.html", "--dark"), "leave --for, --dark and --style out"),
        (("--to", "report.html", "--stage", "3_4"), "'--units' belongs to images"),
        (("--to", "report.html", "--controls", "."), "expected the folder of a suite"),
    ],
)
def test_wrong_usage(
    run: Path,
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(run, *words)
    assert result.exit_code == 2, result.stderr
    assert message in result.stderr


def test_runs_and_images_do_not_mix(run: Path, photo: Path, tmp_path: Path) -> None:
    result = call(run, photo, "--to", tmp_path / "report.html")
    assert result.exit_code == 2
    assert "expected one run, or images, got 2 names" in result.stderr
    result = call(photo, "--to", tmp_path / "report.html", "--controls", run)
    assert result.exit_code == 2
    assert "'--controls' belongs to a run" in result.stderr


def test_a_missing_extra_is_named(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pptx", None)  # as if it were not installed
    result = call(run, "--to", tmp_path / "slides.pptx")
    assert result.exit_code == 2
    assert "need the package python-pptx, which is not installed" in result.stderr
    assert "pip install 'skviz[pptx]'" in result.stderr


def test_slides_take_a_title_sections_and_an_appendix(run: Path, tmp_path: Path) -> None:
    pptx = pytest.importorskip("pptx", reason="needs python-pptx (pip install 'skviz[pptx]')")
    deck = tmp_path / "talk.pptx"
    words = ("--title", "My talk", "--sections", "question, figure3", "--appendix")
    result = call(run, "--to", deck, *words)
    assert result.exit_code == 0, result.stderr
    titles = [s.shapes.title.text_frame.text for s in pptx.Presentation(str(deck)).slides]
    assert titles[0] == "My talk"
    assert "How to read the figures" not in titles
    assert any(title.startswith("Means of every unit") for title in titles)


def test_a_wrong_talk_is_refused_before_any_work(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("pptx", reason="needs python-pptx (pip install 'skviz[pptx]')")
    deck = tmp_path / "talk.pptx"
    unknown = call(run, "--to", deck, "--sections", "figure")
    assert unknown.exit_code == 2
    assert "expected sections out of question, reading" in unknown.stderr
    assert call(run, "--to", deck, "--template", run / "run.json").exit_code == 2
    page = call(run, "--to", tmp_path / "page.html", "--appendix", "--sections", "question")
    assert page.exit_code == 2
    assert "expected slides (--to NAME.pptx) for --sections, --appendix" in page.stderr
    assert list(tmp_path.iterdir()) == []
