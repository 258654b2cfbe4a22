"""What a figure's file says of itself comes back as it was stored."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import skviz
from skviz.figures import FORMATS, Caption, figure_info, figure_metadata, save_figure
from skviz.figures.metadata import FigureFileError, version_line

CAPTION = Caption(
    "狗 rises <from> \N{MINUS SIGN}0.1 & “$x$”",
    ("Mean over 500 images (5x5 \N{MINUS SIGN} 3x3).", "Network: a\\b; weights: <none>."),
    alt="Bar chart: قطة \N{DOG FACE} 0.1 at 1.0x\nand 0.2 at 2.0x.",
)
COMMAND = "skviz plot 'my run' --figure bars --out figure.png"
SVG = "{http://www.w3.org/2000/svg}"


def drawn() -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.add_subplot()
    return figure


@pytest.mark.parametrize("kind", FORMATS)
def test_everything_comes_back(tmp_path: Path, kind: str) -> None:
    path = save_figure(drawn(), tmp_path / f"f.{kind}", figure_metadata(CAPTION, COMMAND), dpi=50)
    info = figure_info(path)
    assert info.title == CAPTION.title
    assert info.caption == CAPTION.text
    assert info.alternative == CAPTION.alt.replace("\n", " ")
    assert info.command == COMMAND
    assert info.versions == version_line()
    assert info.creator == f"skviz {skviz.__version__}"
    sizes = {"png": "100 x 50 pixels", "pdf": "2.00 x 1.00 inches", "svg": "144pt x 72pt"}
    assert info.size == sizes[kind]
    assert info.to_dict()["format"] == kind


@pytest.mark.parametrize("kind", FORMATS)
def test_only_what_differs_differs(tmp_path: Path, kind: str) -> None:
    files = [
        save_figure(drawn(), tmp_path / f"{n}.{kind}", figure_metadata(CAPTION, command))
        for n, command in enumerate((COMMAND, COMMAND, "skviz other"))
    ]
    first, second, other = (file.read_bytes() for file in files)
    assert first == second
    assert first != other
    assert figure_info(files[2]).caption == CAPTION.text


def test_versions_name_what_draws() -> None:
    assert version_line().startswith(f"skviz {skviz.__version__}, Python 3.")
    assert "matplotlib" in version_line()


def test_screen_readers_find_title_and_text(tmp_path: Path) -> None:
    path = save_figure(drawn(), tmp_path / "f.svg", figure_metadata(CAPTION))
    root = ElementTree.parse(path).getroot()
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == CAPTION.title
    assert root.findtext(f"{SVG}desc") == CAPTION.alt.replace("\n", " ")
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_figure_of_another_tool(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"f.{kind}"
    drawn().savefig(path)
    info = figure_info(path)
    assert (info.title, info.caption, info.alternative, info.command) == (None,) * 4


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_files_are_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"f.{kind}"
    path.write_bytes(b"not a figure")
    with pytest.raises(FigureFileError, match=rf"cannot read '.*f\.{kind}' as {kind.upper()}: "):
        figure_info(path)


def test_entities_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.svg"
    path.write_text('<!DOCTYPE s [<!ENTITY a "aaaa">]><svg xmlns="http://www.w3.org/2000/svg"/>')
    with pytest.raises(FigureFileError, match="Entities"):
        figure_info(path)


def test_what_is_no_figure(tmp_path: Path) -> None:
    with pytest.raises(FigureFileError, match=r"ending \.png, \.pdf or \.svg, got 'f\.gif'"):
        figure_info("f.gif")
    with pytest.raises(FigureFileError, match=r"there is no file '.*none\.png'"):
        figure_info(tmp_path / "none.png")
    (tmp_path / "f.svg").write_text("<html/>")
    with pytest.raises(FigureFileError, match="expected an SVG figure, got other XML"):
        figure_info(tmp_path / "f.svg")
