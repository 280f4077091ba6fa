"""The frontend ``web``: pages and a JSON API to look around, ask for what is similar, and upload an image of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import DecodedImage, Frontend, Observed


@hookimpl
def register_frontends() -> list[type[Frontend]]:
    """The frontend ``web``."""
    from seealso_web.frontend import Web

    return [Web]


@hookimpl
def decoded(digest: bytes, data: bytes, decoded: DecodedImage, of: Observed) -> None:
    """With ``thumbnails: keep``, a thumbnail is made of every image that is taken in."""
    if any(choice.plugin == "web" and choice.options.get("thumbnails") == "keep" for choice in of.frontends):
        from seealso_web.kept import KeptThumbnails

        KeptThumbnails(of).make(digest, data, decoded, of.limits)


@hookimpl
def maintained(of: Observed) -> None:
    """Thumbnails of images that are gone are not kept for ever."""
    from seealso_web.kept import KeptThumbnails

    kept = KeptThumbnails(of)
    kept.bring_home()
    kept.let_go(of.known)
