"""Whatever is told to a person is one line, of a sensible length, that steers no terminal."""

import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seealso.messages import LONGEST, MOST_LINES, MessageFormatter, one_line, printable, reason_of, traceback_of


def test_a_message_of_any_length_keeps_its_beginning_and_its_end():
    told = one_line(f"/{'x' * 60_000}: cannot be read; run `seealso verify`")
    assert len(told) == LONGEST
    assert told.startswith("/xxx")
    assert "x…x" in told
    assert told.endswith("x: cannot be read; run `seealso verify`")
    assert one_line("x" * LONGEST) == "x" * LONGEST
    assert one_line("abcdefghijkl", 6) == "abc…kl"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("a\u202eb\u200f", r"a\u202eb\u200f"),
        ("a\u2028b\u2029c\x85", r"a\u2028b\u2029c\x85"),
        ("\udcff\ud800", r"\udcff\ud800"),
        ("ü 鳥\u00a0🐈 \\n", "ü 鳥\u00a0🐈 \\n"),
    ],
)
def test_what_could_steer_a_terminal_is_shown_by_its_number(text, shown):
    assert printable(text) == shown
    assert one_line(text) == shown


@given(st.text(st.characters(), max_size=300), st.integers(5, 200))
def test_every_text_becomes_one_short_line(text, longest):
    told = one_line(text, longest)
    assert len(told) <= longest
    assert len(told.splitlines()) <= 1
    assert not any(unicodedata.category(character)[0] == "C" for character in told)
    assert one_line(told, longest) == told


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("a\n  b"), "a b"),
        (ValueError(), "ValueError"),
        (ValueError(" \n"), "ValueError"),
        (Mute(), "Mute"),
        (ValueError("\x1b[2J"), r"\x1b[2J"),
    ],
)
def test_the_reason_of_an_exception(error, reason):
    assert reason_of(error) == reason
    assert len(reason_of(ValueError("x" * 60_000))) == LONGEST


def raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


def test_a_traceback_keeps_its_lines_and_is_cut():
    lines = traceback_of(raised(ValueError("first\nsecond \x1b[2J" + "x" * 60_000 + "\nlast"))).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-3:-1] == ["ValueError: first", lines[-2]]
    assert lines[-2].startswith(r"second \x1b[2Jxxx")
    assert len(lines[-2]) == LONGEST
    assert lines[-1] == "last"
    lines = traceback_of(raised(ValueError("line\n" * 5000 + "last"))).splitlines()
    assert len(lines) == MOST_LINES + 1
    assert lines[MOST_LINES // 2] == "…"


def test_a_record_of_a_log_is_one_line_with_its_traceback_below():
    formatter = MessageFormatter("seealso: %(levelname)s: %(message)s")
    record = logging.LogRecord("seealso", logging.ERROR, "", 0, "%s\n%s", ("a\x1b", "x" * 60_000), None)
    told = formatter.format(record)
    assert told.startswith(r"seealso: ERROR: a\x1b\nxxx")
    assert len(told) == LONGEST
    error = raised(ValueError("x" * 60_000))
    record.exc_info = (ValueError, error, error.__traceback__)
    told = formatter.format(record)
    assert all(len(line) <= LONGEST for line in told.splitlines())
    assert "\nTraceback (most recent call last):\n" in told
