"""The conformance kit: what a plugin of a kind has to do, as tests to subclass. Needs ``seealso[test]``."""

import pytest

# Before they are imported, so that a failing test shows its values.
for _module in (
    "stores",
    "shared_stores",
    "store_fixtures",
    "text_indexes",
    "shared_text_indexes",
    "worded_text_indexes",
    "text_fixtures",
):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")

from seealso.testing.stores import ObjectStoreTests  # noqa: E402 - see above
from seealso.testing.text_indexes import TextIndexTests  # noqa: E402 - see above

__all__ = ["ObjectStoreTests", "TextIndexTests"]
