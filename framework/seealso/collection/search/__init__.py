"""The way out: an example → the objects nearest to it."""
