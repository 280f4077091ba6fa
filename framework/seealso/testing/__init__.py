"""The conformance kit: what a plugin of a kind has to do, as tests to subclass. Needs ``seealso[testing]``."""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

try:
    import hypothesis  # noqa: F401 - to say at once that it is missing
    import pytest
except ImportError as error:
    raise ImportError(f"seealso.testing needs {error.name}: pip install 'seealso[testing]'", name=error.name) from None

# Before they are imported, so that a failing test shows its values.
for _module in iter_modules(__path__):
    pytest.register_assert_rewrite(f"{__name__}.{_module.name}")

# ruff: noqa: E402 - see above
from seealso.registry.kinds import KINDS
from seealso.testing.images import encoded, write_pictures
from seealso.testing.memory_store import MemoryStore
from seealso.testing.strategies import picture

if TYPE_CHECKING:
    # For type checkers, which do not read the table of kinds.
    from seealso.testing.codecs import CodecTests as CodecTests
    from seealso.testing.distances import DistanceTests as DistanceTests
    from seealso.testing.extractors import ExtractorTests as ExtractorTests
    from seealso.testing.frontends import FrontendTests as FrontendTests
    from seealso.testing.indexes import MetricIndexTests as MetricIndexTests
    from seealso.testing.keyword_sources import KeywordSourceTests as KeywordSourceTests
    from seealso.testing.sketches import SketchTests as SketchTests
    from seealso.testing.stores import ObjectStoreTests as ObjectStoreTests
    from seealso.testing.text_indexes import TextIndexTests as TextIndexTests

_SUITES = {f"{kind.interface}Tests": f"{__name__}.{kind.suite}" for kind in KINDS.values()}

__all__ = ["MemoryStore", "encoded", "picture", "write_pictures"]
__all__ += sorted(_SUITES)


def __getattr__(name: str) -> Any:
    if name not in _SUITES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    suite = getattr(import_module(_SUITES[name]), name)
    globals()[name] = suite
    return suite
