"""SKNet: SK convolution, SK unit and network (paper, section 3, table 1).

One builder makes every network of the paper's tables 1, 6 and 7: per branch a kernel size,
dilation and grouping; one, two, three or more branches; attention or a plain sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from skviz.errors import ModelError
from skviz.units import Kernel, Unit


@dataclass(frozen=True)
class Branch:
    """One branch of an SK convolution: kernel size, dilation and groups.

    `groups` is the number G of convolution groups. With `group_width` the groups are as many
    as fit that number of channels, whatever the width of the stage.
    """

    kernel_size: int = 3
    dilation: int = 1
    groups: int = 32
    group_width: int | None = None

    def kernel(self, channels: int) -> Kernel:
        """Return the kernel this branch has at a width of `channels`."""
        groups = channels // self.group_width if self.group_width else self.groups
        if groups < 1 or channels % groups:
            raise ModelError(
                f"expected the groups to divide the channels, got {groups} groups for {channels} "
                "channels; choose another number of groups or width"
            )
        return Kernel(self.kernel_size, self.dilation, groups)


# The paper's typical setting SK[2, 32, 16]: 3x3, and 5x5 as a 3x3 with dilation 2.
K3, K5, K7 = Branch(3, 1), Branch(3, 2), Branch(3, 3)


@dataclass(frozen=True)
class SKNetConfig:
    """Everything that tells one SKNet from another.

    `units` per stage; `widths` inside the units and `outputs` behind them, in channels;
    `reduction` r and `min_width` L give the width d = max(C / r, L) of the compact feature
    (section 3.1); `select` is "attention" or "sum" (table 7); `stem` is "imagenet" (7x7/2
    and 3x3/2 max pooling) or "cifar" (one 3x3 convolution); sizes are in pixels.
    `attention_init` says how the attention's two layers begin: "paper" as the authors do,
    normal with standard deviation 0.01; "he" with He initialisation for fc1 and 0.1 for fc2, whose
    selection moves away from uniform sooner when training is short.
    """

    units: tuple[int, ...]
    widths: tuple[int, ...] = (128, 256, 512, 1024)
    outputs: tuple[int, ...] = (256, 512, 1024, 2048)
    branches: tuple[Branch, ...] = (K3, K5)
    reduction: int = 16
    min_width: int = 32
    select: str = "attention"
    attention_init: str = "paper"
    stem: str = "imagenet"
    stem_width: int = 64
    classes: int = 1000
    input_size: int = 224

    def __post_init__(self) -> None:
        if not self.units or len({len(self.units), len(self.widths), len(self.outputs)}) != 1:
            raise ModelError(
                "expected one entry per stage in units, widths and outputs, got "
                f"{len(self.units)}, {len(self.widths)} and {len(self.outputs)}"
            )
        if not self.branches:
            raise ModelError("expected at least one branch, got none")
        if self.select not in ("attention", "sum"):
            raise ModelError(f"expected select 'attention' or 'sum', got '{self.select}'")
        if self.attention_init not in ("paper", "he"):
            raise ModelError(
                f"expected attention_init 'paper' or 'he', got '{self.attention_init}'"
            )
        if self.stem not in ("imagenet", "cifar"):
            raise ModelError(f"expected stem 'imagenet' or 'cifar', got '{self.stem}'")

    def with_(self, **changes: object) -> SKNetConfig:
        """Return a copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


class SKAttention(nn.Module):
    """Fuse and Select: from the summed branches to one weight per branch and channel.

    Takes U of shape (B, C, H, W), returns attention of shape (B, M, C) that sums to 1 over
    M (section 3.1, equations 2 to 5).
    """

    def __init__(self, channels: int, branches: int, reduction: int, min_width: int) -> None:
        super().__init__()
        self.channels, self.branches = channels, branches
        width = max(channels // reduction, min_width)
        self.fc1 = nn.Linear(channels, width, bias=False)
        self.bn = nn.BatchNorm1d(width)
        self.fc2 = nn.Linear(width, branches * channels, bias=False)

    def forward(self, fused: Tensor) -> Tensor:
        squeezed = fused.mean(dim=(2, 3))
        compact = torch.relu(self.bn(self.fc1(squeezed)))
        logits: Tensor = self.fc2(compact).view(-1, self.branches, self.channels)
        return logits.softmax(dim=1)


class SKConv(nn.Module):
    """SK convolution: M branches, of which every channel chooses a mixture (section 3.1).

    Takes and returns (B, C, H, W); with a stride the output is smaller by it.
    """

    def __init__(
        self,
        channels: int,
        branches: Sequence[Branch] = (K3, K5),
        stride: int = 1,
        reduction: int = 16,
        min_width: int = 32,
        select: str = "attention",
    ) -> None:
        super().__init__()
        self.kernels = tuple(branch.kernel(channels) for branch in branches)
        self.branches = nn.ModuleList(
            _layer(channels, channels, kernel, nn.ReLU(inplace=True), stride=stride)
            for kernel in self.kernels
        )
        # One branch leaves nothing to select: its softmax would be 1 everywhere.
        chosen = select == "attention" and len(self.kernels) > 1
        self.attention = (
            SKAttention(channels, len(self.kernels), reduction, min_width) if chosen else None
        )

    def forward(self, x: Tensor) -> Tensor:
        features: list[Tensor] = [branch(x) for branch in self.branches]
        fused = features[0]
        for feature in features[1:]:
            fused = fused + feature
        if self.attention is None:
            return fused
        weights = self.attention(fused)[..., None, None]
        selected: Tensor = weights[:, 0] * features[0]
        for index in range(1, len(features)):
            selected = torch.addcmul(selected, weights[:, index], features[index])
        return selected


def _layer(
    inputs: int, outputs: int, kernel: Kernel, *then: nn.Module, stride: int = 1
) -> nn.Sequential:
    """A convolution that keeps the size but for its stride, its BN, and what comes then."""
    size, dilation = kernel.longest
    padding = (kernel.effective - 1) // 2
    convolution = nn.Conv2d(
        inputs, outputs, size, stride, padding, dilation, kernel.groups, bias=False
    )
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), *then)


