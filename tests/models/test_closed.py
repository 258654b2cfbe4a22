"""Networks that cannot be looked into: a sentence in every place where one may be given."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import skviz
from skviz.errors import CaptureError, ModelError, WeightsError


class Net(nn.Module):
    """A selective unit of two branches."""

    def __init__(self) -> None:
        super().__init__()
        self.u = nn.ModuleList(nn.Conv2d(3, 8, k, padding=k // 2) for k in (3, 5))
        self.f = nn.Linear(8, 16)

    def forward(self, x: Tensor) -> Tensor:
        features = torch.stack([u(x) for u in self.u], 1)
        z = self.f(features.sum(1).mean((2, 3))).view(-1, 2, 8).softmax(1)
        return (features * z[..., None, None]).sum(1)


def exported() -> Any:
    return torch.export.export(Net().eval(), (torch.randn(2, 3, 16, 16),))


def exported_module() -> nn.Module:
    return exported().module()  # type: ignore[no-any-return]


def inside() -> nn.Module:
    return nn.Sequential(exported_module(), nn.ReLU())


def quantised() -> nn.Module:
    import torch.ao.quantization as q

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = nn.Sequential(q.QuantStub(), nn.Conv2d(3, 3, 1), q.DeQuantStub(), Net()).eval()
        network.qconfig = q.get_default_qconfig()  # type: ignore[assignment]
        network[3].qconfig = None  # type: ignore[assignment]
        q.prepare(network, inplace=True)
        network(torch.randn(1, 3, 16, 16))
        return q.convert(network, inplace=True)


def traced() -> nn.Module:
    return torch.jit.trace(Net().eval(), torch.randn(2, 3, 16, 16))


KINDS = {
    "exported": (exported, "the network is exported"),
    "exported module": (exported_module, "the network is exported"),
    "exported inside": (inside, "0 is exported"),
    "quantised": (quantised, "0 is statically quantised"),
    "traced": (traced, "the network is scripted or traced"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_probe_refuses_in_words(kind: str) -> None:
    make, words = KINDS[kind]
    with pytest.raises(CaptureError, match=f"cannot look inside: {words}.* it was made from"):
        skviz.Probe(make())


@pytest.mark.parametrize("kind", KINDS)
def test_a_factory_is_told_what_to_return(kind: str) -> None:
    make, words = KINDS[kind]
    with pytest.raises(ModelError, match=f"{make.__name__} returns: {words}"):
        skviz.load_model(f"{__name__}:{make.__name__}")


@pytest.mark.parametrize("what", [None, "sknet50", {"fc.weight": torch.ones(1)}])
def test_what_is_no_network_is_refused(what: Any) -> None:
    with pytest.raises(CaptureError, match=r"expected a network \(torch.nn.Module\), got "):
        skviz.Probe(what)


def test_dynamic_quantisation_is_looked_into() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = torch.ao.quantization.quantize_dynamic(Net().eval(), {nn.Linear})
    assert len(skviz.Probe(network).units) == 1


@pytest.mark.parametrize("suffix", [".pt2", ".pt"])
def test_a_program_is_no_checkpoint(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"program{suffix}"
    with path.open("wb") as file:
        torch.export.save(exported(), file)
    with pytest.raises(WeightsError, match=r"expected weights in .* it is an exported program"):
        skviz.load_model(weights=path)
    traced().save(path)  # type: ignore[operator]
    with pytest.raises(WeightsError, match=r"it is a scripted or traced network"):
        skviz.load_model(weights=path)
