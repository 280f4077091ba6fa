"""The plugin acme does what the framework asks of its kind."""

from seealso.authoring.samples.extractor import Acme
from seealso.testing import ExtractorTests


class TestAcme(ExtractorTests):
    """All of it."""

    extractor_class = Acme
