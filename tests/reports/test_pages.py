"""The pages of a folder for Jupyter and Quarto: what they show, and that they render."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skviz.reports.document import Document
from skviz.reports.documents.of_run import run_document
from skviz.reports.folder.pages import quarto
from skviz.reports.folder.write import write_folder
from skviz.runs.records import Run

HARD = 'a "title" with @fig-x, {{< include x >}} & <b>'


@pytest.fixture(scope="module")
def contents(hard_run: Run) -> Document:
    found = run_document(hard_run, resamples=0)
    return replace(
        found, title=HARD, figures=found.figures[:4], notes=["A note of *mine*."],
        facts=[*found.facts, ("Odd", HARD)],
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(contents: Document, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reports") / "report"
    write_folder(contents, path)
    return path


def test_the_page_shows_every_figure_table_and_name(
    contents: Document, folder: Path, hard_names: tuple[str, ...]
) -> None:
    markdown_it = pytest.importorskip("markdown_it", reason="needs markdown-it-py")
    parser = markdown_it.MarkdownIt("commonmark").enable("table")
    tokens = parser.parse((folder / "report.md").read_text("utf-8"))
    inline = [child for token in tokens for child in token.children or ()]
    images = [child.attrs["src"] for child in inline if child.type == "image"]
    assert len(images) == len(contents.figures)
    assert all((folder / str(image)).is_file() for image in images)
    kinds = [token.type for token in tokens]
    assert kinds.count("table_open") == len(contents.tables) + 1  # and the facts
    assert not [token for token in (*tokens, *inline) if token.type.startswith("html")]
    text = "\n".join("".join(c.content for c in token.children or ()) for token in tokens)
    assert HARD in text
    for name in hard_names:
        assert " ".join(name.split()) in " ".join(text.split()), name
    for part in (*contents.figures, *contents.tables):
        assert part.caption.text in text


def test_quarto_has_a_head_and_labels(contents: Document, folder: Path) -> None:
    yaml: Any = pytest.importorskip("yaml", reason="needs PyYAML")
    text = (folder / "report.qmd").read_text("utf-8")
    _, head, body = text.split("---\n", 2)
    front = yaml.safe_load(head)
    assert front["title"] == quarto(HARD)
    endings = {
        name: options["default-image-extension"] for name, options in front["format"].items()
    }
    assert endings == {"html": "svg", "pdf": "pdf", "docx": "png"}
    stems = re.findall(r"\]\(figures/([\w-]+)\)\{#fig-\1 fig-alt=\"[^\"]+\"\}", body)
    assert len(stems) == len(contents.figures)
    for stem in stems:
        assert all((folder / "figures" / f"{stem}.{end}").is_file() for end in endings.values())
    assert len(re.findall(r"^: .* \{#tbl-[\w-]+\}$", body, re.MULTILINE)) == len(contents.tables)
    assert "::: {.callout-warning}\nA note of \\*mine\\*.\n:::" in body
    assert "{{<" not in body
    assert not re.search(r"(?<!\\)@", body)


def test_what_refers_is_escaped() -> None:
    assert quarto("a@b ^c^ *d*") == r"a\@b \^c\^ \*d\*"


def test_pandoc_makes_a_page_of_it(contents: Document, folder: Path, tmp_path: Path) -> None:
    if shutil.which("pandoc") is None:
        pytest.skip("needs pandoc (Debian: pandoc)")
    made = tmp_path / "page.html"
    subprocess.run(
        ["pandoc", "-f", "markdown", "-t", "html", "--default-image-extension=svg", "-s",
         "report.qmd", "-o", made], cwd=folder, check=True, timeout=60,
    )  # fmt: skip
    page = made.read_text("utf-8")
    assert page.count("<table") == len(contents.tables) + 1
    sources = re.findall(r'<img[^>]* src="([^"]+)"', page.replace("\n", " "))
    assert len(sources) == len(contents.figures)
    assert all((folder / source).is_file() for source in sources)
    assert "<b>" not in page.partition("<body>")[2]
