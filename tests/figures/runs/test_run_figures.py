"""Figures of a run: they show the numbers of its summary, and stay readable."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from skviz.errors import ScaleError, UnitError, UsageError
from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.redraw import RUN_FIGURES, check_options, draw_run, drawn_run
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.runs.heatmap import ChannelHeatmap
from skviz.figures.runs.published import published_bars, published_curve, published_lines
from skviz.figures.style.sheets import figure_style
from skviz.inference.summary import Summary, summarise
from tests.helpers.synthetic import make_run, stage_units

ROOT = Path(__file__).resolve().parents[3]
SKNET50 = stage_units((3, 4, 6, 3), channels=16)
LEFT = "c_all_validation_images"  # of figure 3, left
LONG = [
    "American Staffordshire terrier, Staffordshire terrier, American pit bull terrier",
    "a", "soft-coated wheaten terrier", "$x_1$ cash", "barn_owl", "grand piano", "Ångström",
]  # fmt: skip


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    folder = tmp_path_factory.mktemp("runs") / "run"
    make_run(folder, SKNET50, classes=LONG, per_class=4, shard_size=100)
    return summarise(folder, resamples=0)


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """A run over 1,000 classes, one image each."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    make_run(folder, SKNET50, classes=1000, per_class=1, shard_size=1000)
    return summarise(folder, resamples=0)


def texts(figure: Figure) -> str:
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


def means(summary: Summary, column: str = "mean") -> np.ndarray:
    return summary.to_frame()[column].to_numpy().reshape(len(SKNET50), 3)


def test_bars_show_means_and_deviations(summary: Summary) -> None:
    bars = UnitBars.from_summary(summary)
    assert bars.units == ("2_3", "3_4", "4_6", "5_3")
    np.testing.assert_array_equal(bars.values, means(summary)[[2, 6, 12, 15]])
    assert bars.errors is not None
    np.testing.assert_array_equal(bars.errors, means(summary, "std")[[2, 6, 12, 15]])
    assert UnitBars.from_summary(summary, deviations=False).errors is None
    chosen = UnitBars.from_summary(summary, "3_*", scales=(2, 1))
    assert (len(chosen.units), chosen.scales) == (4, (1.0, 2.0))


def test_lines_are_the_mean_over_images(summary: Summary) -> None:
    lines = ChannelLines.from_summary(summary, "3_4", group=3, deviations=True)
    frame = summary.channels.query("unit == 'SK_3_4' and branch == 1")
    values = frame["mean"].to_numpy().reshape(3, 32)
    spread = frame["std"].to_numpy().reshape(3, 32)
    for index, first in enumerate(lines.x):
        part = slice(first, first + 3)
        np.testing.assert_allclose(lines.curves[:, index], values[:, part].mean(axis=1))
        assert lines.deviations is not None
        np.testing.assert_allclose(lines.deviations[:, index], spread[:, part].mean(axis=1))
    # The identity of the paper: twice the mean less one is the difference.
    np.testing.assert_allclose(2 * lines.means - 1, means(summary)[6], atol=1e-6)
    other = ChannelLines.from_summary(summary, "3_4", branch=0)
    np.testing.assert_allclose(other.means, 1 - lines.means)


def test_lines_refuse_what_the_run_does_not_have(summary: Summary) -> None:
    with pytest.raises(UnitError, match="expected a branch from 0 to 1 for SK_3_4, got 2"):
        ChannelLines.from_summary(summary, "3_4", branch=2)
    with pytest.raises(UsageError, match="expected a group of 1 to 32 channels for SK_3_4, got 0"):
        ChannelLines.from_summary(summary, "3_4", group=0)
    with pytest.raises(ScaleError, match=r"expected scales of the run \(1, 1\.5, 2\), got 3"):
        ChannelLines.from_summary(summary, "3_4", scales=(1, 3))


def test_depth_shows_every_unit(summary: Summary) -> None:
    lines = DepthLines.from_summary(summary)
    assert lines.units == tuple(unit.short for unit in SKNET50)
    np.testing.assert_array_equal(lines.values, means(summary))
    ax = lines.plot().figure_.axes[0]
    curves = [line for line in ax.lines if len(line.get_xdata()) == 16]
    assert [line.get_label() for line in curves] == ["1.0x", "1.5x", "2.0x"]
    np.testing.assert_array_equal(curves[2].get_ydata(), means(summary)[:, 2])


