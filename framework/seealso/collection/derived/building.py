"""Building something derived anew, beside the one that there is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from seealso.catalogue.reader import Catalog
from seealso.collection.derived.loader import Loader
from seealso.collection.derived.source import Record, Source
from seealso.collection.derived.state import State
from seealso.interfaces.derived import Derived

log = logging.getLogger("seealso")

D = TypeVar("D", bound=Derived[Any])


class Builder(Generic[D]):
    """Builds from nothing, until it is told to give up; in a thread of its own, where nobody is to wait for it.

    Args:
        source: where the derived thing comes from.
        loader: makes an empty one.
    """

    def __init__(self, source: Source[D], loader: Loader[D]) -> None:
        self._source = source
        self._loader = loader
        self._thread: threading.Thread | None = None
        self._given_up = threading.Event()

    @property
    def idle(self) -> bool:
        """Whether `begin` may be called: nothing is being built in a thread, and nothing failed there."""
        return self._thread is None

    @property
    def busy(self) -> bool:
        """Whether a thread is building."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def may_build(self) -> None:
        """Take back `give_up`."""
        self._given_up.clear()

    def give_up(self) -> None:
        """Have what is being built end soon, unfinished."""
        self._given_up.set()

    def build(self, catalog: Catalog, made_by: Record) -> State[D]:
        """A new one, nearly up to date.

        Raises:
            InterruptedError: it was given up.
        """
        fresh = self._loader.empty(made_by)
        while fresh.train(catalog) and fresh.applied < catalog.change():
            if self._given_up.is_set():
                raise InterruptedError("it was given up")
            fresh.step(catalog)
        return fresh

    def begin(self, catalog: Catalog, made_by: Record, use: Callable[[State[D], Catalog], None]) -> None:
        """Build in a thread, and have it used in the place of what there is; what fails is a warning, and is not tried again."""

        def run() -> None:
            try:
                use(self.build(catalog, made_by), catalog)
                self._thread = None
            except InterruptedError:
                self._thread = None
            except Exception as error:
                # Still set, so that it is not tried again and again: what there is goes on as it is.
                log.warning(
                    "collection %s: the %s could not be built anew (%s); it goes on with what it has",
                    *(self._source.collection, self._source.what, error),
                )

        self._thread = threading.Thread(target=run, name=f"renew the {self._source.what}")
        self._thread.start()

    def finish(self) -> None:
        """Wait for what is being built in a thread, where anything is."""
        thread = self._thread
        if thread is not None:
            thread.join()
