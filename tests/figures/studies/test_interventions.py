"""The figure of interventions: its numbers, its words, and nothing over anything else."""

from __future__ import annotations

import numpy as np
import pytest

from skviz import UsageError
from skviz.figures.studies.interventions import InterventionPanels
from skviz.figures.style.sheets import figure_style


def panels(targets: tuple[str, ...], kinds: int = 3) -> InterventionPanels:
    rng = np.random.default_rng(0)
    shape = (kinds, len(targets), 2)
    values = rng.normal(size=shape)
    values[0, 0, 0] = np.nan
    low, high = values - 0.2, values + 0.4
    low[1, 0, 1] = high[1, 0, 1] = np.nan
    names = tuple(f"kind {index} $x$" for index in range(kinds))
    return InterventionPanels(values, low, high, names, targets, (1.0, 2.0), "change of it")


@pytest.mark.parametrize("targets", [("2_1", "all"), tuple(f"{i}_1" for i in range(16)), ("a",)])
@pytest.mark.parametrize("style", ["default", "talk", "dark"])
def test_points_intervals_and_words(targets: tuple[str, ...], style: str) -> None:
    shown = panels(targets)
    with figure_style(style):
        figure = shown.plot().figure_
    assert len(figure.axes) == 3
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    for k, ax in enumerate(figure.axes):
        assert ax.get_title(loc="left") == f"kind {k} $x$"
        for s, container in enumerate(ax.containers):
            np.testing.assert_allclose(container[0].get_ydata(), shown.values[k, :, s])
            for t, line in enumerate(container[2][0].get_segments()):
                if np.isfinite(shown.low[k, t, s]):
                    expected = [shown.low[k, t, s], shown.high[k, t, s]]
                    np.testing.assert_allclose(line[:, 1], expected)
    figure.draw_without_rendering()
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    page = figure.bbox
    for index, box in enumerate(boxes):
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert page.y0 <= box.y0
        assert all(not box.overlaps(other) for other in boxes[index + 1 :])
        assert not box.overlaps(figure.legends[0].get_window_extent())
    assert not figure.texts[0].get_window_extent().overlaps(boxes[0])


def test_other_shapes_are_refused() -> None:
    good = panels(("2_1", "all"))
    with pytest.raises(UsageError, match=r"expected low of shape .* = \(3, 2, 2\), got \(2, 2\)"):
        InterventionPanels(
            good.values, good.low[0], good.high, good.kinds, good.targets, good.scales, "q"
        )
    with pytest.raises(UsageError, match="expected a quantity out of probability_change"):
        InterventionPanels.from_run(None, "lodgit")
