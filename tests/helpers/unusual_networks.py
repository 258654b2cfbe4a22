"""Selective units written in unusual ways, each of which says what it truly selects with.

`weights` is called by the author with what multiplies the branches, as (B, M, C): the
computation that a capture is compared with.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

C = 8


class Selective(nn.Module):
    """Branches of one kernel size each over an image of three channels; `mix` weighs them."""

    def __init__(self, kernels: Sequence[int] = (3, 5), heads: int = 0, **options: str) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, C, k, padding=k // 2, **options) for k in kernels)
        self.count = len(kernels)
        self.heads = heads or self.count
        self.fc = nn.Linear(C, self.heads * C)
        self.seen: list[Tensor] = []

    def weights(self, *branches: Tensor) -> None:
        """Record (B, C) of every branch; pixels of length one may follow."""
        self.seen.append(torch.stack([b.detach().flatten(1) for b in branches], 1).clone())

    def forward(self, x: Tensor) -> Tensor:
        features = [conv(x) for conv in self.convs]
        z = self.fc(sum(features).mean((2, 3))).view(len(x), self.heads, C)
        return self.mix(features, z, x)

    def mix(self, features: list[Tensor], z: Tensor, x: Tensor) -> Tensor:
        w = z.softmax(1)
        self.weights(*w.unbind(1))
        return (torch.stack(features, 1) * w[..., None, None]).sum(1)


class Step(Selective):
    """start + w * (end - start); `order` tells whose weight w is."""

    order = ("3x3", "5x5")

    def mix(self, features, z, x):
        small, large = features
        w = (z[:, 0] - z[:, 1]).sigmoid()[..., None, None]
        self.weights(w, 1 - w)
        return large + w * (small - large)


class StepFirst(Step):
    """The product first, added in place; the weight is that of the larger kernel."""

    order = ("5x5", "3x3")

    def mix(self, features, z, x):
        small, large = features
        w = (z[:, 1] - z[:, 0]).sigmoid()[..., None, None]
        self.weights(w, 1 - w)
        step = (large - small) * w
        step += small
        return step


class StepBack(Step):
    """end - w * (end - start)."""

    def mix(self, features, z, x):
        small, large = features
        w = z.softmax(1)[:, 0, :, None, None]
        self.weights(w, 1 - w)
        return large - w * (large - small)


class StepAddcmul(Step):
    def mix(self, features, z, x):
        small, large = features
        w = (z[:, 0] - z[:, 1]).sigmoid()[..., None, None]
        self.weights(w, 1 - w)
        return torch.addcmul(large, w, small - large)


class StepComplement(Step):
    def mix(self, features, z, x):
        small, large = features
        w = 1 - (z[:, 0] - z[:, 1]).sigmoid()[..., None, None]
        self.weights(1 - w, w)
        return small + w * (large - small)


class LerpOfSoftmax(Step):
    def mix(self, features, z, x):
        small, large = features
        w = z.softmax(1)[:, 1, :, None, None]
        self.weights(1 - w, w)
        return torch.lerp(small, large, w)


class Normalised(Selective):
    """Sigmoids divided by their sum."""

    def share(self, w: Tensor) -> Tensor:
        return w / w.sum(1, keepdim=True)

    def mix(self, features, z, x):
        w = self.share(z.sigmoid())
        self.weights(*w.unbind(1))
        return (torch.stack(features, 1) * w[..., None, None]).sum(1)


class NormalisedSafely(Normalised):
    def share(self, w):
        return w / (w.sum(1, keepdim=True) + 1e-8)


class NormalisedClamped(Normalised):
    def share(self, w):
        return w / w.sum(1, keepdim=True).clamp_min(1e-6)


class NormalisedFunctional(Normalised):
    def share(self, w):
        return F.normalize(w, p=1, dim=1)


class NormalisedLast(Normalised):
    """The branches are the last axis."""

    def share(self, w):
        w = w.transpose(1, 2)
        return (w / w.sum(-1, keepdim=True)).transpose(1, 2)


class NormalisedOneByOne(Selective):
    """s0 / (s0 + s1) and s1 / (s0 + s1)."""

    def mix(self, features, z, x):
        s = z.sigmoid().unbind(1)
        w = [v / sum(s) for v in s]
        self.weights(*w)
        return sum(v[..., None, None] * f for v, f in zip(w, features, strict=True))


class NormalisedAfterwards(Selective):
    """(s0 f0 + s1 f1) / (s0 + s1)."""

    def mix(self, features, z, x):
        s = [v[..., None, None] for v in z.sigmoid().unbind(1)]
        self.weights(*(v / sum(s) for v in s))
        return sum(v * f for v, f in zip(s, features, strict=True)) / sum(s)


class Softplus(Normalised):
    """No exponential and no sigmoid: anything that is not negative."""

    def mix(self, features, z, x):
        w = self.share(F.softplus(z))
        self.weights(*w.unbind(1))
        return (torch.stack(features, 1) * w[..., None, None]).sum(1)


class NormalisedApart(Selective):
    """The sigmoids of two layers, divided by their sum."""

    def __init__(self):
        super().__init__()
        self.other = nn.Linear(C, C)

    def mix(self, features, z, x):
        s, t = z[:, 0].sigmoid(), self.other(features[1].mean((2, 3))).sigmoid()
        s, t = s / (s + t), t / (s + t)
        return features[0] * s[..., None, None] + features[1] * t[..., None, None]


class NormalisedApartAfterwards(NormalisedApart):
    def mix(self, features, z, x):
        s, t = z[:, 0].sigmoid(), self.other(features[1].mean((2, 3))).sigmoid()
        s, t = s[..., None, None], t[..., None, None]
        return (features[0] * s + features[1] * t) / (s + t)


class OneMinus(Selective):
    """A softmax over the channels of one branch; the other gets one minus it."""

    def mix(self, features, z, x):
        w = z[:, 0].softmax(-1)[..., None, None]
        self.weights(w, 1 - w)
        return features[0] * w + features[1] * (1 - w)


class OneMinusStep(Selective):
    def mix(self, features, z, x):
        w = z[:, 0].view(len(x), C, 1, 1).softmax(1)
        self.weights(w, 1 - w)
        return features[1] + w * (features[0] - features[1])


class OneOfThree(Selective):
    """One of three weights is used, and one minus it."""

    def __init__(self):
        super().__init__(heads=3)

    def mix(self, features, z, x):
        w = z.softmax(1)[:, 0, :, None, None]
        self.weights(w, 1 - w)
        return features[0] * w + features[1] * (1 - w)


class Scaled(Selective):
    """Weights times a learned number, on either side."""

    shape: tuple[int, ...] = (1,)

    def __init__(self):
        super().__init__()
        self.g = nn.Parameter(torch.full(self.shape, 0.7))

    def mix(self, features, z, x):
        w = z.softmax(1)
        self.weights(*w.unbind(1))
        return (torch.stack(features, 1) * (self.g * w)[..., None, None]).sum(1)


class ScaledPerChannel(Scaled):
    shape = (1, 1, C)


class ScaledNumber(Scaled):
    shape = ()


class Divided(Scaled):
    def mix(self, features, z, x):
        w = z.softmax(1)
        self.weights(*w.unbind(1))
        return (torch.stack(features, 1) * (w / 2)[..., None, None]).sum(1)


class Null(Selective):
    """One weight too many: it is the share that is switched off. `at` is its place."""

    def __init__(self, at: int = 2, kernels: Sequence[int] = (3, 5)) -> None:
        super().__init__(kernels, heads=len(kernels) + 1)
        self.at = at

    def mix(self, features, z, x):
        w = z.softmax(1)
        self.weights(*w.unbind(1))
        live = [m for m in range(self.heads) if m != self.at]
        return sum(w[:, m, :, None, None] * f for m, f in zip(live, features, strict=True))


class NullOfZeros(Null):
    """The switched-off branch is there, and holds zeros."""

    def mix(self, features, z, x):
        w = z.softmax(1)
        self.weights(*w.unbind(1))
        features.insert(self.at, torch.zeros_like(features[0]))
        return (torch.stack(features, 1) * w[..., None, None]).sum(1)


class ByMap(Selective):
    """Weights changed pixel by pixel by a map of one channel, and normalised again."""

    channels = 1
    again = True

    def __init__(self, kernels: Sequence[int] = (3, 5)) -> None:
        super().__init__(kernels)
        self.map = nn.Conv2d(3, self.channels, 3, padding=1)

    def mix(self, features, z, x):
        g = self.map(x).sigmoid()
        w = z.softmax(1)[..., None, None]
        changed = [w[:, m] * (1 + 0.5 * g * (-1) ** m) for m in range(self.count)]
        if self.again:
            changed = [v / (sum(changed) + 1e-8) for v in changed]
        return sum(v * f for v, f in zip(changed, features, strict=True))


class ByMapOnly(ByMap):
    again = False


class ByChannelMap(ByMap):
    channels = C


class ByChannelMapOnly(ByMap):
    channels, again = C, False


class ByMapStacked(ByMap):
    """Branches first, the map multiplied in one go."""

    def mix(self, features, z, x):
        g = torch.stack([self.map(x).sigmoid()] * self.count, 0)
        w = z.softmax(1).transpose(0, 1)[..., None, None] * g
        w = w / w.sum(0)
        return (w * torch.stack(features, 0)).sum(0)


class Taps(nn.Module):
    """A dynamic filter: weights for the pixels of a window, shared by groups of channels."""

    size = 3

    def __init__(self) -> None:
        super().__init__()
        self.c, self.t = nn.Conv2d(3, C, 3, padding=1), nn.Linear(C, C // 2 * self.size**2)

    def windows(self, x: Tensor) -> Tensor:
        """(B, C, taps, H, W)."""
        b, c, h, w = x.shape
        return F.unfold(x, self.size, padding=self.size // 2).view(b, c, -1, h, w)

    def forward(self, x: Tensor) -> Tensor:
        x = self.c(x)
        w = self.t(x.mean((2, 3))).view(len(x), C // 2, -1).softmax(-1)
        w = w.repeat_interleave(2, dim=1)[..., None, None]
        return (self.windows(x) * w).sum(2)


class TapsOfViews(Taps):
    """`Tensor.unfold`: a view, nothing is copied."""

    def windows(self, x):
        p = self.size // 2
        x = F.pad(x, (p, p, p, p)).unfold(2, self.size, 1).unfold(3, self.size, 1)
        return x.flatten(4).movedim(-1, 2)


class TapsOfSlices(Taps):
    """Slices of the padded map, five by five."""

    size = 5

    def windows(self, x):
        p, (h, w) = self.size // 2, x.shape[2:]
        x = F.pad(x, (p, p, p, p), mode="reflect")
        shifts = [(i, j) for i in range(self.size) for j in range(self.size)]
        return torch.stack([x[..., i : i + h, j : j + w] for i, j in shifts], 2)


class Passes(nn.Module):
    """A picture and its mirror image run as one batch of twice the size."""

    def __init__(self, inner: nn.Module, count: int = 2, first: bool = True) -> None:
        super().__init__()
        self.inner, self.count, self.first = inner, count, first

    def forward(self, x: Tensor) -> Tensor:
        turned = [x, x.flip(-1), x.flip(-2), x.flip(-1, -2)][: self.count]
        axis = 0 if self.first else 1
        y = self.inner(torch.stack(turned, axis).flatten(0, 1))
        return y.unflatten(0, (self.count, -1) if self.first else (-1, self.count)).mean(axis)


class GroupsInBatch(Selective):
    """Groups of channels put into the batch, each with a weight of its own."""

    def mix(self, features, z, x):
        w = z.view(len(x), 2, 2, C // 2).transpose(1, 2).flatten(0, 1).softmax(1)
        self.weights(*w.view(len(x), 2, 2, C // 2).transpose(1, 2).flatten(2).unbind(1))
        f = torch.stack(features, 1).unflatten(2, (2, C // 2)).transpose(1, 2).flatten(0, 1)
        return (f * w[..., None, None]).sum(1).unflatten(0, (-1, 2)).flatten(1, 2)


class Shapes(nn.Module):
    """Branches of any kernels: sides, dilations, axes."""

    def __init__(self, *kernels: tuple[tuple[int, ...], tuple[int, ...]], pad: str = "zeros"):
        super().__init__()
        axes = len(kernels[0][0])
        conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1]
        self.convs = nn.ModuleList(
            conv(
                2,
                C,
                size,
                dilation=dilation,
                padding=tuple(d * (k - 1) // 2 for k, d in zip(size, dilation, strict=True)),
                padding_mode=pad,
            )
            for size, dilation in kernels
        )
        self.fc = nn.Linear(C, len(kernels) * C)
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        f = torch.stack([conv(x) for conv in self.convs], 1)
        w = self.fc(f.sum(1).flatten(2).mean(2)).view(len(x), -1, C).softmax(1)
        self.seen.append(w.detach().clone())
        return (f * w.view(*w.shape, *[1] * (x.ndim - 2))).sum(1)


class StemAt(nn.Module):
    """The stem of `channels` is registered after all else, or not as a layer at all."""

    def __init__(self, channels: int, layer: bool = True) -> None:
        super().__init__()
        self.others = nn.ModuleList(nn.Conv2d(n, 32, 1) for n in (32, 64, 96, 128, 160))
        self.body = Selective()
        self.body.convs = nn.ModuleList(nn.Conv2d(32, C, k, padding=k // 2) for k in (3, 5))
        self.layer = layer
        if layer:
            self.stem = nn.Conv2d(channels, 32, 3, padding=1)
        else:
            self.weight = nn.Parameter(torch.randn(32, channels, 3, 3) / 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.stem(x) if self.layer else F.conv2d(x, self.weight, padding=1))
