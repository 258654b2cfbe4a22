"""Verdicts: the right one for each made-up effect, and another one when controls are exchanged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from skviz.errors import UsageError
from skviz.inference.judging import Evidence, JudgeOptions, judge
from skviz.inference.null import NullShifts, aligned, band, place
from skviz.inference.verdicts import REASONS, VERDICTS, Verdict
from tests.helpers.verdict_arrays import evidence, measured

UP = 0.05


def verdicts(given: Evidence) -> list[str]:
    return [verdict.outcome for verdict in judge(given)]


def first(given: Evidence) -> Verdict:
    return judge(given)[0]


def test_every_effect_gets_its_verdict() -> None:
    """Units: size, blur, context, half of each of both, nothing, falling."""
    given = evidence(
        [UP, UP, UP, UP, 0, -UP],
        blur=[0, UP, 0, UP / 2, 0, 0],
        constant=[0, 0, UP, UP / 2, 0, 0],
        blurred=[0, 0, UP, UP / 2, 0, 0],
    )
    assert verdicts(given) == [
        "larger", "rises, blur", "rises, context", "rises, both", "no clear change", "smaller",
    ]  # fmt: skip
    swapped = {
        "blur": given.controls["object-constant"],
        "object-constant": given.controls["blur"],
    }
    other = verdicts(replace(given, controls=swapped))
    assert other[1:3] == ["rises, context", "rises, blur"]


def test_what_is_left_is_paired_per_image() -> None:
    given = evidence([UP], blur=[0.02], constant=[0.01])
    verdict = first(given)
    plain, blur = given.plain.difference[:, :, 0], given.controls["blur"].difference[:, :, 0]
    left = (plain[:, 2] - plain[:, 0]) - (blur[:, 2] - blur[:, 0])
    assert verdict.left["blur"].mean == pytest.approx(left.mean(), abs=1e-7)
    assert verdict.left["blur"].low < left.mean() < verdict.left["blur"].high
    both = verdict.total.mean - verdict.shifts["blur"].mean - verdict.shifts["object-constant"].mean
    assert verdict.left["blur + object-constant"].mean == pytest.approx(both)
    assert verdict.share("blur") == pytest.approx(0.4, abs=0.05)
    assert verdict.survives == pytest.approx(0.4, abs=0.06)


def test_one_of_two_object_controls_is_enough_to_fail() -> None:
    given = evidence([UP], blur=[0], constant=[0], blurred=[UP])
    assert verdicts(given) == ["rises, context"]


def test_a_control_that_works_against_the_shift_does_not_help_it() -> None:
    given = evidence([UP], blur=[UP * 0.99], constant=[-UP])
    assert first(given).left["blur + object-constant"].clear(1)
    assert verdicts(given) == ["rises, blur"]


def test_more_than_random_networks() -> None:
    given = evidence([UP, UP], blur=[0, 0], constant=[0, 0], null=0.05)
    verdicts = judge(given)
    assert [verdict.outcome for verdict in verdicts] == ["rises, random"] * 2
    assert verdicts[0].raw is not None
    assert verdicts[0].raw.low < UP < verdicts[0].raw.high
    # The paired test alone sees nothing of it.
    assert [verdict.paired for verdict in verdicts] == ["rises"] * 2


def test_a_network_that_varies_more_is_held_against_the_matched_null() -> None:
    """Random networks whose attention varies a tenth as much, and shifts a tenth as much."""
    random = np.random.default_rng(0).normal(size=10) * 0.003
    quiet = [
        measured([shift], 50 + i, spread=0.005, noise=0.0005) for i, shift in enumerate(random)
    ]
    verdict = first(replace(evidence([UP], [0], [0]), random=quiet))
    assert verdict.raw is not None
    assert verdict.matched is not None
    assert verdict.raw.p_holm < 0.001
    assert verdict.matched.p_holm > 0.05
    assert verdict.outcome == "rises, matched"
    assert verdict.matched.std == pytest.approx(10 * verdict.raw.std, rel=0.4)


def test_missing_controls_are_named_and_never_passed() -> None:
    whole = evidence([UP], [0], [0])
    assert first(whole).missing == ()
    bare = first(Evidence(whole.plain))
    assert bare.missing == ("random networks", "blur", "object")
    assert bare.outcome == "rises, missing"
    assert "Not made: random networks, blur, object." in bare.sentence
    for control in ("blur", "object-constant"):
        some = {name: run for name, run in whole.controls.items() if name != control}
        assert first(replace(whole, controls=some)).outcome == "rises, missing"
    still = measured([0.001], 9, spread=0, noise=0)
    unmatched = first(replace(whole, random=[*whole.random[:5], still]))
    assert unmatched.missing == ("matched random networks",)
    assert unmatched.outcome == "rises, missing"
    few = first(replace(whole, random=whole.random[:2]))
    assert few.missing == ("random networks",)


def test_a_rise_that_is_not_steady() -> None:
    given = evidence([UP], [0], [0])
    cube = given.plain.difference.copy()
    cube[:, 1] += 0.1
    verdict = first(replace(given, plain=replace(given.plain, difference=cube)))
    assert (verdict.steady, verdict.outcome) == (False, "rises, steps")


def test_a_falling_unit_is_judged_the_same_way() -> None:
    given = evidence([-UP, -UP], blur=[-UP, 0], constant=[0, -UP])
    assert verdicts(given) == ["falls, blur", "falls, context"]


def test_zoom_out_is_measured_towards_one() -> None:
    given = evidence([UP], [0], [0])
    zoom = measured([0.03], 9, scales=(0.5, 1 / 1.5, 1.0))
    cube = zoom.difference.copy()
    cube[:, 0] -= 0.03
    zoom = replace(zoom, difference=cube)
    verdict = first(replace(given, controls={**given.controls, "zoom-out-mean": zoom}))
    expected = (zoom.difference[:, 2] - zoom.difference[:, 0]).mean()
    assert verdict.shifts["zoom-out-mean"].mean == pytest.approx(expected, abs=1e-6)
    assert "zoom-out-mean" not in verdict.left


def test_high_resolution_images_and_partly_random_networks() -> None:
    given = evidence([UP], [0], [0])
    chosen = np.arange(60) < 30
    more = {"cascade-SK_4_1": measured([0.01], 60)}
    verdict = first(replace(given, high_resolution=chosen, others=more))
    plain = given.plain.difference[chosen, :, 0]
    assert verdict.sharp_images == 30
    assert verdict.high_resolution is not None
    assert verdict.high_resolution.mean == pytest.approx((plain[:, 2] - plain[:, 0]).mean())
    assert verdict.others["cascade-SK_4_1"].mean == pytest.approx(0.01, abs=0.002)
    few = first(replace(given, high_resolution=np.arange(60) < 4))
    assert (few.high_resolution, few.sharp_images) == (None, 4)


def test_too_few_images_say_nothing() -> None:
    verdict = first(Evidence(measured([UP], 0, images=3)))
    assert verdict.outcome == "not enough data"
    assert (verdict.share("blur"), verdict.survives) == (None, None)


def test_prediction_interval_is_that_of_one_more_draw() -> None:
    from scipy import stats

    null = np.array([0.0, 0.1, 0.3, 0.2])
    spot = place(0.5, null)
    assert spot is not None
    t = (0.5 - 0.15) / (null.std(ddof=1) * np.sqrt(1.25))
    assert spot.p == pytest.approx(2 * stats.t.sf(t, 3))
    assert (spot.above, spot.seeds) == (4, 4)
    # At the end of the band p is 5 %.
    edge = place(spot.high, null)
    assert edge is not None
    assert edge.p == pytest.approx(0.05)
    assert place(0.5, null[:2]) is None
    low, high = band(null[:2, None])
    assert (low[0], high[0]) == (0.0, 0.1)


def test_random_networks_that_never_move() -> None:
    still, other = place(0.0, np.zeros(5)), place(0.1, np.zeros(5))
    assert still is not None
    assert other is not None
    assert (still.p, other.p) == (1.0, 0.0)


def test_band_holds_both_nulls() -> None:
    given = evidence([UP, 0.0], [0, 0], [0, 0])
    null = NullShifts.of(given.plain, given.random)
    low, high = null.band()
    for values in (null.raw, null.matched):
        each_low, each_high = band(values)
        assert (low <= each_low).all()
        assert (high >= each_high).all()
    np.testing.assert_array_equal(low[0], 0)
    np.testing.assert_array_equal(null.raw[:, 0], 0)


def test_words_are_fixed_and_complete() -> None:
    assert len(VERDICTS) == 4 + 2 * len(REASONS)
    given = evidence([UP, 0], blur=[0.01, 0], constant=[0, 0], masked=[UP, 0])
    verdict, nothing = judge(given)
    assert verdict.title == "larger objects get the larger kernel"
    text = verdict.sentence
    assert "From 1.0x to 2.0x the attention difference changes by +0.0" in text
    assert "Blur alone gives +0.01" in text
    assert "10 random networks give" in text
    assert "% of it" not in nothing.sentence
    document = verdict.to_dict()
    assert document["title"] == verdict.title
    assert document["shifts"]["masked"]["mean"] == pytest.approx(UP, abs=0.005)


def test_confidence_reaches_the_intervals() -> None:
    given = evidence([UP], [0], [0])
    wide, narrow = (
        judge(given, JudgeOptions(confidence=confidence))[0].total for confidence in (0.99, 0.5)
    )
    assert wide.high - wide.low > narrow.high - narrow.low


def test_runs_that_do_not_fit_are_refused() -> None:
    plain = measured([UP], 0)
    with pytest.raises(UsageError, match="expected measurements of the same 60 images, got 30"):
        aligned(measured([UP], 0, images=30), plain)
    with pytest.raises(UsageError, match="expected the unit SK_4_2 in every run, got SK_4_1"):
        aligned(plain, measured([UP, UP], 0))
    with pytest.raises(UsageError, match=r"expected the scale 1\.5 in every run, got 1, 2"):
        aligned(measured([UP], 0, scales=(1.0, 2.0)), plain)
    with pytest.raises(UsageError, match=r"expected 1\.0 among the scales, .* got 1\.5, 2"):
        judge(Evidence(measured([UP], 0, scales=(1.5, 2.0))))
    with pytest.raises(UsageError, match=r"expected a scale above 1\.0, .* got 1"):
        judge(Evidence(measured([UP], 0, scales=(0.5, 1.0))))
    with pytest.raises(UsageError, match="expected measurements of random networks, got none"):
        NullShifts.of(plain, [])
