"""Every engine returns the attention as outputs of its graph, and a run goes on with its own."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from skviz import Probe, load_model
from skviz.capture.discovery.adapters import own, register_adapter, unregister_adapter
from skviz.capture.traced import GraphProbe, traced, with_weights
from skviz.errors import CaptureError, UsageError
from skviz.models.sknet import SKNet, SKNetConfig
from skviz.runs.analyze import prepare
from skviz.runs.engines import openvino, settle, table
from skviz.runs.engines.family import Family
from skviz.runs.engines.inductor import Inductor
from skviz.runs.engines.openvino import OpenVINO
from skviz.runs.engines.table import ENGINES, engine_probe
from skviz.runs.options import Options
from skviz.runs.tuning import Arithmetic, apply, for_engine
from skviz.studies.controls.change import analyze
from tests.helpers.noise import noise_pictures

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="openvino is not installed"
)
needs_compiler = pytest.mark.skipif(
    Inductor().why_not(torch.device("cpu"), None) is not None, reason="there is no C++ compiler"
)
ENGINE = [
    pytest.param("openvino", marks=needs_openvino),
    pytest.param("compile", marks=[needs_compiler, pytest.mark.slow]),
]


def small_network(seed: int = 0) -> SKNet:
    torch.manual_seed(seed)
    config = SKNetConfig(units=(1,), widths=(32,), outputs=(32,), classes=3)
    return SKNet(config).eval()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def found_inside() -> Iterator[None]:
    """Nothing is known of skviz's own modules: their attention is found inside of them."""
    unregister_adapter("skviz")
    yield
    register_adapter("skviz", own.sources)


def pictures(folder: Path, count: int = 5) -> Path:
    return noise_pictures(
        folder, [f"class{number % 2}/{number}" for number in range(count)], (90, 120)
    )


def agrees(probe: Probe, other: Probe, images: Tensor) -> None:
    plain, logits = probe.capture(images, output=True)
    found, output = other.capture(images, output=True)
    assert torch.allclose(logits, output, atol=1e-5)
    assert list(found) == list(plain)
    for name in plain:
        assert found[name].shape == plain[name].shape
        assert torch.allclose(plain[name], found[name], atol=1e-6)


@pytest.mark.parametrize("name", ENGINE)
def test_an_engine_attends_alike_in_batches_of_any_size(name: str, images: Tensor) -> None:
    probe = Probe(small_network())
    made = engine_probe(name, probe, images, output=True)
    for count in (4, 2, 1):
        agrees(probe, made, images[:count])
    agrees(probe, made, torch.cat([images, images.flip(0)[:3]]))
    assert made.capture(images)[1] is None
    with pytest.raises(UsageError, match="expected one batch of images for a compiled network"):
        made.capture((images, images))


@pytest.mark.parametrize("name", ENGINE)
def test_attention_inside_of_a_module_is_an_output_too(
    name: str, images: Tensor, found_inside: None
) -> None:
    probe = Probe(small_network())
    assert all(source.operation is not None for source in probe.sources)
    agrees(probe, engine_probe(name, probe, images, output=True), images)


