"""Whether a store is the collection's own: the random word that it was given, and has to hand back."""

from __future__ import annotations

import secrets
import zlib

from seealso.catalogue.reader import Catalog
from seealso.catalogue.writer import CatalogWriter
from seealso.errors import WrongStore
from seealso.interfaces.store import ObjectStore

IDENTITY = "store_identity"
"""Where the catalogue keeps the identity of the store."""

KEPT = "store_identity_kept"
"""And that the store was given it. Before, a store that has none is a new one."""

CHECKSUM = 8  # hexadecimal digits at the end of an identity

LOST_SHARE = 0.1
HANDFUL = 10
"""More objects than these, and than a tenth of all, do not lose their descriptors one by one."""


def new_identity() -> str:
    """Another one each time: 32 random hexadecimal digits and their CRC-32, so that damage is not taken for another identity."""
    word = secrets.token_hex(16)
    return f"{word}{zlib.crc32(word.encode()):08x}"


def recorded_identity(catalog: Catalog) -> str:
    """The identity of a collection's store; empty where an earlier release has made it."""
    return _whole(catalog.meta(IDENTITY) or "")


def settled(identity: str) -> dict[str, str]:
    """What the catalogue records of an identity that the store keeps."""
    return {IDENTITY: identity, KEPT: "1"}


def check_identity(store: ObjectStore, catalog: Catalog, called: str, *, force: bool = False) -> None:
    """Refuse a store that is not the collection's.

    Args:
        store: the store.
        catalog: the collection's catalogue.
        called: what messages call the store.
        force: take one that has no identity.

    Raises:
        WrongStore: it hands back another identity than the collection's, or none.
    """
    expected = recorded_identity(catalog)
    found = identity_of(store)
    if not expected or found == expected:
        return
    if found:
        raise _another(called, found, expected)
    if catalog.meta(KEPT) and not force:
        raise _doubtful(called, _held(store), catalog.counts().objects)


def settle_identity(store: ObjectStore, writer: CatalogWriter, called: str, *, force: bool = False) -> None:
    """Check a store that is about to be written to, and give it an identity where it has none yet; see `check_identity`.

    Raises:
        WrongStore: it is another's; nothing was written.
    """
    check_identity(store, writer, called, force=force)
    expected, found, kept = recorded_identity(writer), identity_of(store), writer.meta(KEPT)
    if found and found == expected and kept:
        return
    objects, held = writer.counts().objects, _held(store)
    if not expected and objects and is_most(objects, objects - held) and not force:
        if found:
            raise _doubtful(called, held, objects)
        # An earlier release has made it; which store it was, nobody can tell. It gets none while it looks like another one.
        return
    if expected and not kept and not found and held and not force:
        raise WrongStore(
            f"{called}: a new collection wants an empty store, and this one holds {held:,} descriptors; name another place"
        )
    identity = found or expected or new_identity()
    # Also one that is there: whoever gave it was killed before the catalogue knew, perhaps before it was on the disk.
    store.keep_identity(identity)
    writer.set_meta(settled(identity))


def lose_identity(store: ObjectStore, writer: CatalogWriter) -> bool:
    """Give up the identity of a store that does not hand it back and has lost most descriptors; whether that was so.

    The catalogue then knows another one, as that of a new store. Should the first store come back, it is not taken for this one.
    """
    objects = writer.counts().objects
    if not recorded_identity(writer) or identity_of(store) or not is_most(objects, objects - _held(store)):
        return False
    writer.set_meta({IDENTITY: new_identity(), KEPT: ""})
    return True


def identity_of(store: ObjectStore) -> str:
    """What a store hands back; empty for nothing, and for what is damaged."""
    return _whole(store.identity())


def is_most(objects: int, lost: int) -> bool:
    """Whether so many of a number of objects do not get lost one by one: the store is the wrong one, or broken."""
    return lost > 0 and (lost >= objects or lost > max(HANDFUL, LOST_SHARE * objects))


def _whole(identity: str) -> str:
    word, checksum = identity[:-CHECKSUM], identity[-CHECKSUM:]
    return identity if word and checksum == f"{zlib.crc32(word.encode()):08x}" else ""


def _held(store: ObjectStore) -> int:
    return int(store.statistics()["objects"])


def _doubtful(called: str, held: int, objects: int) -> WrongStore:
    return WrongStore(
        f"{called}: this seems to be the wrong store: it does not hand back the identity of the collection's store; it holds {held:,} "
        f"descriptors, and the collection {objects:,} objects; is the place right, and is it mounted? `seealso maintain --force` goes on "
        "with this store all the same, and drops what it does not hold"
    )


def _another(called: str, found: str, expected: str) -> WrongStore:
    return WrongStore(
        f"{called}: this is the wrong store: its identity is {found[:8]}…, and that of the collection's store {expected[:8]}; "
        "name the right one in the configuration, or restore it from a backup; nothing was written"
    )
