"""Training: repeatable, resumable to the bit, and nothing is lost when something goes wrong."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import skviz
from skviz.errors import OutputError, UnknownModelError, UsageError, WeightsError
from skviz.models import SKNetConfig
from skviz.models.registry import read_checkpoint
from skviz.training import Checkpoint, Recipe, Step, TrainingResult, train
from skviz.training.data import Unreadable


class Interrupt:
    """Raises KeyboardInterrupt at a step, as Ctrl-C does."""

    def __init__(self, epoch: int, step: int) -> None:
        self.at = (epoch, step)

    def __call__(self, step: Step) -> None:
        if (step.epoch, step.step) == self.at:
            raise KeyboardInterrupt


def numbers(result: TrainingResult) -> list[tuple[float, ...]]:
    """What was computed in each epoch, without what was measured by the clock."""
    keys = ("loss", "accuracy", "learning_rate", "size", "skipped_steps")
    extra = ("validation_top1", "validation_top5")
    return [tuple(e[k] for k in (*keys, *extra) if k in e) for e in result.history]


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    one, two = first.state_dict(), second.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_two_runs_of_one_seed_are_the_same(
    images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe
) -> None:
    one_epoch = replace(short, epochs=1)
    runs = [
        train(images, tmp_path / name, config=tiny, recipe=one_epoch, workers=0)
        for name in ("first", "second")
    ]
    assert numbers(runs[0]) == numbers(runs[1])
    assert same_weights(runs[0].network, runs[1].network)
    other = replace(one_epoch, seed=1)
    third = train(images, tmp_path / "third", config=tiny, recipe=other, workers=0)
    assert numbers(third) != numbers(runs[0])


@pytest.mark.parametrize("workers", [0, 2])
def test_resumed_is_as_uninterrupted(
    images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe, workers: int
) -> None:
    whole = train(
        images, tmp_path / "whole", config=tiny, recipe=short, validation=images, workers=workers
    )
    broken = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        train(
            images,
            broken,
            config=tiny,
            recipe=short,
            validation=images,
            workers=workers,
            report=Interrupt(epoch=1, step=2),
        )
    assert Checkpoint.load(broken / "checkpoint.pt").epoch == 1
    assert not (broken / "model.safetensors").exists()
    resumed = train(
        images,
        broken,
        config=tiny,
        recipe=short,
        validation=images,
        workers=workers,
        resume=True,
    )
    assert numbers(resumed) == numbers(whole)
    assert same_weights(resumed.network, whole.network)
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()
    saved = [Checkpoint.load(run / "checkpoint.pt") for run in (tmp_path / "whole", broken)]
    for part in ("model", "averaged"):
        first, second = (getattr(checkpoint, part) for checkpoint in saved)
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_metrics_that_a_killed_process_left_behind_are_written_again(
    images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe
) -> None:
    """The last checkpoint was written, its metrics were not: nothing is left to train."""
    how = {"config": tiny, "recipe": short, "workers": 0}
    train(images, tmp_path / "run", **how)
    metrics = tmp_path / "run" / "metrics.json"
    whole = json.loads(metrics.read_text())
    metrics.write_text(json.dumps({**whole, "epochs": whole["epochs"][:-1]}))
    train(images, tmp_path / "run", resume=True, **how)
    assert json.loads(metrics.read_text()) == whole


def test_a_finished_run_is_exported_again_by_resuming(
    images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe
) -> None:
    first = train(images, tmp_path / "run", config=tiny, recipe=replace(short, epochs=1), workers=0)
    first.weights.unlink()
    steps: list[Step] = []
    again = train(
        images,
        tmp_path / "run",
        config=tiny,
        recipe=replace(short, epochs=1),
        workers=0,
        resume=True,
        half=True,
        credits=["drawn by the test"],
        report=steps.append,
    )
    assert steps == []
    state, metadata = read_checkpoint(again.weights)
    described = json.loads(metadata["skviz"])
    assert described["credits"] == ["drawn by the test"]
    assert described["classes"] == ["ant", "bee", "cup"]
    assert described["spec"]["size"] == 32
    assert described["recipe"] == replace(short, epochs=1).to_dict()
    assert described["data"]["images"] == 18
    assert state["fc.weight"].dtype is torch.float16
    expected = first.network.state_dict()["fc.weight"].half()
    assert torch.equal(state["fc.weight"], expected)


def test_metrics_are_a_file(images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe) -> None:
    result = train(images, tmp_path / "run", config=tiny, recipe=short, workers=0)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert [epoch["epoch"] for epoch in metrics["epochs"]] == [1, 2, 3]
    assert [epoch["size"] for epoch in metrics["epochs"]] == [16, 16, 32]
    assert metrics["settings"]["recipe"]["epochs"] == 3
    assert len(result.history) == 3


def test_unreadable_images_are_left_out_and_reported(
    images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe
) -> None:
    (images / "bee" / "text.png").write_text("no picture")
    (images / "cup" / "cut.png").write_bytes((images / "cup" / "0.png").read_bytes()[:200])
    told: list[Unreadable] = []
    result = train(
        images,
        tmp_path / "run",
        config=tiny,
        recipe=replace(short, epochs=1),
        workers=0,
        found=told.extend,
    )
    assert told == list(result.unreadable)
    assert [Path(image.path).name for image in told] == ["text.png", "cut.png"]
    assert "not an image that Pillow knows" in told[0].reason
    settings = json.loads((tmp_path / "run" / "metrics.json").read_text())["settings"]
    assert settings["data"]["images"] == 18


def test_validation_may_have_some_of_the_classes(
    images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe, draw: Callable[..., Path]
) -> None:
    """Its classes have other numbers there: bee and cup are 0 and 1, in training 1 and 2."""
    held_out = draw(tmp_path / "held_out", each=4, seed=1)
    for file in (held_out / "ant").iterdir():
        file.unlink()
    (held_out / "ant").rmdir()
    recipe = replace(short, epochs=8, erase=0, mixup=0, colour=0, ema_decay=0.5)
    result = train(
        images, tmp_path / "run", config=tiny, recipe=recipe, validation=held_out, workers=0
    )
    # Colours alone tell the classes apart: with the numbers mixed up almost nothing is right.
    assert result.history[-1]["validation_top1"] > 0.8
    assert result.history[-1]["validation_top5"] == 1.0


def test_an_unknown_class_of_validation_is_named(
    images: Path, tmp_path: Path, short: Recipe, draw: Callable[..., Path]
) -> None:
    held_out = draw(tmp_path / "held_out")
    (held_out / "cup").rename(held_out / "cupp")
    with pytest.raises(
        UsageError, match=r"among the network's 3, 1 are not: cupp\. Did you mean 'cup'\?"
    ):
        train(images, tmp_path / "run", recipe=short, validation=held_out, workers=0)


def test_a_run_is_not_overwritten_unasked(
    images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe
) -> None:
    recipe = replace(short, epochs=1)
    first = train(images, tmp_path / "run", config=tiny, recipe=recipe, workers=0)
    kept = first.weights.read_bytes()
    with pytest.raises(OutputError, match="already holds a training run") as caught:
        train(images, tmp_path / "run", config=tiny, recipe=recipe, workers=0)
    assert "--resume to continue it, --overwrite to start again" in str(caught.value)
    assert first.weights.read_bytes() == kept
    other = replace(recipe, seed=1)
    second = train(images, tmp_path / "run", config=tiny, recipe=other, workers=0, overwrite=True)
    assert second.weights.read_bytes() != kept


def test_resume_and_overwrite_exclude_each_other(images: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected --resume or --overwrite, got both"):
        train(images, tmp_path, resume=True, overwrite=True)


def test_negative_workers(images: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="workers: expected 0 or more, got -1"):
        train(images, tmp_path, workers=-1)


def test_unknown_network(images: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="Did you mean 'sknet50_lite'"):
        train(images, tmp_path, model="sknet50_light")


def test_nothing_to_resume(images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe) -> None:
    with pytest.raises(WeightsError, match=r"expected a checkpoint to resume at .*found none"):
        train(images, tmp_path / "run", config=tiny, recipe=short, workers=0, resume=True)


@pytest.fixture
def run(images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe) -> Path:
    """A run that was interrupted in its second epoch."""
    with pytest.raises(KeyboardInterrupt):
        train(
            images, tmp_path / "run", config=tiny, recipe=short, workers=0, report=Interrupt(1, 1)
        )
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": {"epochs": 4}}, "recipe.epochs: 3 there, 4 now"),
        ({"recipe": {"seed": 7}}, "recipe.seed: 0 there, 7 now"),
        ({"workers": 1}, "workers: 0 there, 1 now"),
        ({"input_size": 48}, "spec.size: 32 there, 48 now"),
        ({"model": "sknet26"}, "model: 'sknet50_lite' there, 'sknet26' now"),
        ({"config": {"stem_width": 4}}, "config.stem_width: 8 there, 4 now"),
    ],
    ids=["epochs", "seed", "workers", "input size", "network's name", "network"],
)
def test_another_run_is_not_resumed(
    run: Path,
    images: Path,
    tiny: SKNetConfig,
    short: Recipe,
    changes: dict[str, object],
    message: str,
) -> None:
    kept = (run / "checkpoint.pt").read_bytes()
    arguments: dict[str, object] = {"workers": 0, **changes}
    arguments["recipe"] = replace(short, **changes.get("recipe", {}))
    arguments["config"] = tiny.with_(**changes.get("config", {}))
    with pytest.raises(WeightsError, match="written by a run with other settings") as caught:
        train(images, run, resume=True, **arguments)
    assert message in str(caught.value)
    assert "train into another folder" in str(caught.value)
    assert (run / "checkpoint.pt").read_bytes() == kept


def test_other_data_are_not_resumed(
    run: Path, images: Path, tiny: SKNetConfig, short: Recipe
) -> None:
    (images / "ant" / "0.png").unlink()
    with pytest.raises(WeightsError, match=r"data\.images: 18 there, 17 now"):
        train(images, run, config=tiny, recipe=short, workers=0, resume=True)


def test_data_may_have_moved(
    run: Path, images: Path, tiny: SKNetConfig, short: Recipe, tmp_path: Path
) -> None:
    moved = images.rename(tmp_path / "elsewhere")
    result = train(moved, run, config=tiny, recipe=short, workers=0, resume=True)
    assert len(result.history) == 3


@contextmanager
def full_disk(at: int):
    """Let no file grow beyond so many bytes, as a full disk or a quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_loses_nothing(
    run: Path, images: Path, tiny: SKNetConfig, short: Recipe
) -> None:
    kept = (run / "checkpoint.pt").read_bytes()
    with full_disk(at=len(kept) // 2), pytest.raises(OutputError, match=r"cannot write .*large"):
        train(images, run, config=tiny, recipe=short, workers=0, resume=True)
    assert (run / "checkpoint.pt").read_bytes() == kept
    assert sorted(path.name for path in run.iterdir()) == ["checkpoint.pt", "metrics.json"]
    result = train(images, run, config=tiny, recipe=short, workers=0, resume=True)
    assert len(result.history) == 3


def test_trained_weights_load_with_what_is_known_of_them(images: Path, tmp_path: Path) -> None:
    """The table's own network, for which `load_model` reads the file."""
    recipe = Recipe(epochs=1, batch_size=8, size=16, precision="fp32")
    result = train(images, tmp_path / "run", recipe=recipe, input_size=32, workers=0, half=True)
    network = skviz.load_model("sknet50_lite", result.weights)
    assert network.skviz.classes == ("ant", "bee", "cup")
    assert (network.skviz.spec.size, network.skviz.spec.crop) == (32, 0.875)
    picture = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        loaded, trained = network(picture), result.network(picture)
    assert loaded.shape == (2, 3)
    torch.testing.assert_close(loaded, trained, rtol=0.02, atol=0.02)


def test_training_goes_on_from_weights(
    images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe
) -> None:
    first = train(images, tmp_path / "first", config=tiny, recipe=short, workers=0)
    still = replace(short, epochs=1, learning_rate=1e-12, warmup_epochs=0.0, ema_decay=0.0)
    second = train(
        images, tmp_path / "second", config=tiny, weights=first.weights, recipe=still, workers=0
    )
    before, after = (dict(r.network.named_parameters()) for r in (first, second))
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, atol=1e-6, rtol=0.0)
    said = read_checkpoint(second.weights)[1]["skviz"]
    assert json.loads(said)["data"]["weights"]["file"] == "model.safetensors"
    fewer = tmp_path / "fewer"
    for folder in sorted(images.iterdir())[:2]:
        shutil.copytree(folder, fewer / folder.name)
    third = train(
        fewer, tmp_path / "third", config=tiny, weights=first.weights, recipe=still, workers=0
    )
    assert third.network.fc.out_features == 2
    for name, value in third.network.named_parameters():
        if not name.startswith("fc."):
            torch.testing.assert_close(value, before[name], atol=1e-6, rtol=0.0)
