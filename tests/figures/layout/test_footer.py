"""Below a figure: network, images, what bars and bands are, and what nobody may miss."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from skviz.figures import RUN_FIGURES, draw_field, drawn_run, figure_style
from skviz.figures.caption import Caption
from skviz.figures.display import caption_of
from skviz.figures.layout.footer import with_note
from skviz.figures.provenance import Provenance
from skviz.figures.style.palette import WARNING_COLOUR
from skviz.inference.summary import summarise
from skviz.runs.records import Run
from tests.figures.extremes import STAGES, bars_of, compared_of, lines_of
from tests.figures.extremes_controls import field_of, panels_of, suite_of, verdicts_of
from tests.figures.tidy import troubles
from tests.helpers.synthetic import make_run

UNTRAINED = "Untrained network: its weights are random."


def below(figure: Figure) -> str:
    """Return the lines below a figure, joined."""
    lines = [text for text in figure.texts if text.get_position()[0] < 0.05]
    return " ".join(text.get_text() for text in sorted(lines, key=lambda t: -t.get_position()[1]))


@pytest.fixture(scope="module", params=[True, False], ids=["trained", "untrained"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "run"
    make_run(folder, classes=3, per_class=4)
    settings = json.loads((folder / "run.json").read_text())
    settings["model"] |= {"trained": request.param, "name": "sknet26", "weights": "photos"}
    settings["dataset"]["root"] = "/data/of/somebody/val"
    (folder / "run.json").write_text(json.dumps(settings))
    return Run(folder)


@pytest.mark.parametrize("kind", RUN_FIGURES)
def test_figures_of_a_run_say_what_they_are_of(run: Run, kind: str) -> None:
    figure, caption = drawn_run(summarise(run, resamples=0), kind, style="paper")
    said = below(figure)
    assert said.startswith("sknet26, weights: photos; 12 images of 'val'.")
    trained = run.settings["model"]["trained"]
    assert (UNTRAINED in said) == (not trained)
    assert ("The network is untrained" in caption.text) == (not trained)
    if not trained:
        line = next(text for text in figure.texts if text.get_text() == UNTRAINED)
        assert to_hex(line.get_color()).upper() == WARNING_COLOUR
    assert ("Error bars: ± one standard deviation" in said) == (kind in ("bars", "3c"))


@pytest.mark.parametrize("kind", ["lines", "units"])
def test_bands_are_explained_where_they_are(run: Run, kind: str) -> None:
    summary = summarise(run, resamples=0)
    assert "Bands: ± one standard" in below(drawn_run(summary, kind, deviations=True)[0])
    assert "Bands" not in below(drawn_run(summary, kind)[0])


ABOUT = Provenance(
    "sknet50", "none", False, 500, 10, "val", control={"kind": "blur"}, complete=False
)


@pytest.mark.parametrize(
    ("display", "marks"),
    [
        (compared_of(3), "Bars: bootstrap confidence intervals"),
        (panels_of(("2_1", "all"), 2), "Bars: 95 % bootstrap intervals"),
        (verdicts_of(("2_1", "3_4")), "Bars: 95 % bootstrap intervals"),
        (suite_of(2, 2), "sknet50, weights: none; 'ant/n01440764_10026.JPEG';"),
    ],
    ids=["compared", "interventions", "verdicts", "views"],
)
def test_so_do_those_of_controls_and_comparisons(display: object, marks: str) -> None:
    with figure_style("web"):
        said = below(with_note(display.plot, caption_of(display, ABOUT)))
    assert marks in said
    assert "control: the 1.0x view reduced" in said
    assert f"{UNTRAINED} The run is not complete." in said


def test_fields_say_it_too() -> None:
    field = replace(field_of(2), about={"model": "tiny", "weights": "none", "trained": False})
    with figure_style("web"):
        said = below(draw_field(field))
    assert "tiny, weights: none; 8 images. White squares: the width of the field" in said
    assert "Bars: 95 % bootstrap intervals over images." in said
    assert UNTRAINED in said


def test_a_page_gets_higher_and_a_slide_does_not() -> None:
    caption = caption_of(bars_of(STAGES["four"], 3), ABOUT)
    for style, grows in (("paper", True), ("web", True), ("talk", False)):
        with figure_style(style):
            plain = bars_of(STAGES["four"], 3).plot().figure_.get_size_inches()[1]
            noted = with_note(bars_of(STAGES["four"], 3).plot, caption).get_size_inches()[1]
        assert (noted > plain) == grows
        assert noted == pytest.approx(plain) or grows


def test_nothing_to_say_changes_nothing() -> None:
    with figure_style("paper"):
        plain = lines_of("SK_3_4", 2).plot().figure_
        same = with_note(lines_of("SK_3_4", 2).plot, Caption(""))
    assert list(same.get_size_inches()) == list(plain.get_size_inches())
    assert same.texts == []


def test_long_names_stay_on_the_page() -> None:
    about = replace(ABOUT, network="a network of a long name " * 6, dataset="狗" * 60)
    with figure_style("paper"):
        figure = with_note(lines_of("SK_3_4", 2).plot, caption_of(lines_of("SK_3_4", 2), about))
        assert troubles(figure) == []
