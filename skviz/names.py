r"""Names of files and classes as they are stored and printed.

A file name is bytes, and may hold what is no text: bytes that are not UTF-8, line breaks,
sequences that a terminal obeys. There is one way to keep it, and it can be undone:

- a backslash becomes `\\`,
- a byte that is not UTF-8 becomes `\x` and two hexadecimal digits,
- a control character, a line separator, a mark that turns the direction of text, a lone
  surrogate and U+FFFE and U+FFFF become `\u` and four digits.

Every other name stays as it is.
"""

from __future__ import annotations

import re

# C0 and C1 controls and DEL, line separators, marks of direction, surrogates, no characters.
_UNSAFE = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
_IN_NAMES = re.compile(rf"[\\{_UNSAFE}]")
# Texts of several lines and columns are printed as they are set.
_IN_TEXTS = re.compile(rf"(?![\n\t])[{_UNSAFE}]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_ESCAPES = re.compile(r"\\(?:\\|x([0-9a-f]{2})|u([0-9a-f]{4}))")
# How Python holds the bytes 0x80 to 0xff of a name that is not UTF-8.
_BYTES = range(0xDC80, 0xDD00)


def escaped(name: str) -> str:
    """Return a name as it is stored; see the module. Different names stay different."""
    return _IN_NAMES.sub(_escape, name)


def unescaped(stored: str) -> str:
    """Return the name that `escaped` was given; a backslash that begins no escape stays."""

    def character(match: re.Match[str]) -> str:
        byte, code = match.groups()
        if byte is not None:
            return chr(0xDC00 + int(byte, 16))
        return "\\" if code is None else chr(int(code, 16))

    return _ESCAPES.sub(character, stored)


def printable(text: str) -> str:
    """Return a text of one or more lines for a terminal: nothing in it is a command.

    Escaped like a name, but line feeds, tabs and backslashes stay: a stored name in it is
    not escaped again.
    """
    return _IN_TEXTS.sub(_escape, text)


def encodable(text: str) -> str:
    """Return text that UTF-8 can hold: surrogates are escaped as in a name."""
    return _SURROGATES.sub(_escape, text)


def in_json(document: str) -> str:
    """Return a JSON document without anything that a terminal obeys or UTF-8 cannot hold.

    A reader of JSON gets the same texts, but for surrogates, which are escaped as in a name.
    """

    def escape(match: re.Match[str]) -> str:
        # JSON has the same \u for a character; the backslash of an escaped byte is a text's own.
        return f"\\{_escape(match)}" if "\ud800" <= match[0] <= "\udfff" else _escape(match)

    return _IN_TEXTS.sub(escape, document)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == ord("\\"):
        return "\\\\"
    return f"\\x{code - 0xDC00:02x}" if code in _BYTES else f"\\u{code:04x}"
