"""The networks of controls: the same architecture with random weights, in all or some modules."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

from skviz.capture.stack import execution_order
from skviz.data.imageset import ImageSet
from skviz.data.loading import ViewMaker, normalised
from skviz.errors import ImageError, ModelError, UsageError
from skviz.hardware.devices import seeded
from skviz.hooks import evaluating
from skviz.models.sknet import SKNet, initialise
from skviz.pictures.scaling import InputSpec
from skviz.studies.controls.control import Control
from skviz.units import Unit

# So many images make good statistics, and fit into memory.
MOST_IMAGES = 1024
# Far from the seeds that networks are trained with: seed 0 of a control must not give a network
# the very weights that its training began with.
FIRST_SEED = 1_000_000
_LARGEST_BATCH, _BATCHES = 64, 4


@dataclass
class Calibration:
    """Images of a data set at 1.0x, on which BN statistics are re-estimated; read once.

    At most `MOST_IMAGES`, drawn with a fixed seed. Images that cannot be read are left out.
    """

    images: ImageSet
    views: ViewMaker

    def batches(self, device: torch.device) -> Iterable[Tensor]:
        """Yield normalised batches (B, 3, H, W) of one size, several where there are enough."""
        pixels, like = self.pixels, torch.empty(0, device=device)
        size = min(_LARGEST_BATCH, max(2, len(pixels) // _BATCHES))
        # All batches count the same, so the rest, which would be a smaller one, is left out.
        for start in range(0, len(pixels) - size + 1, size):
            yield normalised(pixels[start : start + size], self.views.spec, like)

    @cached_property
    def pixels(self) -> Tensor:
        """The images, uint8 of shape (n, size, size, 3); raises `UsageError` below two."""
        found: list[np.ndarray] = []
        for number in np.random.default_rng(0).permutation(len(self.images)).tolist():
            if len(found) == MOST_IMAGES:
                break
            try:
                image: Image.Image = self.images.read(number)
                found.append(self.views.at_one(image, self.images.box(number))[0])
            except (ImageError, UsageError):
                continue  # The run itself lists it.
        if len(found) < 2:
            raise UsageError(
                "expected at least two readable images, on which a random network's BN statistics "
                f"are re-estimated, got {len(found)}"
            )
        return torch.from_numpy(np.stack(found))


@dataclass(frozen=True)
class RandomNetwork:
    """A network in which a control has re-initialised some modules; the caller's is untouched.

    `paths` are the modules that were, `later` those whose BN statistics depend on them, both
    in the order of the network's modules; `kept` names parameters that nothing can
    re-initialise.
    """

    network: nn.Module
    paths: tuple[str, ...]
    later: tuple[str, ...]
    kept: tuple[str, ...]

    def settle(self, calibration: Calibration, seed: int) -> None:
        """Re-estimate the BN statistics that the random weights have made meaningless."""
        norms = {
            path: module
            for path, module in self.network.named_modules()
            if isinstance(module, _BatchNorm)
        }
        if not any(path in norms for path in self.later):
            return
        before = {
            path: copy.deepcopy(norm.state_dict())
            for path, norm in norms.items()
            if path not in self.later
        }
        device = next(self.network.parameters()).device
        with seeded(seed, device):  # Dropout draws numbers while statistics are estimated.
            reestimate_bn(self.network, calibration.batches(device))
        for path, state in before.items():
            norms[path].load_state_dict(state)


def reestimate_bn(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace the running statistics of BN by those of the given batches (B, 3, H, W).

    They are averages over all batches, each counting the same (momentum None). An untrained
    network has none that fit any picture. Mode and momentum stay as they were.
    """
    update_bn(batches, network, device=next(network.parameters()).device)


