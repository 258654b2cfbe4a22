"""The passes of a batch with attention replaced, each from the first replaced unit on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from skviz.capture.intervene import intervene
from skviz.capture.replacements import fixed
from skviz.capture.replay import Pass, Replay, check_given
from skviz.errors import CaptureError
from skviz.runs.classes import check_output

if TYPE_CHECKING:
    from skviz.runs.forward import Forward

Targets = Sequence[tuple[str, ...]]


class ReplacedPasses:
    """Runs batches of views, as they are and with the attention of `targets` replaced.

    What comes before a replaced unit runs once. A network that cannot be traced runs anew for
    every target (`whole` is true), which gives the same numbers.
    """

    def __init__(self, forward: Forward, targets: Targets) -> None:
        self.forward, self.targets = forward, targets
        self.replay: Replay | None = None
        self.whole = False

    def of(self, views: Tensor) -> OfBatch:
        """Return the passes of uint8 views (N, size, size, 3); the plain one is run."""
        if self.replay is None and not self.whole:
            example = self.forward.images(views[: self.forward.batch_size])
            casting = self.forward.casting()
            try:
                self.replay = Replay(self.forward.probe, example, self.targets, casting)
            except CaptureError:
                self.whole = True
        if self.replay is None:
            return Whole(self.forward, self.targets, views)
        images = (self.forward.images(part) for part in torch.split(views, self.replay.batch))
        parts = [self.replay.plain(part) for part in images]
        return Replayed(self.replay, self.targets, parts)


@dataclass(frozen=True)
class Replayed:
    """A batch whose plain passes are kept as far as they are needed; `parts` are its pieces."""

    replay: Replay
    targets: Targets
    parts: list[Pass]

    @cached_property
    def attention(self) -> dict[str, Tensor]:
        """The attention of every unit, (N, M, C)."""
        names = self.replay.names
        return {name: torch.cat([part.attention[name] for part in self.parts]) for name in names}

    @cached_property
    def output(self) -> Tensor:
        """The class output (N, K)."""
        return _finite(torch.cat([part.output for part in self.parts]))

    def replaced(self, made: Mapping[str, Tensor]) -> Iterator[Tensor | None]:
        """Yield the output (N, K) of every target with its units' attention replaced.

        `made` is by unit, (N, M, C); None where it has nothing for a target.
        """
        check_given(self.replay.probe, made)
        first: dict[str, list[Pass]] = {}
        for target in self.targets:
            given = {name: made[name] for name in target if name in made}
            if not given:
                yield None
                continue
            start = next(iter(given))
            # Of several units the first one alone may have been replaced already.
            alone = len(given) == 1
            before = self.parts if alone else first.get(start, self.parts)
            then = [frozenset(t) for t in self.targets if alone and t[0] == start and len(t) > 1]
            sizes = [len(part.output) for part in before]
            pieces = {name: torch.split(array, sizes) for name, array in given.items()}
            passes = [
                self.replay.replaced({name: split[i] for name, split in pieces.items()}, part, then)
                for i, part in enumerate(before)
            ]
            if alone:
                first[start] = passes
            yield _finite(torch.cat([done.output for done in passes]))


class Whole:
    """A batch of a network that cannot be traced: it runs from the start for every target."""

    def __init__(self, forward: Forward, targets: Targets, views: Tensor) -> None:
        self.forward, self.targets, self.views = forward, targets, views
        self.attention, output = forward.run(views)
        assert output is not None
        self.output = output

    def replaced(self, made: Mapping[str, Tensor]) -> Iterator[Tensor | None]:
        """Yield what `Replayed.replaced` does."""
        for target in self.targets:
            given = {name: made[name] for name in target if name in made}
            yield self._with(given) if given else None

    def _with(self, given: Mapping[str, Tensor]) -> Tensor:
        outputs = []
        size = self.forward.batch_size
        for start in range(0, len(self.views), size):
            part = slice(start, start + size)
            replacements = {name: fixed(array[part]) for name, array in given.items()}
            with intervene(self.forward.probe, replacements):
                logits = self.forward.run(self.views[part])[1]
            assert logits is not None
            outputs.append(logits)
        return torch.cat(outputs)


OfBatch = Replayed | Whole


def _finite(output: Tensor) -> Tensor:
    check_output(output.float().amax(dim=1).cpu().numpy())
    return output
