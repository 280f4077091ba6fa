"""The plugin acme does what the framework asks of its kind."""

from seealso.authoring.samples.distance import Acme
from seealso.testing import DistanceTests


class TestAcme(DistanceTests):
    """All of it."""

    distance_class = Acme
