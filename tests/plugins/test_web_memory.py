"""What the C library is told of memory."""

import platform
import subprocess
import sys

import pytest

HEAPS = """
import ctypes, sys, threading
from seealso_web.memory import give_back, share_heaps

if sys.argv[1] == "told":
    share_heaps()
library = ctypes.CDLL(None)
together = threading.Barrier(6)

def take():
    together.wait()
    library.malloc(1000)
    together.wait()

threads = [threading.Thread(target=take) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
give_back()
library.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(library.fopen(sys.argv[2].encode(), b"w"))
assert library.malloc_info(0, file) == 0
library.fclose(file)
print(open(sys.argv[2]).read().count("<heap "))
"""


@pytest.fixture
def heaps(tmp_path, monkeypatch):
    """How many heaps a process with six more threads has; ``told`` or not."""
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("another C library has other heaps")
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)

    def count(told):
        command = [sys.executable, "-c", HEAPS, told, str(tmp_path / "heaps.xml")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert not done.returncode, done.stderr
        return int(done.stdout)

    return count


def test_threads_share_two_heaps(heaps):
    assert heaps("told") == 2
    assert heaps("not told") > 2


def test_the_environment_has_the_last_word(heaps, monkeypatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "3")
    assert heaps("told") == 3
