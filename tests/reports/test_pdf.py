"""The PDF report: text that is text, embedded fonts, vectors, tables over pages."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pypdf import PdfReader

from skviz.errors import OutputError, UsageError
from skviz.figures.caption import Caption
from skviz.reports.document import Document, TablePart
from skviz.reports.documents.of_images import image_document
from skviz.reports.documents.of_run import run_document
from skviz.reports.pdf import pdf_bytes
from skviz.reports.writers import writer_of
from skviz.runs.records import Run
from skviz.studies.image_result import ImageResult


@pytest.fixture(scope="module")
def contents(hard_run: Run) -> Document:
    found = run_document(hard_run, resamples=0)
    return replace(found, figures=found.figures[:5])


@pytest.fixture(scope="module")
def data(contents: Document) -> bytes:
    return pdf_bytes(contents)


def reader(data: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(data))


def test_title_contents_and_page_numbers(contents: Document, data: bytes) -> None:
    found = reader(data)
    texts = [page.extract_text() for page in found.pages]
    assert found.metadata is not None
    assert found.metadata.title == contents.title
    assert contents.title in texts[0]
    for number, part in enumerate(contents.tables, 1):
        assert f"Table {number}. {part.title}" in texts[0]
    for number, text in enumerate(texts, 1):
        assert f"{number} of {len(texts)}" in text
        assert "weights: none · skviz" in text


def test_contents_lead_to_their_pages(contents: Document, data: bytes) -> None:
    found = reader(data)
    links = [note.get_object() for page in found.pages for note in page.get("/Annots", [])]
    assert len(links) == 2 + len(contents.figures) + len(contents.tables)
    outline = [entry for entry in found.outline if not isinstance(entry, list)]
    assert [entry.title for entry in outline] == ["Figures", "Tables"]
    for entry in outline:
        page = found.pages[found.get_destination_page_number(entry)]
        assert str(entry.title) in page.extract_text()


def test_captions_are_text(contents: Document, data: bytes) -> None:
    text = "".join("".join(page.extract_text() for page in reader(data).pages).split())
    for part in contents.figures:
        # The caption's last words: where it goes over a page nothing else is between them.
        assert "".join(part.caption.text.split())[:60] in text


def test_figures_are_vectors(data: bytes) -> None:
    found = reader(data).pages[1].get_contents()
    assert found is not None
    assert found.get_data().count(b" l\n") > 20  # lines of curves and ticks


def test_fonts_are_embedded(data: bytes, tmp_path: Path) -> None:
    if shutil.which("pdffonts") is None:
        pytest.skip("needs pdffonts (Debian: poppler-utils)")
    path = tmp_path / "report.pdf"
    path.write_bytes(data)
    found = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True)
    lines = found.stdout.splitlines()[2:]
    assert lines
    # Embedded, a subset, and with the characters' meaning: text can be copied.
    assert all(line.split()[-5:-2] == ["yes", "yes", "yes"] for line in lines)


def test_strange_names_are_there_or_replaced_visibly(data: bytes) -> None:
    text = "".join(page.extract_text() for page in reader(data).pages)
    assert "<script>alert(1)</script>" in text
    assert "$x^2$" in text
    assert "dog" in text


def test_long_tables_repeat_their_heads() -> None:
    frame = pd.DataFrame({"name": [f"row {i}" for i in range(150)], "some value": np.arange(150.0)})
    table = TablePart("t", "Long", Caption("Long", ("Text.",), alt="Alt."), frame,
                      formats={"some value": "signed"})  # fmt: skip
    pages = reader(pdf_bytes(Document("long", [], [], [table], [], []))).pages
    texts = [page.extract_text() for page in pages]
    assert len(texts) > 3
    assert all("value" in text and "name" in text for text in texts[1:])
    together = "".join(texts)
    assert all(len(re.findall(rf"row {i}\b", together)) == 1 for i in (0, 77, 149))
    assert "+149.0000" in together


def table_of(frame: pd.DataFrame) -> list[str]:
    """Return the text of the pages of a report of one table."""
    table = TablePart("t", "Long", Caption("Long", ("Text.",), alt="Alt."), frame)
    found = reader(pdf_bytes(Document("long", [], [], [table], [], [])))
    return [page.extract_text() for page in found.pages]


def test_a_digest_stays_on_the_page() -> None:
    digest = "0123456789abcdef" * 4
    facts = [("SHA-256 of the weights", digest)]
    page = reader(pdf_bytes(Document("facts", facts, [], [], [], []))).pages[0]
    lines = [line for line in page.extract_text().splitlines() if digest[:16] in line]
    assert [line.count(digest[:16]) for line in lines] == [2, 2]


def test_a_table_without_rows_is_its_head() -> None:
    assert "width" in table_of(pd.DataFrame({"unit": [], "width": []}))[-1]


def test_few_rows_of_long_texts_go_on_on_the_next_page() -> None:
    texts = [f"begin{row} " + "many words " * 400 + f" end{row}" for row in range(4)]
    together = "".join(table_of(pd.DataFrame({"unit": list("abcd"), "text": texts})))
    assert all(f"begin{row}" in together and f"end{row}" in together for row in range(4))


def test_dark_pages(contents: Document) -> None:
    light, dark = pdf_bytes(Document("t", [], [], [], [], [])), pdf_bytes(
        Document("t", [], [], [], [], []), "dark"
    )  # fmt: skip
    assert light != dark


def test_images(image_result: ImageResult) -> None:
    found = reader(pdf_bytes(image_document([image_result])))
    assert any(page.images for page in found.pages)


def test_same_report_same_bytes(contents: Document) -> None:
    small = replace(contents, figures=contents.figures[1:2], tables=[])
    assert pdf_bytes(small) == pdf_bytes(small)


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_text("mine")
    given = Document("t", [], [], [], [], [])
    with pytest.raises(OutputError, match="already exists"):
        writer_of(path)(given)
    assert path.read_text() == "mine"
    assert writer_of(path, overwrite=True)(given) == [path]
    with pytest.raises(UsageError, match="unknown style"):
        writer_of(tmp_path / "other.pdf", style="drak")(given)
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.pdf"]


def test_without_typst_the_extra_is_named(tmp_path: Path) -> None:
    """In an interpreter that finds no typst: nothing is written, and what to install is said."""
    code = f"""
