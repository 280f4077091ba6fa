"""Outsiders' stores whose data lies elsewhere: in a folder that an option names, as if it were a bucket.

``remote`` does all that such a store should; ``forgetful`` is one that was written before anybody asked for that.
"""

import dataclasses
import shutil
from pathlib import Path

from pydantic import SecretStr

import seealso
from seealso_flatfile.store import FlatFileStore

TOKEN = "open sesame, but quietly"


class RemoteStore(FlatFileStore):
    """Keeps its data in a folder of its own below ``url``, and its identity with it."""

    name = "remote"
    preference = 0

    class Options(seealso.StoreOptions):
        """Where it is, and what opens it."""

        located_by = frozenset({"url"})

        url: str
        token: SecretStr
        colour: str = "blue"

    def __init__(self, options, context):
        if options.token.get_secret_value() != TOKEN:
            raise seealso.StoreError("the token is wrong")
        self.place = Path(options.url) / context.identity
        self.place.mkdir(parents=True, exist_ok=True)
        super().__init__(options, dataclasses.replace(context, directory=self.place))

    def destroy(self):
        """Leave nothing there."""
        shutil.rmtree(self.place, ignore_errors=True)


class ForgetfulStore(FlatFileStore):
    """Keeps its data in the folder ``url``; knows nothing of identities, and of nothing that says where it is."""

    name = "forgetful"
    preference = 0

    class Options(seealso.StoreOptions):
        """Where it is."""

        url: str
        colour: str = "blue"

    def __init__(self, options, context):
        self.local = context.directory
        place = Path(options.url)
        place.mkdir(parents=True, exist_ok=True)
        super().__init__(options, dataclasses.replace(context, directory=place))

    def identity(self):
        """As the base does it: in the local directory."""
        file = self.local / "identity"
        return file.read_text() if file.exists() else ""

    def keep_identity(self, identity):
        """The same."""
        (self.local / "identity").write_text(identity)


@seealso.hookimpl
def register_object_stores():
    return [RemoteStore, ForgetfulStore]
