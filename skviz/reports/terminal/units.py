"""The units of a network as a table, and as a JSON document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from skviz.reports.tables import Table
from skviz.units import Unit


def units_table(units: Iterable[Unit]) -> Table:
    """Return a table with a row per unit."""
    rows = [
        [
            unit.short,
            unit.path or "(the network)",
            str(unit.call),
            unit.kind,
            ", ".join(_kernel(unit, branch) for branch in range(unit.branches)),
            str(unit.channels),
            unit.found_by,
        ]
        for unit in units
    ]
    heads = ("unit", "module", "call", "kind", "kernels", "channels", "found by")
    return Table.of(heads, rows)


def unit_to_dict(unit: Unit) -> dict[str, Any]:
    """Return what JSON holds of a unit."""
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


def _kernel(unit: Unit, branch: int) -> str:
    kernel = unit.kernels[branch] if unit.labelled else None
    return unit.branch_label(branch) if kernel is None else str(kernel)
