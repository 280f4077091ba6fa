"""What a plugin prints goes to standard error; what anybody else prints meanwhile goes where it always does."""

import sys
import threading

import pytest

from seealso.registry.output import stdout_at_stderr


def test_what_is_printed_within_goes_to_standard_error(capsys):
    own = sys.stdout
    print("before")
    with stdout_at_stderr():
        print("within")
        with stdout_at_stderr():
            print("deeper", flush=True)
        sys.stdout.write("still within\n")
    print("after")
    assert sys.stdout is own
    found = capsys.readouterr()
    assert (found.out, found.err) == ("before\nafter\n", "within\ndeeper\nstill within\n")


def test_an_exception_ends_it(capsys):
    own = sys.stdout
    with pytest.raises(KeyError), stdout_at_stderr():
        raise KeyError
    assert sys.stdout is own


def test_other_threads_are_not_concerned(capsys):
    """Two that enter and leave crosswise, and one that prints a result meanwhile."""
    own, inside, leave = sys.stdout, threading.Barrier(3), [threading.Event(), threading.Event()]

    def run(number: int) -> None:
        with stdout_at_stderr():
            inside.wait(10)
            leave[number].wait(10)
            print("of a plugin")

    threads = [threading.Thread(target=run, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    print("a result")
    for event, thread in zip(leave, threads, strict=True):
        event.set()
        thread.join(10)
        print("another")
    assert sys.stdout is own
    found = capsys.readouterr()
    assert (found.out, found.err) == ("a result\nanother\nanother\n", "of a plugin\nof a plugin\n")


def test_who_keeps_the_stream_writes_where_he_stands(capsys):
    with stdout_at_stderr():
        kept = sys.stdout
        print("within", file=kept)
    print("after", file=kept)
    found = capsys.readouterr()
    assert (found.out, found.err) == ("after\n", "within\n")
