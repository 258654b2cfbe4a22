"""Interventions on a data set: right numbers, resumed, and refused where they make no sense."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor, nn

from skviz import OutputError, Probe, UsageError
from skviz.capture.intervene import intervene
from skviz.capture.replacements import branch, fixed
from skviz.data import DataSource, Subset
from skviz.errors import CaptureError, RunError
from skviz.figures.display import caption_of
from skviz.figures.provenance import Provenance
from skviz.figures.studies.interventions import InterventionPanels
from skviz.models import load_model, model_info
from skviz.models.registry import CONFIGS
from skviz.pictures.scaling import enlarge
from skviz.reports.interventions import target_table, to_dict, unit_table, write_results
from skviz.runs.options import Options
from skviz.studies.interventions import passes
from skviz.studies.interventions.kinds import (
    check_kinds,
    kind_label,
    recorded_kinds,
    replaced_attention,
)
from skviz.studies.interventions.measure import intervene_dataset, prepare_interventions
from skviz.studies.interventions.result import QUANTITIES, InterventionRun, Shard
from skviz.units import Kernel, Unit
from tests.helpers.tiny import CONFIG

HOW = {"workers": 0, "progress": False}
TWO = Unit("SK_2_1", "a", (Kernel(3), Kernel(3, 2)), 4)
THREE = Unit("SK_3_1", "b", (Kernel(3, 2), Kernel(3), Kernel(3, 3)), 4)
SE = Unit("SE_2_1", "c", (None,), 4)


@pytest.fixture
def done(tiny: nn.Module, pictures: Path, tmp_path: Path) -> InterventionRun:
    subset = Subset((), None, None, 20, None)
    return intervene_dataset(
        DataSource(str(pictures), subset=subset), tiny, out=tmp_path / "iv", scales=(1, 2), **HOW
    )


def forward(network: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return network(x).double()


def test_every_number_is_that_of_the_image_alone(
    done: InterventionRun, tiny: nn.Module, pictures: Path
) -> None:
    """Recomputed one image at a time from files, for one unit and for all."""
    frame = done.records()
    assert len(frame) == 20 * 2 * 3 * 7
    probe = Probe(tiny)
    means = {name: m.mean for name, m in done.baseline.moments().items()}
    spec = model_info(tiny).spec
    for name in frame["image"].unique()[[0, 7, 19]]:
        views = enlarge(pictures / name, (1, 2), spec)
        attention, before = probe.capture(views.images, output=True)
        label = int(frame[frame["image"] == name]["label"].iloc[0])
        old = before.double().log_softmax(1)
        for unit, names in (("SK_2_1", ["SK_2_1"]), ("all", ["SK_2_1", "SK_3_1"])):
            for kind, made in (
                ("smallest", dict.fromkeys(names, branch("smallest"))),
                ("mean", {n: fixed(means[n]) for n in names}),
                ("patch", {n: fixed(attention[n][0]) for n in names}),
            ):
                with intervene(probe, made):
                    after = forward(tiny, views.images)
                new = after.log_softmax(1)
                row = frame[
                    (frame["image"] == name) & (frame["unit"] == unit) & (frame["kind"] == kind)
                ]
                assert list(row["scale"]) == [1, 2]
                start = 1 if kind == "patch" else 0
                if start:
                    assert row["logit"].isna().iloc[0]
                expected = {
                    "logit": after[:, label],
                    "logit_before": before[:, label],
                    "probability": new[:, label].exp(),
                    "probability_before": old[:, label].exp(),
                    "divergence": (old.exp() * (old - new)).sum(1),
                }
                for column, values in expected.items():
                    np.testing.assert_allclose(
                        row[column].to_numpy()[start:], values[start:], rtol=2e-4, atol=2e-5
                    )
                right = (after.argmax(1) == label).numpy()
                assert list(row["correct"])[start:] == list(right)[start:]


def test_the_table_is_the_mean_of_the_records(done: InterventionRun) -> None:
    frame, table = done.records(), done.to_frame()
    assert len(table) == 3 * (7 * 2 - 1)
    assert set(table["images"]) == {20}
    for _, row in table.iterrows():
        part = frame[
            (frame["unit"] == row["unit"])
            & (frame["kind"] == row["kind"])
            & (frame["scale"] == row["scale"])
        ]
        assert row["logit_change"] == pytest.approx((part["logit"] - part["logit_before"]).mean())
        assert row["top1_after"] == pytest.approx(part["correct"].astype(float).mean())
        assert row["top1_change"] == pytest.approx(row["top1_after"] - row["top1_before"])
        assert row["divergence"] == pytest.approx(part["divergence"].mean())
        for quantity in QUANTITIES:
            assert row[f"{quantity}_low"] <= row[quantity] <= row[f"{quantity}_high"]
    assert done.labelled
    assert table["divergence"].max() > 0.001
    rows = unit_table(table, 2.0)
    assert rows.heads == [
        "unit", "smallest", "largest", "uniform", "mean", "channels", "images", "patch",
    ]  # fmt: skip
    assert [row[0] for row in rows.cells] == ["SK_2_1", "SK_3_1", "all"]
    assert "" not in rows.cells[0]
    assert len(target_table(table, "all", 1.0).cells) == 6


def test_shards_resume_and_other_settings_are_refused(
    tiny: nn.Module, pictures: Path, tmp_path: Path
) -> None:
    def work(**changes: object) -> InterventionRun:
        given = {"scales": (1, 2), "kinds": ["uniform", "images"], "shard_size": 20}
        return intervene_dataset(pictures, tiny, out=tmp_path / "iv", **{**given, **HOW, **changes})

    run = work()
    files = sorted((run.path / "shards").iterdir())
    assert [file.name for file in files] == ["00000.parquet", "00001.parquet", "00002.parquet"]
    before = run.records()
    files[1].unlink()
    assert not run.complete
    kept = files[0].stat().st_mtime_ns
    again = work(batch_size=6)
    assert files[0].stat().st_mtime_ns == kept
    assert again.complete
    for column in before:
        if before[column].dtype.kind == "f":
            np.testing.assert_allclose(again.records()[column], before[column], atol=1e-5)
        else:
            assert (again.records()[column] == before[column]).all()
    with pytest.raises(
        UsageError, match=r"settings that '.*iv' was made with, got others:\n.*kind"
    ):
        work(kinds=["uniform"])
    with pytest.raises(UsageError, match=r"expected the settings that '.*baseline'"):
        work(scales=(1, 3))
    with pytest.raises(UsageError, match=r"expected the settings that '.*baseline'"):
        work(seed=4)
    files[2].write_bytes(b"no table")
    with pytest.raises(
        RunError, match=r"cannot read '.*00002.parquet': .*remove the files of this shard and"
    ):
        InterventionRun(run.path).records()


def test_results_on_disk(done: InterventionRun) -> None:
    frame = done.to_frame()
    files = write_results(done, frame)
    assert [file.name for file in files] == [
        "interventions.csv", "interventions.json", "interventions.md",
    ]  # fmt: skip
    document = json.loads(files[1].read_text())
    assert document == json.loads(json.dumps(to_dict(done, frame)))
    assert document["passes"] == 2 + 3 * 7
    assert len(document["rows"]) == len(frame)
    text = files[2].read_text()
    assert "the true class is the label" in text
    assert "| unit | smallest | largest |" in text
    assert "## 2.0x" in text


@pytest.mark.parametrize("chosen", [["SK_2_1"], ["SK_2_1", "SK_3_1"]], ids=len)
def test_all_units_of_the_network_whatever_is_chosen(
    chosen: list[str],
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The row "all" is that of a run over all units; "chosen" is what was asked for."""
    config = replace(CONFIG, units=(2, 1))
    monkeypatch.setitem(CONFIGS, "tiny-3", config)
    network = load_model("tiny-3", seed=1)

    def frame(units: object) -> tuple[InterventionRun, pd.DataFrame]:
        out = tmp_path / f"iv-{len(units)}"
        run = intervene_dataset(pictures, network, out=out, scales=(1, 2), units=units, **HOW)
        return run, run.to_frame()

    run, some = frame(chosen)
    whole, every = frame("all")
    assert whole.targets == ("SK_2_1", "SK_2_2", "SK_3_1", "all")
    group = () if len(chosen) == 1 else ("chosen",)
    assert run.targets == (*chosen, *group, "all")
    assert run.together["all"] == ("SK_2_1", "SK_2_2", "SK_3_1")
    assert run.together.get("chosen", ()) == (tuple(chosen) if group else ())
    columns = [f"{name}{end}" for name in QUANTITIES for end in ("", "_low", "_high")]
    for target in (*chosen, "all"):
        a, b = (f[f["unit"] == target].reset_index() for f in (some, every))
        assert list(a["kind"]) == list(b["kind"])
        np.testing.assert_allclose(a[columns], b[columns], atol=1e-6)
    changes = some[(some["kind"] == "smallest") & (some["scale"] == 2)].set_index("unit")
    assert len(set(changes["divergence"])) == len(run.targets)
    text = write_results(run, some)[2].read_text()
    assert "all: all 3 units together." in text
    assert ("The 2 chosen units together:" in text) == bool(group)
    panels = InterventionPanels.from_run(run)
    assert panels.targets[-1 - len(group) :] == (*group, "all")
    caption = caption_of(panels, Provenance.of_run(run.baseline)).text
    assert "; all: all units of the network together." in caption
    assert ("; chosen: all of these units together;" in caption) == bool(group)


