"""The receptive fields of one unit on a batch of views: gradients, with attention replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skviz.capture.features import CentralFeatures, branch_paths, central_features
from skviz.capture.intervene import intervene
from skviz.capture.probe import Probe
from skviz.capture.replacements import Replacement, branch, fixed
from skviz.data.loading import normalised
from skviz.errors import CaptureError, UnitError
from skviz.pictures.scaling import InputSpec
from skviz.quantities import EXPECTED_KERNEL
from skviz.scales import scale_label
from skviz.studies.receptive_field.result import BRANCH, CLAMPED, FIXED, MIXED, Field
from skviz.studies.receptive_field.widths import moments
from skviz.typing import FloatArray
from skviz.units import Unit

Weights = dict[str, Tensor]
Pick = Callable[[CentralFeatures], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Measured:
    """What was measured on n images.

    `maps` (n, S, Q, H, W) sum to 1, or are nan; `moments`, `attention` and `expected` are as in
    `ReceptiveField`.
    """

    maps: FloatArray
    moments: FloatArray
    attention: FloatArray
    expected: FloatArray


@dataclass(frozen=True)
class FieldMeasure:
    """A network made ready to measure the fields of one unit.

    `probe` reads `unit` and all units before it: attention there shapes the field too.
    `reference` is the number of the scale whose attention the fixed field keeps.
    """

    probe: Probe
    unit: Unit
    scales: tuple[float, ...]
    fields: tuple[Field, ...]
    reference: int
    spec: InputSpec
    through_attention: bool
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        probe: Probe,
        name: str,
        scales: tuple[float, ...],
        spec: InputSpec,
        through_attention: bool = False,
    ) -> FieldMeasure:
        """Choose the unit; raises `UnitError` and `CaptureError` where it has no field."""
        chosen = probe.only(name).units
        if len(chosen) != 1:
            names = ", ".join(unit.short for unit in chosen)
            raise UnitError(f"expected the name of one unit, got '{name}', which means {names}")
        unit = chosen[0]
        if unit.branches < 2:
            raise UnitError(
                f"expected a unit of two branches or more, {unit.name} is a gate with one: there "
                "is nothing to choose from, and no kernel of its own"
            )
        dtype = next((p.dtype for p in probe.network.parameters()), torch.float32)
        if dtype not in (torch.float32, torch.float64):
            raise CaptureError(
                f"expected a network of float32 for gradients, got {dtype}; call model.float()"
            )
        before = [one.name for one in probe.known]
        upstream = probe.only(before[: before.index(unit.name) + 1])
        reference = scales.index(1.0) if 1.0 in scales else 0
        known = bool(branch_paths(probe, unit))
        fields, notes = _fields(unit, scales, reference, known)
        return cls(upstream, unit, scales, fields, reference, spec, through_attention, notes)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.probe.network.parameters(), torch.empty(0)).device

    def __call__(self, pixels: Tensor) -> Measured:
        """Measure the views of n images, uint8 of shape (n, S, size, size, 3)."""
        n, count = pixels.shape[:2]
        like = next(self.probe.network.parameters(), torch.empty(0))
        images = normalised(pixels.flatten(0, 1), self.spec, like)
        maps = np.empty((n, count, len(self.fields), *images.shape[-2:]))

        def keep(number: int, gradient: FloatArray, scales: Sequence[int] = range(count)) -> None:
            maps[:, scales, number] = gradient.reshape(n, len(scales), *gradient.shape[-2:])

        own = [i for i, field in enumerate(self.fields) if field.kind in (BRANCH, MIXED)]
        attention, gradients = self._own(images)
        for number, gradient in zip(own, gradients, strict=True):
            keep(number, gradient)
        for number, field in enumerate(self.fields):
            if field.kind == CLAMPED:
                which = "smallest" if field.branch == self.unit.smallest else "largest"
                keep(number, self._replaced(images, dict.fromkeys(attention, branch(which))))
            elif field.kind == FIXED:
                # The attention of the reference scale is fixed as it is: that field is there
                # already, unless gradients went through the attention.
                maps[:, self.reference, number] = maps[:, self.reference, own[-1]]
                through = self.through_attention
                others = [i for i in range(count) if i != self.reference or through]
                keep(number, self._fixed(images, attention, n, others), others)
        weights = attention[self.unit.name].double().cpu().numpy()
        weights = weights.reshape(n, count, *weights.shape[1:]).mean(axis=-1)
        expected = EXPECTED_KERNEL.of(weights, self.unit)
        return Measured(maps, moments(maps), weights[..., self.unit.largest], expected)

    def _own(self, images: Tensor) -> tuple[Weights, list[FloatArray]]:
        """Return the attention, and the maps of branches and mixture: one pass serves them all.

        The attention is its own, held constant, or else another pass has read it.
        """
        if self.through_attention:
            attention, _ = self.probe.capture(images)
            return attention, self._gradients(images, _all_features)
        seen: Weights = {}

        def watch(attention: Tensor, unit: Unit) -> Tensor:
            seen[unit.name] = attention.detach()
            return attention

        names = [unit.name for unit in self.probe.units]
        held = dict.fromkeys(names, Replacement("unchanged", watch, depends=True))
        with intervene(self.probe, held, constant=True):
            gradients = self._gradients(images, _all_features)
        return seen, gradients

    def _replaced(self, images: Tensor, replacements: Mapping[str, Replacement]) -> FloatArray:
        """Return the maps of the mixture with other attention: all before it changes, too."""
        with intervene(self.probe, replacements, constant=True):
            (gradient,) = self._gradients(images, lambda found: (found.output,))
        return gradient

    def _fixed(
        self, images: Tensor, attention: Weights, n: int, scales: Sequence[int]
    ) -> FloatArray:
        """Return the maps at some scales with the attention of the reference scale."""

        def of(views: Tensor, wanted: Sequence[int]) -> Tensor:
            by_image = views.reshape(n, len(self.scales), *views.shape[1:])
            return by_image[:, list(wanted)].flatten(0, 1)

        reference = [self.reference] * len(scales)
        kept = {name: fixed(of(array, reference)) for name, array in attention.items()}
        return self._replaced(of(images, scales), kept)

    def _gradients(self, images: Tensor, pick: Pick) -> list[FloatArray]:
        """Return the maps (B, H, W) of the picked features, each of mass 1 or nan."""
        images = images.detach().requires_grad_()
        features = pick(central_features(self.probe, self.unit, images))
        maps: list[FloatArray] = []
        for feature in features:
            if not feature.requires_grad:
                raise CaptureError(
                    f"expected a gradient from {self.unit.name} ({self.unit.path}) to the input, "
                    "there is none: the network stops gradients on the way"
                )
            last = len(maps) == len(features) - 1
            # Images of a batch do not meet in evaluation mode: the sum keeps them apart.
            (gradient,) = torch.autograd.grad(feature.sum(), images, retain_graph=not last)
            field = gradient.abs().sum(dim=1).double()
            maps.append((field / field.sum(dim=(1, 2), keepdim=True)).cpu().numpy())
        return maps


def _all_features(found: CentralFeatures) -> tuple[Tensor, ...]:
    return (*found.branches, found.output)


def _fields(
    unit: Unit, scales: tuple[float, ...], reference: int, branches: bool
) -> tuple[tuple[Field, ...], tuple[str, ...]]:
    """Return which fields a unit has, and what is to be said of the others."""
    labels = [unit.branch_label(index) for index in range(unit.branches)]
    fields = [Field(BRANCH, label, i) for i, label in enumerate(labels)] if branches else []
    fields.append(Field(MIXED, "mixed"))
    fields += [Field(CLAMPED, f"all {labels[i]}", i) for i in (unit.smallest, unit.largest)]
    if len(scales) > 1:
        fields.append(Field(FIXED, f"attention of {scale_label(scales[reference])}"))
    notes = []
    if not branches:
        notes.append(
            f"no fields of single branches: skviz knows the branch modules of its own SK "
            f"convolutions and of timm's, {unit.path or 'the network itself'} is none; the mixed "
            "field is that of what this module returns"
        )
    return tuple(fields), tuple(notes)