def test_depth_refuses_wrong_shapes() -> None:
    with pytest.raises(UsageError, match=r"\(units, scales\) = \(1, 2\), got \(2, 2\)"):
        DepthLines(np.zeros((2, 2)), (1, 2), ("2_1",), (2,))
    with pytest.raises(UsageError, match="expected 1 stages, one per unit, got 0"):
        DepthLines(np.zeros((1, 2)), (1, 2), ("2_1",), ())


def test_heatmap_orders_channels_by_their_change() -> None:
    values = np.array([[0.5, 0.5, 0.5], [0.4, 0.7, 0.6]])
    heatmap = ChannelHeatmap(values, (1.0, 2.0), "SK_2_1", "5x5", sort="shift")
    assert list(heatmap.order) == [1, 2, 0]
    ax, _, change, _ = heatmap.plot().figure_.axes
    np.testing.assert_array_equal(ax.collections[0].get_array(), values[:, [1, 2, 0]])
    (cells,) = change.collections
    np.testing.assert_allclose(cells.get_array(), [[0.2, 0.1, -0.1]])
    assert cells.norm.vmin == -cells.norm.vmax
    # A channel's cell lies around its number.
    corner = change.transData.inverted().transform(cells.get_transform().transform((0, 0)))
    np.testing.assert_allclose(corner, (-0.5, -0.5), atol=1e-9)


def test_heatmap_takes_the_largest_kernel(summary: Summary) -> None:
    heatmap = ChannelHeatmap.from_summary(summary, "4_2")
    values = summary.channels.query("unit == 'SK_4_2' and kernel == '5x5'")["mean"]
    np.testing.assert_array_equal(heatmap.values.ravel(), values)


def test_heatmap_refuses_nonsense(summary: Summary) -> None:
    with pytest.raises(UsageError, match=r"shape \(2 scales, channels\), got \(3, 4\)"):
        ChannelHeatmap(np.zeros((3, 4)), (1, 2), "SK_2_1", "5x5")
    with pytest.raises(UsageError, match="expected a sort of index, shift, got 'name'"):
        ChannelHeatmap.from_summary(summary, "4_2", sort="name")
    with pytest.raises(UnitError, match="expected the name of one unit, got SK_4_1, SK_4_2"):
        ChannelHeatmap.from_summary(summary, "4_*")
    with pytest.raises(UnitError, match="expected a branch from 0 to 1 for SK_4_2, got 5"):
        ChannelHeatmap.from_summary(summary, "4_2", branch=5)


def test_classes_are_those_of_figure_4(summary: Summary) -> None:
    curves = ClassCurves.from_summary(summary)
    assert curves.units == ("SK_2_3", "SK_3_4", "SK_5_3")
    assert curves.scales == (1.0, 1.5)
    frame = summary.classes.query("unit == 'SK_3_4' and scale == 1.5")
    np.testing.assert_array_equal(curves.values[1, 1], frame["mean"])
    assert curves.names == tuple(LONG)


def curves(classes: int = 25, **options: object) -> ClassCurves:
    random = np.random.default_rng(0)
    values = random.normal(size=(1, 2, classes))
    return ClassCurves(values, np.arange(classes), (1.0, 1.5), ("SK_2_3",), **options)  # type: ignore[arg-type]


def test_every_takes_single_classes() -> None:
    drawn, values = curves(every=10).points("2_3")
    assert list(drawn) == [0, 10, 20]
    np.testing.assert_array_equal(values, curves().values[0][:, [0, 10, 20]])


def test_smooth_averages_successive_classes() -> None:
    made = curves(smooth=10)
    made.values[0, 0, 3] = np.nan
    drawn, values = made.points("SK_2_3")
    assert list(drawn) == [0, 10, 20]
    plain = [np.nanmean(made.values[0][:, a:b], axis=1) for a, b in ((0, 10), (10, 20), (20, 25))]
    np.testing.assert_allclose(values, np.transpose(plain))


