"""Notes on what was left out, assumed or changed."""

from __future__ import annotations

from skviz.notes import MOST_NAMES, Note, combined


def test_a_note_in_words() -> None:
    assert str(Note("assumed", "white is 255")) == "assumed: white is 255"
    assert str(Note.about("left out", "hidden", ["a"])) == "left out: hidden (1: a)"
    many = Note.about("left out", "hidden", [f"{i}" for i in range(1234)])
    assert str(many) == "left out: hidden (1,234: 0, 1, 2, ...)"


def test_many_names_are_counted() -> None:
    note = Note.about("left out", "hidden", map(str, range(MOST_NAMES + 7)))
    assert (len(note.names), note.count) == (MOST_NAMES, MOST_NAMES + 7)
    assert Note.from_dict(note.to_dict()) == note


def test_the_same_said_of_several_parts_is_one_note() -> None:
    one, other = Note.about("left out", "hidden", "ab"), Note.about("left out", "hidden", "bc")
    alone = Note("assumed", "white is 255")
    assert combined([one, alone, other, alone]) == (
        Note.about("left out", "hidden", "abc"),
        alone,
    )
    large = Note.about("left out", "hidden", map(str, range(MOST_NAMES + 7)))
    assert combined([large, large]) == (large,)
