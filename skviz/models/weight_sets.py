"""Which of the tensors in a checkpoint are a network's weights, and loading them.

Training scripts wrap weights in mappings ("state_dict", "ema") and prefixes ("module.", "net.").
Neither is guessed from its name: weights are where the names and shapes of the network are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import torch
from torch import Tensor, nn

from skviz.errors import UsageError, WeightsError, did_you_mean
from skviz.models.checkpoints import INSIDE, printable
from skviz.numbers import counted, first_of

# Of sets that fit alike, averaged weights are taken: they are what is published and evaluated.
_AVERAGED = ("ema", "averag", "swa")
# A counter that many published files lack, and that evaluation does not use.
_COUNTER = "num_batches_tracked"
_SHOWN = 5


@dataclass(frozen=True)
class WeightSet:
    """Tensors of a checkpoint by a network's own names.

    `prefix` is what stands before these names in the file, `notes` say what was chosen.
    """

    path: Path
    prefix: str
    tensors: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """What came of loading: the network's tensors that are `missing`, and `notes` on it."""

    missing: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass
class _Fit:
    """How well the names behind one prefix fit: full names, and those of the right shape."""

    named: list[str] = field(default_factory=list)
    shaped: set[str] = field(default_factory=set)

    @property
    def rank(self) -> tuple[int, int]:
        return len(self.shaped), len(self.named)


def find_weights(
    own: Mapping[str, Tensor], state: Mapping[str, Tensor], path: Path, key: str | None = None
) -> WeightSet:
    """Find a network's weights among the tensors of a checkpoint (see `read_checkpoint`).

    `own` is the network's state dict. The prefix behind which most names and shapes agree is
    taken; of several that agree alike the averaged weights, which `WeightSet.notes` says. `key`
    chooses among them: a part of the prefix, such as "model_ema"; "" is no prefix at all.

    Raises `UsageError` for a key behind which nothing fits.
    """
    full = {name.replace(INSIDE, "."): name for name in state}
    fits = _fits(own, state, full)
    if key is not None:
        fits = _of_key(fits, key, path)
    if not fits:
        return WeightSet(path, "", dict(state))
    best = max(fit.rank for fit in fits.values())
    alike = [prefix for prefix, fit in fits.items() if fit.rank == best]
    chosen = next((p for p in alike if any(word in p.lower() for word in _AVERAGED)), alike[0])
    fit = fits[chosen]
    rooms = {_room(full[name]) for name in fit.named}
    tensors = {
        name.removeprefix(chosen): state[there]
        for name, there in full.items()
        if name.startswith(chosen) and _room(there) in rooms
    }
    others = [
        prefix
        for prefix, other in fits.items()
        if prefix != chosen
        and 2 * len(other.shaped) >= len(fit.shaped) > 0
        and not other.shaped <= fit.shaped
        and not _same(prefix, chosen, other.shaped, state, full)
    ]
    notes: tuple[str, ...] = ()
    if others:
        notes = (
            f"of the {len(others) + 1} sets of weights in {printable(path.name)}, "
            f"{_label(chosen)} was loaded, not {', '.join(map(_label, others))}; choose with "
            "--weights-key",
        )
    return WeightSet(path, chosen, tensors, notes)


def _fits(
    own: Mapping[str, Tensor], state: Mapping[str, Tensor], full: Mapping[str, str]
) -> dict[str, _Fit]:
    """For every prefix, what fits behind it; prefixes in the order of the file."""
    fits: dict[str, _Fit] = {}
    for name, there in full.items():
        start = 0
        while True:
            mine = own.get(name[start:])
            if mine is not None and not name.endswith(_COUNTER):
                fit = fits.setdefault(name[:start], _Fit())
                fit.named.append(name)
                if mine.shape == state[there].shape:
                    fit.shaped.add(name)
            start = name.find(".", start) + 1
            if not start:
                break
    return fits


def _of_key(fits: Mapping[str, _Fit], key: str, path: Path) -> dict[str, _Fit]:
    chosen = {p: fit for p, fit in fits.items() if (f".{key}." in f".{p}" if key else not p)}
    if chosen:
        return chosen
    best = sorted(fits, key=lambda prefix: fits[prefix].rank, reverse=True)[:_SHOWN]
    known = ", ".join(map(_label, best)) or "nowhere"
    hint = did_you_mean(key, [prefix.removesuffix(".") for prefix in best])
    raise UsageError(
        f"expected weights of the network under the key '{key}' in {path}, found none.{hint} "
        f"Names of the network are found under: {known}"
    )


def _room(name: str) -> str:
    """The mapping that a tensor of a checkpoint lies in."""
    return name.rpartition(INSIDE)[0]


def _label(prefix: str) -> str:
    return f"'{printable(prefix.removesuffix('.'))}'"


