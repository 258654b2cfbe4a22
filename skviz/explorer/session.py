"""Answers to the page: one computation at a time, and only the newest request counts."""

from __future__ import annotations

import itertools
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skviz.errors import ScaleError, UsageError
from skviz.explorer.pictures import jpeg, png, too_many
from skviz.explorer.request import (
    FORMATS,
    LARGEST,
    SMALLEST,
    STEP,
    Look,
    scale_of,
    scales_of,
    serial_of,
)
from skviz.explorer.snippets import Loading
from skviz.explorer.untrained import untrained_of
from skviz.explorer.words import TERMS, known_of, published
from skviz.names import escaped
from skviz.pictures.images import ImageSource, Picture, read_picture
from skviz.studies.image import ImageAnalysis
from skviz.studies.image_result import ImageResult
from skviz.studies.unit_choice import choose_units
from skviz.version import __version__

if TYPE_CHECKING:
    from torch import nn

MOST_BYTES, MOST_PIXELS, MOST_PICTURES = 50_000_000, 60_000_000, 20
_REMEMBERED = 32
_CURVE = tuple(round(0.5 + 0.25 * n, 2) for n in range(11))


@dataclass(frozen=True)
class Download:
    """A file for the reader."""

    data: bytes
    media_type: str
    name: str


Reply = dict[str, Any] | Download


