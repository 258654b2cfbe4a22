from __future__ import annotations

import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

import skviz
from skviz.capture.attention import Attention
from skviz.errors import OutputError, UsageError
from skviz.figures import FORMATS, ChannelLines, save_figure

METADATA = {"Title": "Käse & <Brot> 狗", "Description": "what is drawn\x00"}
CLEAN = "what is drawn\N{REPLACEMENT CHARACTER}"
CREATOR = f"skviz {skviz.__version__}"


@pytest.fixture
def figure(attention: Attention) -> Figure:
    return ChannelLines.from_attention(attention, "3_4").plot().figure_


def test_png(figure: Figure, tmp_path: Path) -> None:
    path = save_figure(figure, tmp_path / "figure.png", METADATA, dpi=50)
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        width, height = 50 * figure.get_size_inches()
        assert image.size == (pytest.approx(width, abs=1), pytest.approx(height, abs=1))
        assert image.info["Title"] == METADATA["Title"]
        assert image.info["Description"] == CLEAN
        assert image.info["Software"] == CREATOR
        assert len(image.convert("RGB").getcolors(100_000) or []) > 3


def test_pdf(figure: Figure, tmp_path: Path) -> None:
    data = save_figure(figure, tmp_path / "figure.pdf", METADATA).read_bytes()
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    assert METADATA["Title"].encode("utf-16-be") in data.replace(b"\\", b"")
    assert f"/Creator ({CREATOR})".encode() in data
    assert b"/Subject" in data
    assert b"/CreationDate" not in data
    assert b"/FontFile2" in data  # TrueType: type 42, and embedded
    assert b"/Type3" not in data
    assert b"endstream" in data
    assert zlib.decompress(data.split(b"stream\n", 1)[1].split(b"\nendstream", 1)[0])


def test_svg(figure: Figure, tmp_path: Path) -> None:
    path = save_figure(figure, tmp_path / "figure.svg", METADATA)
    root = ElementTree.parse(path).getroot()
    svg, dc = "{http://www.w3.org/2000/svg}", "{http://purl.org/dc/elements/1.1/}"
    assert root.tag == f"{svg}svg"
    assert root.findtext(f"{svg}title") == METADATA["Title"]
    assert [element.text for element in root.iter(f"{dc}description")] == [CLEAN]
    assert [element.text for element in root.iter(f"{dc}date")] == []
    assert CREATOR in path.read_text(encoding="utf-8")
    texts = ["".join(element.itertext()).strip() for element in root.iter(f"{svg}text")]
    assert {"SK_3_4", "channel", "1.5x"} <= set(texts)  # text stays text


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.slow
def test_same_figure_same_bytes(attention: Attention, tmp_path: Path, kind: str) -> None:
    files = [
        save_figure(
            ChannelLines.from_attention(attention, "3_4").plot(), tmp_path / f"{n}.{kind}", METADATA
        )
        for n in range(2)
    ]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_nothing_is_overwritten_unasked(figure: Figure, tmp_path: Path) -> None:
    path = tmp_path / "figure.PNG"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="already exists"):
        save_figure(figure, path)
    assert path.read_bytes() == b"old"
    save_figure(figure, path, overwrite=True)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [entry.name for entry in tmp_path.iterdir()] == ["figure.PNG"]


@pytest.mark.parametrize("name", ["figure", "figure.gif", "figure.png.txt"])
def test_unknown_format(figure: Figure, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"ends with \.png, \.pdf, \.svg, got"):
        save_figure(figure, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_unknown_metadata(figure: Figure, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected metadata Title, .*Creator, got 'X'"):
        save_figure(figure, tmp_path / "figure.png", {"X": "y"})
