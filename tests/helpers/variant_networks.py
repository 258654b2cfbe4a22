"""Selective-kernel modules as people write them, each keeping its own record of the attention.

`record` is called by the module's author, who knows which axis is which: it is the independent
computation that a capture is compared with. `kernels` is what each branch truly is.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

C, M = 8, 2


def conv(k: int = 3, d: int = 1, c: int = C, out: int | None = None, stride: int = 1, groups=1):
    return nn.Sequential(
        nn.Conv2d(
            c, out or c, k, stride, padding=d * (k - 1) // 2, dilation=d, groups=groups, bias=False
        ),
        nn.BatchNorm2d(out or c),
        nn.ReLU(),
    )


class Recorded(nn.Module):
    """Keeps what it selects with, as (B, M, C)."""

    seen: list
    kernels: tuple = (3, 5)
    kind = "selective kernel"

    def record(self, attention: Tensor) -> None:
        if "seen" not in self.__dict__:
            self.seen = []
        self.seen.append(attention.detach().clone())


class Plain(Recorded):
    """Branches 3x3 and 5x5, one layer for the logits of all branches."""

    def __init__(self, c: int = C, branches=((3, 1), (3, 2)), **options) -> None:
        super().__init__()
        self.c, self.m = c, len(branches)
        self.convs = nn.ModuleList(conv(k, d, c) for k, d in branches)
        self.fc1 = nn.Linear(c, 8)
        self.fc2 = nn.Linear(8, self.m * c)

    def logits(self, fused: Tensor) -> Tensor:
        return self.fc2(torch.relu(self.fc1(fused.mean((2, 3)))))

    def forward(self, x: Tensor) -> Tensor:
        feats = torch.stack([f(x) for f in self.convs], dim=1)
        a = self.logits(feats.sum(1)).view(-1, self.m, self.c).softmax(dim=1)
        self.record(a)
        return (feats * a[..., None, None]).sum(1)


class AxisZero(Plain):
    """Softmax over axis 0 of a list that was stacked: (M, B, C, 1, 1)."""

    def forward(self, x):
        outs = [f(x) for f in self.convs]
        z = self.logits(sum(outs)).chunk(self.m, dim=1)
        w = F.softmax(torch.stack([v.view(-1, self.c, 1, 1) for v in z], 0), dim=0)
        self.record(w.flatten(2).transpose(0, 1))
        return (w * torch.stack(outs, 0)).sum(0)


class AxisLast(Plain):
    """Softmax over axis -1 of (B, C, M)."""

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        w = torch.softmax(self.logits(a + b).view(-1, self.c, self.m), dim=-1)
        self.record(w.transpose(1, 2))
        return a * w[:, :, 0, None, None] + b * w[..., 1].unsqueeze(-1).unsqueeze(-1)


class SixAxes(Plain):
    """Six dimensions: (B, groups, M, C / groups, 1, 1)."""

    def forward(self, x):
        g = 2
        f = torch.stack([h(x) for h in self.convs], 1)
        b, m, c, h, w = f.shape
        f = f.view(b, m, g, c // g, h, w).transpose(1, 2)
        a = self.logits(f.sum(2).reshape(b, c, h, w)).view(b, g, m, c // g, 1, 1).softmax(2)
        self.record(a.view(b, g, m, c // g).transpose(1, 2).reshape(b, m, c))
        return (f * a).sum(2).reshape(b, c, h, w)


class Inline(Recorded):
    """A residual block with everything in its own forward, and convolutions around it."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv3 = conv(1), conv(1)
        self.k5, self.k3 = conv(5), conv(3)  # Registered in the other order than used.
        self.fc = nn.Conv2d(C, M * C, 1)

    def forward(self, x):
        y = self.conv1(x)
        u, v = self.k3(y), self.k5(y)
        s = F.adaptive_avg_pool2d(u + v, 1)
        s = F.softmax(self.fc(s).reshape(x.size(0), 2, -1), dim=1)
        self.record(s)
        a, b = s.unsqueeze(3).unsqueeze(3).unbind(1)
        return F.relu(self.conv3(a * u + b * v) + x)


