"""The addresses of what is served."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from seealso import ConfigError, ObjectRecord
from seealso_web.parameters import Way, Window
from seealso_web.queries import Wanted
from seealso_web.uploads import Upload

RESERVED = frozenset(
    {"api", "static", "login", "healthz", "readyz", "metrics", "favicon.ico", "robots.txt", ".", "..", ""}
)


def check_name(name: str) -> None:
    """Refuse a collection whose name cannot be the first part of an address.

    Raises:
        ConfigError: it cannot.
    """
    if name in RESERVED or "/" in name or not name.isprintable():
        raise ConfigError(
            f"the collection {name!r} cannot be served under that name; give it another in `collections:`"
        )


class Links:
    """The addresses of one collection."""

    def __init__(self, collection: str) -> None:
        self.home = f"/{quote(collection, safe='')}"
        self.api = f"/api/v1{self.home}"

    def selection(self, seed: int) -> str:
        """A random selection."""
        return f"{self.home}?seed={seed}"

    def similar(self, source: int | Upload | None) -> str:
        """The neighbours of an object or an upload; None: of what the query string says."""
        return self.home + _neighbours_of(source)

    def neighbours(self, asked: Wanted, shown: Window | None = None) -> str:
        """The neighbours that are asked for."""
        return self.similar(asked.source) + _question(asked.fields(), shown)

    def api_similar(self, source: int | Upload | None) -> str:
        """The neighbours of an object or an upload, in the API."""
        return self.api + _neighbours_of(source) + ("/similar" if isinstance(source, Upload) else "")

    def api_neighbours(self, asked: Wanted, shown: Window) -> str:
        """The neighbours that are asked for, in the API."""
        return self.api_similar(asked.source) + _question(asked.fields(), shown)

    def text(self, query: str | None = None, shown: Window | None = None, by: Way | None = None) -> str:
        """What is found by words, or by them in one way alone; without words, where they are asked for."""
        return f"{self.home}/text{_question(_words(query, by), shown)}"

    def api_text(self, query: str, shown: Window | None = None, by: Way | None = None) -> str:
        """The same, in the API."""
        return f"{self.api}/text{_question(_words(query, by), shown)}"

    @property
    def api_suggest(self) -> str:
        """Words that begin as what was typed."""
        return f"{self.api}/suggest"

    def object(self, id_: int) -> str:
        """An object's page."""
        return f"{self.home}/objects/{id_}"

    def api_object(self, id_: int) -> str:
        """The same, in the API."""
        return f"{self.api}/objects/{id_}"

    def original(self, id_: int) -> str:
        """An object's file."""
        return f"{self.object(id_)}/original"

    def picture(self, source: ObjectRecord | Upload, size: str) -> str:
        """An object or an upload as a picture; the address changes with the content, so it can be cached for ever."""
        if isinstance(source, Upload):
            return f"{self.home}/uploads/{source.name}/{size}?v={source.version}"
        return f"{self.object(source.id)}/{size}?v={source.hash.hex()[:16]}"

    def duplicates(self, shown: Window | None = None) -> str:
        """Groups of near-identical images."""
        return f"{self.home}/duplicates{_question([], shown)}"

    def api_duplicates(self, shown: Window | None = None) -> str:
        """The same, in the API."""
        return f"{self.api}/duplicates{_question([], shown)}"

    @property
    def uploads(self) -> str:
        """Where an upload is sent to."""
        return f"{self.home}/uploads"

    @property
    def status(self) -> str:
        """What the collection holds."""
        return f"{self.home}/status"


def _neighbours_of(source: int | Upload | None) -> str:
    if source is None:
        return "/similar"
    return f"/similar/{source}" if isinstance(source, int) else f"/uploads/{source.name}"


def _words(query: str | None, by: Way | None) -> list[tuple[str, str]]:
    """Names and values of a search by words."""
    return [(name, value) for name, value in (("q", query), ("by", by)) if value is not None]


def _question(fields: list[tuple[str, str]], shown: Window | None) -> str:
    """A query string: what is asked for, and which of the hits."""
    if shown is not None:
        fields = [*fields, ("offset", str(shown.offset)), ("limit", str(shown.limit))]
    return f"?{urlencode(fields, safe=',')}" if fields else ""