def test_without_labels_the_predicted_class_counts(
    tiny: nn.Module, picture: Callable[..., Path], tmp_path: Path
) -> None:
    for number in range(3):
        picture(tmp_path / "set" / f"{number}.png", number)
    run = intervene_dataset(
        tmp_path / "set", tiny, out=tmp_path / "iv", scales=(1, 2), units="3_1", **HOW
    )
    frame = run.records()
    assert run.targets == ("SK_3_1", "all")
    assert frame["correct_before"].all()
    assert not frame["labelled"].any()
    assert not run.labelled
    table = run.to_frame()
    assert table["logit_change_low"].isna().all()  # three images: no interval
    document = to_dict(run, table)
    assert document["truth"] == "predicted"
    assert document["rows"][0]["logit_change_low"] is None
    assert target_table(table, "SK_3_1", 1.0).cells[0][2] == ""


def test_an_image_alone_has_nobody_to_exchange_with(
    tiny: nn.Module, picture: Callable[..., Path], tmp_path: Path
) -> None:
    picture(tmp_path / "set" / "a.png", 1)
    (tmp_path / "set" / "b.png").write_text("no picture")
    run = intervene_dataset(
        tmp_path / "set", tiny, out=tmp_path / "iv", scales=(1,), kinds=["images", "uniform"], **HOW
    )
    assert set(run.to_frame()["kind"]) == {"uniform"}
    assert [error["image"] for error in run.errors] == ["b.png"]


