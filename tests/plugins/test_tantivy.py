"""The text index tantivy."""

from typing import ClassVar

from seealso.testing import TextIndexTests
from seealso_tantivy.index import TantivyIndex


class TestTantivy(TextIndexTests):
    text_index_class = TantivyIndex
    english_and_german: ClassVar = {"languages": ["en", "de"]}