@pytest.mark.parametrize("name", ENGINE)
def test_a_network_of_the_same_graph_is_not_traced_again(
    name: str, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = Probe(small_network()), Probe(small_network(1))
    made = engine_probe(name, first, images, output=True)
    monkeypatch.setattr(table, "traced", lambda *given, **named: pytest.fail("traced again"))
    again = engine_probe(name, other, images, output=True, like=made)
    agrees(other, again, images)
    agrees(first, made, images)


class Blending(nn.Module):
    """Its input is blended with its mean: OpenVINO knows no such operation."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = small_network()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(torch.lerp(x, x.mean((2, 3), keepdim=True), 0.3))


@needs_openvino
def test_only_an_unknown_operation_is_taken_apart(
    images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart, decomposed = [], openvino._decomposed
    monkeypatch.setattr(
        openvino, "_decomposed", lambda *given: apart.append(1) or decomposed(*given)
    )
    small = Probe(small_network())
    agrees(small, engine_probe("openvino", small, images, output=True), images)
    assert not apart
    blending = Probe(Blending().eval(), attention="inner.*.attention:1")
    agrees(blending, engine_probe("openvino", blending, images, output=True), images)
    assert apart


def test_every_thread_gets_passes_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = OpenVINO().views_at_once
    for threads, views, expected in [(1, 48, 48), (2, 48, 12), (2, 18, 9), (2, 15, 8), (16, 18, 5)]:
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert at_once(views) == expected


@needs_openvino
def test_threads_side_by_side_attend_alike(images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        probe = Probe(small_network())
        made = engine_probe("openvino", probe, images, output=True)
        assert made.batch == 1
        for count in (1, 3, 4):
            agrees(probe, made, images[:count])
            agrees(probe, made, images.flip(0)[:count])
    finally:
        torch.set_num_threads(threads)


def test_a_graph_with_numbers_of_its_own_serves_one_network(images: Tensor) -> None:
    class Scaled(nn.Module):
        """Its factor is made of a buffer, outside of what is traced."""

        def __init__(self, seed: int) -> None:
            super().__init__()
            self.inner = small_network(seed)
            self.register_buffer("factor", torch.tensor(2.0 + seed))

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x / self.factor.sqrt())

    one, two = (Probe(Scaled(seed).eval(), attention="inner.*.attention:1") for seed in (0, 1))
    graph = traced(one, images)
    assert with_weights(graph, one.network, two.network) is None
    # Nor one of other shapes.
    small = Probe(small_network())
    assert with_weights(traced(small, images), small.network, load_model()) is None


@needs_openvino
@pytest.mark.slow
def test_the_bundled_network_by_openvino() -> None:
    probe = Probe(load_model())
    images = torch.randn(3, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    made = apply(probe, for_engine("openvino", Arithmetic(69)), images)
    agrees(probe, made, images)


@needs_compiler
@pytest.mark.slow
def test_the_bundled_network_compiled() -> None:
    probe = Probe(load_model())
    images = torch.randn(3, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    made = apply(probe, for_engine("compile", Arithmetic(69)), images)
    agrees(probe, made, images)
    # Also of views in another memory format: nothing is compiled anew, or changed.
    agrees(probe, made, images.contiguous(memory_format=torch.channels_last))


def test_without_output_the_graph_ends_behind_the_deepest_unit(images: Tensor) -> None:
    probe = Probe(small_network()).only("2_1")
    whole, short = (traced(probe, images, output=output) for output in (True, False))
    assert len(short.graph.nodes) < len(whole.graph.nodes)
    assert len(short(images)) == len(whole(images)) - 1 == 1
    made = GraphProbe(probe, lambda parts: [short(part) for part in parts], images, short)
    assert made.capture(images, output=True)[1] is None


def test_the_checks_are_those_of_any_probe(images: Tensor) -> None:
    probe = Probe(small_network())
    graph = traced(probe, images)
    made = GraphProbe(probe, lambda parts: [[torch.full((4, 2, 32), 0.7)]], images, graph)
    with pytest.raises(CaptureError, match="sum to 1 over the branches"):
        made.capture(images)


class Choosy(nn.Module):
    """Takes another way by what it sees: its graph would hold for one picture only."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = small_network()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x * 2 if float(x.mean()) > 0 else x)


def test_a_network_that_decides_by_numbers_is_not_traced(images: Tensor) -> None:
    probe = Probe(Choosy().eval(), attention="inner.*.attention:1")
    with pytest.raises(CaptureError, match="Choosy cannot be traced"):
        traced(probe, images)


@needs_openvino
def test_a_run_goes_on_with_its_engine(tmp_path: Path) -> None:
    source, model = pictures(tmp_path / "pictures"), small_network()
    asked = Options(engine="openvino", shard_size=2)
    begun = prepare(source, model, out=tmp_path / "run", scales=(1,), options=asked)
    assert begun.run.settings["arithmetic"]["engine"] == "openvino"
    assert begun.run.settings["rounding"]["attention"] < 1e-5
    assert begun.run.settings["rounding"]["difference"] < 1e-6
    again = prepare(source, model, out=tmp_path / "run", scales=(1,), options=Options(shard_size=2))
    run = again(progress=False)
    assert isinstance(again.forward.probe, GraphProbe)
    plain = analyze(source, model, out=tmp_path / "plain", scales=(1,), progress=False)
    ours, theirs = run.records(), plain.records()
    assert np.allclose(ours["difference"], theirs["difference"], atol=1e-6)
    assert (ours["predicted"] == theirs["predicted"]).all()


@needs_openvino
def test_a_resumed_run_says_that_its_engine_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, model = pictures(tmp_path / "pictures", 2), small_network()
    prepare(source, model, out=tmp_path / "run", scales=(1,), options=Options(engine="openvino"))
    monkeypatch.setattr(OpenVINO, "why_not", lambda *_: "OpenVINO is not installed; pip")
    again = prepare(source, model, out=tmp_path / "run", scales=(1,))
    with pytest.raises(CaptureError, match="OpenVINO is not installed"):
        again(progress=False)


def test_an_engine_that_cannot_be_used_is_replaced_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "/nowhere/g++")
    monkeypatch.setattr(Inductor, "why_not", lambda *_: "torch.compile needs a C++ compiler")
    source, model = pictures(tmp_path / "pictures", 2), small_network()
    asked = Options(engine="compile")
    begun = prepare(source, model, out=tmp_path / "run", scales=(1,), options=asked)
    arithmetic = begun.run.settings["arithmetic"]
    assert arithmetic["engine"] == "eager"
    assert arithmetic["why"] == "--engine compile is not used: torch.compile needs a C++ compiler"
    assert begun(progress=False).complete


