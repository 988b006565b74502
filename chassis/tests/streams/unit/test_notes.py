"""What a commit notes is what the next owner reads, whatever else stands there."""

import pytest

from chassis.streams.notes import Note, Window, joined

NOTE = Note(frozenset({"b", "a"}), Window(1_000, 7))


def test_a_note_is_read_as_it_was_written() -> None:
    assert joined([NOTE.text]) == NOTE


def test_several_notes_say_all_inputs_and_the_newest_window() -> None:
    other = Note(frozenset({"c"}), Window(2_000, 1))
    assert joined([other.text, NOTE.text]) == Note(frozenset({"a", "b", "c"}), Window(2_000, 1))


@pytest.mark.parametrize("text", [None, "", "set by hand", "7", "[]", '{"other": 1}'])
def test_words_that_are_no_note_say_nothing(text: str | None) -> None:
    assert joined([text, NOTE.text, text]) == NOTE
    assert joined([text]) == Note()