def _same(
    one: str, other: str, names: set[str], state: Mapping[str, Tensor], full: Mapping[str, str]
) -> bool:
    """Whether two sets hold the same values: then there is nothing to choose."""
    for name in names:
        twin = full.get(other + name.removeprefix(one))
        if twin is None:
            return False
        a, b = state[full[name]], state[twin]
        if a is not b and (_unusable(a) or _unusable(b) or not torch.equal(a, b)):
            return False
    return True


def load_weights(network: nn.Module, found: WeightSet, *, allow_mismatch: bool = False) -> Loaded:
    """Load what `find_weights` found; return what is missing, and what a reader must know.

    Raises `WeightsError` with the missing and unexpected names and those of another shape (the
    first few and how many), unless `allow_mismatch`: then what fits loads, if anything does.
    Tensors that are sparse, quantised, without values or not finite are refused.
    """
    own, state, path = network.state_dict(), found.tensors, found.path
    wanted = [name for name in own if not name.endswith(_COUNTER)]
    fitting = {k: v for k, v in state.items() if k in own and v.shape == own[k].shape}
    missing = [name for name in wanted if name not in state]
    unexpected = [name for name in state if name not in own]
    shapes = [name for name in wanted if name in state and name not in fitting]
    said = [f"{n} {tuple(state[n].shape)} for {tuple(own[n].shape)}" for n in shapes]
    loaded = len(wanted) - len(missing) - len(shapes)
    if wanted and not loaded and len(missing) == len(wanted):
        raise WeightsError(_nothing(path, wanted, list(state)))
    report = [
        f"{len(names)} {what}: {_listed(names)}"
        for what, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", said),
        )
        if names
    ]
    if report and (not allow_mismatch or not loaded):
        under = f" under {_label(found.prefix)}" if found.prefix else ""
        advice = ", or pass --allow-mismatch to load what fits" if loaded else ""
        raise WeightsError(
            f"{path} does not fit the network ({len(wanted)} tensors expected, {len(state)} in "
            f"the file{under}, {loaded} fit): {'; '.join(report)}. Choose the network it was saved "
            f"from with --model{advice}"
        )
    _refuse_unusable(path, fitting, own)
    network.load_state_dict(fitting, strict=False)
    left = sorted([*missing, *shapes], key=wanted.index)
    notes = [*found.notes]
    if left:
        notes.append(
            f"{loaded} of {len(wanted)} tensors were loaded from {printable(path.name)}; "
            f"{len(left)} keep their initial values, so no classes are shown: "
            f"{_listed(left)}"
        )
    if unexpected:
        notes.append(
            f"{counted(len(unexpected), 'tensor')} of {printable(path.name)} "
            f"{'is' if len(unexpected) == 1 else 'are'} not used: "
            f"{_listed(unexpected)}"
        )
    return Loaded(tuple(left), tuple(notes))


def _nothing(path: Path, wanted: list[str], names: list[str]) -> str:
    parts = [name.replace(INSIDE, ".").split(".")[:-1] for name in names]
    # The least and the greatest differ as early as any two.
    pairs = zip(min(parts), max(parts), strict=False)
    prefix = ".".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    under = f", all under {_label(prefix)}" if prefix else ""
    return (
        f"{path} does not fit the network: none of its {len(wanted)} tensors is in the file. "
        f"Expected names such as {_listed(wanted[:3])}; found {counted(len(names), 'tensor')}"
        f"{under}: {_listed(names)}. Choose the network it was saved from with --model"
    )


def _listed(names: list[str]) -> str:
    return first_of([printable(name) for name in names[: _SHOWN + 1]], _SHOWN)


def _refuse_unusable(path: Path, state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    reasons = {name: _unusable(tensor, own[name]) for name, tensor in state.items()}
    bad = [f"{name} {reason}" for name, reason in reasons.items() if reason]
    if bad:
        raise WeightsError(
            f"refused to load {path}: {len(bad)} of its tensors cannot be weights: {_listed(bad)}; "
            "save the state dict with dense tensors of finite floating-point numbers"
        )


def _unusable(tensor: Tensor, own: Tensor | None = None) -> str | None:
    """Say why a tensor cannot be the weights of a network, or nothing."""
    if tensor.is_meta:
        return "has no values (meta device)"
    if tensor.is_quantized:
        return "is quantised"
    if tensor.layout is not torch.strided or tensor.is_nested:
        return "is sparse"
    if own is not None and own.is_floating_point():
        if not tensor.is_floating_point():
            return f"holds {str(tensor.dtype).removeprefix('torch.')}, not floating-point numbers"
        if tensor.dtype.itemsize < 2:
            return "is quantised to 8 bits"
    wide = tensor.is_floating_point() and tensor.dtype.itemsize > 1
    if wide and not bool(torch.isfinite(tensor).all()):
        return "holds numbers that are not finite (nan or inf)"
    return None
