"""Cuts the power: gives a folder the state that it would have on a disk that lost what was not yet synced, or a part of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from durability.remains import Names, kept_bytes, kept_names

SOURCE = Path(__file__).with_name("unsynced.c")


def compile_layer(folder: Path, source: Path = SOURCE) -> Path:
    """Build a library that stands between programs and the system; the test is skipped where it cannot be."""
    if sys.platform != "linux":
        pytest.skip(f"the layer {source.stem} is for Linux")
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is None:
        pytest.skip(f"the layer {source.stem} needs a C compiler (cc, gcc or clang)")
    library = folder / f"{source.stem}.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return library


class PowerCut:
    """A folder on a disk that forgets.

    Programs that run with `environment` have their syncs recorded; `cut` then leaves in the folder what was synced, and, as a
    disk does that writes in an order of its own, some of what was not. What is there at the beginning counts as durable.

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
                pin = self._path("pin", inode)
                if kind == "f" and not pin.exists():
                    shutil.copyfile(path, self._path("content", inode))
                    os.link(path, pin)
            self._path("listing", Path(folder).stat().st_ino).write_text("".join(entries))

    def cut(self, random: Random | None = None) -> None:
        """Cut the power: leave in the folder what the disk has; no program may run there any more.

        Without a generator that is just what was synced. With one, it is one of the states that a journalling file system can
        leave, and some that only a worse one does. Such a file system writes pages in any order until a sync, sets a file's
        length before, between or after them, and names may be durable before the bytes behind them are. So:

        - Of a file, every page of 4,096 bytes is the synced or the live one, and its length one of the two or between; where
          nothing was written, there are zeros. A state between the last sync and now is not told apart: pages that were written
          twice have their last bytes.
        - Of names, any part of the creations, removals and renames is kept, in any order (a journal would keep a beginning of
          them). Each of them is whole: a file that moved has its old name or its new one, and a name that was given to another
          file names the old or the new one. A folder is removed only with all that was in it, and nothing is in a folder that
          is not there.
        - Hard links stay links of one file.

        Args:
            random: draws what is kept; the same generator and the same history leave the same.
        """
        restored = self.mirror / "restored"
        self.leave(restored, random)
        for path in self.watched.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in restored.iterdir():
            path.rename(self.watched / path.name)
        self.adopt()

    def leave(self, into: Path, random: Random | None = None) -> None:
        """Write what a power cut would leave into a new folder, and change nothing in the watched one; see `cut`."""
        root = self.watched.stat().st_ino
        live: Names = {}
        paths: dict[int, Path] = {}
        self._walk(self.watched, live, paths)
        folders = {root} | {inode for inode, path in paths.items() if path.is_dir()}
        names: Names = {}
        for folder in (root, *(inode for inode in paths if inode in folders)):
            self._walk_synced(folder, names, folders)
        if random is not None:
            names = kept_names(names, live, random)
        inside: dict[int, list[tuple[str, int]]] = {}
        for (folder, name), inode in names.items():
            inside.setdefault(folder, []).append((name, inode))
        made: dict[int, Path] = {}

        def write(folder: int, target: Path) -> None:
            target.mkdir()
            for name, inode in sorted(inside.get(folder, ())):
                if inode in folders:
                    write(inode, target / name)
                elif inode in made:
                    os.link(made[inode], target / name)
                else:
                    made[inode] = target / name
                    made[inode].write_bytes(self._content(inode, paths.get(inode), random))

        write(root, into)

    def _path(self, kind: str, inode: int) -> Path:
        return self.mirror / kind / str(inode)

    def _walk(self, folder: Path, names: Names, paths: dict[int, Path]) -> None:
        """Take down the names that programs see, and a path of each inode, in the order of the paths."""
        inode = folder.stat().st_ino
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            names[inode, entry.name] = entry.inode()
            paths[entry.inode()] = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                self._walk(Path(entry.path), names, paths)

    def _walk_synced(self, folder: int, names: Names, folders: set[int]) -> None:
        """Take down the names that were synced in a folder, and below it; ``folders`` takes those that are no files."""
        listing = self._path("listing", folder)
        for entry in sorted(listing.read_text().split("\0")[:-1] if listing.exists() else [], key=_name):
            kind, number, name = entry.split(" ", 2)
            if (folder, name) not in names:
                names[folder, name] = int(number)
                if kind == "d":
                    folders.add(int(number))
                    self._walk_synced(int(number), names, folders)

    def _content(self, inode: int, path: Path | None, random: Random | None) -> bytes:
        """What a file holds after a cut; where only its name was synced, and never its bytes, it may be empty."""
        content = self._path("content", inode)
        synced = content.read_bytes() if content.exists() else b""
        if random is None:
            return synced
        return kept_bytes(synced, (path or self._path("pin", inode)).read_bytes(), random)


def _name(entry: str) -> str:
    return entry.split(" ", 2)[2]
