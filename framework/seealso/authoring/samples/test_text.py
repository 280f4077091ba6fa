"""The plugin acme does what the framework asks of its kind."""

from seealso.authoring.samples.text import Acme
from seealso.testing import TextIndexTests


class TestAcme(TextIndexTests):
    """All of it."""

    text_index_class = Acme