class Gate(Recorded):
    """An attention module alone, which is called from elsewhere."""

    def __init__(self, c=C):
        super().__init__()
        self.fc = nn.Linear(c, 2 * c)
        self.c = c

    def forward(self, u, v):
        w = self.fc((u + v).mean((-1, -2))).view(-1, 2, self.c, 1, 1)
        w = nn.functional.softmax(w, 1)
        self.record(w.flatten(2))
        return u * w[:, 0] + v * w[:, 1]


class SevenTimes(Recorded):
    """One attention module that seven blocks call."""

    kernels = (3, 5)

    def __init__(self):
        super().__init__()
        self.gate = Gate()
        self.a = nn.ModuleList(conv(3) for _ in range(7))
        self.b = nn.ModuleList(conv(5) for _ in range(7))

    def forward(self, x):
        for f, g in zip(self.a, self.b, strict=True):
            x = self.gate(f(x), g(x)) + x
        return x


class WrongAxis(Plain):
    """Softmax over the channels of (B, M, C): the branches do not sum to 1."""

    wrong = "wrong axis"

    def forward(self, x):
        feats = torch.stack([f(x) for f in self.convs], dim=1)
        a = self.logits(feats.sum(1)).view(-1, self.m, self.c).softmax(dim=2)
        self.record(a)
        return (feats * a[..., None, None]).sum(1)


class OverBatch(Plain):
    """Softmax over axis 0 where the batch is."""

    wrong = "images of the batch"

    def forward(self, x):
        feats = torch.stack([f(x) for f in self.convs], dim=1)
        a = torch.softmax(self.logits(feats.sum(1)).view(-1, self.m, self.c), 0)
        self.record(a)
        return (feats * a[..., None, None]).sum(1)


class LengthOne(Plain):
    """Softmax over a trailing axis of length 1."""

    wrong = "every weight is 1"

    def forward(self, x):
        feats = torch.stack([f(x) for f in self.convs], dim=1)
        a = self.logits(feats.sum(1)).view(-1, self.m, self.c, 1, 1).softmax(-1)
        self.record(a.flatten(2))
        return (feats * a).sum(1)


class SharedConv(Plain):
    """Both branches use the same convolution."""

    kernels = (None, None)

    def forward(self, x):
        a, b = self.convs[0](x), self.convs[0](x.flip(-1))
        w = self.logits(a + b).view(-1, 2, self.c, 1, 1).softmax(1)
        self.record(w.flatten(2))
        return (w * torch.stack((a, b), 1)).sum(1)


class Three(Plain):
    """Three branches, written with Python's sum."""

    kernels = (3, 5, 7)

    def __init__(self):
        super().__init__(branches=((3, 1), (3, 2), (3, 3)))

    def forward(self, x):
        outs = [f(x) for f in self.convs]
        w = self.logits(sum(outs)).view(-1, 3, self.c, 1, 1).softmax(1)
        self.record(w.flatten(2))
        return sum(o * a for o, a in zip(outs, w.unbind(1), strict=True))


class Nested(Plain):
    """Nested lists, map and lambda."""

    def forward(self, x):
        pairs = [[f(x), None] for f in self.convs]
        w = self.logits(sum(map(lambda p: p[0], pairs)))  # noqa: C417
        w = w.reshape(-1, 2, self.c, 1, 1).softmax(1)
        self.record(w.flatten(2))
        for pair, a in zip(pairs, w.chunk(2, 1), strict=True):
            pair[1] = a.squeeze(1)
        return sum(map(lambda p: p[0] * p[1], pairs))  # noqa: C417


