"""Cuts the power: gives a folder the state that it would have on a disk that lost every write not yet synced."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("unsynced.c")


def compile_layer(folder: Path) -> Path:
    """Build the library; the test is skipped where it cannot be."""
    if sys.platform != "linux":
        pytest.skip("the layer that drops unsynced writes is for Linux")
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is None:
        pytest.skip("the layer that drops unsynced writes needs a C compiler (cc, gcc or clang)")
    library = folder / "unsynced.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(SOURCE), "-ldl", "-lpthread"]
    subprocess.run(command, check=True)
    return library


class PowerCut:
    """A folder on a disk that forgets.

    Programs that run with `environment` have their syncs recorded; `cut` then leaves in the folder just what was synced.
    What is there at the beginning counts as durable.

    Args:
        library: what `compile_layer` made.
        watched: the folder.
        scratch: a folder for the records, on the same file system, outside of the watched one; made anew.
    """

    def __init__(self, library: Path, watched: Path, scratch: Path) -> None:
        self.library = library
        self.watched = watched.resolve()
        self.mirror = scratch.resolve()
        self.adopt()

    def environment(self) -> dict[str, str]:
        """The environment variables that put a program under the layer."""
        return {
            "LD_PRELOAD": str(self.library),
            "POWER_CUT_WATCH": str(self.watched),
            "POWER_CUT_MIRROR": str(self.mirror),
        }

    def adopt(self) -> None:
        """Count everything as durable that is in the folder now."""
        shutil.rmtree(self.mirror, ignore_errors=True)
        for kind in ("content", "listing", "pin"):
            (self.mirror / kind).mkdir(parents=True)
        for folder, folders, files in os.walk(self.watched):
            entries = []
            for kind, name in [*(("d", name) for name in folders), *(("f", name) for name in files)]:
                path = Path(folder, name)
                inode = path.stat().st_ino
                entries.append(f"{kind} {inode} {name}\0")
                if kind == "f":
                    shutil.copyfile(path, self.mirror / "content" / str(inode))
                    os.link(path, self.mirror / "pin" / str(inode))
            (self.mirror / "listing" / str(Path(folder).stat().st_ino)).write_text("".join(entries))

    def cut(self) -> None:
        """Leave in the folder just what was synced."""
        restored = self.mirror / "restored"
        self._restore(self.watched.stat().st_ino, restored)
        for path in self.watched.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in restored.iterdir():
            path.rename(self.watched / path.name)
        self.adopt()

    def _restore(self, inode: int, into: Path) -> None:
        into.mkdir()
        listing = self.mirror / "listing" / str(inode)
        for entry in listing.read_text().split("\0")[:-1] if listing.exists() else []:
            kind, number, name = entry.split(" ", 2)
            content = self.mirror / "content" / number
            if kind == "d":
                self._restore(int(number), into / name)
            elif content.exists():
                shutil.copyfile(content, into / name)
            else:
                # Its entry was synced, and its bytes never were.
                (into / name).touch()
