"""Names of any bytes: kept so that they can be told apart, and printed so that nothing obeys."""

from __future__ import annotations

import json
import os
import unicodedata

import pytest
from hypothesis import given, strategies as st

from skviz.files import json_text
from skviz.names import encodable, escaped, printable, unescaped

# What a file system may return: any bytes, as Python holds them.
file_names = st.binary(max_size=30).map(lambda data: data.decode("utf-8", "surrogateescape"))
names = (
    file_names | st.text(st.characters(), max_size=30) | st.text("\\xu0d\n\u202e\udcef", max_size=9)
)


def is_safe(text: str) -> bool:
    text.encode("utf-8")
    kinds = {unicodedata.category(character) for character in text}
    return not kinds & {"Cc", "Cs", "Zl", "Zp"} and not set(text) & set("\u202e\u2066\u200f\ufffe")


@given(names)
def test_a_name_is_safe_and_comes_back(name: str) -> None:
    assert is_safe(escaped(name))
    assert unescaped(escaped(name)) == name
    assert printable(escaped(name)) == escaped(name)


@given(names, names)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (escaped(one) == escaped(other)) == (one == other)


@given(names)
def test_a_text_of_lines_is_safe(text: str) -> None:
    shown = printable(text)
    assert is_safe(shown.replace("\n", " ").replace("\t", " "))
    assert shown.count("\n") == text.count("\n")


@given(st.recursive(names, lambda part: st.lists(part, max_size=3) | st.dictionaries(names, part)))
def test_a_json_document_is_safe_and_says_the_same(value: object) -> None:
    text = json_text(value)
    assert is_safe(text.replace("\n", " "))
    assert json.loads(text) == json.loads(encodable_everywhere(value))


def encodable_everywhere(value: object) -> str:
    """The value as JSON, surrogates escaped before: what a reader should get."""

    def texts(part: object) -> object:
        if isinstance(part, str):
            return encodable(part)
        if isinstance(part, list):
            return [texts(one) for one in part]
        assert isinstance(part, dict)
        return {encodable(key): texts(one) for key, one in part.items()}

    return json.dumps(texts(value))


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (b"dog.jpg", "dog.jpg"),
        ("süß 犬 👩‍🚀\u00a0.jpg".encode(), "süß 犬 👩‍🚀\u00a0.jpg"),
        (b"na\xefve.png", r"na\xefve.png"),
        (b"two\nlines.png", r"two\u000alines.png"),
        (b"\x1b[31mred.png", r"\u001b[31mred.png"),
        (rb"na\xefve.png", r"na\\xefve.png"),
        ("\u0085\u202e".encode(), r"\u0085\u202e"),
    ],
)
def test_how_names_are_kept(data: bytes, kept: str) -> None:
    assert escaped(os.fsdecode(data)) == kept
    assert os.fsencode(unescaped(kept)) == data


def test_what_is_no_escape_stays() -> None:
    assert unescaped(r"C:\dogs\x1\u12 ") == r"C:\dogs\x1\u12 "
