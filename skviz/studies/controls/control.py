"""A control by its name: what is different in its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skviz.errors import UnitError, UsageError, did_you_mean
from skviz.pictures.crops import FILLS, RESAMPLING
from skviz.units import Unit, select_units

SURROUNDS = ("constant", "blurred")
WINDOWS = ("centre", "box")
# Kind: the key of `run.json` that its one word stands for, and the words that are known.
_WORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "object": ("surround", SURROUNDS),
    "masked": ("window", WINDOWS),
    "zoom-out": ("fill", FILLS),
    "resample": ("filter", tuple(RESAMPLING)),
}
VIEW_KINDS = ("blur", *_WORDS)
NETWORK_KINDS = ("random", "cascade", "unit")
# Text and meaning, for help and errors.
FORMS = {
    "blur": "1.0x reduced to 1/s and back: resolution is lost, nothing is enlarged",
    **{f"object-{word}": f"1.0x with a {word} surround: context is lost" for word in SURROUNDS},
    "masked": "the centre that the largest scale shows grows on a blank ground",
    "masked-box": "what is in the data set's box grows on a blank ground",
    **{f"zoom-out-{fill}": "scales 1/s, other fill" for fill in FILLS},
    **{f"resample-{name}": "another filter" for name in RESAMPLING},
    "random:SEED": "all weights random",
    "cascade:UNIT:SEED": "all weights from the classifier down to a unit random",
    "unit:UNIT:SEED": "one unit's weights random",
}


@dataclass(frozen=True)
class Control:
    """What is different in a run.

    `kind` is one of `VIEW_KINDS` or `NETWORK_KINDS`. `word` is the surround of "object", the
    window of "masked", the fill of "zoom-out", the filter of "resample", or the unit of
    "cascade" and "unit"; `seed` the seed of a network kind.

    Raises `UsageError` for a kind or word that is not known, or a seed below 0.
    """

    kind: str
    word: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        known = (*VIEW_KINDS, *NETWORK_KINDS)
        if self.kind not in known:
            raise UsageError(
                f"expected a control of kind {', '.join(known)}, got '{self.kind}'."
                f"{did_you_mean(self.kind, known)}"
            )
        _, words = _WORDS.get(self.kind, ("", ()))
        if words and self.word not in words:
            raise UsageError(
                f"expected control '{self.kind}' with {' or '.join(words)}, got {self.word!r}."
                f"{did_you_mean(str(self.word), words)}"
            )
        if self.kind in ("cascade", "unit") and not self.word:
            raise UsageError(f"expected control '{self.kind}' with the name of a unit, got none")
        if self.seed < 0:
            raise UsageError(f"expected a seed of 0 or more, got {self.seed}")

    @property
    def on_network(self) -> bool:
        """Whether the network differs; else the views do."""
        return self.kind in NETWORK_KINDS

    @property
    def name(self) -> str:
        """Its folder in a suite: "blur", "object-constant", "random-07", "cascade-SK_5_3"."""
        if self.kind == "random":
            return f"random-{self.seed:02d}"
        if self.on_network:
            return f"{self.kind}-{self.word}" + (f"-{self.seed:02d}" if self.seed else "")
        if self.kind == "blur" or (self.kind, self.word) == ("masked", "centre"):
            return self.kind
        return f"{self.kind}-{self.word}"

    def to_dict(self) -> dict[str, Any]:
        """Return what `run.json` says of it."""
        if self.kind == "blur":
            return {"kind": "blur"}
        if self.kind == "random":
            return {"kind": "random", "seed": self.seed}
        if self.on_network:
            key = "from" if self.kind == "cascade" else "unit"
            return {"kind": self.kind, key: self.word, "seed": self.seed}
        return {"kind": self.kind, _WORDS[self.kind][0]: self.word}

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Control:
        """Return the control that `to_dict` wrote; raises `UsageError` for anything else."""
        words = [value for key, value in entry.items() if key not in ("kind", "seed", "kept")]
        return cls(
            str(entry.get("kind")), str(words[0]) if words else None, int(entry.get("seed", 0))
        )

    def for_units(self, units: Sequence[Unit]) -> Control:
        """Return it with its unit's full name; raises `UnitError` for a name of none or many."""
        if self.kind not in ("cascade", "unit"):
            return self
        found = select_units(str(self.word), units)
        if len(found) != 1:
            raise UnitError(
                f"expected one unit in control '{self.kind}:{self.word}', it means "
                f"{', '.join(unit.short for unit in found)}"
            )
        return Control(self.kind, found[0].name, self.seed)


def parse_control(text: str) -> Control:
    """Return the control that a text such as "blur", "random:7" or "unit:SK_3_4:0" names.

    The seed of a network may be left out and is 0 then. Raises `UsageError` with the nearest
    known name.
    """
    kind, *rest = text.strip().split(":")
    if kind in NETWORK_KINDS:
        seed = 0
        # A unit's name may be a module path; only the last part can be a seed.
        if rest and rest[-1].isdecimal():
            seed = int(rest.pop())
        word = ":".join(rest)
        if bool(word) == (kind == "random"):
            form = "random:0" if kind == "random" else f"{kind}:SK_3_4:0"
            raise UsageError(f"expected a control such as {form}, got '{text}'")
        return Control(kind, word or None, seed)
    if not rest:
        if kind == "blur":
            return Control("blur")
        if kind == "masked":
            return Control("masked", "centre")
        for known, (_, words) in _WORDS.items():
            word = kind.removeprefix(f"{known}-")
            if word != kind and word in words:
                return Control(known, word)
    raise UsageError(
        f"expected a control out of {', '.join(FORMS)}, got '{text}'.{did_you_mean(text, FORMS)}"
    )
