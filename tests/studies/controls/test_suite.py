"""A suite on disk: its runs, its costs, what is resumed, added and refused."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from skviz.capture.probe import Probe
from skviz.data import ImageSet, open_dataset
from skviz.data.kept import KeptViews
from skviz.errors import ImageError, OutputError, RunError, ScaleError, UnitError, UsageError
from skviz.pictures.images import Picture
from skviz.reports.controls import views_of, write_views
from skviz.runs.engines import settle
from skviz.runs.measurements import RunMeasurements
from skviz.runs.options import Options
from skviz.runs.records import Run
from skviz.runs.storage.settings import state_digest
from skviz.studies.controls import making
from skviz.studies.controls.change import analyze
from skviz.studies.controls.making import controls, list_controls
from skviz.studies.controls.suite import ControlSuite

QUIET = {"options": Options(workers=0, shard_size=8), "progress": False}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory, picture) -> Path:
    """Sixteen pictures without classes."""
    root = tmp_path_factory.mktemp("few")
    for number in range(16):
        picture(root / f"{number:02d}.png", number)
    return root


def names(**options: object) -> list[str]:
    units = options.pop("units", ())
    return [
        "plain" if c is None else c.name
        for c in list_controls(units, **options)  # type: ignore[arg-type]
    ]


def test_the_order_of_the_controls(tiny: torch.nn.Module) -> None:
    views = [
        *("plain", "blur", "object-constant", "object-blurred", "masked"),
        *("zoom-out-mean", "zoom-out-reflect", "resample-bilinear", "resample-lanczos"),
    ]
    assert names(seeds=2) == [*views, "random-00", "random-01"]
    assert "masked-box" in names(boxes=True)
    assert not [name for name in names(zoom_out=False) if name.startswith("zoom")]
    # The plain run's own filter would be no control.
    assert [n for n in names(resample="lanczos") if n.startswith("resample")] == [
        "resample-bilinear",
        "resample-bicubic",
    ]
    ends = names(seeds=0, cascade=True, units=Probe(tiny).units)[len(views) :]
    assert ends == ["cascade-SK_3_1", "cascade-SK_2_1", "unit-SK_2_1", "unit-SK_3_1"]


def test_only_and_skip_take_patterns() -> None:
    assert names(only=["blur", "random-*"], skip=["random-00"], seeds=2) == [
        "plain",
        "blur",
        "random-01",
    ]
    with pytest.raises(UsageError, match=r"got 'blurr'. Did you mean 'blur'\?"):
        names(skip=["blurr"])
    with pytest.raises(UsageError, match="expected 0 or more random networks, got -1"):
        names(seeds=-1)


def test_a_suite_is_a_folder_of_ordinary_runs(
    few: Path, tiny: torch.nn.Module, tmp_path: Path
) -> None:
    state = state_digest(tiny)
    done: list[tuple[str, int, int]] = []
    suite = controls(
        few, tiny, out=tmp_path / "suite", seeds=2, cascade=True, **QUIET,
        report=lambda suite, *what: done.append(what),
    )  # fmt: skip
    assert state_digest(tiny) == state
    assert suite.names == tuple(name for name, _, _ in done)
    assert done[-1][1:] == (15, 15)
    assert suite.missing == ()
    assert [run.path.name for run in suite.random] == ["random-00", "random-01"]
    assert list(suite.cascade) == ["SK_3_1", "SK_2_1"]
    assert list(suite.units) == ["SK_2_1", "SK_3_1"]
    assert repr(suite) == f"ControlSuite('{tmp_path / 'suite'}')"
    for name in suite.names:
        run = suite.run(name)
        control = suite.control(name)
        assert run.settings["control"] == (None if control is None else control.to_dict())
        assert run.images == 16
    # An ordinary run, made by itself, has the same numbers.
    alone = analyze(few, tiny, out=tmp_path / "alone", workers=0, progress=False, control="masked")
    mine, theirs = (RunMeasurements(run).difference for run in (suite.run("masked"), alone))
    np.testing.assert_allclose(mine, theirs, atol=1e-6)
    assert suite.run("zoom-out-reflect").scales == pytest.approx((1.0, 1 / 1.5, 0.5))
    assert suite.run("zoom-out-reflect").settings["fill"] == "reflect"
    assert suite.run("resample-lanczos").settings["resample"] == "lanczos"
    trained = {n: suite.run(n).settings["model"]["trained"] for n in ("plain", "random-00", "blur")}
    assert trained == {"plain": True, "random-00": False, "blur": True}


def test_costs_are_multiples_of_the_plain_run(
    few: Path, tiny: torch.nn.Module, tmp_path: Path
) -> None:
    suite = controls(few, tiny, out=tmp_path, only=["blur"], **QUIET)
    document = json.loads((tmp_path / "controls.json").read_text())
    plain, blur = document["runs"]
    assert (plain["name"], plain["control"], plain["cost"]) == ("plain", None, 1.0)
    assert blur["measured"] == 16
    assert blur["cost"] == pytest.approx(blur["seconds"] / plain["seconds"], rel=0.1)
    assert suite.costs["blur"] == pytest.approx(blur["cost"], abs=1e-3)
    # Without its list, the runs are kept and their times are not known.
    (tmp_path / "controls.json").unlink()
    again = controls(few, tiny, out=tmp_path, only=["blur"], **QUIET)
    assert again.names == ("plain", "blur")
    assert all(math.isnan(cost) for cost in again.costs.values())
    assert json.loads((tmp_path / "controls.json").read_text())["runs"][0]["cost"] is None


def test_an_interrupted_suite_goes_on(few: Path, tiny: torch.nn.Module, tmp_path: Path) -> None:
    def stop(suite: ControlSuite, name: str, place: int, total: int) -> None:
        if name == "blur":
            raise KeyboardInterrupt

    only = ["blur", "masked", "random-*"]
    with pytest.raises(KeyboardInterrupt):
        controls(few, tiny, out=tmp_path, only=only, seeds=1, report=stop, **QUIET)
    begun = ControlSuite(tmp_path)
    assert begun.names == ("plain", "blur")
    assert begun.missing == ("masked", "random-00")
    with pytest.raises(UsageError, match=r"'masked' in .*, it is not finished; run the same"):
        begun.run("masked")
    kept = {p: p.stat().st_mtime_ns for p in tmp_path.glob("*/shards/*.parquet")}
    # One shard of the next run is lost half-way.
    analyze(few, tiny, out=tmp_path / "masked", control="masked", workers=0, shard_size=8,
            progress=False)  # fmt: skip
    lost = tmp_path / "masked/shards/00001.parquet"
    lost.unlink()
    suite = controls(few, tiny, out=tmp_path, only=only, seeds=1, **QUIET)
    assert suite.missing == ()
    assert lost.exists()
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    # Of the resumed run one shard was measured here, and its cost is per image.
    entry = suite.entries["masked"]
    assert entry.measured == 8
    assert 0 < suite.costs["masked"] < 100


def test_a_suite_can_grow(few: Path, tiny: torch.nn.Module, tmp_path: Path) -> None:
    controls(few, tiny, out=tmp_path, only=["random-*"], seeds=1, **QUIET)
    suite = controls(few, tiny, out=tmp_path, only=["random-*", "blur"], seeds=2, **QUIET)
    assert set(suite.names) == {"plain", "random-00", "random-01", "blur"}
    with pytest.raises(UsageError, match=r"expected a run of .*, got 'blue'. Did you mean 'blur'"):
        suite.run("blue")


def test_other_settings_and_other_folders_are_refused(
    few: Path, tiny: torch.nn.Module, tmp_path: Path
) -> None:
    controls(few, tiny, out=tmp_path / "a", only=["blur"], **QUIET)
    with pytest.raises(UsageError, match="scales: "):
        controls(few, tiny, out=tmp_path / "a", only=["blur"], scales=(1.0, 3.0), **QUIET)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"or a suite of controls, got .*'thesis.txt'; choose"):
        controls(few, tiny, out=tmp_path / "b", **QUIET)
    with pytest.raises(
        OutputError, match=r"a folder for a suite of controls, got .*, which is a file"
    ):
        controls(few, tiny, out=tmp_path / "b" / "thesis.txt", **QUIET)
    for scales in ((1.5, 2.0), (0.5, 1.0)):
        with pytest.raises(ScaleError, match=r"expected the scales 1.0 and a larger one: .* got"):
            controls(few, tiny, out=tmp_path / "c", scales=scales, **QUIET)
    with pytest.raises(UsageError, match="Did you mean 'masked'"):
        controls(few, tiny, out=tmp_path / "c", only=["maske"], **QUIET)
    assert not (tmp_path / "c").exists()


def test_several_processes_are_refused(
    few: Path, tiny: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="expected one process for a suite of controls"):
        controls(few, tiny, out=tmp_path / "suite", **QUIET)


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("{", RunError, "cannot read .*controls.json.*: Expecting property name.*; remove it"),
        ('{"format": "other", "version": 1}', UsageError, "it describes other work"),
        ("[]", UsageError, "it describes other work"),
        ('{"format": "skviz controls", "version": 2}', UsageError, "of format 1 in .*, got 2"),
        (
            '{"format": "skviz controls", "version": 1}',
            RunError,
            "cannot read .*controls.json': runs: it is missing",
        ),
        (
            '{"format": "skviz controls", "version": 1, "runs": [{"name": "x", "control": '
            '{"kind": "magic"}, "seconds": 1, "measured": 1}]}',
            RunError,
            "cannot read .*controls.json': expected a control of kind blur.*; remove it",
        ),
    ],
)
def test_a_damaged_list_is_named(
    tmp_path: Path, text: str, kind: type[Exception], reason: str
) -> None:
    (tmp_path / "controls.json").write_text(text)
    with pytest.raises(kind, match=reason):
        ControlSuite(tmp_path)


def test_a_folder_without_a_list_is_no_suite(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"with a controls.json in it, got .*; make one with"):
        ControlSuite(tmp_path)


def test_a_run_remembers_its_control(few: Path, tiny: torch.nn.Module, tmp_path: Path) -> None:
    how = {"workers": 0, "progress": False}
    run = analyze(few, tiny, out=tmp_path / "r", control="random:7", **how)
    measured = RunMeasurements(run)
    assert measured.about["control"] == {"kind": "random", "seed": 7}
    assert RunMeasurements(analyze(few, tiny, out=tmp_path / "p", **how)).about["control"] is None
    # The given network's weights are compared: a control of another network is no continuation.
    assert run.settings["model"]["state"] == state_digest(tiny)
    again = analyze(few, tiny, out=tmp_path / "r", control="random:7", **how)
    np.testing.assert_array_equal(RunMeasurements(again).difference, measured.difference)
    with pytest.raises(UsageError, match=r"control.seed: 7 in the run, 8 now"):
        analyze(few, tiny, out=tmp_path / "r", control="random:8", **how)
    with pytest.raises(UsageError, match="with boxes for the control 'masked-box', this one has"):
        analyze(few, tiny, out=tmp_path / "x", control="masked-box", **how)
    with pytest.raises(UnitError, match="9_9"):
        analyze(few, tiny, out=tmp_path / "x", control="unit:9_9:0", **how)
    assert not (tmp_path / "x").exists()


def test_parameters_that_stay_are_in_the_settings(few: Path, tmp_path: Path) -> None:
    from skviz.runs.analyze import prepare
    from skviz.studies.controls.change import change_of

    class Scaled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = torch.nn.Conv2d(3, 8, 3, padding=1)
            self.b = torch.nn.Conv2d(3, 8, 5, padding=2)
            self.logits = torch.nn.Linear(8, 16)
            self.scale = torch.nn.Parameter(torch.full((1,), 2.0))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            f = torch.stack([self.a(x), self.b(x)], 1)
            w = self.logits(f.sum(1).mean((2, 3))).view(-1, 2, 8, 1, 1).softmax(1)
            return self.scale * (f * w).sum(1)

    analysis = prepare(few, Scaled(), out=tmp_path / "r", change=change_of("random:0"))
    assert analysis.run.settings["control"] == {"kind": "random", "seed": 0, "kept": ["scale"]}
    assert str(analysis.notes[0]).startswith(
        "left out: parameters that keep the given network's values"
    )


def test_the_crop_is_in_the_records(pictures: Path, tiny: torch.nn.Module, tmp_path: Path) -> None:
    how = {"workers": 0, "progress": False, "shard_size": 32}
    run = analyze(pictures, tiny, out=tmp_path / "r", scales=(2.0, 1.0, 1.5), **how)
    crop = RunMeasurements(run).crop
    # Pictures of 30 x 24 pixels, seen whole at 1.0x.
    np.testing.assert_allclose(crop, np.broadcast_to([24, 16, 12], (60, 3)), rtol=1e-6)
    assert set(run.records(["crop"])["crop"]) == {24, 16, 12}


def test_runs_without_the_crop_stay_readable(
    pictures: Path, tiny: torch.nn.Module, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    how = {"workers": 0, "progress": False, "shard_size": 32}
    run = analyze(pictures, tiny, out=tmp_path / "r", **how)
    first = tmp_path / "r/shards/00000.parquet"
    pq.write_table(pq.read_table(first).drop_columns(["crop"]), first)
    shutil.rmtree(tmp_path / "r/checksums")
    # As an older version left it: the column is missing, and the control is elsewhere.
    file = tmp_path / "r/run.json"
    settings = json.loads(file.read_text())
    del settings["control"]
    settings["model"]["control"] = None
    file.write_text(json.dumps(settings))
    measured = RunMeasurements(Run(tmp_path / "r"))
    assert np.isnan(measured.crop).all()
    assert measured.crop.shape == (60, 3)
    assert measured.about["control"] is None
    assert len(run.records()) == 60 * 3 * 2
    # The rest is made by this version, and fits.
    second = tmp_path / "r/shards/00001.parquet"
    second.unlink()
    whole = analyze(pictures, tiny, out=tmp_path / "r", **how)
    assert whole.records()["crop"].isna().sum() == 32 * 3 * 2
    assert RunMeasurements(whole).difference.shape == (60, 3, 2)


def test_quick_names_are_names_of_controls() -> None:
    assert names(only=making.QUICK, seeds=making.QUICK_SEEDS) == [
        *("plain", "blur", "object-constant", "masked"),
        *("random-00", "random-01", "random-02"),
    ]


def test_the_data_set_is_shared(few: Path, tiny: torch.nn.Module, tmp_path: Path) -> None:
    images = open_dataset(few)
    suite = controls(images, tiny, out=tmp_path / "s", only=["masked"], **QUIET)
    digests = {suite.run(name).settings["dataset"]["digest"] for name in suite.names}
    assert digests == {images.digest()}


def test_the_figure_shows_the_first_image_that_can_be_read(
    few: Path, tiny: torch.nn.Module, tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    shutil.copytree(few, pictures)
    (pictures / "00.png").write_bytes(b"no picture")
    images = open_dataset(pictures)
    suite = controls(images, tiny, out=tmp_path / "s", only=["blur", "random-00"], **QUIET)
    views = views_of(suite, images).plot()
    texts = [text.get_text() for text in views.ax_.texts]
    assert {"01.png", "plain", "blur"} <= set(texts)
    assert "random-00" not in texts
    with pytest.raises(ImageError, match=r"00\.png"):
        views_of(suite, images, 0)
    with pytest.raises(UsageError, match="that can be read, there is none"):
        views_of(suite, images.select(np.array([0])))
    assert write_views(suite, images) == tmp_path / "s" / "views.png"
    with pytest.raises(OutputError, match="already exists"):
        write_views(suite, images)


def test_random_networks_see_the_plain_views_without_decoding_again(
    tiny: torch.nn.Module, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = open_dataset(str(few))
    how = {"scales": (1, 2), "seeds": 2, "only": ["random-*"], **QUIET}
    decoded: list[int] = []
    read = ImageSet.picture

    def counting(self: ImageSet, index: int) -> Picture:
        decoded.append(index)
        return read(self, index)

    monkeypatch.setattr(ImageSet, "picture", counting)
    once = controls(images, tiny, out=tmp_path / "once", **how)
    # The plain run, and the pictures at 1.0x on which statistics are re-estimated.
    assert len(decoded) == 2 * len(images)
    decoded.clear()
    monkeypatch.setattr(KeptViews, "get", lambda self, number: None)
    again = controls(images, tiny, out=tmp_path / "again", **how)
    # Without room on the disk: both random networks share one more pass.
    assert len(decoded) == 3 * len(images)
    for ours, theirs in zip((once.plain, *once.random), (again.plain, *again.random), strict=True):
        columns = ["image", "unit", "scale", "difference"]
        assert ours.records(columns).equals(theirs.records(columns))
    assert not list((tmp_path / "once").glob(".skviz*"))


def test_random_networks_in_one_pass_are_those_of_runs_of_their_own(
    tiny: torch.nn.Module, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {"scales": (1, 2), "seeds": 3, "only": ["random-*"], **QUIET}
    suite = controls(few, tiny, out=tmp_path / "together", **how)
    columns = ["image", "unit", "scale", "difference", "predicted"]
    for seed, run in enumerate(suite.random):
        alone = analyze(few, tiny, out=tmp_path / f"alone-{seed}", control=f"random:{seed}",
                        scales=(1, 2), workers=0, shard_size=8, progress=False)  # fmt: skip
        assert run.records(columns).equals(alone.records(columns))
    # One is finished, one is not begun, of one a shard is lost: each gets what it lacks.
    kept = tmp_path / "together"
    shutil.rmtree(kept / "random-01")
    (kept / "random-02/shards/00001.parquet").unlink()
    before = {p: p.stat().st_mtime_ns for p in kept.glob("random-*/shards/*.parquet")}
    again = controls(few, tiny, out=kept, **how)
    assert again.missing == ()
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert again.entries["random-02"].measured == 16 + 8
    # Where memory is short they run one by one.
    monkeypatch.setattr(making, "_NETWORKS", 1)
    single = controls(few, tiny, out=tmp_path / "single", **how)
    for ours, theirs in zip(suite.random, single.random, strict=True):
        assert ours.records(columns).equals(theirs.records(columns))


def test_what_a_suite_chose_is_chosen_once(
    tiny: torch.nn.Module, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = []
    choose = settle.choose

    def watched(*given: object) -> object:
        chosen.append(given)
        return choose(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(settle, "choose", watched)
    how = {**QUIET, "options": Options(workers=0, shard_size=8, engine="tuned")}
    suite = controls(few, tiny, out=tmp_path, only=["blur", "random-*"], seeds=2, **how)
    assert len(chosen) == 1
    arithmetic = [suite.run(name).settings["arithmetic"] for name in suite.names]
    assert arithmetic == [arithmetic[0]] * 4
    assert arithmetic[0]["folded"] > 0
    assert all(suite.run(name).settings["rounding"]["attention"] < 1e-5 for name in suite.names)
