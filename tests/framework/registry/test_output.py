"""What a plugin prints goes to standard error; what anybody else prints meanwhile goes where it always does."""

import sys
import threading

import pytest

from seealso.registry.output import own_stdout, stdout_at_stderr


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


def test_who_takes_it_has_it_alone(capsys):
    own = sys.stdout
    with own_stdout() as stream:
        print("of a plugin")
        thread = threading.Thread(target=print, args=("of its thread",))
        thread.start()
        thread.join(10)
        with own_stdout() as again:
            print("an answer", file=again)
        print("of a plugin still")
        with stdout_at_stderr():
            print("of a hook")
        print("another answer", file=stream)
    print("after")
    assert sys.stdout is own
    found = capsys.readouterr()
    assert found.out == "an answer\nanother answer\nafter\n"
    assert found.err == "of a plugin\nof its thread\nof a plugin still\nof a hook\n"


def test_those_who_take_it_may_leave_in_any_order(capsys):
    own, inside, leave = sys.stdout, threading.Barrier(3), [threading.Event(), threading.Event()]

    def run(number: int) -> None:
        with own_stdout() as stream:
            inside.wait(10)
            leave[number].wait(10)
            print(number, file=stream)

    threads = [threading.Thread(target=run, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    for event, thread in zip(leave, threads, strict=True):
        event.set()
        thread.join(10)
    assert sys.stdout is own
    assert capsys.readouterr().out == "0\n1\n"


TAKING = """
import os, subprocess, sys
from seealso.registry.output import own_stdout, take_stdout
print("before")
take_stdout()
os.write(1, b"of a library in C\\n")
subprocess.run(["echo", "of another process"], check=True)
print("of a print that keeps to the first one", file=sys.__stdout__, flush=True)
print("é", sys.stdout.fileno() > 2, os.get_inheritable(sys.stdout.fileno()))
"""


def test_a_program_has_its_descriptor_for_itself(python):
    done = python.run("-c", TAKING)
    assert (done.returncode, done.stdout) == (0, "before\né True False\n")
    assert sorted(done.stderr.splitlines()) == [
        "of a library in C", "of a print that keeps to the first one", "of another process"
    ]  # fmt: skip
