"""Whether the site can answer: everything is loaded, and every collection can be read at this moment."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import time

from PIL import Image

from seealso import Collection, CorruptRecord, Example, Host, MissingObject, QueryError

log = logging.getLogger("seealso_web")

FRESH_SECONDS = 1  # for which what was found out is told again: anybody may ask, as often as he likes


class Readiness:
    """Loads what answers, and tells whether it can.

    Attributes:
        warm: everything that can be loaded is.

    Args:
        host: has the collections.
    """

    def __init__(self, host: Host[Collection]) -> None:
        self._host = host
        self._looking = asyncio.Lock()
        self._looked = -float("inf")
        self._missing = ""
        self.warm = False

    async def warm_up(self) -> None:
        """Open every collection and load what answers, so that the first visitor waits no longer than the tenth."""
        for name in self._host.names:
            try:
                await asyncio.to_thread(_warm_up, self._host.collection(name))
            except Exception as error:
                # One that fails keeps nobody from the others; its own pages say that it does.
                log.warning("%s cannot be opened: %s", name, error)
        self.warm = True

    async def missing(self) -> str:
        """What is missing, in words for everybody; empty where nothing is."""
        if not self.warm:
            return "warming up"
        async with self._looking:
            if time.monotonic() - self._looked > FRESH_SECONDS:
                self._missing = await asyncio.to_thread(self._look)
                self._looked = time.monotonic()
        return self._missing

    def _look(self) -> str:
        failing = sum(not self._can_be_read(name) for name in self._host.names)
        return f"{failing} of {len(self._host.names)} collections cannot be used" if failing else ""

    def _can_be_read(self, name: str) -> bool:
        """Whether its catalogue and its store give what they hold; one that has not been made yet has its page, too."""
        collection = self._host.collection(name)
        try:
            if collection.exists():
                # One that is damaged, or removed just now, is left out of answers.
                with contextlib.suppress(CorruptRecord, MissingObject):
                    collection.descriptors([hit.id for hit in collection.random(1)])
        except Exception as error:
            log.warning("%s cannot be used: %s", name, error)
            return False
        return True


def _warm_up(collection: Collection) -> None:
    if not collection.exists():
        log.warning("%s: there is nothing in it yet; fill it with `seealso index PATH…`", collection.name)
        return
    hits = collection.random(1)
    if hits:
        collection.similar(hits[0].id, 1)
        collection.looks_like([hits[0].id])
    if collection.takes_words:
        # Whether it knows this word does not matter: what knows words is loaded by then.
        with contextlib.suppress(QueryError):
            collection.similar(Example(words="dog"), 1)
    # By an image that the collection does not hold: the network has to be loaded.
    collection.extract(Example(image=_any_image()))


def _any_image() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((512, 512), 50).convert("RGB").save(file, "PNG")
    return file.getvalue()
