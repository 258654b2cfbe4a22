"""Which engine computes a run: the one asked for, or the one that is done first."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from skviz.capture.traced import GraphProbe
from skviz.errors import CaptureError
from skviz.runs.engines.table import ENGINES
from skviz.runs.forward import PRECISIONS, find_batch_size, sample
from skviz.runs.tuning import (
    PLAIN,
    ROUNDING,
    Arithmetic,
    Rounding,
    choose,
    for_engine,
    rounding,
    seconds_of_pass,
)

if TYPE_CHECKING:
    from skviz.data.imageset import ImageSet
    from skviz.data.loading import ViewMaker
    from skviz.runs.forward import Forward
    from skviz.runs.options import Options

# Views to choose with on a processor: enough to see which way is faster.
_TRIED = 8
# Seconds of work from which on it is worth choosing how to compute.
_LONG = 5.0
# An engine is taken where the work that is left is done in less than this share of the time.
_WORTH = 0.9
# Operations of a network per unit that is read, where it was not traced yet: those of SKNet.
_PER_UNIT = 50


def settle_arithmetic(
    forward: Forward, images: ImageSet, views: ViewMaker, options: Options
) -> tuple[Arithmetic, Rounding | None]:
    """Choose how the network computes, and measure what that costs in digits.

    What the first run of a family chose is taken, where it changes no more than digits here too.
    Else everything stays plain for little work, where choosing would take longer than it saves.
    An engine that was asked for and cannot be used is replaced by the tuned network, and `why`
    of what is returned says so.
    """
    dtype, engine, family = PRECISIONS[options.precision], options.engine_asked, forward.family
    chosen = family.chosen
    if chosen is None:
        work = family.views
        if dtype is None and (engine == "eager" or (engine == "auto" and _quick(forward, work))):
            chosen = PLAIN
    if chosen == PLAIN and dtype is None:
        family.chosen = PLAIN
        return PLAIN, None
    # An engine is prepared for one size of batches: at once for that of the run.
    whole = options.batch_size or find_batch_size(forward, len(views.scales))
    example = forward.images(sample(images, views, whole))
    few = example[:_TRIED] if forward.device.type == "cpu" else example
    if chosen is not None:
        if chosen.engine not in ENGINES:
            example = few
        with suppress(CaptureError):
            return chosen, _prepared(forward, chosen, example, dtype)
    tuned = PLAIN if engine == "eager" else choose(forward.plain, few)
    chosen = tuned
    if engine in ENGINES:
        chosen = _asked(forward, engine, tuned, example, dtype)
    elif engine == "auto" and dtype is None:
        chosen = _first_done(forward, tuned, example)
    if chosen not in forward.ready:
        forward.make_ready(chosen, example)
    family.chosen = family.chosen or chosen
    return chosen, rounding(forward.plain, forward.ready[chosen], example, dtype)


def _asked(
    forward: Forward, engine: str, tuned: Arithmetic, example: Tensor, dtype: torch.dtype | None
) -> Arithmetic:
    """The engine that was asked for; where it cannot be used the tuned network, and why."""
    try:
        asked = for_engine(engine, tuned)
        _prepared(forward, asked, example, dtype)
        return asked
    except CaptureError as error:
        why = f"--engine {engine} is not used: {error}"
        return Arithmetic(tuned.folded, tuned.memory_format, tuned.engine, why)


def _first_done(forward: Forward, tuned: Arithmetic, example: Tensor) -> Arithmetic:
    """What is done first with the work of the family, preparing counted.

    The tuned network is timed on a whole batch. An engine is prepared where it can be expected
    to win, the one that is quickest to prepare first; then it is timed too.
    """
    family = forward.family
    batches = family.views / len(example)
    best, plain = tuned, forward.ready.get(tuned) or forward.make_ready(tuned, example)
    once = seconds = seconds_of_pass(plain, example, output=forward.predictions)
    operations = _PER_UNIT * len(forward.probe.units)
    for name, engine in ENGINES.items():
        left = batches * seconds
        preparing = engine.seconds(operations, family.networks)
        expected = preparing + batches * min(seconds, engine.share * once)
        if expected > _WORTH * left or engine.why_not(forward.device, None):
            continue
        candidate = for_engine(name, tuned)
        try:
            _prepared(forward, candidate, example, None)
        except CaptureError:
            continue  # What is tuned needs no engine: nothing was asked for.
        probe = forward.ready[candidate]
        taken = seconds_of_pass(probe, example, output=forward.predictions)
        if taken < _WORTH * seconds:
            best, seconds = candidate, taken
        else:
            del forward.ready[candidate]
    return best


def _prepared(
    forward: Forward, arithmetic: Arithmetic, example: Tensor, dtype: torch.dtype | None
) -> Rounding:
    """Make the network compute so; raises `CaptureError` where it changes more than digits."""
    probe = forward.ready.get(arithmetic) or forward.make_ready(arithmetic, example)
    error = rounding(forward.plain, probe, example, dtype)
    if dtype is None and error.attention > ROUNDING:
        del forward.ready[arithmetic]
        raise CaptureError(
            f"it changes the attention by {error.attention:.1e}, more than rounding "
            f"({ROUNDING:.0e}) does"
        )
    if isinstance(probe, GraphProbe) and forward.family.traced is None:
        forward.family.traced = probe
    return error


def _quick(forward: Forward, work: int) -> bool:
    """Whether so many views take only some seconds, judged by a small batch."""
    size = forward.spec.size
    noise = torch.randint(0, 256, (4, size, size, 3), dtype=torch.uint8)
    started = time.perf_counter()
    forward.run(noise)
    spent = time.perf_counter() - started
    if spent * work / 4 > _LONG:  # The first pass is slow: only the second one counts.
        started = time.perf_counter()
        forward.run(noise)
        spent = time.perf_counter() - started
    return spent * work / 4 <= _LONG