import pathlib, sys
sys.modules["typst"] = None
from skviz.reports.document import Document
from skviz.reports.writers import writer_of
writer_of(pathlib.Path({str(tmp_path / "r.pdf")!r}))(Document("t", [], [], [], [], []))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "UsageError" in done.stderr
    assert "pip install 'skviz[pdf]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_document_says_what_it_is(contents: Document, data: bytes) -> None:
    found = reader(data)
    assert found.metadata is not None
    assert str(found.metadata.author).startswith("skviz")
    root = found.root_object
    assert root["/MarkInfo"]["/Marked"]  # tagged, for screen readers
    assert root["/Lang"] == "en"
    assert b"pdfuaid" in root["/Metadata"].get_data()
    told = [str(part.get("/Alt")) for part in tags(root["/StructTreeRoot"], "/Figure")]
    for part in contents.figures:
        assert any(part.caption.alt[:40] in alternative for alternative in told)
    assert len(list(tags(root["/StructTreeRoot"], "/Table"))) == len(contents.tables)


def tags(node: Any, kind: str) -> Iterator[Any]:
    """Yield the elements of a kind in the tree that a screen reader walks."""
    node = node.get_object()
    if isinstance(node, list):
        for child in node:
            yield from tags(child, kind)
    elif isinstance(node, dict):
        if node.get("/S") == kind:
            yield node
        if "/K" in node:
            yield from tags(node["/K"], kind)
