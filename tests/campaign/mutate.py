"""Random damage: to bytes, and to values of JSON."""

from __future__ import annotations

import copy
import json
import struct
from random import Random
from typing import Any

_NEST = "nested"
JUNK: list[Any] = [
    None, True, -1, 0, 1, 2**31, 10**9, 10**30, -(10**30), 1.5, float("nan"), float("inf"), "",
    "x", "\x1b]0;title\x07", "../../etc/passwd", "a" * 5000, "\ud800", [], {}, [[]], [None],
    {"a": 1}, [1e308] * 3, "1e400", "\u202eevil",
]  # fmt: skip


def damaged(data: bytes, rng: Random, other: bytes = b"") -> bytes:
    """Return bytes with one to four kinds of damage."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(_DAMAGE)(data, rng, other)
    return data


def _flip(data: bytes, rng: Random, other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _header(data: bytes, rng: Random, other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 4))):
        if changed:
            changed[rng.randrange(min(len(changed), 256))] = rng.randrange(256)
    return bytes(changed)


def _cut(data: bytes, rng: Random, other: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _number(data: bytes, rng: Random, other: bytes) -> bytes:
    value = rng.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x10000, 0xFFFF, 60000))
    packed = struct.pack(rng.choice(("<I", ">I", "<H", ">H")), value & 0xFFFF)
    if rng.random() < 0.5:
        packed = struct.pack(rng.choice(("<I", ">I")), value)
    at = rng.randrange(len(data) + 1)
    return data[:at] + packed + data[at + len(packed) :]


def _drop(data: bytes, rng: Random, other: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.randrange(1, 64) :]


def _repeat(data: bytes, rng: Random, other: bytes) -> bytes:
    at, size = rng.randrange(len(data) + 1), rng.randrange(1, 512)
    return data[: at + size] + data[at:]


def _splice(data: bytes, rng: Random, other: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


_DAMAGE = (_flip, _flip, _header, _cut, _number, _number, _drop, _repeat, _splice)


def edited(text: str, rng: Random) -> str:
    """Return JSON in which one value, anywhere, is gone, junk, or of another place."""
    document = json.loads(text)
    places = list(_places(document))
    if not places or rng.random() < 0.02:
        return json.dumps(rng.choice(JUNK))
    holder, key = rng.choice(places)
    what = rng.random()
    if what < 0.25:
        del holder[key]
    elif what < 0.8:
        holder[key] = rng.choice(JUNK)
    elif what < 0.9:
        holder[key] = _NEST
    else:
        other, there = rng.choice(places)
        holder[key] = copy.deepcopy(other[there]) if _has(other, there) else None
    depth = rng.choice((10, 1000, 100_000))
    return json.dumps(document).replace(f'"{_NEST}"', "[" * depth + "]" * depth)


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def _places(value: Any) -> Any:
    if isinstance(value, dict):
        for key in value:
            yield value, key
            yield from _places(value[key])
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield value, index
            yield from _places(one)
