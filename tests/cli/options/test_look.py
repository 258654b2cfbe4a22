"""--box, --center and --control of `skviz attention` and `skviz report`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import skviz
from skviz.cli.main import cli
from skviz.pictures.scaling import InputSpec, enlarge


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["--no-config", *map(str, words)])


def numbers(tmp_path: Path, *words: str | Path) -> dict[str, list[float]]:
    done = run("attention", "example", "--scales", "1,2", "--out", tmp_path, "--json", *words)
    assert done.exit_code == 0, done.output
    units = json.loads(done.stdout)["units"]
    (tmp_path / "okapi_attention_3_4.png").unlink()
    return {name: unit["difference"] for name, unit in units.items()}


def test_a_centre_is_a_box_of_the_usual_size() -> None:
    photo = skviz.read_image(skviz.example_photo())
    spec = InputSpec(64, 0.875)
    side = 0.875 * min(photo.size)
    views = enlarge(photo, (1, 2), spec, center=(120, 100))
    assert views.boxes[0] == pytest.approx(
        (120 - side / 2, 100 - side / 2, 120 + side / 2, 100 + side / 2)
    )
    middle = enlarge(photo, (1, 2), spec, center=(photo.width / 2, photo.height / 2))
    np.testing.assert_array_equal(middle.pixels, enlarge(photo, (1, 2), spec).pixels)
    with pytest.raises(skviz.UsageError, match="got both"):
        enlarge(photo, center=(1, 1), box=(0, 0, 9, 9))
    with pytest.raises(skviz.UsageError, match=r"in a picture of 300 x 225 pixels, got \(301, 0\)"):
        enlarge(photo, center=(301, 0))
    with pytest.raises(skviz.UsageError, match=r"expected center as \(x, y\), got \(1,\)"):
        enlarge(photo, center=(1,))


@pytest.mark.parametrize("control", ["blur", "object-constant", "object-blurred", "masked"])
def test_controls_show_what_they_show_in_a_run(control: str, tmp_path: Path) -> None:
    from skviz.data.loading import ViewMaker
    from skviz.studies.controls.control import parse_control
    from skviz.studies.controls.views import control_views

    model = skviz.load_model()
    result = skviz.analyze_image(
        skviz.example_photo(), model, scales=(1, 2), box=(60, 40, 200, 200), control=control
    )
    plain = ViewMaker((1.0, 2.0), result.views.spec)
    pixels, sides = control_views(parse_control(control), plain)(
        skviz.example_photo(), (60, 40, 200, 200)
    )
    np.testing.assert_array_equal(result.views.pixels, pixels)
    assert [right - left for left, _, right, _ in result.views.boxes] == pytest.approx(list(sides))
    assert f"control '{control}': these are not plainly enlarged views" in result.notes
    found = numbers(tmp_path, "--control", control, "--box", "60,40,200,200")
    for unit, values in found.items():
        np.testing.assert_allclose(values, result.attention.difference(unit), atol=1e-6)


def test_the_command_gives_the_numbers_of_the_library(tmp_path: Path) -> None:
    model = skviz.load_model()
    for words, how in (
        (["--box", "60,40,260,240"], {"box": (60, 40, 260, 240)}),
        (["--center", "100,100"], {"center": (100, 100)}),
    ):
        result = skviz.analyze_image(skviz.example_photo(), model, scales=(1, 2), **how)
        for unit, values in numbers(tmp_path, *words).items():
            np.testing.assert_allclose(values, result.attention.difference(unit), atol=1e-6)
    assert numbers(tmp_path) != numbers(tmp_path, "--center", "100,100")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--box", "1,2"], "expected L,T,R,B in pixels of the image, got '1,2'"),
        (["--box", "9,9,1,1"], "expected box as (left, top, right, bottom)"),
        (["--box", "0,0,9,9", "--center", "3,3"], "expected a box or a center, got both"),
        (["--control", "blurr"], "Did you mean 'blur'?"),
        (["--control", "random:1"], "for an untrained network use --no-pretrained"),
    ],
)
def test_wrong_looks_are_wrong_usage(words: list[str], said: str, tmp_path: Path) -> None:
    done = run("attention", "example", "--out", tmp_path, *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_portrait_says_what_is_cut_away(tmp_path: Path) -> None:
    photo = skviz.read_image(skviz.example_photo())
    photo.resize((200, 400)).save(tmp_path / "portrait.png")
    said = "only the central 38% of the picture is seen; choose another part with --box"
    done = run("attention", tmp_path / "portrait.png", "--scales", "1", "--out", tmp_path)
    assert said in done.stderr
    done = run(
        "attention", tmp_path / "portrait.png", "--scales", "1", "--out", tmp_path,
        "--center", "100,150", "--overwrite",
    )  # fmt: skip
    assert "is seen" not in done.stderr
    Image.new("RGB", (300, 225)).save(tmp_path / "usual.png")
    done = run("attention", tmp_path / "usual.png", "--scales", "1", "--out", tmp_path)
    assert "is seen" not in done.stderr


def test_reports_look_there_too(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = run("report", "example", "--to", page, "--scales", "1,2", "--control", "blur", "--json")
    assert done.exit_code == 0, done.output
    assert "control &#39;blur&#39;" in page.read_text() or "control 'blur'" in page.read_text()
    done = run("report", tmp_path, "--to", tmp_path / "x.html", "--box", "0,0,9,9")
    assert done.exit_code == 2 and "belong to images, got a run" in done.stderr


@pytest.mark.parametrize("words", [["--box", "60,40,200,200"], ["--control", "blur"], []])
def test_what_was_saved_shows_the_same_views(words: list[str], tmp_path: Path) -> None:
    from skviz.reports.documents.saved import read_result

    done = run("attention", "example", "--data", "json", "--out", tmp_path, *words)
    assert done.exit_code == 0, done.output
    saved = read_result(tmp_path / "okapi_attention_3_4.json")
    how = {"box": (60, 40, 200, 200)} if "--box" in words else {}
    control = "blur" if "--control" in words else None
    model = skviz.load_model()
    result = skviz.analyze_image(skviz.example_photo(), model, control=control, **how)
    np.testing.assert_array_equal(saved.views.pixels, result.views.pixels)
    assert saved.control == control
