"""What a report holds: figures and tables with the summary's own numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from skviz.errors import UsageError
from skviz.figures.runs.classes import ClassCurves
from skviz.inference.summary import summarise
from skviz.reports.documents.of_images import image_document
from skviz.reports.documents.of_run import run_document
from skviz.reports.documents.saved import read_result
from skviz.reports.single import _data_document
from skviz.reports.tables import Column
from skviz.runs.records import Run
from skviz.studies.image_result import ImageResult
from tests.helpers.synthetic import make_run, stage_units
from tests.reports.conftest import make_result


def test_a_run_has_every_figure_and_table(hard_run: Run) -> None:
    contents = run_document(hard_run, resamples=50)
    assert [part.name for part in contents.figures] == [
        "lines_SK_3_1", "bars", "units", "classes",
        "channels_SK_2_1", "channels_SK_3_1", "channels_SK_4_1", "channels_SK_5_1",
    ]  # fmt: skip
    names = [part.name for part in contents.tables]
    assert names == ["units", "shifts", "trends", "accuracy", "classes"]
    assert (contents.images, contents.notes) == ([], [])
    assert dict(contents.facts)["Images"] == "32"
    assert all(part.caption.alt and part.title == part.caption.title for part in contents.figures)


def test_figures_hold_the_numbers_of_the_summary(hard_run: Run) -> None:
    contents = run_document(hard_run, resamples=0)
    summary = summarise(hard_run, resamples=0)
    parts = {part.name: part for part in contents.figures}
    bars = parts["bars"].data()
    np.testing.assert_allclose(bars["value"], summary.to_frame()["mean"])
    np.testing.assert_allclose(bars["std"], summary.to_frame()["std"])
    curves = parts["classes"].data()
    assert list(curves.columns) == ["unit", "scale", "label", "name", "value"]
    wanted = summary.classes.set_index(["label", "unit", "scale"])["mean"]
    found = curves.set_index(["label", "unit", "scale"])["value"]
    np.testing.assert_allclose(found, wanted[found.index])
    assert set(curves["scale"]) == {1.0, 2.0}
    assert isinstance(parts["classes"].display, ClassCurves)
    for part in contents.figures:
        assert isinstance(part.draw("paper,dark"), Figure)
        assert len(part.data())


def test_tables_hold_the_numbers_of_the_summary(hard_run: Run) -> None:
    summary = summarise(hard_run, resamples=0)
    tables = {part.name: part for part in run_document(hard_run, resamples=0).tables}
    shifts = tables["shifts"]
    assert "low" not in shifts.frame
    np.testing.assert_array_equal(shifts.frame["shift"], summary.shifts["shift"])
    assert shifts.table.cells[0][:3] == ["SK_2_1", "1.0x", "1.5x"]
    classes = tables["classes"]
    first, last = summary.class_table.means[0, 0], summary.class_table.means[0, -1]
    np.testing.assert_allclose(classes.frame["SK_2_1 1.0x"], first)
    np.testing.assert_allclose(classes.frame["SK_2_1 change"], last - first)
    assert tuple(classes.frame["name"]) == hard_run.classes
    accuracy = tables["accuracy"].frame
    np.testing.assert_allclose(accuracy["correct"].astype(float), summary.accuracy)


def test_one_scale_and_no_labels(tmp_path: Path) -> None:
    make_run(tmp_path / "run", scales=(1.0,), classes=0)
    contents = run_document(Run(tmp_path / "run"), resamples=0)
    assert "classes" not in [part.name for part in contents.figures]
    assert [part.name for part in contents.tables] == ["units"]


def test_gates_have_no_difference_to_draw(tmp_path: Path) -> None:
    units = stage_units((1, 1), branches=1)
    make_run(tmp_path / "run", units)
    contents = run_document(Run(tmp_path / "run"), resamples=0)
    names = [part.name for part in contents.figures]
    assert names == ["lines_SK_3_1", "channels_SK_2_1", "channels_SK_3_1"]
    assert contents.notes == [
        "The units are gates of one branch: they have no attention difference."
    ]


def test_notes_say_what_is_missing(tmp_path: Path) -> None:
    make_run(tmp_path / "run", shards=2)
    file = tmp_path / "run" / "run.json"
    settings = json.loads(file.read_text())
    settings["model"]["trained"] = False
    settings["control"] = {"kind": "blur"}
    file.write_text(json.dumps(settings))
    notes = " ".join(run_document(Run(tmp_path / "run"), resamples=0).notes)
    assert "not complete: 2 of 4 shards are missing" in notes
    assert "untrained" in notes
    assert "This run is a control" in notes


def test_an_image_has_views_lines_and_bars(image_result: ImageResult) -> None:
    contents = image_document([image_result])
    names = [part.name for part in contents.figures]
    assert names == ["views_photo", "lines_photo_SK_3_2", "bars_photo"]
    assert [part.name for part in contents.tables] == ["units_photo", "classes_photo"]
    (image,) = contents.images
    assert (image.title, image.shown) == ("photo.png", (1.0, 1.5, 2.0))
    assert image.result.views.pixels.size
    table = contents.tables[0].frame.set_index("unit")
    found = table.loc["SK_3_2", ["1.0x", "1.5x", "2.0x"]].to_numpy(float)
    np.testing.assert_allclose(found, image_result.attention.difference("SK_3_2"), rtol=1e-6)
    seen = contents.tables[1].frame
    assert image_result.classes is not None
    assert seen["most probable"].tolist() == [best[0][0] for best in image_result.classes]


def test_figures_show_a_few_of_many_scales(many_scales: ImageResult) -> None:
    (image,) = image_document([many_scales]).images
    assert image.shown == (1.0, 1.5, 2.0)
    assert len(image.result.views.scales) == 11
    lines = image.figures[1].data()
    curve = lines[lines["scale"] == 1.5]["attention"].to_numpy()
    wanted = many_scales.attention["SK_3_2"][5, 1]
    np.testing.assert_allclose(curve.mean(), wanted.mean(), rtol=1e-6)


def test_captions_tell_what_is_shown_from_what_was_measured(many_scales: ImageResult) -> None:
    contents = image_document([many_scales])
    eleven = "1.0x, 1.1x, 1.2x, 1.3x, 1.4x, 1.5x, 1.6x, 1.7x, 1.8x, 1.9x and 2.0x"
    assert ("Scales", "11 from 1.0x to 2.0x") in contents.facts
    for part in (*contents.figures, *contents.tables):
        assert f"Measured scales: {eleven}." in part.caption.text
        assert "1.0x, 1.5x and 2.0x" in part.caption.text


def test_images_of_one_name_are_told_apart(image_result: ImageResult) -> None:
    contents = image_document([image_result, image_result])
    assert [image.name for image in contents.images] == ["photo", "photo-2"]
    assert len({part.name for part in contents.figures}) == 6


def test_no_image_is_an_error() -> None:
    with pytest.raises(UsageError, match="at least one image to report on, got none"):
        image_document([])


def test_what_was_saved_reads_back(image_result: ImageResult, tmp_path: Path) -> None:
    file = tmp_path / "photo_attention.json"
    file.write_text(json.dumps(_data_document(image_result)))
    saved = read_result(file)
    for unit in image_result.choice.all:
        np.testing.assert_allclose(
            saved.attention[unit.name], image_result.attention[unit.name], atol=1e-7
        )
    assert [unit.name for unit in saved.choice.lines] == ["SK_3_2"]
    np.testing.assert_array_equal(saved.views.pixels, image_result.views.pixels)
    assert saved.classes is not None
    assert image_result.classes is not None
    assert [best[0][0] for best in saved.classes] == [best[0][0] for best in image_result.classes]
    there, back = image_document([image_result]), image_document([saved])
    pd.testing.assert_frame_equal(there.tables[0].frame, back.tables[0].frame, atol=1e-6)


def test_a_picture_that_is_gone_leaves_the_numbers(tmp_path: Path) -> None:
    image_result = make_result(tmp_path / "photo.png")
    file = tmp_path / "elsewhere" / "photo.json"
    file.parent.mkdir()
    file.write_text(json.dumps(_data_document(image_result)))
    shutil.copy(tmp_path / "photo.png", file.parent)
    (tmp_path / "photo.png").unlink()
    assert read_result(file).views.pixels.size  # found beside the document
    (file.parent / "photo.png").unlink()
    contents = image_document([read_result(file)])
    assert not contents.images[0].result.views.pixels.size
    assert [part.name for part in contents.figures] == ["lines_photo_SK_3_2", "bars_photo"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.pop("units"), "it has no 'units'"),
        (lambda d: d["scales"].clear(), "it has no scales"),
        (lambda d: d["attention"].pop(), "is not complete"),
        (lambda d: d["classes"].pop(), "it has classes for 2 of 3 scales"),
    ],
)
def test_another_document_is_refused(
    image_result: ImageResult, tmp_path: Path, change: object, reason: str
) -> None:
    document = _data_document(image_result)
    change(document)  # type: ignore[operator]
    file = tmp_path / "other.json"
    file.write_text(json.dumps(document))
    with pytest.raises(UsageError, match=reason):
        read_result(file)


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text("no")
    with pytest.raises(UsageError, match=r"to be a document of `skviz attention --data json`"):
        read_result(file)


def test_values_as_a_reader_sees_them() -> None:
    assert Column("", "signed").written(-0.01234) == "\N{MINUS SIGN}0.0123"
    assert Column("", "signed").written(float("nan")) == "\N{EN DASH}"
    assert Column("", "scale").written(1.100000023841858) == "1.1x"
    assert Column("", "share").written(0.123) == "12.3 %"
    assert Column("", "p").written(0) == "<1e-300"
    assert Column("", "count").written(12345) == "12,345"