def random_network(
    network: nn.Module, control: Control, units: Sequence[Unit], spec: InputSpec
) -> RandomNetwork:
    """Return a copy of a network whose weights a control has re-initialised.

    "random" takes all modules; "cascade" those that the forward pass enters at its unit or
    later; "unit" those inside its unit's module. BN statistics are still to be settled. Raises
    `ModelError` where the network cannot be copied, or has nothing to re-initialise there.
    """
    changed = copied(network)
    # Drawn on the processor: a graphics card draws other numbers from the same seed.
    fresh = copied(network).cpu()
    kept = reinitialise(fresh, FIRST_SEED + control.seed)
    owners = [path for path, module in changed.named_modules() if _own_state(module)]
    paths, later = owners, owners
    if control.kind != "random":
        (unit,) = [unit for unit in units if unit.name == control.word]
        inside = [path for path in owners if _inside(path, unit.path)]
        above = _from(changed, unit, spec)
        later = [path for path in owners if path in above]
        paths = later if control.kind == "cascade" else inside
    with torch.no_grad():
        for path in paths:
            drawn = _own_state(fresh.get_submodule(path))
            for name, value in _own_state(changed.get_submodule(path)).items():
                value.copy_(drawn[name])
    names = [name for name in kept if name.rpartition(".")[0] in paths]
    _check(changed, control, paths, names)
    return RandomNetwork(changed, tuple(paths), tuple(later), tuple(names))


def reinitialise(network: nn.Module, seed: int) -> list[str]:
    """Draw all weights anew from a seed, in place; return the parameters that stayed.

    Networks of skviz are initialised as they were built, others by `reset_parameters` of every
    module, then by the network's own `init_weights` if it has one, as timm's have.
    """
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    reached: set[str] = set()
    with seeded(seed, next(iter(before.values()), torch.empty(0)).device):
        # First as a layer is built, so that what has no other rule has this one.
        for path, module in network.named_modules():
            if _reset(module):
                reached |= {_joined(path, name) for name in module._parameters}
        if isinstance(network, SKNet):
            initialise(network)
        elif callable(own := getattr(network, "init_weights", None)):
            _try(own)
    return [
        name
        for name, value in network.named_parameters()
        if name not in reached and torch.equal(value, before[name])
    ]


def copied(network: nn.Module) -> nn.Module:
    """Return a copy of a network; raises `ModelError` where it holds what cannot be copied."""
    try:
        return copy.deepcopy(network)
    except Exception as error:  # Whatever a foreign network holds.
        raise ModelError(
            f"expected a network that copy.deepcopy can copy, {type(network).__name__} cannot: "
            f"{error}; a control must not change yours"
        ) from error


def _from(network: nn.Module, unit: Unit, spec: InputSpec) -> set[str]:
    """Paths of the modules that a forward pass enters when it comes to a unit, or later."""
    device = next(network.parameters()).device
    blank = torch.zeros((1, 3, spec.size, spec.size), device=device)
    with evaluating(network):
        order = execution_order(network, blank)
    calls = [place for place, path in enumerate(order) if path == unit.path]
    # A module that runs several times is above a unit if its last call is.
    return set(order[calls[unit.call] :])


def _check(network: nn.Module, control: Control, paths: Sequence[str], kept: list[str]) -> None:
    modules = map(network.get_submodule, paths)
    if len(kept) == sum(len(list(module.parameters(recurse=False))) for module in modules):
        where = "it" if control.kind == "random" else f"{control.word}"
        raise ModelError(
            f"expected parameters that the control '{control.name}' can re-initialise, "
            f"{type(network).__name__} has none in {where}; give its modules a "
            "`reset_parameters`, or the network an `init_weights`"
        )


def _own_state(module: nn.Module) -> dict[str, Tensor]:
    """What a module holds itself, without the modules inside it: parameters, statistics of BN."""
    buffers = module.named_buffers(recurse=False) if isinstance(module, _BatchNorm) else ()
    return dict((*module.named_parameters(recurse=False), *buffers))


def _inside(path: str, top: str) -> bool:
    return not top or f"{path}.".startswith(f"{top}.")


def _reset(module: nn.Module) -> bool:
    for name in ("reset_parameters", "_reset_parameters"):
        reset = getattr(module, name, None)
        if callable(reset):
            return _try(reset)
    return False


def _try(reset: Callable[[], object]) -> bool:
    """Call what a network offers; what fails has reset nothing that one could rely on."""
    try:
        reset()
    except Exception:  # Foreign code, which may need arguments.
        return False
    return True


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
