"""Indexes of which each is good for so many objects, the first only where there are sketches; all that the index `exact` does."""

import seealso
from seealso_exact.index import ExactIndex


class Small(ExactIndex):
    """For few objects that have sketches."""

    name = "small"
    preference = 190
    exact = False
    most_objects = 60
    needs_sketch = True


class Middling(ExactIndex):
    """For some more, with sketches or without."""

    name = "middling"
    preference = 150
    exact = False
    most_objects = 100


class Large(ExactIndex):
    """For any number of objects."""

    name = "large"
    preference = 130
    exact = False


@seealso.hookimpl
def register_metric_indexes():
    return [Small, Middling, Large]
