"""How a descriptor is written: codecs, shared by the stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso.registry.markers import hookimpl

if TYPE_CHECKING:
    from seealso.interfaces.codec import Codec


@hookimpl
def register_codecs() -> list[type[Codec]]:
    """The codecs that the framework brings."""
    from seealso.codecs.half import Half
    from seealso.codecs.raw import Raw
    from seealso.codecs.sparse import Sparse, SparseHalf
    from seealso.codecs.stepped import SparseByte
    from seealso.codecs.zstd import Zstd

    return [Raw, Sparse, Zstd, Half, SparseHalf, SparseByte]