def test_without_a_compiler_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import cpp_builder

    def missing() -> str:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", missing)
    assert "install g++" in str(Inductor().why_not(torch.device("cpu"), None))


@pytest.mark.parametrize(
    ("device", "dtype", "said"),
    [("cuda", None, "processor only"), ("cpu", torch.bfloat16, "fp32 only")],
)
def test_openvino_says_what_it_cannot(device: str, dtype: torch.dtype | None, said: str) -> None:
    assert said in str(OpenVINO().why_not(torch.device(device), dtype))


@needs_openvino
def test_a_change_beyond_rounding_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "ROUNDING", 0.0)
    source, model = pictures(tmp_path / "pictures", 2), small_network()
    begun = prepare(
        source, model, out=tmp_path / "run", scales=(1,), options=Options(engine="openvino")
    )
    assert "more than rounding" in begun.run.settings["arithmetic"]["why"]


def test_auto_takes_what_is_done_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is set: passes of a batch take as long as the test says."""
    speed = {"eager": 1.0, "openvino": 0.7, "compile": 0.5}

    def seconds(probe: Probe, batch: Tensor, *, output: bool) -> float:
        return speed[getattr(probe, "engine", "eager")]

    def prepared(forward: object, arithmetic: Arithmetic, *_: object) -> None:
        probe = Probe(small_network())
        probe.engine = arithmetic.engine  # type: ignore[attr-defined]
        forward.ready[arithmetic] = probe  # type: ignore[attr-defined]

    monkeypatch.setattr(settle, "seconds_of_pass", seconds)
    monkeypatch.setattr(settle, "_prepared", prepared)
    for engine in ENGINES.values():
        monkeypatch.setattr(type(engine), "why_not", lambda *_: None)
    forward = prepare(
        pictures(tmp_path / "pictures", 2), small_network(), out=tmp_path / "run", scales=(1,)
    ).forward
    example = torch.randn(10, 3, 32, 32)

    def choose(work: int, networks: int = 1) -> str:
        forward.family = Family(work, networks)
        return settle._first_done(forward, Arithmetic(), example).engine

    assert choose(10) == "eager"  # One batch: nothing is worth preparing.
    assert choose(300) == "openvino"
    # Ten networks of one graph: it is traced once, made ready for each.
    assert choose(200) == "openvino"
    assert choose(200, networks=10) == "eager"
    assert choose(400, networks=10) == "openvino"
    # Inductor is expected to be no faster than OpenVINO was, so it is not even prepared.
    assert choose(10**6) == "openvino"
    speed["openvino"] = 1.2  # Slower than expected: thrown away, and the other one tried.
    assert choose(10**6) == "compile"
    speed["compile"] = 1.0
    assert choose(10**6) == "eager"


def test_older_words_mean_engines() -> None:
    assert Options(compiled=True).engine_asked == "compile"
    assert Options(tune=True).engine_asked == "tuned"
    assert Options(tune=False).engine_asked == "eager"
    assert Options().engine_asked == "auto"
    assert Options(engine="compile", compiled=True).engine_asked == "compile"
    with pytest.raises(UsageError, match="expected either an engine or the older options"):
        Options(engine="openvino", tune=True)
    with pytest.raises(UsageError, match="Did you mean 'openvino'"):
        Options(engine="openvinno")


def test_runs_of_older_versions_are_read() -> None:
    old = {"folded": 3, "memory_format": "contiguous", "compiled": True}
    assert Arithmetic.of(old) == Arithmetic(3, "contiguous", "compile")
    assert Arithmetic.of({**old, "compiled": False}).engine == "eager"
    assert Arithmetic.of(None) == Arithmetic()
