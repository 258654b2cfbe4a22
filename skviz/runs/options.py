"""How a data set is analyzed: the options of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from skviz.errors import UsageError, did_you_mean
from skviz.pictures.crops import FILLS, RESAMPLING

ENGINE_NAMES = ("auto", "eager", "tuned", "compile", "openvino")


class OptionFields(TypedDict, total=False):
    """The fields of `Options` as named arguments, without `channels`."""

    resample: str
    fill: str
    class_channels: bool
    batch_size: int | None
    precision: str
    workers: int | None
    shard_size: int | None
    engine: str
    tune: bool | None
    compiled: bool
    predictions: bool
    keep_memory: bool


@dataclass(frozen=True)
class Options:
    """How a data set is analyzed.

    `resample` and `fill` are those of `skviz.enlarge`; `channels` names units whose whole
    attention vectors are kept, `class_channels` keeps the moments of every channel per class.
    `batch_size` is in views, over images and scales; None finds one. `precision` is "fp32",
    "bf16" or "fp16"; `workers` processes read images, None chooses; `shard_size` is in images,
    None chooses by the size of the data set. `engine` is what computes: "eager" is the network as
    it is, "tuned" folds BN into convolutions and chooses the memory format by measurement,
    "compile" and "openvino" run its graph; "auto" takes what finishes first. `tune` is an older
    word for "tuned" or, where it is false, "eager", `compiled` one for "compile". Without
    `predictions` the network runs only as far as the deepest unit. `keep_memory` sets glibc's
    allocator for the process (see `skviz.hardware.allocator`).
    """

    resample: str = "bicubic"
    fill: str = "mean"
    channels: tuple[str, ...] = ()
    class_channels: bool = False
    batch_size: int | None = None
    precision: str = "fp32"
    workers: int | None = None
    shard_size: int | None = None
    engine: str = "auto"
    tune: bool | None = None
    compiled: bool = False
    predictions: bool = True
    keep_memory: bool = True

    def __post_init__(self) -> None:
        for name in ("batch_size", "shard_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"expected {name} of at least 1, got {value}")
        if self.workers is not None and self.workers < 0:
            raise UsageError(f"expected workers of 0 or more, got {self.workers}")
        for name, known in (("resample", RESAMPLING), ("fill", FILLS), ("engine", ENGINE_NAMES)):
            value = getattr(self, name)
            if value not in known:
                raise UsageError(
                    f"expected {name} to be one of {', '.join(known)}, got {value!r}."
                    f"{did_you_mean(str(value), known)}"
                )
        older = self.compiled or self.tune is not None
        if older and self.engine not in ("auto", self.engine_asked):
            raise UsageError(
                f"expected either an engine or the older options tune and compiled, got engine "
                f"'{self.engine}' beside them; leave them out"
            )

    @property
    def engine_asked(self) -> str:
        """The engine, also where it was asked for by the older words."""
        if self.compiled:
            return "compile"
        if self.tune is not None:
            return "tuned" if self.tune else "eager"
        return self.engine
