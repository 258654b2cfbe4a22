"""skviz: see which kernel a selective-kernel network chooses.

Everything a notebook needs is a name of this package. Names are imported when they are first
used, so that `import skviz` loads neither PyTorch nor Matplotlib.

    import skviz
    model = skviz.load_model()
    views = skviz.enlarge("dog.jpg", scales=(1.0, 1.5, 2.0))
    attention = skviz.Probe(model)(views)
    attention["3_4"].shape       # (3, 2, C): views, branches, channels
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    # X as X: these names are meant to be taken from here.
    from skviz.analysis.single import (
        ImageResult as ImageResult,
        analyze_image as analyze_image,
    )
    from skviz.capture.attention import Attention as Attention
    from skviz.capture.probe import Probe as Probe
    from skviz.errors import (
        CaptureError as CaptureError,
        ImageError as ImageError,
        ModelError as ModelError,
        OutputError as OutputError,
        ScaleError as ScaleError,
        SkvizError as SkvizError,
        UnitError as UnitError,
        UnknownModelError as UnknownModelError,
        UsageError as UsageError,
        WeightsError as WeightsError,
    )
    from skviz.images import read_image as read_image
    from skviz.models import (
        known_models as known_models,
        load_model as load_model,
    )
    from skviz.scaling import (
        InputSpec as InputSpec,
        Views as Views,
        enlarge as enlarge,
    )
    from skviz.units import (
        Kernel as Kernel,
        Unit as Unit,
        paper_units as paper_units,
        select_units as select_units,
    )

_ROOMS = {
    "skviz.analysis.single": ("ImageResult", "analyze_image"),
    "skviz.capture.attention": ("Attention",),
    "skviz.capture.probe": ("Probe",),
    "skviz.errors": (
        "CaptureError",
        "ImageError",
        "ModelError",
        "OutputError",
        "ScaleError",
        "SkvizError",
        "UnitError",
        "UnknownModelError",
        "UsageError",
        "WeightsError",
    ),
    "skviz.images": ("read_image",),
    "skviz.models": ("known_models", "load_model"),
    "skviz.scaling": ("InputSpec", "Views", "enlarge"),
    "skviz.units": ("Kernel", "Unit", "paper_units", "select_units"),
}
_HOME = {name: module for module, names in _ROOMS.items() for name in names}

__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'skviz' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value  # The next use finds it without coming here.
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
