"""Plausible attention, drawn pictures, and a look at what lies where in a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from skviz.capture.attention import Attention
from skviz.pictures.scaling import Views, enlarge
from skviz.units import Kernel, Unit
from tests.figures.tidy import visible_texts

STAGES = {2: 3, 3: 4, 4: 6, 5: 3}
SKNET_101 = {2: 3, 3: 4, 4: 23, 5: 3}


def make_attention(
    scales: Sequence[float] | None = (1.0, 1.5, 2.0),
    *,
    stages: dict[int, int] = STAGES,
    names: Sequence[str] | None = None,
    branches: int = 2,
    channels: int | None = None,
    known: bool = True,
    seed: int = 0,
) -> Attention:
    """Softmax of noise; the last branch is a little below its share, as in the paper."""
    generator = np.random.default_rng(seed)
    kernels = tuple(Kernel(3, index + 1) if known else None for index in range(branches))
    found = names or [f"SK_{s}_{p}" for s, count in stages.items() for p in range(1, count + 1)]
    units, arrays = [], {}
    for name in found:
        count = channels or (64 * 2 ** (int(name[3]) - 1) if name.startswith("SK_") else 256)
        logits = generator.normal(0, 0.25, (len(scales or (1, 1)), branches, count))
        logits[:, -1] -= 0.12
        weights = np.exp(logits)
        units.append(Unit(name, name, kernels, count))
        arrays[name] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return Attention(tuple(units), arrays, None if scales is None else tuple(scales))


def make_views(scales: Sequence[float] = (1.0, 1.5, 2.0)) -> Views:
    from PIL import Image

    ramp = np.add.outer(np.arange(300), np.arange(400)) % 256
    pixels = np.stack([ramp, ramp[:, ::-1], ramp[::-1]], axis=2).astype(np.uint8)
    return enlarge(Image.fromarray(pixels), scales)


@pytest.fixture
def attention() -> Attention:
    return make_attention()


@pytest.fixture
def attention_of() -> Callable[..., Attention]:
    return make_attention


@pytest.fixture
def views_of() -> Callable[..., Views]:
    return make_views


@pytest.fixture
def assert_tidy() -> Callable[[Figure], None]:
    return _assert_tidy


def _assert_tidy(figure: Figure) -> None:
    """No text is outside the page or on top of another one; no chart is on another one."""
    figure.draw_without_rendering()
    page = Bbox.from_bounds(-0.5, -0.5, figure.bbox.width + 1, figure.bbox.height + 1)
    boxes = {
        f"{text.get_text()!r} #{index}": text.get_window_extent()
        for index, text in enumerate(visible_texts(figure))
    }
    for legend in figure.legends:
        boxes["legend"] = legend.get_window_extent()
    for name, box in boxes.items():
        inside = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
        assert inside, f"{name} is outside the page: {box}"
    texts = {name: _shrunk(box) for name, box in boxes.items() if name != "legend"}
    for (one, a), (other, b) in combinations(texts.items(), 2):
        assert not a.overlaps(b), f"{one} and {other} overlap"
    for one, other in combinations(figure.axes, 2):
        a, b = one.get_tightbbox(), other.get_tightbbox()
        assert a is not None
        assert b is not None
        assert not _shrunk(a).overlaps(_shrunk(b)), f"{one.get_label()}, {other.get_label()}"
    for ax in figure.axes:
        if ax.get_label() == "colours":  # a colour bar is narrow
            continue
        box = ax.get_window_extent()
        assert box.width > 40, f"{ax.get_label()} is {box.width} pixels wide"
        assert box.height > 40, f"{ax.get_label()} is {box.height} pixels high"


def _shrunk(box: Bbox) -> Bbox:
    return Bbox.from_extents(box.x0 + 0.5, box.y0 + 0.5, box.x1 - 0.5, box.y1 - 0.5)