class ChannelsLast(Plain):
    """Feature maps permuted to (B, H, W, C, M)."""

    def forward(self, x):
        f = torch.stack([h(x) for h in self.convs], -1).permute(0, 2, 3, 1, 4)
        w = self.logits(f.sum(-1).permute(0, 3, 1, 2)).view(-1, self.m, self.c)
        w = w.permute(0, 2, 1).softmax(-1)
        self.record(w.transpose(1, 2))
        return (f * w[:, None, None]).sum(-1).permute(0, 3, 1, 2)


class Einsum(Plain):
    def forward(self, x):
        f = torch.stack([h(x) for h in self.convs], 1)
        w = self.logits(f.sum(1)).view(-1, self.m, self.c).softmax(1)
        self.record(w)
        return torch.einsum("bmc,bmchw->bchw", w, f)


class Matmul(Plain):
    def forward(self, x):
        f = torch.stack([h(x) for h in self.convs], 2)  # B, C, M, H, W
        b, c, m, h, w = f.shape
        a = self.logits(f.sum(2)).view(b, m, c).transpose(1, 2).softmax(2)
        self.record(a.transpose(1, 2))
        return (a.unsqueeze(2) @ f.reshape(b, c, m, h * w)).reshape(b, c, h, w)


class CatSoftmax(Plain):
    """1x1 convolutions concatenated, softmax, torch.split and expand_as."""

    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleList(nn.Conv2d(C, C, 1) for _ in range(2))
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        s = F.adaptive_avg_pool2d(a + b, 1)
        w = torch.cat([h(s) for h in self.heads], 1).reshape(-1, 2, C, 1)
        w = self.softmax(w)
        self.record(w.squeeze(-1))
        p, q = torch.split(w, 1, dim=1)
        p, q = p.reshape(-1, C, 1, 1).expand_as(a), q.reshape(-1, C, 1, 1).expand_as(b)
        return p.contiguous() * a + q * b


class InPlace(Plain):
    """Features multiplied in place and added into zeros."""

    def forward(self, x):
        outs = [f(x) for f in self.convs]
        w = self.logits(outs[0] + outs[1]).view(-1, 2, self.c, 1, 1).softmax(1)
        self.record(w.flatten(2))
        total = torch.zeros_like(x)
        for i, o in enumerate(outs):
            total += o.mul_(w[:, i])
        return total


class Buffer(Plain):
    """Products written into the slices of a buffer, attention grown with *=."""

    def forward(self, x):
        outs = [f(x) for f in self.convs]
        w = self.logits(outs[0] + outs[1]).view(-1, 2, self.c, 1, 1).softmax(1)
        self.record(w.flatten(2))
        buffer = x.new_zeros(x.shape[0], 2, *x.shape[1:])
        big = w.repeat(1, 1, 1, *x.shape[2:])
        for i, o in enumerate(outs):
            buffer[:, i] = o
        big *= buffer
        return big.sum(dim=1)


class AddCMul(Plain):
    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        w = self.logits(a + b).view(-1, 2, self.c, 1, 1).softmax(1)
        self.record(w.flatten(2))
        return torch.addcmul(w[:, 0] * a, w[:, 1], b)


class Detached(Plain):
    def forward(self, x):
        feats = torch.stack([f(x) for f in self.convs], dim=1)
        a = self.logits(feats.sum(1)).view(-1, 2, self.c).softmax(1).detach().clone()
        self.record(a)
        return torch.sum(feats * a.unsqueeze(-1).unsqueeze(-1), dim=1)


class ByHand(Plain):
    """A softmax written out."""

    def forward(self, x):
        feats = torch.stack([f(x) for f in self.convs], dim=1)
        z = self.logits(feats.sum(1)).view(-1, 2, self.c)
        e = torch.exp(z - z.max(dim=1, keepdim=True)[0])
        a = e / e.sum(dim=1, keepdim=True)
        self.record(a)
        return (feats * a[..., None, None]).sum(1)


class LogSoftmax(Plain):
    def forward(self, x):
        feats = torch.stack([f(x) for f in self.convs], dim=1)
        a = F.log_softmax(self.logits(feats.sum(1)).view(-1, 2, self.c), dim=1).exp()
        self.record(a)
        return (feats * a[..., None, None]).sum(1)


