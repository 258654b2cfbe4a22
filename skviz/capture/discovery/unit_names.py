"""Names of units in a network that was not built here: stage and position, or module path."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

# layer1, stage2, stages.0, layers_3, conv4_x, res5: the words that networks use for stages.
_STAGE = re.compile(r"(?:^|\.)(layer|stage|stages|layers|conv|res)[._]?(\d+)(_x)?(?=\.|$)")
MOST_STAGES = 6


@dataclass(frozen=True)
class Place:
    """Where a unit is: module path and call, whether it is a gate, and pixels per channel."""

    path: str
    call: int
    gate: bool
    pixels: int


def named(network: nn.Module, places: Sequence[Place]) -> list[str]:
    """Return a name for every unit, in the order of execution; no two are the same.

    Stages are read from module names (`layer1` is stage 2, as in the paper's table 1; so is
    the first `stage`), else from the resolution of the features where it falls from unit to
    unit. Without stages a unit is called by its module path; where the module runs several
    times, with "#0", "#1", ... for its calls.
    Gates beside selective units go by their paths.
    """
    mixed = len({place.gate for place in places}) == 2
    staged = [place for place in places if not (mixed and place.gate)]
    stages = _by_names(network, staged) or _by_resolution(staged)
    positions: Counter[int] = Counter()
    calls = Counter(place.path for place in places)
    names, taken = [], Counter[str]()
    following = iter(stages or [])
    for place in places:
        stage = None if stages is None or (mixed and place.gate) else next(following)
        if stage is None:
            name = place.path or type(network).__name__
            if calls[place.path] > 1:
                name = f"{name}#{place.call}"
        else:
            positions[stage] += 1
            name = f"{'SE' if place.gate else 'SK'}_{stage}_{positions[stage]}"
        taken[name] += 1
        names.append(name if taken[name] == 1 else f"{name}~{taken[name]}")
    return names


def _by_names(network: nn.Module, places: Sequence[Place]) -> list[int | None] | None:
    matches = [_STAGE.search(place.path + ".") for place in places]
    found = [m if m and (m[1] != "conv" or m[3]) else None for m in matches]
    if not any(found):
        return None
    stages: list[int | None] = []
    for place, match in zip(places, found, strict=True):
        if match is None:
            stages.append(None)
            continue
        number = int(match[2])
        if match[1] in ("conv", "res"):
            stages.append(number)
            continue
        siblings = _siblings(network, place.path[: match.start(1)], match)
        if len(siblings) > MOST_STAGES:
            return None
        stages.append(number - min(siblings) + 2)
    return stages


def _siblings(network: nn.Module, parent: str, match: re.Match[str]) -> set[int]:
    """Numbers of all modules beside this one that are called alike."""
    pattern = re.compile(re.escape(parent + match[1]) + r"[._]?(\d+)$")
    found = {int(m[1]) for path, _ in network.named_modules() if (m := pattern.match(path))}
    return found or {int(match[2])}


def _by_resolution(places: Sequence[Place]) -> list[int | None] | None:
    pixels = [place.pixels for place in places]
    falls = all(one >= two for one, two in pairwise(pixels))
    levels = sorted(set(pixels), reverse=True)
    if not falls or not 1 < len(levels) <= MOST_STAGES:
        return None
    return [levels.index(count) + 2 for count in pixels]