@dataclass
class Session:
    """A network, the same one untrained, and pictures, for one page.

    Parameters
    ----------
    analysis
        The network made ready, with all its units.
    untrained
        Builds the same network with random weights; called when it is first asked for.
    loading
        How a reader loads the network, for the commands that are copied.

    Raises
    ------
    UsageError
        By `handle`, for a request that makes no sense.
    SkvizError
        By `handle`, for a picture or a scale that does not go.
    """

    analysis: ImageAnalysis
    untrained: Callable[[], nn.Module]
    loading: Loading = field(default_factory=Loading)
    pictures: OrderedDict[str, tuple[Picture, str]] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self._computing = threading.Lock()
        self._tickets = itertools.count(1)
        self._newest = {"attention": 0, "curve": 0}
        self._numbers = itertools.count(1)
        self._own = 0
        self._last: tuple[Look, float, str] | None = None
        self._known: OrderedDict[tuple[Look, tuple[float, ...]], ImageResult] = OrderedDict()

    @classmethod
    def of(
        cls,
        model: nn.Module,
        pictures: Sequence[ImageSource] = (),
        *,
        attention: str | Sequence[str] | None = None,
        untrained: Callable[[], nn.Module] | None = None,
        loading: Loading | None = None,
    ) -> Session:
        """Make a network ready, and read the pictures that are named from the start."""
        analysis = ImageAnalysis.of(model, ["all"], attention=attention, photographs=pictures)
        session = cls(analysis, untrained or (lambda: untrained_of(analysis)), loading or Loading())
        for source in pictures:
            session.add(source)
        session._own = len(session.pictures)
        return session

    def add(self, source: ImageSource, name: str | None = None) -> str:
        """Read a picture, once, and return what requests call it. Raises `ImageError`."""
        picture = read_picture(source, MOST_PIXELS)
        key = f"p{next(self._numbers)}"
        self.pictures[key] = (picture, name or picture.name or "picture")
        return key

    def handle(self, kind: str, payload: Mapping[str, Any], data: bytes = b"") -> Reply:
        """Answer one request of the page."""
        answers: dict[str, Callable[[], Reply]] = {
            "state": self.state,
            "picture": lambda: self._picture(payload),
            "upload": lambda: self._upload(payload, data),
            "attention": lambda: self._attention(payload),
            "curve": lambda: self._curve(payload),
            "save": lambda: self._save(payload),
            "command": lambda: self._command(payload),
        }
        if kind not in answers:
            raise UsageError(f"expected a request out of {', '.join(answers)}")
        return answers[kind]()

    def state(self) -> dict[str, Any]:
        """Return what the page must know before it asks for numbers."""
        model, units = self.analysis.model, self.analysis.probe.units
        return {
            "network": {
                "name": model.name,
                "weights": model.weights,
                "trained": model.trained,
                "known": known_of(model),
                "input_size": model.spec.size,
            },
            "units": [
                {
                    "name": unit.name,
                    "kernels": [unit.branch_label(branch) for branch in range(unit.branches)],
                    "channels": unit.channels,
                }
                for unit in units
            ],
            "unit": choose_units(units).lines[0].name,
            "pictures": [self._entry(key) for key in self.pictures],
            "scales": {"min": SMALLEST, "max": LARGEST, "step": STEP},
            "terms": [{"term": term, "text": text} for term, text in TERMS.items()],
            "paper": published(),
            "limits": {"bytes": MOST_BYTES, "pictures": MOST_PICTURES},
            "version": __version__,
        }

    def result(self, look: Look, scales: Sequence[float], unit: str | None = None) -> ImageResult:
        """Return the result of `skviz.analyze_image` for a request."""
        analysis = self._random if look.untrained else self.analysis
        if unit is not None:
            choice = choose_units(analysis.probe.units, [unit])
            names = [one.name for one in choice.all]
            analysis = ImageAnalysis(analysis.probe.only(names), choice, analysis.model)
        picture = self._of(look.picture)[0]
        return analysis(picture, scales, box=look.box, center=look.center, control=look.control)

    def shown(self, figure: bool = False) -> ImageResult:
        """Return what the page shows: every unit, or those of its figure."""
        usual = (Look(next(iter(self.pictures))), 1.5, self.state()["unit"])
        look, scale, unit = self._last or usual
        scales = (1.0,) if scale == 1 else (1.0, scale)
        with self._computing:
            return self.result(look, scales, unit if figure else None)

    @cached_property
    def _random(self) -> ImageAnalysis:
        return ImageAnalysis.of(self.untrained(), ["all"])

    def _of(self, key: str) -> tuple[Picture, str]:
        if key not in self.pictures:
            raise UsageError("that image is no longer available; choose or drop another one")
        return self.pictures[key]

    def _entry(self, key: str) -> dict[str, Any]:
        picture, name = self.pictures[key]
        return {
            "id": key,
            "name": escaped(Path(name).name),
            "width": picture.size[0],
            "height": picture.size[1],
        }

    def _picture(self, payload: Mapping[str, Any]) -> Download:
        image = self._of(str(payload.get("picture")))[0].image
        return Download(jpeg(image), "image/jpeg", "picture.jpg")

    def _upload(self, payload: Mapping[str, Any], data: bytes) -> dict[str, Any]:
        if len(data) > MOST_BYTES:
            raise UsageError(f"expected a picture of at most {MOST_BYTES // 10**6} MB")
        name = str(payload.get("name") or "picture")[:200].replace("/", "_").replace("\\", "_")
        with self._computing:
            key = self.add(data, name)
            dropped = {
                key: picture.image
                for key, (picture, _) in self.pictures.items()
                if int(key[1:]) > self._own
            }
            for old in too_many(dropped, MOST_PICTURES):
                del self.pictures[old]
        return self._entry(key)

    def _attention(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        look, scale = Look.of(payload), scale_of(payload.get("scale"))
        serial = serial_of(payload.get("serial"))
        unit = payload.get("unit")
        if unit in [one.name for one in self.analysis.probe.units]:
            self._last = (look, scale, str(unit))
        found = self._compute("attention", look, (1.0,) if scale == 1 else (1.0, scale))
        if found is None:
            return {"superseded": True, "serial": serial}
        last = len(found.views) - 1
        classes = found.classes
        return {
            "serial": serial,
            "picture": look.picture,
            "scale": scale,
            "crop": list(found.views.boxes[last]),
            "base_crop": list(found.views.boxes[0]),
            "view": png(found.views.pixels[last]),
            "predictions": []
            if classes is None
            else [{"label": name, "probability": share} for name, share in classes[last]],
            "notes": [*found.notes, *map(str, found.assumed)],
            "units": _units(found, last),
            "base": _units(found, 0),
        }

    def _curve(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        look = Look.of(payload)
        # Blurring and surrounds are of views that enlarge: they have nothing below 1.0x.
        scales = [scale for scale in _CURVE if scale >= 1 or look.control is None]
        found = None
        while scales and found is None:
            try:
                found = self._compute("curve", look, tuple(scales))
            except ScaleError:  # The picture is too small for the last one, or for the first.
                scales = [scale for scale in scales if 1 <= scale < scales[-1]]
                continue
            if found is None:
                return {"superseded": True}
        if found is None:
            raise UsageError("the picture is too small to be enlarged")
        return {
            "scales": list(found.views.scales),
            "units": [
                {"name": unit.name, "values": found.values(unit).astype(float).tolist()}
                for unit in found.choice.all
            ],
        }

    def _compute(self, kind: str, look: Look, scales: tuple[float, ...]) -> ImageResult | None:
        """Return a result, or None where a newer request has come while this one waited."""
        ticket = next(self._tickets)
        self._newest[kind] = ticket
        with self._computing:
            # A curve gives way to anything newer; the numbers of a scale only to others like it.
            others = self._newest.values() if kind == "curve" else [self._newest[kind]]
            if ticket < max(others):
                return None
            key = (look, scales)
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
            found = self.result(look, scales)
            self._known[key] = found
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            return found

    def _save(self, payload: Mapping[str, Any]) -> Download:
        from skviz.reports.documents.of_images import image_document
        from skviz.reports.html.page import page
        from skviz.reports.single import ReportOptions, save_result

        kind = str(payload.get("format"))
        if kind not in FORMATS:
            raise UsageError(f"expected a format out of {', '.join(FORMATS)}")
        look, scales, unit = self._figure(payload)
        command = self._lines(look, scales, unit)["command"]
        with self._computing:
            found = self.result(look, scales, unit)
            stem = f"{Path(self._of(look.picture)[1]).stem}_attention_{unit.removeprefix('SK_')}"
            if kind == "html":
                data = page(image_document([found]))
            else:
                with tempfile.TemporaryDirectory() as folder:
                    file = Path(folder) / f"figure.{kind}"
                    save_result(found, [file], ReportOptions(command=command))
                    data = file.read_bytes()
        return Download(data, FORMATS[kind], f"{escaped(stem)}.{kind}")

    def _command(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return self._lines(*self._figure(payload))

    def _figure(self, payload: Mapping[str, Any]) -> tuple[Look, tuple[float, ...], str]:
        look, scales = Look.of(payload), scales_of(payload.get("scales"))
        unit = payload.get("unit")
        if unit not in [one.name for one in self.analysis.probe.units]:
            raise UsageError("expected the name of a unit of this network")
        return look, scales, str(unit)

    def _lines(self, look: Look, scales: Sequence[float], unit: str) -> dict[str, str]:
        name = self._of(look.picture)[1]
        return self.loading.lines(look, name, scales, unit.removeprefix("SK_"))


def _units(result: ImageResult, view: int) -> list[dict[str, Any]]:
    found = []
    for unit in result.choice.all:
        attention = result.attention[unit.name][view].astype(np.float64)
        expected = result.attention.expected_kernel(unit.name)
        found.append(
            {
                "name": unit.name,
                "attention": attention.tolist(),
                "means": attention.mean(axis=-1).tolist(),
                "difference": float(result.values(unit)[view]),
                "expected": None if expected is None else float(expected[view].mean()),
            }
        )
    return found
