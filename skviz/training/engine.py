"""The training loop: one network, one recipe, one folder of results."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from skviz.errors import SkvizError, WeightsError, first_line
from skviz.files import write_text
from skviz.hooks import evaluating
from skviz.models.sknet import SKAttention
from skviz.pictures.scaling import InputSpec
from skviz.training.checkpoint import CHECKPOINT, METRICS, Checkpoint
from skviz.training.data import ClassFolders, TrainingSet, balanced_sampler, mixup
from skviz.training.precision import autocast, dilated_in_float32, resolve_precision
from skviz.training.recipe import Recipe

# After so many steps without one usable gradient the run cannot be saved by skipping.
MAX_SKIPPED_IN_A_ROW = 25


class TrainingError(SkvizError):
    """The training itself failed: the loss or its gradients are no numbers any more."""


@dataclass(frozen=True)
class Step:
    """What is known after one step: for progress bars."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float


@dataclass
class Trainer:
    """Trains `network` on `train_set` as the recipe says, results in the folder `out`.

    `settings` tells runs apart (see `Checkpoint`), `validation` gives images and labels at
    1.0x, `report` is called after every step, `say` with a line after every epoch.
    `workers` only reads images: it does not change what is computed for the same number.
    """

    network: nn.Module
    train_set: ClassFolders
    validation: DataLoader[tuple[Tensor, Tensor]] | None
    recipe: Recipe
    spec: InputSpec
    out: Path
    settings: dict[str, Any]
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    workers: int = 2
    report: Callable[[Step], None] = lambda step: None
    say: Callable[[dict[str, Any]], None] = lambda metrics: None

    def __post_init__(self) -> None:
        recipe = self.recipe
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = partial(_average, recipe.ema_decay)
        self.averaged = AveragedModel(self.network, multi_avg_fn=average, use_buffers=True)
        self.optimizer = torch.optim.SGD(
            _parameter_groups(self.network, recipe),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=recipe.momentum > 0,
        )
        self.precision = resolve_precision(recipe.precision, self.device)
        scaled = self.precision is torch.float16
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=scaled)
        self.history: list[dict[str, Any]] = []
        self.epoch = 0

    def resume(self) -> None:
        """Take up the last whole epoch; raises `WeightsError` if it is of another run."""
        path = self.out / CHECKPOINT
        if not path.exists():
            raise WeightsError(f"expected a checkpoint to resume at {path}, found none")
        saved = Checkpoint.load(path)
        saved.check_settings(self.settings, path)
        try:
            self.network.load_state_dict(saved.model)
            self.averaged.load_state_dict(saved.averaged)
            self.optimizer.load_state_dict(saved.optimizer)
            self.scaler.load_state_dict(saved.scaler)
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise WeightsError(
                f"expected {path} to fit the network and optimiser of this run, it does not: "
                f"{first_line(error)}; train into another folder"
            ) from None
        self.history, self.epoch = saved.history, saved.epoch
        self._write_metrics()  # A process may have died between the two files.

    def run(self) -> nn.Module:
        """Train to the end; return the averaged network in evaluation mode on the CPU.

        Raises `TrainingError` if the gradients stay non-finite. An interrupt leaves the
        checkpoint of the last whole epoch.
        """
        if self.epoch == 0:
            self._save()
        with dilated_in_float32(self.network, self.precision, self.device):
            for epoch in range(self.epoch, self.recipe.epochs):
                metrics = self._train_epoch(epoch)
                metrics.update(self._validate())
                self.history.append(metrics)
                self.epoch = epoch + 1
                self._save()
                self.say(metrics)
        return self.result()

    def result(self) -> nn.Module:
        """The network whose weights are averaged over the run, or the plain one without."""
        return self._best.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload,no-any-return]

    @property
    def _best(self) -> nn.Module:
        return self.averaged.module if self.recipe.ema_decay > 0 else self.network

    def _train_epoch(self, epoch: int) -> dict[str, Any]:
        recipe = self.recipe
        # Everything random in an epoch follows from seed and epoch: resuming needs no state.
        torch.manual_seed(recipe.seed * 100_003 + epoch)
        generator = torch.Generator().manual_seed(recipe.seed * 100_003 + epoch)
        size = recipe.size_at(epoch)
        loader = self._loader(size, generator)
        self.network.train()
        started, seen, right, total, skipped, in_a_row = time.monotonic(), 0, 0.0, 0.0, 0, 0
        for step, (images, labels) in enumerate(loader):
            for group in self.optimizer.param_groups:
                group["lr"] = recipe.learning_rate_at(epoch + step / len(loader))
            loss, correct, usable = self._step(images, labels, generator)
            if usable:
                seen, right, total = seen + len(labels), right + correct, total + loss * len(labels)
            skipped, in_a_row = skipped + (not usable), 0 if usable else in_a_row + 1
            if in_a_row > MAX_SKIPPED_IN_A_ROW:
                raise TrainingError(
                    f"expected finite gradients, got none in {in_a_row} steps in a row of epoch "
                    f"{epoch + 1}; lower --learning-rate or pass --precision fp32, then --resume"
                )
            mean, share = total / max(seen, 1), right / max(seen, 1)
            self.report(Step(epoch, recipe.epochs, step + 1, len(loader), mean, share))
        if not seen:
            raise TrainingError(
                f"expected finite gradients, got none in epoch {epoch + 1}; lower "
                "--learning-rate or pass --precision fp32, then --resume"
            )
        seconds = time.monotonic() - started
        return {
            "epoch": epoch + 1,
            "size": size,
            "learning_rate": recipe.learning_rate_at(epoch),
            "loss": total / seen,
            "accuracy": right / seen,
            "skipped_steps": skipped,
            "seconds": round(seconds, 2),
            "images_per_second": round(seen / seconds, 1),
        }

    def _loader(self, size: int, generator: torch.Generator) -> DataLoader[tuple[Tensor, Tensor]]:
        views = TrainingSet(self.train_set, self.recipe, self.spec, size)
        sampler = balanced_sampler(self.train_set.targets, self.recipe.balance, generator)
        batch = min(self.recipe.batch_size, len(self.train_set))
        return DataLoader(
            views,
            batch_size=batch,
            sampler=sampler,
            num_workers=self.workers,
            drop_last=True,
            generator=generator,
            pin_memory=self.device.type == "cuda",
        )

    def _step(
        self, images: Tensor, labels: Tensor, generator: torch.Generator
    ) -> tuple[float, float, bool]:
        """One step: loss, number of right answers, and whether its gradients were finite."""
        images = images.to(self.device, non_blocking=True, memory_format=torch.channels_last)
        labels = labels.to(self.device, non_blocking=True)
        targets: Tensor = labels
        if self.recipe.mixup > 0:
            classes = len(self.train_set.classes)
            images, targets = mixup(images, labels, classes, self.recipe.mixup, generator)
        # The forward pass already moves the running statistics of BN: keep the old ones.
        kept = [(buffer, buffer.clone()) for buffer in self.network.buffers()]
        with autocast(self.precision, self.device):
            logits = self.network(images).float()
        loss = nn.functional.cross_entropy(
            logits, targets, label_smoothing=self.recipe.label_smoothing
        )
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        usable = bool(torch.isfinite(norm)) and bool(torch.isfinite(loss))
        if usable:
            self.scaler.step(self.optimizer)
            self.averaged.update_parameters(self.network)
        else:
            for buffer, old in kept:
                buffer.copy_(old)
        self.scaler.update()
        correct = float((logits.argmax(dim=1) == labels).sum())
        return float(loss.detach()), correct, usable

    def _validate(self) -> dict[str, float]:
        if self.validation is None:
            return {}
        top1, top5 = accuracy(self._best, self.validation, self.device)
        return {"validation_top1": top1, "validation_top5": top5}

    def _save(self) -> None:
        Checkpoint(
            self.epoch,
            self.settings,
            self.network.state_dict(),
            self.averaged.state_dict(),
            self.optimizer.state_dict(),
            self.scaler.state_dict(),
            self.history,
        ).save(self.out / CHECKPOINT)
        self._write_metrics()

    def _write_metrics(self) -> None:
        text = json.dumps({"settings": self.settings, "epochs": self.history}, indent=1)
        write_text(self.out / METRICS, text + "\n", overwrite=True)


