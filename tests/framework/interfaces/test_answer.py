"""The answer as a value."""

import json
import math

from seealso import Cost, Hit, Times


def test_a_distance_that_float32_cannot_hold_is_null_in_json():
    hit = Hit(1, math.inf, (b"/a.jpg",))
    assert json.loads(json.dumps(hit.as_json(), allow_nan=False))["distance"] is None
    assert Hit(1, 0.0, (b"/a.jpg",)).as_json()["distance"] == 0.0


def test_costs_add_up():
    first = Cost(10, 2, 100, Times(extract=1.0, read=2.0, total=3.0))
    second = Cost(5, 1, 50, Times(extract=0.5, refine=4.0, total=4.5))
    assert first + second == Cost(15, 3, 150, Times(extract=1.5, read=2.0, refine=4.0, total=7.5))
    assert first == Cost(10, 2, 100, Times(extract=1.0, read=2.0, total=3.0))
