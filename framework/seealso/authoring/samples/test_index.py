"""The plugin acme does what the framework asks of its kind."""

from seealso.authoring.samples.index import Acme
from seealso.testing import MetricIndexTests


class TestAcme(MetricIndexTests):
    """All of it."""

    index_class = Acme
