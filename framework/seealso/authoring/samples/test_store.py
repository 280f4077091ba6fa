"""The plugin acme does what the framework asks of its kind."""

from seealso.authoring.samples.store import Acme
from seealso.testing import ObjectStoreTests


class TestAcme(ObjectStoreTests):
    """All of it."""

    store_class = Acme