def test_sorting() -> None:
    by_shift = curves(sort="shift")
    drawn, values = by_shift.points("SK_2_3")
    assert (np.diff(values[1] - values[0]) <= 0).all()
    assert sorted(drawn) == list(range(25))
    by_name = curves(3, names=("pear", "Apple", "fig"), sort="name")
    assert list(by_name.points("SK_2_3")[0]) == [1, 2, 0]


def test_extremes_are_named_with_their_shift() -> None:
    values = np.array([[[0.0, 0.0, 0.0, 0.0], [0.1, -0.2, 0.3, np.nan]]])
    made = ClassCurves(values, np.array([0, 4, 8, 9]), (1.0, 1.5), ("SK_2_3",))
    assert made.extremes("SK_2_3") == (["class 8 +0.3000"], ["class 4 \N{MINUS SIGN}0.2000"])
    assert "2 of 3 classes rise from 1.0x to 1.5x" in texts(made.plot().figure_)


def test_class_names_are_written_for_small_sets_only(summary: Summary, imagenet: Summary) -> None:
    small = texts(draw_run(summary, "classes"))
    assert "grand piano" in small
    assert "American Staffordshir" in small
    many = draw_run(imagenet, "classes", every=10)
    assert many.axes[-1].get_xlabel() == "class index (every 10th)"
    (line, *_) = many.axes[0].lines
    assert len(line.get_xdata()) == 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "expected 'every' from 1 to the 25 classes of the run, got 0"),
        ({"smooth": 26}, "expected 'smooth' from 1 to the 25 classes of the run, got 26"),
        ({"every": 2, "smooth": 2}, "expected 'every' or 'smooth', got both"),
        ({"sort": "shif"}, "index, shift, name, got 'shif'. Did you mean 'shift'"),
        ({"sort": "name"}, "expected class names to sort by, got a run without"),
        ({"names": ("a",)}, "expected 25 names, one per class, got 1"),
    ],
)
def test_classes_refuse_nonsense(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        curves(**options)


def test_classes_refuse_wrong_arrays(summary: Summary) -> None:
    with pytest.raises(UsageError, match=r"\(1, 1, 2\), got \(1, 1, 3\)"):
        ClassCurves(np.zeros((1, 1, 3)), np.arange(2), (1.0,), ("SK_2_3",))
    with pytest.raises(UsageError, match="expected labelled images, got none with a label"):
        ClassCurves(np.zeros((1, 1, 0)), np.arange(0), (1.0,), ("SK_2_3",))
    with pytest.raises(UnitError, match="unknown unit '9_9'; this figure has SK_2_3"):
        curves().points("9_9")
    with pytest.raises(UsageError, match="expected one unit to draw on the given axes, got 3"):
        ClassCurves.from_summary(summary).plot(Figure().add_subplot())


def test_one_unit_goes_on_given_axes() -> None:
    ax = Figure().add_subplot()
    drawn = curves().plot(ax)
    assert drawn.figure_ is ax.figure
    assert drawn.ax_ is ax
    assert len(ax.lines) >= 2


@pytest.mark.parametrize("kind", [kind for kind in RUN_FIGURES if kind != "channels"])
@pytest.mark.parametrize("style", ["default", "paper", "talk,dark"])
def test_figures_are_tidy(
    summary: Summary, kind: str, style: str, assert_tidy: Callable[[Figure], None]
) -> None:
    units = ("2_3", "5_3") if kind == "lines" else ()
    assert_tidy(draw_run(summary, kind, style=style, units=units))


@pytest.mark.parametrize("style", ["default", "paper", "talk,dark"])
def test_heatmaps_are_inside_the_page(summary: Summary, style: str) -> None:
    figure = draw_run(summary, "channels", style=style, units=("2_3", "5_3"))
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0) >= 0
    assert box.x1 <= width
    assert box.y1 <= height


