"""Text, figures and tables for LaTeX, such that pdflatex sets them whatever they hold."""

# ruff: noqa: RUF001 (the letters and signs are what this is about)

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import groupby

from skviz.reports.document import FigurePart, TablePart
from skviz.reports.tables import Table, two_lines
from skviz.reports.words import plain

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}", "`": r"\textasciigrave{}",
}  # fmt: skip
# What text fonts lack or would put together ("--"), and the letters that are no accented ones.
_KNOWN = {
    "\N{MINUS SIGN}": r"\ensuremath{-}", "\N{MULTIPLICATION SIGN}": r"\ensuremath{\times}",
    "\N{PLUS-MINUS SIGN}": r"\ensuremath{\pm}", "\N{EN DASH}": r"\textendash{}",
    "\N{EM DASH}": r"\textemdash{}", "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "\N{MIDDLE DOT}": r"\textperiodcentered{}", "\N{BULLET}": r"\textbullet{}",
    "\N{LEFT SINGLE QUOTATION MARK}": r"\textquoteleft{}",
    "\N{RIGHT SINGLE QUOTATION MARK}": r"\textquoteright{}",
    "\N{LEFT DOUBLE QUOTATION MARK}": r"\textquotedblleft{}",
    "\N{RIGHT DOUBLE QUOTATION MARK}": r"\textquotedblright{}",
    "\N{NO-BREAK SPACE}": "~", "\N{SOFT HYPHEN}": r"\-", "\N{DEGREE SIGN}": r"\ensuremath{^\circ}",
    "\N{LESS-THAN OR EQUAL TO}": r"\ensuremath{\le}", "\N{RIGHTWARDS ARROW}": r"\ensuremath{\to}",
    "\N{GREATER-THAN OR EQUAL TO}": r"\ensuremath{\ge}", "\N{ALMOST EQUAL TO}":
    r"\ensuremath{\approx}", "\N{INFINITY}": r"\ensuremath{\infty}",
    "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}",
    "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}", "§": r"\S{}", "¶": r"\P{}",
    "©": r"\textcopyright{}", "®": r"\textregistered{}", "™": r"\texttrademark{}",
    "µ": r"\ensuremath{\mu}", "²": r"\ensuremath{^2}", "³": r"\ensuremath{^3}",
    "α": r"\ensuremath{\alpha}", "β": r"\ensuremath{\beta}", "γ": r"\ensuremath{\gamma}",
    "δ": r"\ensuremath{\delta}", "ε": r"\ensuremath{\epsilon}", "λ": r"\ensuremath{\lambda}",
    "μ": r"\ensuremath{\mu}", "π": r"\ensuremath{\pi}", "ρ": r"\ensuremath{\rho}",
    "σ": r"\ensuremath{\sigma}", "τ": r"\ensuremath{\tau}", "φ": r"\ensuremath{\phi}",
    "χ": r"\ensuremath{\chi}", "ω": r"\ensuremath{\omega}", "Δ": r"\ensuremath{\Delta}",
}  # fmt: skip
# Combining marks and the accents that put them on a letter, in every encoding of fonts.
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u",
    "\u0307": ".", "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d",
    "\u0327": "c", "\u0331": "b",
}  # fmt: skip
_LINE_WIDTH = 345.0  # points, of an article
_SHORT = 30  # characters of a text on one line
_MOST_CODES = 4  # of a run of characters that pdflatex has no letters for

# What every file begins with.
PREAMBLE = r"""% Made by skviz. In the document's preamble:
%   \usepackage[T1]{fontenc}
%   \usepackage{textcomp,graphicx,booktabs,longtable}
% Characters that pdflatex has no letters for stand as [U+4E2D]. With LuaLaTeX or XeLaTeX, and
% a font that has them, set them as they are: before this file,
%   \newcommand{\skvizother}[2]{#2}
\providecommand{\skvizother}[2]{[#1]}
\providecommand{\textquotedbl}{"}
"""


def escape(text: str) -> str:
    """Return text that LaTeX sets as it reads: none of it is a command.

    ASCII, accented Latin letters and common signs come out as they are. For others, such as
    Chinese, Arabic or emoji, there is `\\skvizother`, which shows their code points.
    """
    done: list[str] = []
    composed = unicodedata.normalize("NFC", plain(text))
    for unknown, run in groupby(composed, key=lambda character: _one(character) is None):
        characters = "".join(run)
        done += [_other(characters)] if unknown else [_one(c) or "" for c in characters]
    return "".join(done)


def figure_environment(part: FigurePart, stem: str) -> str:
    """Return a `figure` environment for figures/STEM.pdf, with its caption and a label."""
    return rf"""\begin{{figure}}[htbp]
  \centering
  \includegraphics[width=\linewidth]{{figures/{stem}.pdf}}
  {_caption(part)}
  \label{{fig:{stem}}}
\end{{figure}}
"""


def table_environment(part: TablePart, stem: str, long: bool) -> str:
    """Return a table with the rules of booktabs; a `long` one goes over several pages.

    It has the columns that a page has room for; texts of prose and of these break their lines.
    """
    part = part.in_brief()
    table, long = part.table, long or part.prose
    columns = _columns(part)
    head, rows = _head(table), [_row(row) for row in table.cells]
    caption = _caption(part)
    label = rf"\label{{tab:{stem}}}"
    if long:
        font = r"\footnotesize" if part.prose else _font_for(table)
        lines = [
            r"\begingroup", font, r"\setlength{\tabcolsep}{2pt}",
            rf"\begin{{longtable}}{{{columns}}}", rf"{caption}{label}\\", r"\toprule", head,
            r"\midrule", r"\endfirsthead", r"\toprule", head, r"\midrule", r"\endhead",
            r"\bottomrule", r"\endfoot", *rows, r"\end{longtable}", r"\endgroup",
        ]  # fmt: skip
        return "\n".join(lines) + "\n"
    # As wide as it is, or as the line where it would be wider.
    fit = r"\ifdim\width>\linewidth\linewidth\else\width\fi"
    lines = [
        r"\begin{table}[htbp]", r"  \centering", f"  {caption}", f"  {label}",
        rf"  \resizebox{{{fit}}}{{!}}{{%", rf"  \begin{{tabular}}{{{columns}}}", r"  \toprule",
        f"  {head}", r"  \midrule", *(f"  {row}" for row in rows), r"  \bottomrule",
        r"  \end{tabular}}", r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _caption(part: FigurePart | TablePart) -> str:
    return rf"\caption[{{{escape(part.title)}}}]{{{escape(part.caption.text)}}}"


def _columns(part: TablePart) -> str:
    """Return how columns stand: numbers right, texts left, and long ones of words in lines."""
    kinds = ["r" if number else "l" for number in part.table.right]
    width = r"p{0.8\linewidth}" if part.prose else r"p{0.4\linewidth}"
    if part.prose or part.brief:
        for column in range(1, len(kinds)):
            if kinds[column] == "l" and any(len(row[column]) > _SHORT for row in part.table.cells):
                kinds[column] = width
    return "".join(kinds)


def _row(cells: Sequence[str]) -> str:
    # Braces: a cell that begins with [ would be an option of the row before it.
    return " & ".join(f"{{{escape(cell)}}}" for cell in cells) + r" \\"


def _head(table: Table) -> str:
    """Return the head of a table, each of its cells in one or two lines."""
    cells = []
    for head, number in zip(table.heads, table.right, strict=True):
        lines = [escape(line) for line in two_lines(head)]
        stack = r"\\".join(lines)
        side = "r" if number else "l"
        cells.append(rf"\shortstack[{side}]{{{stack}}}" if len(lines) > 1 else f"{{{lines[0]}}}")
    return " & ".join(cells) + r" \\"


def _font_for(table: Table) -> str:
    """Return the largest font in which a table is as wide as a line of an article or less."""
    heads, texts = table.heads, zip(*table.cells, strict=True)
    characters = sum(
        max(*map(len, column), *map(len, two_lines(head)))
        for head, column in zip(heads, texts, strict=True)
    )
    for font, points in ((r"\footnotesize", 4.25), (r"\scriptsize", 3.75)):
        if characters * points + 4 * len(heads) <= _LINE_WIDTH:
            return font
    return r"\tiny"


def _one(character: str) -> str | None:
    """Return what sets a character; None where text fonts have none."""
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isascii():
        # Hyphens that follow one another would become a dash.
        return "-{}" if character == "-" else character
    if character in _KNOWN:
        return _KNOWN[character]
    letter, *marks = list(unicodedata.normalize("NFD", character))
    if letter.isascii() and letter.isalpha() and marks and all(mark in _ACCENTS for mark in marks):
        base = rf"\{letter}" if letter in "ij" and marks[0] not in "\u0323\u0327\u0331" else letter
        for mark in marks:
            base = rf"\{_ACCENTS[mark]}{{{base}}}"
        return base
    return None


def _other(characters: str) -> str:
    """Return a run of characters that pdflatex lacks, by their code points."""
    codes = [f"U+{ord(character):04X}" for character in characters[:_MOST_CODES]]
    more = r" \ldots{}" if len(characters) > _MOST_CODES else ""
    return rf"\skvizother{{{' '.join(codes)}{more}}}{{{characters}}}"