def test_patch_needs_two_scales(tiny: nn.Module, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected two scales or more to patch .*, got 1 only"):
        prepare_interventions(pictures, tiny, out=tmp_path / "a", scales=(1,), kinds=["patch"])
    work = prepare_interventions(pictures, tiny, out=tmp_path / "a", scales=(1,))
    assert "patch" not in work.run.kinds


def test_networks_without_classes_are_refused(pictures: Path, tmp_path: Path) -> None:
    class NoClasses(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            from skviz.models.sknet import SKConv

            self.stem, self.sk = nn.Conv2d(3, 32, 3), SKConv(32)

        def forward(self, x: Tensor) -> Tensor:
            return self.sk(self.stem(x))

    with pytest.raises(UsageError, match="expected a network with a class output"):
        prepare_interventions(
            pictures, NoClasses().eval(), out=tmp_path / "a", scales=(1, 2), kinds=["uniform"]
        )


@pytest.mark.slow
def test_several_processes_share_the_work(
    start: Callable[..., BaseProcess], pictures: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    """One of three dies in the middle of it: the others do its shards, and rank 0 the results."""
    text = f"intervene {pictures} --model tiny --weights {tiny_weights} --shard-size 5 --workers 0"
    arguments = f"{text} --scales 1,2 --kinds mean,images --device cpu --quiet".split()
    alone = start(*arguments, "--out", tmp_path / "alone")
    alone.join()
    assert alone.exitcode == 0
    out = tmp_path / "shared"
    ranks = [
        start(*arguments, "--out", out, RANK=str(rank), WORLD_SIZE="3", LOCAL_WORLD_SIZE="3")
        for rank in range(3)
    ]
    end = time.monotonic() + 60
    while not list(out.glob("baseline/shards/*.parquet")):
        assert time.monotonic() < end, "nothing is measured"
        time.sleep(0.001)
    os.kill(ranks[2].pid or 0, signal.SIGKILL)
    for rank in ranks:
        rank.join()
    assert [rank.exitcode for rank in ranks] == [0, 0, -signal.SIGKILL]
    ours, theirs = InterventionRun(out), InterventionRun(tmp_path / "alone")
    assert ours.complete
    assert ours.records().equals(theirs.records())
    assert (out / "interventions.csv").read_bytes() == (
        tmp_path / "alone" / "interventions.csv"
    ).read_bytes()


def test_other_folders_are_refused(tiny: nn.Module, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(OutputError, match=r"which holds other things such as 'thesis\.tex'"):
        prepare_interventions(pictures, tiny, out=tmp_path / "mine", scales=(1, 2))
    with pytest.raises(OutputError, match="expected a folder for interventions, got"):
        prepare_interventions(pictures, tiny, out=tmp_path / "mine" / "thesis.tex", scales=(1, 2))
    with pytest.raises(UsageError, match="expected the folder of interventions, with a settings"):
        InterventionRun(tmp_path / "mine")
    settings = tmp_path / "mine" / "settings.json"
    for text, kind, message in (
        ("{", RunError, "cannot read .*settings.json"),
        ('{"format": "x"}', UsageError, "to describe interventions, it describes other work"),
        ('{"format": "skviz interventions", "version": 9}', UsageError, "of format 2 in .*got 9"),
    ):
        settings.write_text(text)
        with pytest.raises(kind, match=message):
            InterventionRun(tmp_path / "mine")


def test_records_that_miss_or_are_damaged(done: InterventionRun) -> None:
    file = done.path / "shards" / "00000.parquet"
    pq.write_table(pq.read_table(file).slice(1), file)
    with pytest.raises(RunError, match="it was changed or cut"):
        done.records()
    (done.path / "checksums" / "00000.json").unlink()
    with pytest.raises(RunError, match="expected a row per image, scale, unit and kind"):
        done.to_frame()
    file.unlink()
    with pytest.raises(RunError, match=r"expected records in .*, there are none"):
        done.records()


def test_kinds() -> None:
    assert check_kinds(["all"]) == check_kinds(
        ["patch", "branches", "uniform", "mean", "channels", "images"]
    )
    assert check_kinds(["patch", "mean"]) == ("mean", "patch")
    with pytest.raises(UsageError, match=r"expected kinds out of .* got 'meen'\. Did you mean"):
        check_kinds(["meen"])
    with pytest.raises(UsageError, match="expected at least one kind out of"):
        check_kinds([])
    assert recorded_kinds(["branches", "mean"], [TWO]) == ("smallest", "largest", "mean")
    assert recorded_kinds(["branches"], [TWO, THREE]) == ("smallest", "branch-0", "largest")
    assert recorded_kinds(["branches", "mean"], [SE]) == ("mean",)
    assert kind_label("branch-0") == "branch 0"
    assert kind_label("largest") == "largest kernel"


def test_what_replaces_the_attention() -> None:
    generator = torch.Generator().manual_seed(0)
    own = {u.name: torch.rand(6, u.branches, 4, generator=generator) for u in (TWO, THREE, SE)}
    means = {name: np.full((2, *a.shape[1:]), 0.25) for name, a in own.items()}
    for name in means:
        means[name][1] = 0.75

    def made(kind: str, others: object = None) -> dict[str, Tensor]:
        return replaced_attention(
            kind, [TWO, THREE, SE], own, means, scales=(2.0, 1.0), reference=1, seed=0,
            others=others,
        )  # fmt: skip

    for kind, branches in (
        ("smallest", {"SK_2_1": 0, "SK_3_1": 1}),
        ("largest", {"SK_2_1": 1, "SK_3_1": 2}),
        ("branch-0", {"SK_3_1": 0}),
    ):
        found = made(kind)
        assert set(found) == set(branches)
        for name, index in branches.items():
            assert (found[name].argmax(dim=1) == index).all()
            assert (found[name].sum(dim=1) == 1).all()
    assert (made("uniform")["SK_3_1"] == 1 / 3).all()
    assert made("mean")["SK_2_1"][:, 0, 0].tolist() == [0.25, 0.75] * 3
    shuffled = made("channels")["SK_2_1"]
    assert torch.equal(shuffled.sort(dim=2).values, own["SK_2_1"].sort(dim=2).values)
    assert not torch.equal(shuffled, own["SK_2_1"])
    assert torch.equal(shuffled, made("channels")["SK_2_1"])
    exchanged = made("images", np.array([1, 2, 0]))["SK_2_1"]
    assert torch.equal(exchanged, own["SK_2_1"][[2, 3, 4, 5, 0, 1]])
    assert made("images") == {}
    assert torch.equal(made("patch")["SK_2_1"], own["SK_2_1"][[1, 1, 3, 3, 5, 5]])


def test_interrupted_work_goes_on(
    tiny: nn.Module, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(workers=0, shard_size=20)
    given = {"out": tmp_path / "iv", "scales": (1, 2), "kinds": ["uniform"], "options": options}
    work = prepare_interventions(pictures, tiny, **given)
    whole = work.run.path / "shards"
    write = Shard.write

    def stop_after_one(shard: Shard, run: Path, number: int) -> None:
        write(shard, run, number)
        raise KeyboardInterrupt

    monkeypatch.setattr(Shard, "write", stop_after_one)
    with pytest.raises(KeyboardInterrupt):
        work(False)
    monkeypatch.undo()
    assert [file.name for file in whole.iterdir()] == ["00000.parquet"]
    again = prepare_interventions(pictures, tiny, **given)
    assert again.resumed
    assert again.run.missing == [1, 2]
    assert again(False).complete
    assert set(again.seconds) == {"interventions"}
    assert again.run.to_frame()["images"].eq(60).all()


def test_passes_from_the_unit_on_measure_what_whole_passes_do(
    tiny: nn.Module, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = DataSource(str(pictures), subset=Subset((), None, None, 20, None))
    short = intervene_dataset(source, tiny, out=tmp_path / "short", scales=(1, 2), **HOW)

    def refuse(*given: object) -> None:
        raise CaptureError("it cannot be traced")

    monkeypatch.setattr(passes, "Replay", refuse)
    whole = intervene_dataset(source, tiny, out=tmp_path / "whole", scales=(1, 2), **HOW)
    for name in ("logit", "probability", "divergence"):
        ours, theirs = short.records()[name], whole.records()[name]
        assert np.allclose(ours, theirs, atol=1e-5, equal_nan=True)
        assert ours.notna().sum() > 700


@pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
def test_a_baseline_by_an_engine_is_intervened_on_without_it(
    tiny: nn.Module, pictures: Path, tmp_path: Path
) -> None:
    """Nothing can be replaced in what an engine runs: it would silently change nothing."""
    source = DataSource(str(pictures), subset=Subset((), None, None, 20, None))
    how = {**HOW, "scales": (1, 2), "kinds": "uniform"}
    plain = intervene_dataset(source, tiny, out=tmp_path / "plain", **how)
    fast = intervene_dataset(source, tiny, out=tmp_path / "fast", engine="openvino", **how)
    assert fast.baseline.settings["arithmetic"]["engine"] == "openvino"
    ours, theirs = fast.records()["divergence"], plain.records()["divergence"]
    assert np.allclose(ours, theirs, atol=1e-5)
    assert theirs.max() > 1e-4
