"""Indexes a folder, and kills itself at a failpoint. Run by the crash tests as a process of its own.

    ingest_child.py COLLECTION PHOTOS LOG [FAILPOINT WHEN NTH]

What it has done it appends to LOG, one JSON line each, at once: ``given`` (IDs on their way to the store), ``committed``
(IDs and paths), ``ingesting`` when it begins. FAILPOINT is ``module:Class.method`` or ``module:function``; the process
kills itself ``before`` or ``after`` its NTH call.
"""

import functools
import importlib
import json
import os
import signal
import sys
from pathlib import Path

import seealso

THUMBNAIL = Path(__file__).parent.parent / "samples" / "thumbnail.py"


def logger(path: str):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def log(**what) -> None:
        os.write(descriptor, json.dumps(what).encode() + b"\n")

    return log


def wrap(target: str, before=lambda *args: None, after=lambda *args: None) -> None:
    """Have something done before and after every call of a function or method."""
    module_name, _, qualified = target.partition(":")
    owner = importlib.import_module(module_name)
    *classes, name = qualified.split(".")
    for each in classes:
        owner = getattr(owner, each)
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*args, **kwargs):
        before(*args)
        result = original(*args, **kwargs)
        after(*args)
        return result

    setattr(owner, name, wrapped)


def kill_at(target: str, when: str, nth: int) -> None:
    calls = 0

    def count(*_) -> None:
        nonlocal calls
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    wrap(target, **{when: count})


def main(collection: str, photos: str, log_file: str, *failpoint: str) -> None:
    log = logger(log_file)
    with seealso.open(collection, plugins=[THUMBNAIL], extractor="thumbnail") as opened:
        store = opened.plugins.get("store", opened.plugins.preferred("store"))
        module = f"{store.__module__}:{store.__qualname__}"
        wrap(f"{module}.put_many", before=lambda store, ids, descriptors: log(given=ids.tolist()))
        observed = opened.plugins.observe

        def observe(hook, **arguments):
            if hook == "ingested":
                batch = arguments["batch"]
                log(committed=batch.ids.tolist(), paths=[os.fsdecode(path) for path in batch.paths])
            observed(hook, **arguments)

        opened.plugins.observe = observe
        if failpoint:
            target, when, nth = failpoint
            kill_at(target.replace("STORE", module), when, int(nth))
        log(ingesting=True)
        opened.index([photos])
        log(done=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