@pytest.mark.parametrize("classes", [1, 10, 40, 99, 1000])
def test_any_number_of_classes_is_tidy(classes: int, assert_tidy: Callable[[Figure], None]) -> None:
    random = np.random.default_rng(classes)
    names = tuple(f"{LONG[k % len(LONG)]} {k}" for k in range(classes))
    values = random.normal(size=(3, 2, classes))
    for sort in ("index", "shift"):
        made = ClassCurves(
            values, np.arange(classes), (1.0, 1.5), ("SK_2_3", "SK_3_4", "SK_5_3"), names, sort=sort
        )
        with figure_style("default"):
            assert_tidy(made.plot().figure_)


@pytest.mark.parametrize(
    ("count", "scales"),
    [
        (1, 1),
        (2, 5),
        (5, 2),
        pytest.param(16, 5, marks=pytest.mark.slow),
        pytest.param(33, 3, marks=pytest.mark.slow),
    ],
)
def test_any_number_of_units_is_tidy(
    count: int, scales: int, assert_tidy: Callable[[Figure], None]
) -> None:
    random = np.random.default_rng(count)
    factors = tuple(1 + 0.25 * v for v in range(scales))
    names = tuple(f"SK_4_{u + 1}" for u in range(count))
    with figure_style("default"):
        made = ClassCurves(
            random.normal(size=(count, scales, 30)), np.arange(30), factors, names, tuple("x" * 30)
        )
        assert_tidy(made.plot().figure_)
        shorts = tuple(name[3:] for name in names)
        depth = DepthLines(random.normal(size=(count, scales)), factors, shorts, (4,) * count)
        assert_tidy(depth.plot().figure_)


def test_published_values_are_those_of_the_files() -> None:
    figure3 = json.loads((ROOT / "assets/published/figure3.json").read_text())
    value = published_bars("3_4", 1.5)
    assert value is not None
    assert value[0] == figure3["right"]["c_all_validation_images"]["1.5x"][1]
    low, high = figure3["right"]["c_error_bars_low_high"]["1.5x"][1]
    assert value[1] == pytest.approx((high - low) / 2)
    line = published_lines(LEFT, (2.0, 3.0), "SK_3_4").curves
    # The identity that must hold, to the precision of the figures.
    bar = published_bars("3_4", 2.0)
    assert bar is not None
    assert 2 * line[0].mean() - 1 == pytest.approx(bar[0], abs=1e-3)
    curve = published_curve("SK_5_3", 1.0)
    assert curve is not None
    assert (len(curve[0]), curve[0][-1]) == (100, 990)
    assert published_bars("3_3", 1.0) is None
    assert np.isnan(line[1]).all()
    assert published_curve("SK_4_6", 1.0) is None


def test_published_values_are_laid_over(summary: Summary, imagenet: Summary) -> None:
    bars = draw_run(summary, "bars", paper=True)
    assert "published, figure 3 (c)" in texts(bars)
    marks = [line.get_ydata()[0] for line in bars.axes[0].lines if line.get_marker() == "D"]
    value = published_bars("2_3", 1.0)
    assert value is not None
    assert value[0] in marks
    assert len(marks) == 12
    assert "published" in texts(draw_run(summary, "lines", paper=True))
    assert "published" in texts(draw_run(summary, "units", paper=True))
    panels = draw_run(imagenet, "classes", paper=True, smooth=10)
    assert "published, figure 4" in texts(panels)
    curve = published_curve("SK_3_4", 1.5)
    assert curve is not None
    assert any(np.array_equal(line.get_ydata(), curve[1]) for line in panels.axes[1].lines)


def test_the_papers_channels_have_an_axis_of_their_own(summary: Summary) -> None:
    scales = (1.0, 1.5, 2.0)
    figure, caption = drawn_run(summary, "lines", paper=True, scales=scales[::2])
    own, paper = figure.axes
    assert all(line.get_xdata().max() < 32 for line in own.lines)  # the channels of this run
    published = published_lines(LEFT, scales[::2], "SK_3_4")
    for line, curve in zip(paper.lines, published.curves, strict=True):
        assert np.isfinite(curve).all()
        np.testing.assert_array_equal(line.get_xdata(), published.x)  # 0 to 240, of 256
        np.testing.assert_array_equal(line.get_ydata(), curve)
    colours = [[line.get_color() for line in ax.lines] for ax in figure.axes]
    assert colours[0] == colours[1]
    assert own.get_ylim() == paper.get_ylim()
    assert paper.get_title(loc="left") == "published, figure 3 (c)"
    assert "over its own 256 channels" in caption.text
    assert "Channels of two networks do not correspond." in texts(figure)


