"""Capture from networks that others wrote, against a computation from their own logits.

The logits are taken from the layer before the softmax, and the softmax is NumPy's, in double
precision. Each network is captured at batch sizes 1 to 4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skviz import CaptureError, Probe
from skviz.capture.discovery import adapters

NOTES = Path(__file__).resolve().parents[4] / "shared" / "reference" / "notes"


@pytest.fixture
def without_adapters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "_ADAPTERS", {})


def softmax(logits: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def seeded(network_of: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return network_of().eval()


def outputs(
    network: nn.Module, wanted: str, run: Callable[[], Any], inputs: bool = False
) -> list[np.ndarray]:
    """What the modules whose paths match return (or take) while `run` runs, in that order."""
    found: list[np.ndarray] = []

    def keep(module: nn.Module, args: Any, output: Any) -> None:
        found.append((args[0] if inputs else output).double().numpy().copy())

    hooks = [
        module.register_forward_hook(keep)
        for path, module in network.named_modules()
        if re.search(wanted, path)
    ]
    with torch.no_grad():
        run()
    for hook in hooks:
        hook.remove()
    return found


def batches(*shape: int) -> Iterator[torch.Tensor]:
    for batch in (1, 2, 3, 4):
        yield torch.randn(batch, *shape, generator=torch.Generator().manual_seed(batch))


def compare(probe: Probe, images: torch.Tensor, expected: list[np.ndarray]) -> None:
    attention = probe(images)
    assert len(attention.units) == len(expected) > 0
    for name, own in zip(attention, expected, strict=True):
        np.testing.assert_allclose(attention[name], own, atol=1e-6)


def stages(*counts: int) -> list[str]:
    return [f"{s + 2}_{p + 1}" for s, count in enumerate(counts) for p in range(count)]


def effective(probe: Probe) -> set[tuple[int | None, ...]]:
    return {tuple(k.effective if k else None for k in unit.kernels) for unit in probe.units}


SK = {
    "skresnet18": (2, 2, 2, 2),
    "skresnet34": (3, 4, 6, 3),
    "skresnet50": (3, 4, 6, 3),
    "skresnext50_32x4d": (3, 4, 6, 3),
}


def timm_expected(network: nn.Module, images: torch.Tensor) -> list[np.ndarray]:
    logits = outputs(network, r"attn\.fc_select$", lambda: network(images))
    return [softmax(x.reshape(len(images), 2, -1), axis=1) for x in logits]


@pytest.mark.parametrize("name", SK)
@pytest.mark.parametrize("way", ["adapter", "generic"])
def test_timm_sk(name: str, way: str, request: pytest.FixtureRequest) -> None:
    timm = pytest.importorskip("timm")
    if way == "generic":
        request.getfixturevalue("without_adapters")
    network = seeded(lambda: timm.create_model(name, pretrained=False))
    probe = Probe(network)
    assert [unit.short for unit in probe.units] == stages(*SK[name])
    assert effective(probe) == {(3, 5)}
    assert {"timm" in unit.found_by for unit in probe.units} == {way == "adapter"}
    for images in batches(3, 64, 64):
        compare(probe, images, timm_expected(network, images))


def test_timm_resnest() -> None:
    timm = pytest.importorskip("timm")
    network = seeded(lambda: timm.create_model("resnest14d", pretrained=False))
    probe = Probe(network)
    assert [unit.short for unit in probe.units] == stages(1, 1, 1, 1)
    assert {unit.kind for unit in probe.units} == {"split attention"}
    assert effective(probe) == {(None, None)}
    for images in batches(3, 64, 64):
        run = outputs(network, "rsoftmax$", lambda images=images: network(images), inputs=True)
        expected = [softmax(x.reshape(len(images), 2, -1), axis=1) for x in run]
        compare(probe, images, expected)


def test_timm_squeeze_and_excitation() -> None:
    timm = pytest.importorskip("timm")
    network = seeded(lambda: timm.create_model("seresnet50", pretrained=False))
    probe = Probe(network)
    assert [unit.short for unit in probe.units] == stages(3, 4, 6, 3)
    assert {unit.kind for unit in probe.units} == {"squeeze-and-excitation"}
    assert {unit.branches for unit in probe.units} == {1}
    for images in batches(3, 64, 64):
        logits = outputs(network, r"se\.fc2$", lambda images=images: network(images))
        compare(probe, images, [1 / (1 + np.exp(-x.reshape(len(x), 1, -1))) for x in logits])


@pytest.mark.parametrize("way", ["adapter", "generic"])
def test_unet_of_segmentation_models(way: str, request: pytest.FixtureRequest) -> None:
    smp = pytest.importorskip("segmentation_models_pytorch")
    if way == "generic":
        request.getfixturevalue("without_adapters")
    network = seeded(lambda: smp.Unet("tu-skresnet18", encoder_weights=None))
    probe = Probe(network)
    assert [unit.short for unit in probe.units] == stages(2, 2, 2, 2)
    assert probe.units[0].path == "encoder.model.layer1.0.conv1"
    for images in batches(3, 64, 64):
        compare(probe, images, timm_expected(network, images))
    masks = probe(images, logits=True).logits
    assert masks is not None
    assert masks.shape == (4, 1, 64, 64)


def test_pytorchcv_sknet50() -> None:
    provider = pytest.importorskip("pytorchcv.model_provider")
    network = seeded(lambda: provider.get_model("sknet50", pretrained=False))
    # Its pooling fits 224 pixels only; the capture ends before it, so small images do.
    probe = Probe(network, example=torch.randn(1, 3, 224, 224))
    assert [unit.short for unit in probe.units] == stages(3, 4, 6, 3)
    assert effective(probe) == {(3, 5)}
    body = [m for name, m in network.features.named_children() if name != "final_pool"]
    for images in batches(3, 64, 64):
        run = outputs(network, r"conv2\.fc2$", lambda images=images: nn.Sequential(*body)(images))
        compare(probe, images, [softmax(x.reshape(len(x), 2, -1), axis=1) for x in run])


def test_fightingcv_sk_attention() -> None:
    module = pytest.importorskip("fightingcv_attention.attention.SKAttention")
    network = seeded(lambda: module.SKAttention(channel=16, reduction=8))
    probe = Probe(network)
    assert effective(probe) == {(1, 3, 5, 7)}
    for images in batches(16, 9, 9):
        logits = outputs(network, r"^fcs\.\d$", lambda images=images: network(images))
        compare(probe, images, [softmax(np.stack(logits, axis=1), axis=1)])


def test_zcls_selective_kernel() -> None:
    module = pytest.importorskip("zcls.model.layers.selective_kernel_conv2d")
    network = seeded(lambda: module.SelectiveKernelConv2d(16, 32, 1, 4, 4))
    for parameter in network.parameters():
        parameter.data.mul_(3)  # As it comes, its weights are so small that all is 1/2.
    probe = Probe(network)
    assert effective(probe) == {(3, 5)}
    for images in batches(16, 9, 9):
        logits = outputs(network, "^select_[ab]$", lambda images=images: network(images))
        compare(probe, images, [softmax(np.stack(logits, axis=1), axis=1)])


@pytest.mark.parametrize("groups", [1, 2])
def test_resnest_split_attention(groups: int) -> None:
    module = pytest.importorskip("resnest.torch.splat")
    network = seeded(
        lambda: module.SplAtConv2d(
            16, 32, 3, padding=(1, 1), groups=groups, norm_layer=nn.BatchNorm2d
        )
    )
    probe = Probe(network)
    assert probe.units[0].kind == "split attention"
    for images in batches(16, 9, 9):
        (logits,) = outputs(network, "^fc2$", lambda images=images: network(images))
        by_radix = softmax(logits.reshape(len(images), groups, 2, -1), axis=2)
        expected = by_radix.transpose(0, 2, 1, 3).reshape(len(images), 2, -1)
        compare(probe, images, [expected])


def listing(start: str) -> dict[str, Any]:
    """Names that a published listing defines; it is read from the folder beside the checkout."""
    if not NOTES.is_dir():
        pytest.skip("needs the notes in ../shared/reference beside the checkout")
    text = next(NOTES.glob(f"{start}*")).read_text()
    begin = text.index("import torch.nn as nn")
    end = re.search(r"^if ?__name__", text[begin:], re.MULTILINE)
    assert end is not None
    names: dict[str, Any] = {}
    exec(text[begin : begin + end.start()], names)
    return names


def test_the_listing_of_note_003() -> None:
    network = seeded(lambda: listing("003")["SKNet"](nums_block_list=[1, 1, 1, 1]))
    probe = Probe(network)
    assert [unit.short for unit in probe.units] == stages(1, 1, 1, 1)
    assert effective(probe) == {(3, 5)}
    for images in batches(3, 48, 48):
        run = outputs(network, r"conv2\.fc2$", lambda images=images: network(images))
        compare(probe, images, [softmax(x.reshape(len(x), 2, -1), axis=1) for x in run])


def test_the_listing_of_note_004_prints_and_all(capsys: pytest.CaptureFixture[str]) -> None:
    network = seeded(lambda: listing("004")["SKConv"](16, WH=1, M=2, G=1, r=2))
    probe = Probe(network)
    assert effective(probe) == {(3, 5)}
    assert [unit.name for unit in probe.units] == ["SKConv"]
    for images in batches(16, 9, 9):
        logits = outputs(network, r"^fcs\.\d$", lambda images=images: network(images))
        # Its own code goes on to give these tensors another axis, in place.
        logits = [x.reshape(len(images), -1) for x in logits]
        compare(probe, images, [softmax(np.stack(logits, axis=1), axis=1)])
    assert "torch.Size" in capsys.readouterr().out


class Direct(nn.Module):
    """The means of its weighted features go straight into a layer without bias."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 8, k, padding=k // 2) for k in (3, 5))
        self.fc, self.head = nn.Linear(8, 16), nn.Linear(8, 4, bias=False)

    def forward(self, x: torch.Tensor) -> Any:
        # So few pixels that their mean is followed, too.
        features = [nn.functional.adaptive_avg_pool2d(conv(x), 4) for conv in self.convs]
        weights = self.fc(sum(features).mean((2, 3))).view(-1, 2, 8).softmax(1)[..., None, None]
        return self.head((weights * torch.stack(features, 1)).sum(1).mean((2, 3)))


def test_weighted_features_may_go_into_a_matrix_product() -> None:
    network = seeded(Direct)
    probe = Probe(network)
    assert [unit.channels for unit in probe.units] == [8]
    for images in batches(3, 32, 32):
        (logits,) = outputs(network, "^fc$", lambda images=images: network(images))
        compare(probe, images, [softmax(logits.reshape(len(logits), 2, -1), axis=1)])


@pytest.mark.parametrize("name", ["resnet50", "vit_b_16"])
def test_none_in_torchvision_networks(name: str) -> None:
    models = pytest.importorskip("torchvision.models")
    with pytest.raises(CaptureError, match="expected a network with selective attention, found"):
        Probe(seeded(lambda: models.get_model(name, weights=None)))


def test_none_in_timm_convnext() -> None:
    timm = pytest.importorskip("timm")
    with pytest.raises(CaptureError, match="found none in ConvNeXt"):
        Probe(seeded(lambda: timm.create_model("convnext_tiny", pretrained=False)))
