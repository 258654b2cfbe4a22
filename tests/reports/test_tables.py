"""One table, and what each of its writers makes of the same values."""

from __future__ import annotations

import csv
import io
import math
import re

import pandas as pd
import pytest

from skviz.cli import echo
from skviz.figures.caption import Caption
from skviz.reports.document import Document, TablePart
from skviz.reports.folder.latex import table_environment
from skviz.reports.markdown import markdown_table
from skviz.reports.pdf import pdf_bytes
from skviz.reports.tables import FORMATS, Column, Table
from skviz.reports.terminal.tables import plain_table, rich_table

NAME = "SK_2_1 \N{EN DASH} a"
HOSTILE = '#read("x") $a_b$ \\input{x} <b>|*c*'
COLUMNS = (
    Column("unit"),
    Column("shift", "signed"),
    Column("interval", "interval"),
    Column("share", "share"),
    Column("width (px)", "wide"),
)
ROWS = [
    [NAME, -0.01234, (-0.02, -0.01), 0.5, 12.5],
    [HOSTILE, math.nan, (None, None), None, None],
]
TABLE = Table(COLUMNS, ROWS)


def part() -> TablePart:
    frame = pd.DataFrame({"unit": [row[0] for row in ROWS], "shift": [row[1] for row in ROWS]})
    return TablePart(
        "t",
        "T",
        Caption("T", ("Text.",), alt="Alt."),
        frame,
        {"unit": "the unit"},
        {"shift": "signed"},
    )


def test_values_are_written_by_their_columns() -> None:
    assert TABLE.heads == ["unit", "shift", "interval", "share", "width (px)"]
    assert TABLE.right == [False, True, True, True, True]
    assert TABLE.cells == [
        [NAME, "\N{MINUS SIGN}0.0123",
         "\N{MINUS SIGN}0.0200 to \N{MINUS SIGN}0.0100", "50.0 %", "12.50"],
        [HOSTILE, "\N{EN DASH}", "", "\N{EN DASH}", "\N{EN DASH}"],
    ]  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_takes_what_is_not_known(name: str) -> None:
    missing = (None, None) if name == "interval" else None
    assert Column("", name).written(missing) in ("", "\N{EN DASH}")


def test_in_a_pipe_numbers_are_ascii_and_texts_as_they_are() -> None:
    lines = plain_table(TABLE).splitlines()
    assert re.split(r"  +", lines[1]) == [
        NAME, "-0.0123", "-0.0200 to -0.0100", "50.0 %", "12.50",
    ]  # fmt: skip
    assert lines[2].startswith(HOSTILE)
    assert len({len(line) for line in lines}) == 1  # numbers stand on the right


@pytest.mark.parametrize("width", [20, 40, 200])
def test_on_a_terminal_cells_are_no_markup_and_no_commands(width: int) -> None:
    name = "[bold]a\x1b[31m"
    shown = rich_table(Table((Column("unit"), Column("n", "count")), [[name, 12345]]), width)
    assert "12,345" in shown
    seen = re.sub(r"\x1b\[[01]m", "", shown)  # bold heads
    assert "\x1b" not in seen
    assert "[bold]" in seen
    assert max(map(len, seen.splitlines())) <= width
    assert "\x1b" not in rich_table(Table((Column("unit"),), [[name]]), width, colour=False)


@pytest.mark.parametrize("eyes", [True, False])
def test_a_command_looks_whether_somebody_reads(
    eyes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: eyes, raising=False)
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    echo.Echo().result("words", TABLE)
    said = stream.getvalue()
    assert said.startswith("words\n")
    assert "SK_2_1" in said and "-0.0123" in said
    assert (plain_table(TABLE) in said) is not eyes


def test_markdown() -> None:
    lines = markdown_table(TABLE).splitlines()
    assert lines[1] == "| :-- | --: | --: | --: | --: |"
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 6 for line in lines)
    assert "<b>" not in lines[3]


def test_latex() -> None:
    text = table_environment(part(), "t", long=False)
    assert r"\begin{tabular}{lr}" in text
    assert r"\input{x}" not in text
    assert r"\ensuremath{-}0.0123" in text


def test_typst_takes_names_as_data() -> None:
    from pypdf import PdfReader

    pages = PdfReader(io.BytesIO(pdf_bytes(Document(HOSTILE, [], [], [part()], [], [])))).pages
    for text in (pages[0].extract_text(), pages[-1].extract_text()):
        assert "".join(HOSTILE.split()) in "".join(text.split())


def test_csv_holds_numbers_as_they_are() -> None:
    (head, first, _) = csv.reader(io.StringIO(part().frame.to_csv(index=False)))
    assert head == ["unit", "shift"]
    assert float(first[1]) == -0.01234


def test_a_table_wider_than_the_terminal_goes_on_below() -> None:
    heads = (Column("unit"), *(Column(f"column {n}", "signed") for n in range(9)), Column("note"))
    rows = [[f"SK_2_{n}", *(n / 10 + k / 1000 for k in range(9)), "a few words"] for n in range(3)]
    table = Table(heads, rows)
    shown = rich_table(table, 60, colour=False)
    assert max(map(len, shown.splitlines())) <= 60
    assert "…" not in shown
    for row in table.cells:
        assert shown.count(row[0]) > 1, "its first column is in each part"
        assert all(shown.count(cell) >= 1 for cell in row)
    assert rich_table(table, 200, colour=False).count("SK_2_1") == 1
