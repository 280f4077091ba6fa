"""The kinds of plugins there are."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seealso.interfaces.plugin import Plugin


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of plugin: the hook that registers it, its interface, and whether a collection has several at once."""

    hook: str
    module: str
    interface: str
    several: bool = False

    def base(self) -> type[Plugin]:
        """The abstract class that a plugin of this kind implements."""
        base: type[Plugin] = getattr(import_module(self.module), self.interface)
        return base


KINDS: dict[str, Kind] = {
    "extractor": Kind("register_extractors", "seealso.interfaces.extractor", "Extractor"),
    "distance": Kind("register_distances", "seealso.interfaces.distance", "Distance"),
    "index": Kind("register_metric_indexes", "seealso.interfaces.index", "MetricIndex"),
    "codec": Kind("register_codecs", "seealso.interfaces.codec", "Codec"),
    "store": Kind("register_object_stores", "seealso.interfaces.store", "ObjectStore"),
    "keywords": Kind("register_keyword_sources", "seealso.interfaces.keywords", "KeywordSource", several=True),
    "text": Kind("register_text_indexes", "seealso.interfaces.text", "TextIndex"),
    "frontend": Kind("register_frontends", "seealso.interfaces.frontend", "Frontend"),
}
"""The kinds, under the words that the configuration uses."""
