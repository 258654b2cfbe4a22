"""What capturing costs over the bare forward pass: skviz's probe, and other tools."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from benchmarks.measuring import Measured, NotRun, Result, interleaved, timed
from benchmarks.peers import MAKERS
from benchmarks.setting import Setting, attention_modules, network
from skviz.capture.discovery.adapters import unregister_adapter
from skviz.capture.probe import Probe
from skviz.hardware.allocator import keep_memory

TITLE = "Capture"
ABOUT = (
    "Attention of all units of a batch, and the network's output, over the bare forward pass of "
    "the same network on the same batch: one thread, batch {batch}, {pixels} x {pixels}, "
    "float32, glibc's allocator tuned for all."
)
SHARE = 0.20
QUICK = True
LIMIT = 1.02
UNIT = "of the bare pass"
# Several times the bare pass: few rounds say enough.
_SLOW = ("torchlens", "captum, one call per layer")


def run(setting: Setting) -> list[Measured]:
    keep_memory()
    torch.set_num_threads(1)
    size = setting.size
    model = network(size.network).eval()
    batch = torch.randn(size.batch, 3, size.pixels, size.pixels)
    found = [_skviz(setting, f"skviz, {size.network}", model, batch, 0.4)]
    if not setting.size.peers:
        left_out = "the quick run leaves it out"
        return [*found, *(NotRun(name, left_out) for name in MAKERS), NotRun("timm", left_out)]
    found += _peers(setting, model, batch)
    found.append(_timm(setting, batch))
    return found


def bare(model: nn.Module, batch: Tensor) -> float:
    """Seconds of a forward pass."""

    def once() -> object:
        with torch.no_grad():
            return model(batch)

    return timed(once)


def _skviz(setting: Setting, name: str, model: nn.Module, batch: Tensor, share: float) -> Measured:
    probe = Probe(model)
    bare(model, batch)
    found = interleaved(
        lambda: bare(model, batch),
        {name: lambda: timed(lambda: probe.capture(batch, output=True))},
        share * setting.seconds,
        least=max(setting.size.least, 3) if setting.size.checked else 1,
    )
    return Result(name, tuple(found.ratios[name]), UNIT, setting.bound(LIMIT))


def _peers(setting: Setting, model: nn.Module, batch: Tensor) -> list[Measured]:
    paths = attention_modules(model)
    results: list[Measured] = []
    for name, make in MAKERS.items():
        # A copy for each: some leave things behind on the network.
        own = copy.deepcopy(model)
        try:
            capture = make(own, paths)
            capture(batch)
        except Exception as error:
            results.append(NotRun(name, f"{type(error).__name__}: {error}"[:200]))
            continue
        found = interleaved(
            lambda: bare(model, batch),
            {name: lambda capture=capture: timed(lambda: capture(batch))},  # type: ignore[misc]
            0.1 * setting.seconds,
            least=min(2 if name in _SLOW else 3, 3 if setting.size.checked else 1),
        )
        results.append(Result(name, tuple(found.ratios[name]), UNIT))
    return results


def _timm(setting: Setting, batch: Tensor) -> Measured:
    """A foreign network, its units found by looking at three passes and not by an adapter."""
    name = "skviz, timm's skresnext50_32x4d, found the generic way"
    try:
        import timm
    except ImportError as error:
        return NotRun(name, f"ImportError: {error}")
    unregister_adapter("timm")
    model = timm.create_model("skresnext50_32x4d", pretrained=False).eval()
    return _skviz(setting, name, model, batch, 0.2)