class SKUnit(nn.Module):
    """SK unit: 1x1, SK convolution, 1x1 and a shortcut (section 3.2, table 1).

    Takes (B, `inputs`, H, W), returns (B, `outputs`, H / stride, W / stride).
    """

    def __init__(
        self, inputs: int, width: int, outputs: int, stride: int, config: SKNetConfig
    ) -> None:
        super().__init__()
        self.reduce = _layer(inputs, width, Kernel(1))
        self.sk = SKConv(
            width, config.branches, stride, config.reduction, config.min_width, config.select
        )
        self.expand = _layer(width, outputs, Kernel(1))
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = _layer(inputs, outputs, Kernel(1), stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.sk(torch.relu_(self.reduce(x)))
        return torch.relu_(self.expand(inner).add_(self.shortcut(x)))


class SKNet(nn.Module):
    """A selective-kernel network (table 1): images (B, 3, H, W) to class logits (B, K).

    Stages are the modules `stage2`, `stage3`, ... as the paper counts them, with the stem as
    the first.
    """

    def __init__(self, config: SKNetConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = _stem(config)
        self.stages: list[str] = []
        inputs = config.stem_width
        for index, count in enumerate(config.units):
            width, outputs = config.widths[index], config.outputs[index]
            units = []
            for position in range(count):
                stride = 2 if position == 0 and index > 0 else 1
                units.append(SKUnit(inputs, width, outputs, stride, config))
                inputs = outputs
            self.stages.append(f"stage{index + 2}")
            self.add_module(self.stages[-1], nn.Sequential(*units))
        self.fc = nn.Linear(inputs, config.classes)
        if self.fc.weight.is_meta:  # Shapes alone: drawing numbers for them loads a compiler.
            return
        initialise(self)
        if config.attention_init == "he":
            for module in self.modules():
                if isinstance(module, SKAttention):
                    nn.init.kaiming_normal_(module.fc1.weight, nonlinearity="relu")
                    nn.init.normal_(module.fc2.weight, std=0.1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        for stage in self.stages:
            x = self.get_submodule(stage)(x)
        logits: Tensor = self.fc(x.mean(dim=(2, 3)))
        return logits


def _stem(config: SKNetConfig) -> nn.Sequential:
    width, activation = config.stem_width, nn.ReLU(inplace=True)
    if config.stem == "cifar":
        return _layer(3, width, Kernel(3), activation)
    pooling = nn.MaxPool2d(3, stride=2, padding=1)
    return _layer(3, width, Kernel(7), activation, pooling, stride=2)


def initialise(network: nn.Module) -> None:
    """Initialise as the authors do: He for convolutions, layers normal with std 0.01."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


def sk_units(network: SKNet) -> list[Unit]:
    """List the SK units of a network built here, in the order of execution."""
    units: list[Unit] = []
    positions: dict[str, int] = {}
    for path, module in network.named_modules():
        stage = path.partition(".")[0]
        # Parts that were compiled one by one sit below a module "_orig_mod".
        if not isinstance(module, SKConv) or stage not in network.stages:
            continue
        positions[stage] = positions.get(stage, 0) + 1
        if module.attention is not None:
            units.append(
                Unit(
                    name=f"SK_{stage.removeprefix('stage')}_{positions[stage]}",
                    path=path,
                    kernels=module.kernels,
                    channels=module.attention.channels,
                    found_by="skviz SKNet",
                )
            )
    return units