@torch.no_grad()
def _average(
    decay: float, averaged: list[Tensor], current: list[Tensor], count: Tensor | int
) -> None:
    """Move the averaged weights towards the current ones (see `AveragedModel`).

    The decay rises over the first steps: the first weights are random and must not linger.
    """
    decay = min(decay, (1.0 + float(count)) / (10.0 + float(count)))
    for mean, value in zip(averaged, current, strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1.0 - decay)
        else:
            mean.copy_(value)


def _parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """No weight decay on biases and BN, the parameters of one dimension; its own on attention."""
    attention = {
        id(parameter)
        for module in network.modules()
        if isinstance(module, SKAttention)
        for parameter in module.parameters()
    }
    plain = [p for p in network.parameters() if p.ndim <= 1]
    matrices = [p for p in network.parameters() if p.ndim > 1]
    return [
        {"params": plain, "weight_decay": 0.0},
        {
            "params": [p for p in matrices if id(p) in attention],
            "weight_decay": recipe.attention_decay,
        },
        {
            "params": [p for p in matrices if id(p) not in attention],
            "weight_decay": recipe.weight_decay,
        },
    ]


@torch.no_grad()
def accuracy(
    network: nn.Module, loader: DataLoader[tuple[Tensor, Tensor]], device: torch.device
) -> tuple[float, float]:
    """Top-1 and top-5 accuracy, shares in [0, 1], in float32 and evaluation mode."""
    first = fifth = count = 0
    with evaluating(network):
        for images, labels in loader:
            images = images.to(device, memory_format=torch.channels_last)
            logits = network(images).float().cpu()
            ranked = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
            first += int(ranked[:, 0].sum())
            fifth += int(ranked.any(dim=1).sum())
            count += len(labels)
    return first / max(count, 1), fifth / max(count, 1)
