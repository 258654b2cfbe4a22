"""Tables as text: no cell is a formula for a spreadsheet, and numbers stay as they are."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from skviz.frames import csv_text


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1"])
def test_cells_and_heads_are_guarded(cell: str) -> None:
    frame = pd.DataFrame({"image": [cell, "a.png"], cell: [1.5, -2.0]})
    frame["kind"] = pd.Categorical([cell, cell])
    read = pd.read_csv(io.StringIO(csv_text(frame), newline=""))
    assert list(read.columns) == ["image", f" {cell}", "kind"]
    assert list(read["image"]) == [f" {cell}", "a.png"]
    assert list(read["kind"]) == [f" {cell}"] * 2
    assert list(read[f" {cell}"]) == [1.5, -2.0]


def test_other_texts_and_numbers_stay() -> None:
    frame = pd.DataFrame({"name": ["-12", "x=1", None, ""], "n": [-1, 2, 3, 4], "b": [True] * 4})
    assert csv_text(frame) == frame.to_csv(index=False)
