"""What the file of a run folder must hold, and which field of it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SHOWN = 60
_WORDS: dict[Any, str] = {
    None: "null", list: "a list", dict: "an object", str: "text", bool: "true or false",
}  # fmt: skip


@dataclass(frozen=True)
class Number:
    """A number between two bounds, whole or not."""

    low: float
    high: float
    whole: bool = True

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {self.low:g} to {self.high:g}"

    def fits(self, value: object) -> bool:
        """Tell whether a value is such a number."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        whole = isinstance(value, int) or not self.whole
        return whole and self.low <= value <= self.high


# Far above what any network, data set or machine has: larger ones are damage.
_MANY = Number(0, 10**9)
_SIDE = Number(1, 100_000)
_KERNEL = {"size": (_SIDE, [_SIDE]), "dilation": (_SIDE, [_SIDE]), "groups": Number(1, 10**7)}
# Types of JSON; {"key": what its value is}, "key?" if it may be missing; [what every entry is];
# (one, or another).
RUN = {
    "model": {
        "name": str,
        "weights": str,
        "sha256": (str, None),
        "state?": str,
        "trained": bool,
        "classes": ([str], None),
        "notes?": ([str], None),
    },
    "control?": ({"kind": str}, None),
    "units": [
        {
            "name": str,
            "path": str,
            "kernels": [(_KERNEL, None)],
            "channels": Number(1, 10**7),
            "branches": Number(1, 10**4),
            "call?": _MANY,
            "kind?": str,
            "found_by?": str,
            "notes?": [str],
            "null?": list,
        }
    ],
    "scales": [Number(0.001, 10_000, whole=False)],
    "spec?": dict,
    "resample?": str,
    "fill?": (str, list, Number(0, 255, whole=False)),
    "dataset": {
        "kind?": str,
        "root?": (str, None),
        "digest?": (str, None),
        "images": _MANY,
        "classes": [str],
        "labels?": (dict, str, list, None),
        "boxes?": _MANY,
    },
    "shard_size": Number(1, 10**9),
    "shards": Number(0, 10**7),
    "precision?": str,
    "predictions?": bool,
    "channels": [str],
    "class_channels": bool,
    "notes?": [dict],
    "versions?": dict,
    "command?": (str, None),
    "created?": str,
}

_TIME = Number(0, 10**12, whole=False)
SUITE = {
    "command?": (str, None),
    "runs": [
        {
            "name": str,
            "control": ({"kind": str}, None),
            "seconds": _TIME,
            "measured": _MANY,
            "cost?": (_TIME, None),
        }
    ],
}
INTERVENTIONS = {
    "kinds": [str],
    "units": [str],
    "reference": Number(0.001, 10_000, whole=False),
    "seed": Number(0, 2**63),
    "group?": (_MANY, None),
}

# The files beside the tables of a shard.
ERRORS = [{"image": str, "reason": str}]
ASSUMED = [{"image": str, "text": str, "detail": str}]


def fault(value: object, expected: Any, where: str = "") -> str | None:
    """Say which field is not as expected, and what came; None where all are.

    >>> fault({"shards": "x"}, {"shards": Number(0, 9)})
    "shards: expected a whole number from 0 to 9, got 'x'"
    """
    if isinstance(expected, tuple):
        found = [fault(value, one, where) for one in expected]
        if None in found:
            return None
        deeper = [one for one in found if one and not one.startswith(f"{where}: expected")]
        return deeper[0] if deeper else _said(value, expected, where)
    if isinstance(expected, Mapping) and isinstance(value, Mapping):
        for key, inner in expected.items():
            name = key.removesuffix("?")
            path = f"{where}.{name}" if where else name
            if name not in value:
                if key == name:
                    return f"{path}: it is missing"
            elif wrong := fault(value[name], inner, path):
                return wrong
        return None
    if isinstance(expected, list) and isinstance(value, list):
        return next(filter(None, (fault(v, expected[0], f"{where}[{i}]")
                                  for i, v in enumerate(value))), None)  # fmt: skip
    if expected is None or isinstance(expected, Number):
        fits = value is None if expected is None else expected.fits(value)
    else:
        fits = isinstance(expected, type) and isinstance(value, expected)
    return None if fits else _said(value, expected, where)


def _said(value: object, expected: object, where: str) -> str:
    came = repr(value)
    came = came if len(came) <= _SHOWN else came[:_SHOWN] + "..."
    return f"{where}: expected {_words(expected)}, got {came}"


def _words(expected: Any) -> str:
    if isinstance(expected, tuple):
        return " or ".join(map(_words, expected))
    kind = type(expected) if isinstance(expected, list | dict) else expected
    return _WORDS.get(kind, str(expected))
