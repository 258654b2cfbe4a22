"""The only file that puts hooks on networks; a test checks it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self
from weakref import WeakKeyDictionary

import torch
from torch import nn

# One session at a time on one network: modes and hooks are the network's, not the session's.
_LOCKS: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()


class Stop(BaseException):
    """Ends a forward pass; no Exception, so that no network's own `except` swallows it."""


class ForwardSession:
    """Hooks on a network for the length of a block; afterwards the network is as it was.

    Hooks answer only in the thread that entered the block; sessions of other threads on the same
    network wait. Compiled parts run uncompiled: their captured graphs know no hooks.

    Parameters
    ----------
    network
        The network whose modules get hooks.
    model
        What the network was taken from, where that is a wrapper (compiled, parallel).
    evaluate
        Whether the network is in evaluation mode within the block.

    Examples
    --------
    >>> network, seen = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Tanh()), []
    >>> with ForwardSession(network) as session:
    ...     session.after(network[0], lambda module, inputs, output: seen.append(output))
    ...     _ = session.run(torch.tensor([-1.0, 2.0]))
    >>> seen
    [tensor([0., 2.])]
    """

    def __init__(
        self, network: nn.Module, *, model: nn.Module | None = None, evaluate: bool = False
    ) -> None:
        self.network = network
        self._model = network if model is None else model
        self._evaluate = evaluate
        self._thread = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(_LOCKS.setdefault(self.network, threading.RLock()))
            if self._evaluate:
                stack.enter_context(evaluating(self.network))
            stack.enter_context(eagerly(self._model))
            self._stack = stack.pop_all()
        self._thread = threading.get_ident()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def before(self, module: nn.Module, hook: Callable[..., Any], *, named: bool = False) -> None:
        """Call `hook(module, inputs)` before each call of a module.

        With `named` it is called as `hook(module, inputs, named inputs)`.
        """
        handle = module.register_forward_pre_hook(self._own(hook), with_kwargs=named)
        self._stack.callback(handle.remove)

    def after(self, module: nn.Module, hook: Callable[..., Any]) -> None:
        """Call `hook(module, inputs, output)` after each call; what it returns is the output."""
        self._stack.callback(module.register_forward_hook(self._own(hook)).remove)

    def at_end(self, callback: Callable[[], None]) -> None:
        """Call back when a pass of the network ends, however: some exceptions call no hook."""
        own = self.network.__dict__
        before, forward = own.get("forward"), self.network.forward
        end = self._own(callback)

        def wrapped(*inputs: Any, **named: Any) -> Any:
            try:
                return forward(*inputs, **named)
            finally:
                end()

        def restore() -> None:
            if before is None:
                del own["forward"]
            else:
                own["forward"] = before

        own["forward"] = wrapped
        self._stack.callback(restore)

    def on_exit(self, callback: Callable[[], None]) -> None:
        """Call back at the end of the block, before what was put on earlier is taken off."""
        self._stack.callback(callback)

    def run(self, *inputs: Any) -> Any:
        """Run the network; returns its output, or None where a hook raised `Stop`."""
        try:
            return self.network(*inputs)
        except Stop:
            return None

    def _own(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """A hook that answers only in this session's thread: other threads' passes are not ours."""

        def own(*given: Any) -> Any:
            return hook(*given) if threading.get_ident() == self._thread else None

        return own


def complete_inputs(network: nn.Module, complete: Callable[..., Any]) -> None:
    """Let `complete(module, inputs)` complete the inputs of every call of a network, for good."""
    network.register_forward_pre_hook(complete)


def stop_gradient(tensor: torch.Tensor) -> None:
    """Let no gradient flow into what made a tensor."""
    tensor.register_hook(torch.zeros_like)  # type: ignore[no-untyped-call]


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and every module back into its own afterwards."""
    modes = [(module, module.training) for module in network.modules()]
    # A network that is in evaluation mode already is left alone: setting modes takes time.
    if any(mode for _, mode in modes):
        network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            if module.training != mode:
                module.training = mode


@contextmanager
def eagerly(model: nn.Module) -> Iterator[None]:
    """Run compiled parts of a network uncompiled: their captured graphs know no hooks."""
    if not any(_is_compiled(module) for module in model.modules()):
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


def _is_compiled(module: nn.Module) -> bool:
    return (
        getattr(module, "_compiled_call_impl", None) is not None
        or module._modules.get("_orig_mod") is not None
    )
