"""Every hook of seealso. Hooks only register and observe.

A plugin is a module (or any object) with functions of these names, marked with ``@seealso.hookimpl``; it takes the
arguments it wants, by name. Import what is heavy inside the function: every plugin's module is imported by every
command.
"""

# Annotations are strings here: nothing that they name is imported when a plugin is only listed.
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seealso.registry.markers import hookspec

if TYPE_CHECKING:
    import click
    import numpy as np
    from starlette.routing import BaseRoute

    from seealso.collection.collection import Collection
    from seealso.collection.intake.ingest import IngestedBatch
    from seealso.images.decoding import DecodedImage
    from seealso.interfaces.answer import Answer
    from seealso.interfaces.codec import Codec
    from seealso.interfaces.distance import Distance
    from seealso.interfaces.extractor import Extractor
    from seealso.interfaces.frontend import Frontend, Host
    from seealso.interfaces.index import MetricIndex
    from seealso.interfaces.keywords import KeywordSource
    from seealso.interfaces.observed import Observed
    from seealso.interfaces.query import Query
    from seealso.interfaces.sketch import Sketch
    from seealso.interfaces.store import ObjectStore
    from seealso.interfaces.text import TextIndex


@hookspec
def register_extractors() -> Sequence[type[Extractor]]:  # type: ignore[empty-body]
    """The extractor classes that the plugin brings. Since 0.1."""


@hookspec
def register_distances() -> Sequence[type[Distance]]:  # type: ignore[empty-body]
    """The distance classes that the plugin brings. Since 0.1."""


@hookspec
def register_metric_indexes() -> Sequence[type[MetricIndex]]:  # type: ignore[empty-body]
    """The metric index classes that the plugin brings. Since 0.1."""


@hookspec
def register_sketches() -> Sequence[type[Sketch]]:  # type: ignore[empty-body]
    """The sketch classes that the plugin brings. Since 0.1."""


@hookspec
def register_codecs() -> Sequence[type[Codec]]:  # type: ignore[empty-body]
    """The codec classes that the plugin brings. Since 0.1."""


@hookspec
def register_object_stores() -> Sequence[type[ObjectStore]]:  # type: ignore[empty-body]
    """The object store classes that the plugin brings. Since 0.1."""


@hookspec
def register_keyword_sources() -> Sequence[type[KeywordSource]]:  # type: ignore[empty-body]
    """The keyword source classes that the plugin brings. Since 0.1."""


@hookspec
def register_text_indexes() -> Sequence[type[TextIndex]]:  # type: ignore[empty-body]
    """The text index classes that the plugin brings. Since 0.1."""


@hookspec
def register_frontends() -> Sequence[type[Frontend]]:  # type: ignore[empty-body]
    """The frontend classes that the plugin brings. Since 0.1."""


@hookspec
def register_commands(group: click.Group) -> None:
    """Add commands to the command line: ``group.add_command(…)`` or ``@group.command()``.

    The context object of a command (``@click.pass_obj``) has ``collection()``, the collection that ``--in`` picks, and
    ``deployment``. Since 0.1.
    """


@hookspec
def register_routes(host: Host[Collection]) -> Sequence[BaseRoute]:  # type: ignore[empty-body]
    """Add pages and API routes to the frontend ``web``: Starlette routes, asked for once, when it starts to serve what ``host`` has.

    The web's own routes come first. A page of a collection is at ``/{collection}/…``, an API route at
    ``/api/v1/{collection}/…``. All that the web does for safety (hosts, token, limits, headers) it does for these too, and
    an error of seealso's that an endpoint raises is shown as the web shows its own. ``request.app.state.site`` is the web's
    ``Site``: ``collection(request)`` is the collection in the path, ``await work(function, *arguments)`` runs what takes
    long in a thread, and ``await page(request, title, template=…)`` renders a page of the web. Since 0.1.
    """


@hookspec
def decoded(collection: str, digest: bytes, data: bytes, decoded: DecodedImage, of: Observed) -> None:
    """An image that is new to a collection was decoded, perhaps at a reduced size, from a file's ``data`` of SHA-256 ``digest``.

    It is committed soon, if nothing fails meanwhile. ``collection`` is the collection's name, and ``of`` what it lends to
    observers. Called from worker threads, several at once; whoever changes the image changes a copy. Since 0.1.
    """


@hookspec
def ingested(collection: str, batch: IngestedBatch) -> None:
    """New objects were committed to a collection. Called in the order of the commits, from one thread. Since 0.1."""


@hookspec
def removed(collection: str, ids: np.ndarray) -> None:
    """Objects are gone from a collection, committed: those of ``ids`` (int64 ``(n,)``), which are never given again.

    Called in the order of the commits, from one thread: after images were deleted or changed, by `Collection.remove`, and by
    `Collection.maintain`. Since 0.1.
    """


@hookspec
def maintained(collection: str, of: Observed) -> None:
    """A collection was put in order by `Collection.maintain`, and nothing is taken in before this returns.

    The time to let go of what a plugin keeps of objects that are gone; ``of.known`` says which content is still there.
    Called once each time, from one thread. Since 0.1.
    """


@hookspec
def searched(collection: str, query: Query, answer: Answer) -> None:
    """A query of the collection of this name was answered; ``answer.cost`` says what it took.

    It is told just what the one who asked is given. Called from the thread that asked. Since 0.1.
    """