class TwoSigmoid(Plain):
    """Two branches by one sigmoid: w and 1 - w."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(C, C)

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        w = torch.sigmoid(self.gate((a + b).mean((2, 3))))[..., None, None]
        self.record(torch.stack((w, 1 - w), 1).flatten(2))
        return w * a + (1 - w) * b


class Softmax2d(Plain):
    """nn.Softmax2d on (B, M, C, 1): its axis is -3."""

    def __init__(self):
        super().__init__()
        self.soft = nn.Softmax2d()

    def forward(self, x):
        f = torch.stack([h(x) for h in self.convs], 1)
        w = self.soft(self.logits(f.sum(1)).view(-1, 2, C, 1))
        self.record(w.squeeze(-1))
        return (f * w.unsqueeze(-1)).sum(1)


class Squeezing(Plain):
    """Squeezes, so that a single image loses its axis."""

    def forward(self, x):
        f = torch.stack([h(x) for h in self.convs], 0)
        s = f.sum(0).mean((2, 3)).squeeze()
        w = self.fc2(torch.relu(self.fc1(s))).view(-1, 2, self.c).transpose(0, 1).squeeze()
        w = w.softmax(0)
        self.record(w.reshape(2, -1, self.c).transpose(0, 1))
        w = w.reshape(2, -1, self.c)
        return (f * w[..., None, None]).sum(0)


class Half(Plain):
    """The softmax in double precision, then back."""

    def forward(self, x):
        f = torch.stack([h(x) for h in self.convs], 1)
        w = F.softmax(self.logits(f.sum(1)).view(-1, 2, C), dim=1, dtype=torch.float64)
        self.record(w.float())
        return (f * w.to(x.dtype)[..., None, None]).sum(1)


class Stacked(Recorded):
    """The larger branch is two 3x3 in a row, depthwise and pointwise."""

    def __init__(self):
        super().__init__()
        self.large = nn.Sequential(conv(3, groups=C), conv(1), conv(3, groups=C), conv(1))
        self.small = conv(3)
        self.gate = Gate()

    def forward(self, x):
        return self.gate(self.small(x), self.large(x))


class PoolBranch(Recorded):
    """One branch is a convolution, the other pools: its kernel has no size."""

    kernels = (None, None)

    def __init__(self):
        super().__init__()
        self.small, self.gate = conv(3), Gate()

    def forward(self, x):
        return self.gate(self.small(x), F.avg_pool2d(x, 3, 1, 1))


class NullBranch(Plain):
    """Three weights, two branches."""

    kernels = (3, 5, None)
    null = 2

    def __init__(self):
        super().__init__()
        self.fc2 = nn.Linear(8, 3 * C)

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        w = self.logits(a + b).view(-1, 3, self.c, 1, 1).softmax(1)
        self.record(w.flatten(2))
        return w[:, 0] * a + w[:, 1] * b


class Constant(Plain):
    """Logits that are always alike."""

    constant = True

    def __init__(self):
        super().__init__()
        nn.init.zeros_(self.fc2.weight)
        nn.init.zeros_(self.fc2.bias)


class Reweighted(Recorded):
    """Pyramid squeeze attention: weights of four scales, concatenated, not summed."""

    kernels = (3, 5, 7, 9)
    kind = "multi-scale attention"

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(conv(k, c=C, out=C // 4) for k in (3, 5, 7, 9))
        self.se = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(C // 4, C // 4, 1), nn.Sigmoid())

    def forward(self, x):
        f = [g(x) for g in self.convs]
        w = torch.stack([self.se(v) for v in f], 1)
        w = torch.softmax(w, dim=1)
        self.record(w.flatten(2))
        return torch.cat([w[:, i] * v for i, v in enumerate(f)], 1)


class Spread(Reweighted):
    """The same, the weights spread over the pixels before the softmax."""

    def forward(self, x):
        f = torch.stack([g(x) for g in self.convs], 1)
        w = torch.stack([self.se(v) for v in f.unbind(1)], 1)
        w = w.expand_as(f).softmax(1)
        self.record(w[..., 0, 0])
        return (f * w).flatten(1, 2)


class Split(Recorded):
    """Split attention, cardinality 2, radix 2, as in ResNeSt."""

    kernels = (None, None)
    kind = "split attention"

    def __init__(self):
        super().__init__()
        self.conv = conv(3, out=2 * C, groups=4)
        self.fc = nn.Conv2d(C, 2 * C, 1, groups=2)

    def forward(self, x):
        x = self.conv(x)
        b = x.shape[0]
        parts = torch.split(x, C, 1)
        a = self.fc(F.adaptive_avg_pool2d(sum(parts), 1))
        a = F.softmax(a.view(b, 2, 2, -1).transpose(1, 2), dim=1).reshape(b, -1)
        self.record(a.view(b, 2, C))
        return sum(w * p for w, p in zip(a.view(b, -1, 1, 1).split(C, 1), parts, strict=True))


class Streams(Recorded):
    """Fusion of three resolutions (SKFF)."""

    kernels = (None, None, None)
    kind = "fusion of resolution streams"

    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList(conv(3, stride=s) for s in (1, 2, 4))
        self.du = nn.Conv2d(C, 4, 1)
        self.fcs = nn.ModuleList(nn.Conv2d(4, C, 1) for _ in range(3))

    def forward(self, x):
        f = [F.interpolate(d(x), size=x.shape[2:], mode="bilinear") for d in self.down]
        f = torch.cat(f, 1).view(-1, 3, C, *x.shape[2:])
        z = self.du(F.adaptive_avg_pool2d(f.sum(1), 1))
        w = torch.cat([g(z) for g in self.fcs], 1).view(-1, 3, C, 1, 1)
        w = w.softmax(1)
        self.record(w.flatten(2))
        return (f * w).sum(1)


class Strided(Plain):
    """Grouped channels: one weight for every two channels."""

    def __init__(self):
        super().__init__()
        self.fc2 = nn.Linear(8, C)

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        w = self.logits(a + b).view(-1, 2, C // 2).softmax(1)
        self.record(w)
        w = w.repeat_interleave(2, dim=2)[..., None, None]
        return a * w[:, 0] + b * w[:, 1]


class Gated(Plain):
    """An SK unit followed by a squeeze-and-excitation gate."""

    def __init__(self):
        super().__init__()
        self.se = SqueezeExcite()

    def forward(self, x):
        return self.se(super().forward(x))


class SqueezeExcite(Recorded):
    kernels = (None,)
    kind = "squeeze-and-excitation"

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(C, 4, 1), nn.Conv2d(4, C, 1)

    def forward(self, x):
        w = self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)))).sigmoid()
        self.record(w.flatten(2).transpose(1, 2).reshape(-1, 1, C))
        return x * w


class FusedTwice(Recorded):
    """One SK module that hangs in the network at two places."""

    def __init__(self):
        super().__init__()
        self.sk = Plain()
        self.first, self.second = nn.Sequential(self.sk), nn.Sequential(self.sk)

    def forward(self, x):
        return self.second(self.first(x))


class Folded(Plain):
    """Frames of a clip folded into the batch, the softmax over (B * C, M)."""

    def forward(self, x):
        f = torch.stack([h(x) for h in self.convs], 1)
        z = self.logits(f.sum(1)).view(-1, 2, self.c).transpose(1, 2).reshape(-1, 2)
        w = z.softmax(-1).view(-1, self.c, 2).transpose(1, 2)
        self.record(w)
        return (f * w[..., None, None]).sum(1)


class Scaled(Plain):
    """Attention times the number of branches, then a residual."""

    def forward(self, x):
        f = torch.stack([h(x) for h in self.convs], 1)
        w = self.logits(f.sum(1)).view(-1, 2, self.c).softmax(1)
        self.record(w)
        return x + (f * (w * math.sqrt(2.0)).unsqueeze(-1).unsqueeze(-1)).sum(1)


class PreNorm(nn.Module):
    """A residual stream through several units, with no activation between."""

    def __init__(self):
        super().__init__()
        self.units = nn.ModuleList(AddCMul() for _ in range(3))

    def forward(self, x):
        for unit in self.units:
            x = x + unit(x)
        return x


class CatWrong(Plain):
    """(B, 2C), softmax over all of axis 1, then split in two."""

    wrong = "wrong axis"

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        w = F.softmax(self.logits(a + b), dim=1)
        self.record(w.view(-1, 2, C))
        p, q = w.chunk(2, 1)
        return a * p[..., None, None] + b * q[..., None, None]


class OneMinus(Plain):
    """A softmax over two, of which only the first weight is used."""

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        w = self.logits(a + b).view(-1, 2, C).softmax(1)
        self.record(w)
        p = w[:, 0, :, None, None]
        return a * p + b * (1 - p)


class OnesMinus(TwoSigmoid):
    """ones_like(w) - w."""

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        w = torch.sigmoid(self.gate((a + b).mean((2, 3))))[..., None, None]
        self.record(torch.stack((w, 1 - w), 1).flatten(2))
        return w * a + (torch.ones_like(w) - w) * b


class Lerp(TwoSigmoid):
    """torch.lerp between the branches."""

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        w = torch.sigmoid(self.gate((a + b).mean((2, 3))))[..., None, None]
        self.record(torch.stack((w, 1 - w), 1).flatten(2))
        return torch.lerp(b, a, w)


class Sigmoids(Plain):
    """A sigmoid for each branch: nothing competes."""

    wrong = "do not compete"

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        w = torch.sigmoid(self.logits(a + b)).view(-1, 2, C)
        self.record(w)
        return a * w[:, 0, :, None, None] + b * w[:, 1, :, None, None]


class Cascade(Plain):
    """The second branch goes on from the first, which it thereby shares."""

    kernels = (None, None)

    def forward(self, x):
        a = self.convs[0](x)
        b = self.convs[1](a)
        w = self.logits(a + b).view(-1, 2, C, 1, 1).softmax(1)
        self.record(w.flatten(2))
        return a * w[:, 0] + b * w[:, 1]


class Interpolated(Plain):
    """Attention spread over the pixels by interpolation, the mean of the branches."""

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        w = self.logits(a + b).view(-1, 2, C).softmax(1)
        self.record(w)
        wide = F.interpolate(w.flatten(1)[..., None, None], size=x.shape[2:], mode="bilinear")
        return (torch.stack((a, b), 1) * wide.view(-1, 2, C, *x.shape[2:])).mean(1)


class InferenceMode(Plain):
    def forward(self, x):
        with torch.inference_mode():
            return super().forward(x)


class PixelFusion(Plain):
    """Weights per pixel, not per channel."""

    why = "differs from pixel to pixel"

    def __init__(self):
        super().__init__()
        self.g = nn.Conv2d(C, 2, 1)

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        w = self.g(a + b).softmax(1)
        return a * w[:, :1] + b * w[:, 1:]


class Mixture(Plain):
    """One weight for a whole branch."""

    why = "one weight for a whole branch, no channels"

    def __init__(self):
        super().__init__()
        self.g = nn.Linear(C, 2)

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        w = self.g((a + b).mean((2, 3))).softmax(1)
        return a * w[:, 0, None, None, None] + b * w[:, 1, None, None, None]


class Learned(Plain):
    """Weights that are parameters."""

    why = "does not depend on the input"

    def __init__(self):
        super().__init__()
        self.p = nn.Parameter(torch.randn(2, C))

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        w = self.p.softmax(0)[..., None, None]
        return a * w[0] + b * w[1]


class EachAlone(Plain):
    """A softmax over the channels for each branch."""

    why = "each branch is weighed alone, by a softmax over its channels"

    def forward(self, x):
        a, b = (f(x) for f in self.convs)
        p, q = self.logits(a + b).chunk(2, 1)
        return a * p.softmax(1)[..., None, None] + b * q.softmax(1)[..., None, None]


class SelfAttention(nn.Module):
    """Between positions: no branches."""

    why = "more weights than branches and channels can have"

    def forward(self, x):
        f = x.flatten(2)
        w = (f.transpose(1, 2) @ f).softmax(-1)
        return (f @ w).view_as(x)


class ChannelSelfAttention(nn.Module):
    """Between channels: their number does not follow the image."""

    why = "mixes positions or channels"

    def forward(self, x):
        f = x.flatten(2)
        w = (f @ f.transpose(1, 2)).softmax(-1)
        return (w @ f).view_as(x)


class DynamicKernel(Plain):
    """A mixture of kernels, one for each image."""

    why = "multiplies weights"

    def forward(self, x):
        w = self.logits(x).view(-1, 2, C).mean(2).softmax(1)
        kernels = torch.stack([f[0].weight for f in self.convs]).flatten(1)
        mixed = (w[:, :, None] * kernels).sum(1).view(-1, C, 3, 3)
        merged = F.conv2d(x.reshape(1, -1, *x.shape[2:]), mixed, padding=1, groups=len(x))
        return merged.view_as(x)


class Classifier(nn.Module):
    """A stem, the variant, and a classifier with a class softmax at its end."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.stem, self.body = conv(3, c=3, out=C), inner
        self.head = nn.Linear(C, 5)

    def forward(self, images):
        return F.softmax(self.head(self.body(self.stem(images)).mean((2, 3))), dim=1)


