"""Why a collection has the index and the sketch that it has, where its size has chosen them: in words."""

from __future__ import annotations

from seealso.collection.parts.automatic import FEW, Grounds, best_index, best_sketch, leaves_open, why_no_sketch
from seealso.collection.parts.growth import bytes_of
from seealso.collection.parts.opened import Opened
from seealso.collection.parts.resolved import Parts
from seealso.registry.kinds import DISTANCE, INDEX, SKETCH


def reasons(parts: Parts, opened: Opened) -> dict[str, str]:
    """Kind → what was chosen of it, and why; without the kinds that the configuration names. O(1)."""
    grounds, objects = parts.grounds or {}, opened.catalog.counts().objects
    sketched = parts.chosen_or_none(SKETCH) is not None
    found = {}
    if leaves_open(parts, INDEX):
        before = grounds.get(INDEX.word, Grounds())
        found[INDEX.word] = _of_index(parts, Grounds(max(objects, before.objects), sketched))
    if leaves_open(parts, SKETCH):
        before = grounds.get(SKETCH.word, Grounds())
        found[SKETCH.word] = _of_sketch(parts, max(objects, before.objects), bytes_of(opened.provenance))
    return found


def _of_index(parts: Parts, grounds: Grounds) -> str:
    index, best = parts.chosen(INDEX).cls, best_index(parts.plugins, grounds)
    most = "any number of" if index.most_objects is None else f"up to {index.most_objects:,}"
    why = f"{index.name}: of those installed it suits {most} objects {'with' if grounds.sketched else 'without'} sketches best"
    return why if best in (None, index.name) else f"{index.name}; {best} takes its place when a command next writes"


def _of_sketch(parts: Parts, objects: int, bytes_each: int) -> str:
    distance, sketch = parts.chosen(DISTANCE).cls, parts.chosen_or_none(SKETCH)
    if sketch is not None:
        many = f", and there are more than {FEW:,} objects" if objects > FEW else ""
        return f"{sketch.cls.name}: of those installed it estimates the distance {distance.name} best{many}"
    if why := why_no_sketch(parts, objects, bytes_each):
        return f"none: {why}"
    best = best_sketch(parts.plugins, distance)
    if best is None:
        return f"none: none is installed that estimates the distance {distance.name}"
    return f"none yet: the next command that writes makes it, with {best}"
