import os
import time
from pathlib import Path

import pytest
from alone import alone

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_work_is_done_in_another_process():
    assert alone(os.getpid) != os.getpid()


def test_an_error_comes_back():
    with pytest.raises(FileNotFoundError, match="nowhere"):
        alone(os.stat, "/nowhere/at/all")


STORY = """
import sys, time
sys.path.append(sys.argv[1])
from alone import alone
print("it begins", flush=True)
alone(time.sleep, 100)
"""


@pytest.mark.skipif(not Path("/proc/thread-self/children").exists(), reason="only Linux ends a process with its parent")
def test_it_ends_with_whoever_is_killed(python):
    with python.start("-c", STORY, BENCHMARKS) as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        while not (found := [pid for pid in children.read_text().split() if sleeps(pid)]):
            time.sleep(0.05)
        parent.kill()
        for _ in range(200):
            if not any(sleeps(pid) for pid in found):
                break
            time.sleep(0.05)
        assert not any(sleeps(pid) for pid in found)


def sleeps(pid: str) -> bool:
    """Whether a process is there, and does the work."""
    try:
        return (
            "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()
            and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
        )
    except OSError:
        return False
