"""What a disk may keep of changes that were never synced: of names, and of a file's bytes."""

from collections.abc import Mapping
from random import Random

PAGE = 4096  # bytes that a disk keeps together

Names = dict[tuple[int, str], int]
"""A folder's inode and a name in it → the inode of what has that name; in the order of the paths."""


def kept_bytes(synced: bytes, live: bytes, random: Random) -> bytes:
    """A file of which every page is the synced one or the live one, and the length is one of theirs or between.

    Where the chosen page does not reach so far, there are zeros.
    """
    shorter, longer = sorted((len(synced), len(live)))
    length = random.choice((len(synced), len(live), random.randint(shorter, longer)))
    share = random.choice((0, random.random(), 1))
    found = bytearray(length)
    for start in range(0, length, PAGE):
        page = (live if random.random() < share else synced)[start : min(start + PAGE, length)]
        found[start : start + len(page)] = page
    return bytes(found)


def kept_names(synced: Names, live: Names, random: Random) -> Names:
    """The names after some changes were kept, and others not.

    A change is all that differs about one file or folder: it is there or not, or has moved. It is kept whole or not at all, and
    with it what it cannot be without (see `_needs`).

    Args:
        synced: the names in every folder that was synced, below the root or below a folder that lives.
        live: those that a program sees.
        random: draws which changes are kept.
    """
    changed = _changed(synced, live)
    needs = _needs(synced, live, changed)
    needed: dict[int, set[int]] = {each: set() for each in changed}
    for each, others in needs.items():
        for other in others:
            needed[other].add(each)
    share = random.choice((0, random.random(), random.random(), 1))
    kept: dict[int, bool] = {}
    for each in random.sample(changed, len(changed)):
        keep = random.random() < share
        follow = [each]
        while follow:
            if (one := follow.pop()) not in kept:
                kept[one] = keep
                follow += (needs if keep else needed)[one]
    left = {place: inode for place, inode in synced.items() if not kept.get(inode)}
    return left | {place: inode for place, inode in live.items() if kept.get(inode)}


def _places(names: Names) -> dict[int, set[tuple[int, str]]]:
    found: dict[int, set[tuple[int, str]]] = {}
    for place, inode in names.items():
        found.setdefault(inode, set()).add(place)
    return found


def _changed(synced: Names, live: Names) -> list[int]:
    """What has other names now than were synced, in the order of the paths."""
    before, now = _places(synced), _places(live)
    every = dict.fromkeys((*synced.values(), *live.values()))
    return [inode for inode in every if before.get(inode) != now.get(inode)]


def _needs(synced: Names, live: Names, changed: list[int]) -> Mapping[int, set[int]]:
    """Of every change, those that are kept wherever it is.

    - What has a name that another had: that other's change. Where the other is gone, it goes for no other reason: a name that was
      replaced never vanishes.
    - What is new in a folder, or has moved there: that the folder, and all above it, are where they are.
    - That a folder is removed: the changes of all that was in it.
    """
    before, now = _places(synced), _places(live)
    needs: dict[int, set[int]] = {each: set() for each in changed}
    for each in changed:
        for place in now.get(each, ()):
            if (other := synced.get(place, each)) != each:
                needs[each].add(other)
                if other not in now:
                    needs[other].add(each)
            folder = place[0]
            while folder in now:
                if folder in needs and folder not in before:
                    needs[each].add(folder)
                folder = next(iter(now[folder]))[0]
    for (folder, _), inode in synced.items():
        if folder in needs and folder not in now:
            needs[folder].add(inode)
    return needs
