"""The table of sketches: a few dozen bytes for each object, in memory, from which its distance to a query is estimated."""