@pytest.mark.parametrize("kind", ["bars", "units", "classes"])
def test_captions_say_what_is_the_papers(imagenet: Summary, kind: str) -> None:
    _, caption = drawn_run(imagenet, kind, paper=True)
    assert ("figure 4" if kind == "classes" else "Open diamonds: the paper's") in caption.text
    if kind == "classes":
        assert "are taken to be ImageNet's" in caption.text
    assert "the paper's" not in drawn_run(imagenet, kind)[1].text


@pytest.mark.parametrize(
    ("units", "got"),
    [
        ({"branches": 3}, "3x3, 5x5, 7x7 in SK_2_1"),
        ({"known": False}, "branch 0, branch 1 in SK_2_1"),
    ],
)
@pytest.mark.parametrize("kind", ["lines", "bars", "units", "classes"])
def test_the_papers_attention_is_that_of_its_kernels(
    tmp_path: Path, units: dict[str, object], got: str, kind: str
) -> None:
    make_run(tmp_path / "run", stage_units((3, 4, 6, 3), channels=16, **units))
    other = summarise(tmp_path / "run", resamples=0)
    with pytest.raises(UsageError, match=f"expected two branches of 3x3 and 5x5, .* got {got}"):
        draw_run(other, kind, paper=True)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("lines", {"branch": 0}, "expected the attention of the 5x5 kernel, .* got 3x3"),
        ("lines", {"units": ("3_*",)}, "the unit 3_4 alone, .* got SK_3_1, SK_3_2"),
        ("classes", {}, "expected a run over ImageNet's 1000 classes, .* got 7 classes"),
        ("lines", {"units": ("2_3",)}, "expected the unit 3_4 alone, .* got SK_2_3"),
        ("bars", {"units": ("2_1",)}, "a unit and a scale that the paper has published"),
    ],
)
def test_published_values_that_do_not_fit_are_refused(
    summary: Summary, kind: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        draw_run(summary, kind, paper=True, **options)


def test_published_classes_are_by_index(imagenet: Summary) -> None:
    with pytest.raises(UsageError, match="sorted by index, as the paper's are, got 'shift'"):
        draw_run(imagenet, "classes", paper=True, sort="shift")


def test_published_values_need_sknet50(tmp_path: Path) -> None:
    make_run(tmp_path / "run", stage_units((2, 2, 2, 2)))
    with pytest.raises(UsageError, match=r"expected the units of SKNet-50 .* got 8 units: SK_2_1"):
        draw_run(summarise(tmp_path / "run"), "bars", paper=True)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("line", {}, "expected a figure out of lines, .* got 'line'. Did you mean 'lines'"),
        ("bars", {"every": 2}, "'every' belongs to the figure classes, got 'bars'"),
        ("lines", {"sort": "shift"}, "'sort' belongs to the figure classes or channels"),
        ("channels", {"paper": True}, "'paper' belongs to the figure lines or bars or"),
    ],
)
def test_options_of_another_figure_are_refused(
    kind: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        check_options(kind, options)


def test_units_and_scales_that_the_run_has_not(summary: Summary) -> None:
    with pytest.raises(UnitError, match="unknown unit '9_9'"):
        draw_run(summary, "classes", units=("9_9",))
    with pytest.raises(ScaleError, match=r"expected scales of the run \(1, 1\.5, 2\), got 1\.25"):
        draw_run(summary, "units", scales=(1, 1.25))


def test_redrawing_loads_no_torch(tmp_path: Path) -> None:
    make_run(tmp_path / "run", SKNET50)
    code = (
        "import sys; from skviz.inference.summary import summarise;"
        "from skviz.figures.redraw import draw_run;"
        f"summary = summarise({str(tmp_path / 'run')!r});"
        "draw_run(summary, 'classes'); draw_run(summary, 'lines');"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "False"
