"""What marks a function as a hook's specification, or as a plugin's implementation of one.

Apart from `seealso.registry.hookspecs`, which names rooms of every height: a plugin of the framework's own needs only the marker.
"""

import pluggy

GROUP = "seealso"
"""The group of entry points that plugins come in by, and the name that pluggy knows the hooks by."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)
