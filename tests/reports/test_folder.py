"""The folder: figures in three formats, LaTeX that compiles, tables, data, and an index."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skviz.errors import OutputError
from skviz.figures.caption import Caption
from skviz.figures.metadata import figure_info
from skviz.reports.document import Document, TablePart
from skviz.reports.documents.of_run import run_document
from skviz.reports.folder.latex import escape
from skviz.reports.folder.write import INDEX, write_folder
from skviz.reports.markdown import markdown, markdown_table
from skviz.reports.tables import Table
from skviz.reports.words import distinct, file_stem
from skviz.runs.records import Run

DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{textcomp,graphicx,booktabs,longtable}
\graphicspath{{report/}}
\begin{document}
\listoffigures
\input{report/figures.tex}
\clearpage
\input{report/tables.tex}
\end{document}
"""
EMPTY = Document("t", [("Network", "n")], [], [], ["a note"], [])


@pytest.fixture(scope="module")
def contents(hard_run: Run) -> Document:
    found = run_document(hard_run, resamples=0)
    return replace(found, figures=found.figures[:5])


@pytest.fixture(scope="module")
def folder(contents: Document, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("folder") / "report"
    write_folder(contents, path, command="skviz report run --to report")
    return path


def test_index_names_every_file(contents: Document, folder: Path) -> None:
    index = json.loads((folder / INDEX).read_text())
    there = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert set(index["files"]) == there
    assert len(there) == 6 + 4 * len(contents.figures) + 3 * len(contents.tables)
    readme = (folder / "README.md").read_text()
    assert all(name in readme for name in there - {"README.md"})
    assert [entry["name"] for entry in index["figures"]] == [f.name for f in contents.figures]


@pytest.mark.parametrize("kind", ["pdf", "svg", "png"])
def test_figures_say_what_they_are(contents: Document, folder: Path, kind: str) -> None:
    for part in contents.figures:
        info = figure_info(folder / "figures" / f"{part.name}.{kind}")
        assert info.title == part.caption.title
        assert info.alternative == part.caption.alt
        assert info.command == "skviz report run --to report"


def test_fonts_are_embedded(folder: Path) -> None:
    if shutil.which("pdffonts") is None:
        pytest.skip("needs pdffonts (Debian: poppler-utils)")
    for file in (folder / "figures").glob("*.pdf"):
        found = subprocess.run(["pdffonts", file], capture_output=True, text=True, check=True)
        lines = found.stdout.splitlines()[2:]
        assert lines
        assert all(line.split()[-5] == "yes" for line in lines)


def test_text_in_svg_stays_text(folder: Path) -> None:
    assert "<text" in (folder / "figures" / "bars.svg").read_text()


def test_data_are_those_of_the_display(contents: Document, folder: Path) -> None:
    for part in contents.figures:
        pd.testing.assert_frame_equal(
            pd.read_csv(folder / "data" / f"{part.name}.csv"), part.data(), check_dtype=False
        )


def test_tables_keep_every_digit(contents: Document, folder: Path) -> None:
    for part in contents.tables:
        found = pd.read_csv(folder / "tables" / f"{part.name}.csv", keep_default_na=True)
        assert list(found.columns) == [str(name) for name in part.frame.columns]
        numbers = part.frame.select_dtypes("number")
        np.testing.assert_array_equal(found[numbers.columns].to_numpy(), numbers.to_numpy())
        lines = (folder / "tables" / f"{part.name}.md").read_text().splitlines()
        assert len(lines) == len(part.frame) + 2


def test_snippets_compile(folder: Path, tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("needs pdflatex (Debian: texlive-latex-recommended)")
    shutil.copytree(folder, tmp_path / "report")
    (tmp_path / "document.tex").write_text(DOCUMENT)
    for _ in range(2):  # the second time the list of figures is there
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"],
            cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:]
    if shutil.which("pdftotext") is None:
        return
    done = subprocess.run(
        ["pdftotext", "document.pdf", "-"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    text = done.stdout
    assert "[U+72D7]" in text.replace("\n", " ") or "U+72D7" in text
    assert "<script>alert(1)</script>" in text
    assert "100 % \\alpha_{2} & $x^2$ #1 ~" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\{}", r"\textbackslash{}\{\}"),
        ("$&#%_", r"\$\&\#\%\_"),
        ("^~", r"\textasciicircum{}\textasciitilde{}"),
        ("<|>", r"\textless{}\textbar{}\textgreater{}"),
        ("a--b", "a-{}-{}b"),
        ("\N{MINUS SIGN}1", r"\ensuremath{-}1"),
        ("é", r"\'{e}"),
        ("e\u0301", r"\'{e}"),
        ("ǰï", r"""\v{\j}\"{\i}"""),
        ("ß", r"\ss{}"),
        ("a狗b", r"a\skvizother{U+72D7}{狗}b"),
        ("狗猫狗猫狗", r"\skvizother{U+72D7 U+732B U+72D7 U+732B \ldots{}}{狗猫狗猫狗}"),
        ("🐕", r"\skvizother{U+1F415}{🐕}"),
        ("a\x00\nb", r"a\skvizother{U+FFFD}{" + "\ufffd" + "} b"),
        ("\u202e", ""),
    ],
)
def test_latex_is_escaped(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_markdown_is_escaped() -> None:
    assert markdown("a|b <i> *c* & _d_ [e](f)") == (r"a\|b &lt;i&gt; \*c\* &amp; \_d\_ \[e\]\(f\)")
    assert markdown_table(Table.of(["a", "b"], [["x\ny", "1"]])) == (
        "| a | b |\n| :-- | --: |\n| x y | 1 |\n"
    )


def test_names_become_stems_that_differ() -> None:
    names = ["SK_3_4", "net.layer1/attn", "net.layer1 attn", "sk_3_4", "狗", "../up"]
    assert distinct([file_stem(name, "part") for name in names]) == [
        "SK_3_4", "net-layer1-attn", "net-layer1-attn-2", "sk_3_4-2", "part", "up",
    ]  # fmt: skip


def test_long_latex_tables_go_over_pages(tmp_path: Path) -> None:
    frame = pd.DataFrame({"name": [f"row_{i}" for i in range(90)], "value": np.arange(90.0)})
    table = TablePart("t", "Long", Caption("Long", ("Text.",), alt="Alt."), frame,
                      formats={"value": "plain"})  # fmt: skip
    write_folder(Document("t", [], [], [table], [], []), tmp_path / "report")
    text = (tmp_path / "report/tables/t.tex").read_text()
    assert r"\begin{longtable}{lr}" in text
    assert r"{row\_89} & {89.0000} \\" in text
    rows = list(csv.reader((tmp_path / "report/tables/t.csv").open()))
    assert len(rows) == 91


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "report"
    write_folder(EMPTY, path)
    before = (path / "README.md").read_text()
    with pytest.raises(OutputError, match="already exists; pass --overwrite"):
        write_folder(EMPTY, path)
    written = write_folder(Document("new", [], [], [], [], []), path, overwrite=True)
    assert written[0] == path / "README.md"
    assert (path / "README.md").read_text() != before
    assert [entry.name for entry in tmp_path.iterdir()] == ["report"]


def test_files_of_others_are_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "report"
    write_folder(EMPTY, path)
    (path / "figures" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"not of a report, such as 'figures/mine.txt'"):
        write_folder(EMPTY, path, overwrite=True)
    assert (path / "figures" / "mine.txt").read_text() == "mine"
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").write_text("mine")
    (other / INDEX).write_text("[]")
    with pytest.raises(OutputError, match=r"not of a report, such as 'chapter.tex'"):
        write_folder(EMPTY, other, overwrite=True)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="it is a file, expected the name of a folder"):
        write_folder(EMPTY, tmp_path / "file", overwrite=True)
    with pytest.raises(OutputError, match="there is no folder"):
        write_folder(EMPTY, tmp_path / "no" / "folder")


def test_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    write_folder(EMPTY, tmp_path / "report")
    assert (tmp_path / "report" / "README.md").is_file()


def test_nothing_is_left_of_a_failure(contents: Document, tmp_path: Path) -> None:
    def broken() -> pd.DataFrame:
        raise OSError("disk full")

    part = contents.figures[0]
    bad = type(part)(part.name, part.title, part.caption, part.display, part.draw, broken)
    with pytest.raises(OutputError, match=r"cannot write .*disk full"):
        write_folder(Document("t", [], [bad], [], [], []), tmp_path / "report")
    assert list(tmp_path.iterdir()) == []
