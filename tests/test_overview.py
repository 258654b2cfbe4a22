"""Results show themselves as tables: in HTML, in text, and as frames and arrays."""

from __future__ import annotations

import math
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import skviz
from skviz.frames import MOST_ROWS
from skviz.units import Kernel, Unit
from tests.helpers.synthetic import make_run, stage_units

EVIL = "<script>alert('&')</script>"


class Cells(HTMLParser):
    """Collects the tags of a page, and the texts of its table cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] in ("td", "th") and data.strip():
            self.cells.append(data)


def attention(scales: tuple[float, ...] | None = (1.0, 2.0)) -> skviz.Attention:
    units = (
        Unit("SK_2_1", "a", (Kernel(3), Kernel(3, 2)), 2),
        Unit(EVIL, "b", (None,), 3),
    )
    weights = np.array([[[0.25, 0.25], [0.75, 0.75]], [[0.5, 0.5], [0.5, 0.5]]], np.float32)
    arrays = {"SK_2_1": weights, EVIL: np.full((2, 1, 3), 0.125, np.float32)}
    return skviz.Attention(units, arrays, scales)


@pytest.fixture
def run(tmp_path: Path) -> skviz.Run:
    make_run(tmp_path / "run", stage_units((1, 1)), classes=[EVIL, "b"], per_class=4)
    return skviz.Run(tmp_path / "run")


def test_attention_shows_the_difference_per_scale() -> None:
    found = attention()
    for text in (str(found), repr(found)):
        assert "1.0x" in text and "2.0x" in text
        assert "+0.5000" in text and "+0.0000" in text
        assert "0.1250" in text  # the gate's mean
    page = Cells(found._repr_html_())
    assert page.cells[:5] == ["unit", "kernels", "channels", "1.0x", "2.0x"]
    assert page.cells[5:10] == ["SK_2_1", "3x3 5x5", "2", "+0.5000", "+0.0000"]
    assert EVIL in page.cells
    assert "script" not in page.tags


def test_attention_without_scales_shows_the_mean_of_the_batch() -> None:
    page = Cells(attention(None)._repr_html_())
    assert page.cells[:6] == ["unit", "kernels", "channels", "mean of 2", "SK_2_1", "3x3 5x5"]
    assert page.cells[7] == "+0.2500"


def test_attention_of_no_unit_shows_itself() -> None:
    assert "attention" in str(skviz.Attention((), {}))


def test_attention_converts() -> None:
    found = attention()
    assert found.to_numpy()["SK_2_1"].shape == (2, 2, 2)
    assert len(found.to_frame()) == 2 * 2 * 2 + 2 * 3


def test_long_tables_show_both_ends() -> None:
    units = stage_units((40, 40))
    arrays = {unit.name: np.full((1, 2, unit.channels), 0.5, np.float32) for unit in units}
    page = Cells(skviz.Attention(units, arrays, (1.0,))._repr_html_())
    assert page.tags.count("tr") <= MOST_ROWS + 2
    assert {"SK_2_1", "SK_3_40", "..."} <= set(page.cells)


def test_summary_shows_mean_and_deviation(run: skviz.Run) -> None:
    summary = skviz.summarise(run, resamples=0)
    page = Cells(summary._repr_html_())
    assert page.cells[:5] == ["unit", "kernels", "1.0x", "1.5x", "2.0x"]
    values = summary.to_numpy()["SK_2_1"]
    assert values.shape == (8, 3)
    mean, std = values[:, 0].astype(float).mean(), values[:, 0].astype(float).std(ddof=1)
    assert page.cells[7] == f"{mean:+.4f} ± {std:.4f}"
    assert "8 images" in repr(summary) and "SK_3_1" in repr(summary)
    assert list(summary.to_frame().unit.unique()) == ["SK_2_1", "SK_3_1"]


def test_run_shows_what_it_is(run: skviz.Run) -> None:
    page = Cells(run._repr_html_())
    facts = dict(zip(page.cells[2::2], page.cells[3::2], strict=True))
    assert facts["folder"] == str(run.path)
    assert facts["scales"] == "1.0x, 1.5x, 2.0x"
    assert facts["state"].startswith("complete, 1 of 1")
    assert facts["data set"] == "made-up, 8 images"
    assert "complete" in str(run)
    assert repr(run) == f"Run({str(run.path)!r})"


def test_run_converts(run: skviz.Run) -> None:
    frame = run.to_frame()
    assert len(frame) == 8 * 3 * 2
    cube = run.to_numpy()
    assert list(cube) == ["SK_2_1", "SK_3_1"]
    row = frame[(frame.unit == "SK_3_1") & (frame.scale == 2)].difference.to_numpy()
    np.testing.assert_array_equal(cube["SK_3_1"][:, 2], row)
    with pytest.raises(skviz.UsageError, match="expected columns out of"):
        run.to_numpy("nothing")


def test_unfinished_run_says_so(tmp_path: Path) -> None:
    make_run(tmp_path / "run", per_class=8, shard_size=16, shards=2)
    shown = str(skviz.Run(tmp_path / "run"))
    assert "not complete, 2 of 5 shards" in shown


def test_unit_shows_its_branches() -> None:
    unit = Unit("SK_3_4", "layer3.3", (Kernel(3), Kernel(3, 2, 32)), 256, notes=(EVIL,))
    page = Cells(unit._repr_html_())
    assert page.cells[-3:] == ["1", "5x5", "5x5 (3x3, dilation 2)"]
    assert "script" not in page.tags
    assert "256 channels" in str(unit) and "layer3.3" in str(unit)
    assert repr(unit).startswith("Unit(name='SK_3_4'")
    frame = unit.to_frame()
    assert frame.effective.tolist() == [3, 5]
    assert frame.groups.tolist() == [1, 32]
    np.testing.assert_array_equal(unit.to_numpy(), [3, 5])


def test_unit_of_unknown_kernels_shows_itself() -> None:
    unit = Unit("net.gate", "net.gate", (None,), 8)
    assert "unknown" in str(unit)
    assert unit.to_frame()["size"].isna().all()
    assert math.isnan(unit.to_numpy()[0])


def test_ipython_shows_tables_alone_and_lines_in_lists(run: skviz.Run) -> None:
    pretty = pytest.importorskip("IPython.lib.pretty", reason="needs IPython").pretty
    assert pretty(run) == str(run)
    assert pretty([run]) == f"[{run!r}]"
    assert pretty(attention()) == str(attention())


def test_example_images_are_a_data_set(tmp_path: Path) -> None:
    folder = skviz.example_images(tmp_path / "val", classes=2, per_class=3, size=32)
    images = skviz.open_dataset(folder)
    assert len(images) == 6
    assert list(images.classes) == ["disc", "triangle"]
    again = skviz.example_images(tmp_path / "again", classes=2, per_class=3, size=32)
    for file in sorted(folder.rglob("*.png")):
        assert file.read_bytes() == (again / file.relative_to(folder)).read_bytes()
    other = skviz.example_images(tmp_path / "other", classes=1, per_class=1, size=32, seed=1)
    name = "disc/disc_000.png"
    assert (other / name).read_bytes() != (folder / name).read_bytes()


def test_example_images_check_their_numbers(tmp_path: Path) -> None:
    with pytest.raises(skviz.UsageError, match="expected 1 to 4 classes, got 9"):
        skviz.example_images(tmp_path, classes=9)
    with pytest.raises(skviz.UsageError, match="of 16 pixels or more, got per_class=8, size=2"):
        skviz.example_images(tmp_path, size=2)
    skviz.example_images(tmp_path / "val", classes=1, per_class=1, size=16)
    with pytest.raises(skviz.OutputError, match="already exists"):
        skviz.example_images(tmp_path / "val", classes=1, per_class=1, size=16)


def test_views_show_scale_crop_and_what_is_interpolated() -> None:
    views = skviz.enlarge(Image.new("RGB", (300, 200)), (1.0, 2.0), skviz.InputSpec(128, 1.0))
    assert str(views).splitlines() == [
        "image: 2 views of 128 x 128 pixels",
        "scale crop of the original (pixels) interpolated",
        " 1.0x                     200 x 200           no",
        " 2.0x                     100 x 100          yes",
    ]
    assert repr(views) == "Views('an image', 1.0x, 2.0x, 128 x 128 pixels)"


def test_the_result_of_an_image_shows_names_scales_and_notes(photo: Path) -> None:
    model = skviz.load_model("sknet26", seed=0)
    result = skviz.analyze_image(photo, model, scales=(1.0, 2.0))
    lines = str(result).splitlines()
    assert lines[0] == (
        f"{photo}: sknet26, weights: untrained (seed 0); attention difference, in [-1, 1]"
    )
    assert lines[1:3] == list(result.notes)
    assert lines[3].split() == ["unit", "kernels", "1.0x", "2.0x"]
    difference = result.attention.difference("SK_2_2")
    assert lines[4].split() == ["SK_2_2", "3x3", "5x5", *(f"{v:+.4f}" for v in difference)]
    assert repr(result) == f"ImageResult({str(photo)!r}, 'sknet26', 1.0x, 2.0x)"
    assert "array(" not in repr([result])


def test_comparisons_show_both_sides_and_the_shift(tmp_path: Path) -> None:
    units = stage_units((3, 4, 6, 3), channels=4)
    for seed, name in enumerate("ab"):
        make_run(tmp_path / name, units, per_class=2, seed=seed)
    a, b = tmp_path / "a", tmp_path / "b"
    found = skviz.compare(a, b, resamples=50)
    lines = str(found).splitlines()
    assert lines[0] == f"a: {found.common.about_a['run']}: made up, weights: none"
    assert lines[2] == (
        "20 images; attention difference, in [-1, 1]: paired shift from 1.0x to 2.0x"
    )
    assert lines[3].split() == ["unit", "a", "b", "b", "-", "a", "interval"]
    row = found.shifts[(found.shifts.from_scale == 1) & (found.shifts.to_scale == 2)].iloc[0]
    assert lines[4].split()[:4] == [
        "SK_2_1", f"{row.a:+.4f}", f"{row.b:+.4f}", f"{row.difference:+.4f}",
    ]  # fmt: skip
    assert len(lines) == 4 + 16
    assert repr(found).startswith("Comparison(") and "\n" not in repr(found)
    paper = skviz.compare_with_paper(a, resamples=0)
    lines = str(paper).splitlines()
    assert lines[2].split() == ["unit", "here", "paper", "interval"]
    assert [line.split()[0] for line in lines[3:]] == ["SK_2_3", "SK_3_4", "SK_4_6", "SK_5_3"]
    assert lines[3].split()[-1] == "-"
    assert repr(paper).startswith("PaperComparison(")


def test_a_summary_of_a_path_is_that_of_its_run(run: skviz.Run) -> None:
    for path in (run.path, str(run.path)):
        assert str(skviz.summarise(path)) == str(skviz.summarise(run))
