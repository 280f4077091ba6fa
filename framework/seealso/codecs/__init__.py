"""How a descriptor is written: codecs, shared by the stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso.hookspecs import hookimpl

if TYPE_CHECKING:
    from seealso.interfaces.codec import Codec


@hookimpl
def register_codecs() -> list[type[Codec]]:
    """The codecs that the framework brings."""
    from seealso.codecs.raw import Raw

    return [Raw]
