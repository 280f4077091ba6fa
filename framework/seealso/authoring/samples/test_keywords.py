"""The plugin acme does what the framework asks of its kind."""

from pathlib import Path

from seealso.authoring.samples.keywords import Acme
from seealso.testing import KeywordSourceTests


class TestAcme(KeywordSourceTests):
    """All of it."""

    source_class = Acme

    def describe(self, image: Path, word: str) -> Path:
        """Write a note."""
        image.with_name(image.name + ".note").write_text(word)
        return image
