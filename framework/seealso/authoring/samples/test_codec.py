"""The plugin acme does what the framework asks of its kind."""

from seealso.authoring.samples.codec import Acme
from seealso.testing import CodecTests


class TestAcme(CodecTests):
    """All of it."""

    codec_class = Acme
