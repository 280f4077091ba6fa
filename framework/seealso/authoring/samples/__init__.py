"""A working plugin of each kind, and its tests: what `seealso.authoring` writes, with ``acme`` for its name."""
