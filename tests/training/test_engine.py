"""The loop: what happens to gradients that are no numbers, and what a network keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from skviz.errors import WeightsError
from skviz.models import SKNet, SKNetConfig
from skviz.pictures.scaling import InputSpec
from skviz.training import Checkpoint, Recipe, Trainer, TrainingError
from skviz.training.data import open_folder
from skviz.training.precision import autocast, dilated_in_float32, resolve_precision

CPU = torch.device("cpu")


def trainer(images: Path, out: Path, config: SKNetConfig, recipe: Recipe) -> Trainer:
    out.mkdir(exist_ok=True)
    torch.manual_seed(0)
    network = SKNet(config.with_(classes=3))
    settings = {"recipe": recipe.to_dict()}
    spec = InputSpec(size=recipe.size)
    train_set = open_folder(images, None)
    return Trainer(network, train_set, None, recipe, spec, out, settings, workers=0)


def exploding(recipe: Recipe, **changes: object) -> Recipe:
    """A learning rate after whose first step no forward pass stays finite."""
    return replace(
        recipe, learning_rate=1e38, warmup_epochs=0, clip_norm=1e38, momentum=0, **changes
    )


def test_steps_without_finite_gradients_are_skipped_and_counted(
    images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe
) -> None:
    run = trainer(images, tmp_path / "run", tiny, exploding(short, epochs=1))
    run.run()
    # 18 images in batches of 4: four steps, of which the first did the damage.
    assert run.history[0]["skipped_steps"] == 3
    for name, buffer in run.network.named_buffers():
        assert torch.isfinite(buffer).all(), name


def test_an_epoch_without_finite_gradients_ends_the_run(
    images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe
) -> None:
    run = trainer(images, tmp_path / "run", tiny, exploding(short))
    with pytest.raises(TrainingError, match="got none in epoch 2; lower --learning-rate"):
        run.run()
    assert Checkpoint.load(tmp_path / "run" / "checkpoint.pt").epoch == 1


def test_many_steps_in_a_row_without_finite_gradients_end_the_run(
    tmp_path: Path, tiny: SKNetConfig, short: Recipe, draw: Callable[..., Path]
) -> None:
    many = draw(tmp_path / "many", each=20)
    recipe = exploding(short, batch_size=2, size=16)
    run = trainer(many, tmp_path / "run", tiny, replace(recipe, start_size=None))
    with pytest.raises(TrainingError, match="got none in 26 steps in a row of epoch 1; lower"):
        run.run()
    assert Checkpoint.load(tmp_path / "run" / "checkpoint.pt").epoch == 0


def test_dilated_convolutions_run_in_float32_and_get_their_forward_back(
    tiny: SKNetConfig,
) -> None:
    network = SKNet(tiny)
    seen: dict[tuple[int, ...], torch.dtype] = {}

    def note(module: torch.nn.Conv2d, inputs: object, output: torch.Tensor) -> None:
        seen[module.dilation] = output.dtype

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d) and module.groups > 1:
            module.register_forward_hook(note)
    images = torch.rand(2, 3, 32, 32)
    with dilated_in_float32(network, torch.bfloat16, CPU), autocast(torch.bfloat16, CPU):
        network(images)
    assert seen == {(1, 1): torch.bfloat16, (2, 2): torch.float32}
    assert not any("forward" in vars(module) for module in network.modules())
    with pytest.raises(KeyboardInterrupt), dilated_in_float32(network, torch.bfloat16, CPU):
        raise KeyboardInterrupt
    assert not any("forward" in vars(module) for module in network.modules())
    with dilated_in_float32(network, torch.float32, CPU):
        assert not any("forward" in vars(module) for module in network.modules())


def test_bf16_trains(images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe) -> None:
    recipe = replace(short, epochs=1, precision="bf16")
    run = trainer(images, tmp_path / "run", tiny, recipe)
    network = run.run()
    assert run.history[0]["skipped_steps"] == 0
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert not any("forward" in vars(module) for module in run.network.modules())


def test_bn_and_biases_do_not_decay_and_attention_has_a_decay_of_its_own(
    images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe
) -> None:
    recipe = replace(short, weight_decay=0.1, attention_decay=0.01)
    run = trainer(images, tmp_path / "run", tiny, recipe)
    decays = {
        id(parameter): group["weight_decay"]
        for group in run.optimizer.param_groups
        for parameter in group["params"]
    }
    for name, parameter in run.network.named_parameters():
        own = 0.01 if ".attention." in name else 0.1
        assert decays.pop(id(parameter)) == (0.0 if parameter.ndim == 1 else own), name
    assert not decays


def test_without_averaging_the_plain_network_is_the_result(
    images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe
) -> None:
    plain = trainer(images, tmp_path / "plain", tiny, replace(short, ema_decay=0.0, epochs=1))
    assert plain.run() is plain.network
    averaged = trainer(images, tmp_path / "averaged", tiny, replace(short, epochs=1))
    assert averaged.run() is averaged.averaged.module


def test_precision_by_name() -> None:
    assert resolve_precision("fp32", CPU) is torch.float32
    assert resolve_precision("bf16", CPU) is torch.bfloat16
    assert resolve_precision("fp16", CPU) is torch.float16
    assert resolve_precision("auto", CPU) in (torch.float32, torch.bfloat16)


def test_a_checkpoint_of_another_network_does_not_fit(
    images: Path, tmp_path: Path, tiny: SKNetConfig, short: Recipe
) -> None:
    """Also where the settings claim that it is the same run."""
    wide = trainer(images, tmp_path / "run", tiny.with_(stem_width=4), replace(short, epochs=1))
    wide.run()
    run = trainer(images, tmp_path / "run", tiny, replace(short, epochs=1))
    with pytest.raises(WeightsError, match=r"to fit the network and optimiser of this run"):
        run.resume()
