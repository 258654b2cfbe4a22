"""Hooks live in one file, for one block, in one thread."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from skviz.hooks import ForwardSession, Stop

ROOT = Path(__file__).resolve().parent.parent
REGISTERS = re.compile(r"\bregister_\w*hook\b")


def network() -> nn.Sequential:
    return nn.Sequential(nn.ReLU(), nn.Dropout(0.5), nn.Tanh())


def state(net: nn.Module) -> list[Any]:
    """What a session may change in a network."""
    return [
        (m.training, dict(m._forward_hooks), dict(m._forward_pre_hooks), "forward" in m.__dict__)
        for m in net.modules()
    ]


def test_only_one_file_registers_hooks() -> None:
    files = [*(ROOT / "skviz").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]
    found = {str(f.relative_to(ROOT)) for f in files if REGISTERS.search(f.read_text())}
    assert found == {"skviz/hooks.py"}


@pytest.mark.parametrize("fails", [False, True])
def test_a_network_is_afterwards_as_it_was(fails: bool) -> None:
    net = network().train()
    before = state(net)

    def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
        assert not net.training
        if fails:
            raise ValueError("from a hook")

    ended: list[bool] = []
    try:
        with ForwardSession(net, evaluate=True) as session:
            session.before(net, lambda module, inputs: None)
            session.after(net[0], hook)
            session.at_end(lambda: ended.append(True))
            assert state(net) != before
            session.run(torch.ones(2))
    except ValueError:
        assert fails
    else:
        assert not fails
    assert ended == [True]
    assert state(net) == before


def test_a_hook_may_replace_the_output_or_end_the_pass() -> None:
    net, ran = network(), []

    def stop(module: nn.Module, inputs: Any, output: Tensor) -> None:
        raise Stop

    with ForwardSession(net, evaluate=True) as session:
        session.after(net[0], lambda module, inputs, output: output + 1)
        session.before(net[2], lambda module, inputs: ran.append(inputs[0].item()))
        assert session.run(torch.zeros(1)).item() == pytest.approx(torch.ones(1).tanh().item())
        session.after(net[1], stop)
        assert session.run(torch.zeros(1)) is None
    assert ran == [1.0]


def test_other_threads_see_no_hooks_and_their_sessions_wait() -> None:
    net, seen, order = network().eval(), [], []
    output: list[Tensor] = []

    def other() -> None:
        output.append(net(torch.ones(1)))  # A pass of its own: it need not wait.
        passed.set()
        with ForwardSession(net):
            order.append("other")

    passed = threading.Event()
    thread = threading.Thread(target=other)
    with ForwardSession(net) as session:
        session.before(net, lambda module, inputs: seen.append("before"))
        session.after(net, lambda module, inputs, output: output * 0)
        session.at_end(lambda: seen.append("end"))
        thread.start()
        assert passed.wait(10)
        assert output[0].item() != 0
        assert seen == []
        thread.join(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "other"]


def test_compiled_modules_run_uncompiled() -> None:
    net, seen = nn.Sequential(nn.ReLU()), []
    net.compile(backend="eager")
    net(torch.ones(1))
    with ForwardSession(net) as session:
        session.after(net[0], lambda module, inputs, output: seen.append(output.item()))
        session.run(torch.ones(1))
    assert seen == [1.0]
