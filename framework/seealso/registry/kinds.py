"""The kinds of plugins there are, in one table that everything else reads.

A new kind is a row here, an interface, a hook in `seealso.registry.hookspecs`, a part of the conformance kit, and a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from seealso.interfaces.codec import Codec
    from seealso.interfaces.distance import Distance
    from seealso.interfaces.extractor import Extractor
    from seealso.interfaces.frontend import Frontend
    from seealso.interfaces.index import MetricIndex
    from seealso.interfaces.keywords import KeywordSource
    from seealso.interfaces.plugin import Plugin
    from seealso.interfaces.sketch import Sketch
    from seealso.interfaces.store import ObjectStore
    from seealso.interfaces.text import TextIndex

P = TypeVar("P", bound="Plugin")

AUTO = "auto"
"""What the configuration says in the place of a plugin where the size of the collection shall choose."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[P]):
    """A kind of plugin.

    Attributes:
        word: what the configuration calls it.
        noun: what a sentence calls one of it, where that is not the word.
        hook: the hook that registers the classes.
        module: where the interface is.
        interface: the abstract class that a plugin of this kind implements.
        suite: the module of `seealso.testing` that has its suite, which is called as the interface with ``Tests``.
        meaning: what the configuration says of the key of a collection that chooses it; empty where no such key does.
        several: a collection has several of it at once.
        without: what the configuration says in the place of a plugin where a collection shall do without; None: it cannot. Where none
            is installed that offers itself, it does so anyway.
        recorded: a collection keeps to the choice that it was made with.
        automatic: the size of the collection may choose, which the configuration calls `AUTO`; a collection whose configuration says nothing of
            the kind is made so.
        follows: another kind; the default is what its class names as ``default_WORD``.
        within: another kind; an option of that plugin, called as this kind, makes the choice.
        compared: `seealso.plan` can try others in the place of the one that is chosen.
        ending: what the names of classes end with that `seealso.write_new_plugin` writes.
    """

    word: str
    hook: str
    module: str
    interface: str
    suite: str
    noun: str = ""
    meaning: str = ""
    several: bool = False
    without: Literal[False] | str | None = None
    recorded: bool = True
    automatic: bool = False
    follows: str = ""
    within: str = ""
    compared: bool = False
    ending: str = ""

    @property
    def called(self) -> str:
        """What a sentence calls one of it."""
        return self.noun or self.word

    @property
    def optional(self) -> bool:
        """Whether a collection may do without."""
        return self.without is not None

    def base(self) -> type[P]:
        """The abstract class that a plugin of this kind implements."""
        base: type[P] = getattr(import_module(self.module), self.interface)
        return base


EXTRACTOR: Kind[Extractor] = Kind(
    "extractor",
    "register_extractors",
    "seealso.interfaces.extractor",
    "Extractor",
    "extractors",
    meaning="what turns an image into a descriptor",
    compared=True,
    ending="Extractor",
)
DISTANCE: Kind[Distance] = Kind(
    "distance",
    "register_distances",
    "seealso.interfaces.distance",
    "Distance",
    "distances",
    meaning="the metric that compares descriptors",
    follows="extractor",
    ending="Distance",
)
INDEX: Kind[MetricIndex] = Kind(
    "index",
    "register_metric_indexes",
    "seealso.interfaces.index",
    "MetricIndex",
    "indexes",
    meaning="what narrows a search; auto: of those that are installed the one that suits the number of objects",
    automatic=True,
    compared=True,
    ending="Index",
)
SKETCH: Kind[Sketch] = Kind(
    "sketch",
    "register_sketches",
    "seealso.interfaces.sketch",
    "Sketch",
    "sketches",
    meaning=(
        "what estimates distances in memory, before descriptors are read; none: nothing does; auto: none for few objects or small "
        "descriptors, else the one that suits the distance"
    ),
    without="none",
    automatic=True,
    ending="Sketch",
)
CODEC: Kind[Codec] = Kind(
    "codec",
    "register_codecs",
    "seealso.interfaces.codec",
    "Codec",
    "codecs",
    within="store",
    compared=True,
    ending="Codec",
)
STORE: Kind[ObjectStore] = Kind(
    "store",
    "register_object_stores",
    "seealso.interfaces.store",
    "ObjectStore",
    "stores",
    meaning="what keeps the descriptors on disk",
    compared=True,
    ending="Store",
)
KEYWORDS: Kind[KeywordSource] = Kind(
    "keywords",
    "register_keyword_sources",
    "seealso.interfaces.keywords",
    "KeywordSource",
    "keyword_sources",
    noun="keyword source",
    meaning="where the words that describe an image are taken from; []: from nowhere",
    several=True,
    recorded=False,
    ending="Keywords",
)
TEXT: Kind[TextIndex] = Kind(
    "text",
    "register_text_indexes",
    "seealso.interfaces.text",
    "TextIndex",
    "text_indexes",
    noun="text index",
    meaning="what finds images by such words; false: nothing does",
    without=False,
    ending="TextIndex",
)
FRONTEND: Kind[Frontend] = Kind(
    "frontend",
    "register_frontends",
    "seealso.interfaces.frontend",
    "Frontend",
    "frontends",
    recorded=False,
    ending="Frontend",
)

KINDS: dict[str, Kind[Any]] = {
    kind.word: kind for kind in (EXTRACTOR, DISTANCE, INDEX, SKETCH, CODEC, STORE, KEYWORDS, TEXT, FRONTEND)
}
"""The kinds, under the words that the configuration uses."""

CHOSEN: tuple[Kind[Any], ...] = tuple(kind for kind in KINDS.values() if kind.meaning)
"""Those that a collection chooses by a key of its own."""
