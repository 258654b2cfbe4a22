"""The command line and the Python lines that make what the page shows."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skviz.explorer.request import Look


@dataclass(frozen=True)
class Loading:
    """How the network is loaded: `words` of the command line, arguments of `load_model`.

    Without either (a network of a notebook) there is no command, and the lines say `model`.
    `example` is the path of the photograph that skviz ships.
    """

    words: Sequence[str] | None = None
    name: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    example: str = ""

    def lines(self, look: Look, picture: str, scales: Sequence[float], unit: str) -> dict[str, str]:
        """Return `command` and `python`; a command is empty where the network has no name."""
        return {
            "command": self._command(look, picture, scales, unit),
            "python": self._python(look, picture, scales, unit),
        }

    def _command(self, look: Look, picture: str, scales: Sequence[float], unit: str) -> str:
        if self.words is None:
            return ""
        image = "example" if picture == self.example else picture
        words = ["skviz", "attention", image, "--units", unit]
        words += ["--scales", ",".join(f"{scale:g}" for scale in scales)]
        for name, values in (("--box", look.box), ("--center", look.center)):
            if values is not None:
                words += [name, ",".join(f"{value:.10g}" for value in values)]
        if look.control is not None:
            words += ["--control", look.control]
        network = list(self.words)
        if look.untrained:
            network = _without_weights(network)
        return shlex.join([*words, *network])

    def _python(self, look: Look, picture: str, scales: Sequence[float], unit: str) -> str:
        how = [f"stages=[{unit!r}]", f"scales={tuple(scales)!r}"]
        for name, values in (("box", look.box), ("center", look.center)):
            if values is not None:
                how.append(f"{name}={tuple(values)!r}")
        if look.control is not None:
            how.append(f"control={look.control!r}")
        lines = ["import skviz", ""]
        if self.words is not None:
            given = dict(self.arguments)
            if look.untrained:
                given = {key: given[key] for key in given if not key.startswith("weights")}
                given["pretrained"] = False
            words = [] if self.name is None else [repr(self.name)]
            words += [f"{key}={value!r}" for key, value in given.items()]
            lines.append(f"model = skviz.load_model({', '.join(words)})")
        elif look.untrained:
            lines.append("# model: your network with random weights")
        source = "skviz.example_photo()" if picture == self.example else repr(picture)
        lines += [
            f"result = skviz.analyze_image({source}, model, {', '.join(how)})",
            f"skviz.draw_attention(result.views, result.attention, [{unit!r}])",
        ]
        return "\n".join(lines) + "\n"


def _without_weights(words: Sequence[str]) -> list[str]:
    kept, rest = [], iter(words)
    for word in rest:
        if word in ("--weights", "--weights-key"):
            next(rest, None)
        elif word != "--allow-mismatch":
            kept.append(word)
    return [*kept, "--no-pretrained"]