class OneDimensional(Recorded):
    """Signals (B, C, L)."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv1d(C, C, 3, padding=1), nn.Conv1d(C, C, 5, padding=2)
        self.stem, self.fc = nn.Conv1d(2, C, 1), nn.Linear(C, 2 * C)

    def forward(self, x):
        x = self.stem(x)
        f = torch.stack((self.a(x), self.b(x)), dim=1)
        w = self.fc(f.sum(1).mean(-1)).view(-1, 2, C).softmax(1)
        self.record(w)
        return (f * w.unsqueeze(-1)).sum(1)


class ThreeDimensional(Recorded):
    """Volumes (B, C, D, H, W)."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv3d(C, C, 3, padding=1), nn.Conv3d(C, C, 3, padding=2, dilation=2)
        self.stem, self.fc = nn.Conv3d(1, C, 1), nn.Linear(C, 2 * C)

    def forward(self, x):
        x = self.stem(x)
        f = torch.stack((self.a(x), self.b(x)), dim=1)
        w = self.fc(f.sum(1).mean((-1, -2, -3))).view(-1, 2, C).softmax(-2)
        self.record(w)
        return (f * w[..., None, None, None]).sum(1)


SELECTIVE = [
    Plain, AxisZero, AxisLast, SixAxes, Inline, SevenTimes, WrongAxis, OverBatch, LengthOne,
    SharedConv, Three, Nested, ChannelsLast, Einsum, Matmul, CatSoftmax, InPlace, Buffer,
    AddCMul, Detached, ByHand, LogSoftmax, TwoSigmoid, Softmax2d, Squeezing, Half, Stacked,
    PoolBranch, NullBranch, Constant, Reweighted, Spread, Split, Streams, Strided, Gated,
    FusedTwice, Folded, Scaled, CatWrong, OneMinus, OnesMinus, Lerp, Sigmoids, Cascade,
    Interpolated, InferenceMode,
]  # fmt: skip
NOT_SELECTIVE = [
    PixelFusion, Mixture, Learned, EachAlone, SelfAttention, ChannelSelfAttention, DynamicKernel,
]  # fmt: skip
