"""`skviz models NAME`: what a network selects with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from skviz.reports.tables import Table

if TYPE_CHECKING:
    from skviz.units import Unit

    from .echo import Echo
    from .options.network import Network


def show_units(model: str, network: Network, echo: Echo) -> None:
    """Print the units of a network as a table, or as the JSON document."""
    from skviz.capture.probe import Probe
    from skviz.models import model_info

    built = replace(network, model=model).build()
    probe = Probe(built, attention=network.attention_at or None)
    gates = [unit for unit in probe.gates if unit not in probe.units]
    echo.document(
        {
            "model": model,
            "units": [_document(unit) for unit in probe.units],
            "gates": [_document(unit) for unit in gates],
            "not_units": list(probe.rejected),
            "notes": list(model_info(built).notes),
        }
    )
    head = ["unit", "module", "call", "kind", "kernels", "channels", "found by"]
    echo.result(Table.of(head, map(_row, probe.units)))
    if gates:
        echo.result(f"\nand {len(gates)} squeeze-and-excitation gates, by their paths:")
        echo.result(Table.of(head, map(_row, gates)))
    for note, names in _notes(probe.units).items():
        echo.warn(f"{names}: {note}")


def _row(unit: Unit) -> list[str]:
    return [
        unit.short,
        unit.path or "(the network)",
        str(unit.call),
        unit.kind,
        ", ".join(_kernel(unit, branch) for branch in range(unit.branches)),
        str(unit.channels),
        unit.found_by,
    ]


def _kernel(unit: Unit, branch: int) -> str:
    kernel = unit.kernels[branch]
    if kernel is None or not unit.labelled:
        return unit.branch_label(branch)
    return str(kernel)


def _notes(units: tuple[Unit, ...]) -> dict[str, str]:
    """Every note once, with the units it is about."""
    found: dict[str, list[str]] = {}
    for unit in units:
        for note in unit.notes:
            found.setdefault(note, []).append(unit.short)
    return {
        note: ", ".join(names) if len(names) < len(units) or len(units) == 1 else "all units"
        for note, names in found.items()
    }


def _document(unit: Unit) -> dict[str, Any]:
    return {
        "name": unit.name,
        "path": unit.path,
        "call": unit.call,
        "kind": unit.kind,
        "branches": [
            None
            if kernel is None
            else {
                "kernel": kernel.size,
                "dilation": kernel.dilation,
                "groups": kernel.groups,
                "effective": kernel.effective,
            }
            for kernel in unit.kernels
        ],
        "kernels_known": unit.kernels_known,
        "null": list(unit.null),
        "channels": unit.channels,
        "found_by": unit.found_by,
        "notes": list(unit.notes),
    }
