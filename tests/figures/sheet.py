"""Write the sheet of every figure in every place, light and dark, to be looked at.

    python tests/figures/sheet.py FOLDER [PLACE...]

Each place gives one HTML page with its figures, and a list of what is wrong with them.
"""

from __future__ import annotations

import html
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from skviz.figures import figure_style, save_figure
from tests.figures.extremes_controls import every_case
from tests.figures.tidy import troubles

STYLES = ("paper", "paper-wide", "thesis", "talk", "poster", "web")


def main(folder: Path, styles: list[str]) -> int:
    faults = 0
    for style in styles:
        here = folder / style.replace(",", "-")
        here.mkdir(parents=True, exist_ok=True)
        rows = []
        for case in every_case():
            with figure_style(style), warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                figure = case.draw()
                found = troubles(figure)
                width, _ = figure.get_size_inches()
                # All places come out equally wide on the page.
                save_figure(figure, here / f"{case.name}.png", overwrite=True, dpi=900 / width)
            found += [f"warning: {str(each.message).splitlines()[0]}" for each in caught]
            faults += len(found)
            for fault in found[:6]:
                print(f"{style} {case.name}: {fault[:160]}", flush=True)
            said = html.escape("; ".join(found[:3]))
            rows.append(f"<h3>{case.name}</h3><p>{said}</p><img src='{case.name}.png'>")
        page = f"<!doctype html><meta charset='utf-8'><h1>{style}</h1>{''.join(rows)}"
        (here / "index.html").write_text(page, encoding="utf-8")
    print(f"{faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    every = [one for style in STYLES for one in (style, f"{style},dark")]
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:] or every))
