"""The conformance kit: what a plugin of a kind has to do, as tests to subclass. Needs ``seealso[testing]``."""

from pkgutil import iter_modules

try:
    import hypothesis  # noqa: F401 - to say at once that it is missing
    import pytest
except ImportError as error:
    raise ImportError(f"seealso.testing needs {error.name}: pip install 'seealso[testing]'", name=error.name) from None

# Before they are imported, so that a failing test shows its values.
for _module in iter_modules(__path__):
    pytest.register_assert_rewrite(f"{__name__}.{_module.name}")

# ruff: noqa: E402 - see above
from seealso.testing.codecs import CodecTests
from seealso.testing.distances import DistanceTests
from seealso.testing.extractors import ExtractorTests
from seealso.testing.frontends import FrontendTests
from seealso.testing.images import encoded, write_pictures
from seealso.testing.indexes import MetricIndexTests
from seealso.testing.keyword_sources import KeywordSourceTests
from seealso.testing.memory_store import MemoryStore
from seealso.testing.stores import ObjectStoreTests
from seealso.testing.strategies import picture
from seealso.testing.text_indexes import TextIndexTests

__all__ = [
    "CodecTests",
    "DistanceTests",
    "ExtractorTests",
    "FrontendTests",
    "KeywordSourceTests",
    "MemoryStore",
    "MetricIndexTests",
    "ObjectStoreTests",
    "TextIndexTests",
    "encoded",
    "picture",
    "write_pictures",
]
