"""Values of the wrong types are refused, each in one line."""

import io
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import seealso
from seealso import Example, IdSet, ImageLimits, Query, QueryError, Region, Within
from seealso.interfaces.field_types import check_type

REGION = Region(0, 0, 1, 1)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Example(words=3), "Example.words is 3; give text"),
        (lambda: Example(words=b"dog"), "Example.words is b'dog'; give text"),
        (lambda: Example(id="7"), "Example.id is '7'; give a whole number"),
        (lambda: Example(id=7.0), "Example.id is 7.0; give a whole number"),
        (lambda: Example(id=True), "Example.id is True; give a whole number"),
        (lambda: Example(path=3), "Example.path is 3; give text or bytes or a path"),
        (lambda: Example(image=io.BytesIO()), "give bytes"),
        (lambda: Example(descriptor=[0.5] * 1000), "Example.descriptor is [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, ...]; give a NumPy array"),
        (lambda: Example(id=1, region=(0, 0, 1, 1)), "Example.region is (0, 0, 1, 1); give seealso.Region"),
        (lambda: Example(id=1, weight="2"), "Example.weight is '2'; give a number"),
        (lambda: Example(id=1, weight=None), "Example.weight is None; give a number"),
        (lambda: Example(id=1, limits=5), "Example.limits is 5; give seealso.ImageLimits"),
        (lambda: Region("0", 0, 1, 1), "Region.left is '0'; give a number"),
        (lambda: Region(0, 0, None, 1), "Region.width is None; give a number"),
        (lambda: Within("80%"), "Within.distance is '80%'; give a number"),
        (lambda: Within(likeness="80"), "Within.likeness is '80'; give a number"),
        (lambda: Within.parse(0.5), "0.5; give text"),
        (lambda: Query("a.jpg"), "Query.examples is 'a.jpg'; give a tuple or a list"),
        (lambda: Query(3), "Query.examples is 3; give a tuple or a list"),
        (lambda: Query(np.zeros(3)), "Query.examples is array([0., 0., 0.]); give a tuple or a list"),
        (lambda: Query((3.5,)), "Example.path is 3.5; give text or bytes or a path"),
        (lambda: Query(keywords=["dog"]), "Query.keywords is ['dog']; give text"),
        (lambda: Query.like(1, where=3), "Query.where is 3; give text"),
        (lambda: Query.like(1, k="10"), "Query.k is '10'; give a whole number"),
        (lambda: Query.like(1, k=2.5), "Query.k is 2.5; give a whole number"),
        (lambda: Query.like(1, k=None), "Query.k is None; give a whole number"),
        (lambda: Query.like(1, reads="all"), "Query.reads is 'all'; give a whole number"),
        (lambda: Query.like(1, others="no"), "Query.others is 'no'; give True or False"),
        (lambda: Query.like(1, max_distance="0.5"), "Query.max_distance is '0.5'; give a number"),
        (lambda: Query.like(1, min_likeness="80%"), "Query.min_likeness is '80%'; give a number"),
        (lambda: Query.like(1, allowed=[1, 2]), "Query.allowed is [1, 2]; give seealso.IdSet"),
        (lambda: Query.like(1, fold=0.3), "Query.fold is 0.3; give seealso.Within"),
        (lambda: Query.by_words(3), "3; give text"),
        (lambda: Query.by_words("dog", "words"), "by is 'words'; give 'keywords', 'looks' or None"),
    ],
)  # fmt: skip
def test_what_is_of_another_type_is_refused(make, said):
    with pytest.raises(QueryError) as raised:
        make()
    message = str(raised.value)
    assert message.endswith(said)
    assert len(message) < 120


@pytest.mark.parametrize("cls", [Example, Query, Region, Within])
def test_no_field_takes_anything(cls):
    """Whatever field comes next is checked, too."""
    sound = {
        Example: {"id": 1},
        Query: {"keywords": "dog"},
        Region: dict.fromkeys(("left", "top", "width", "height"), 0.5),
    }
    for field in fields(cls):
        with pytest.raises(QueryError, match=f"{cls.__name__}.{field.name} is <object"):
            cls(**{**sound.get(cls, {}), field.name: object()})


def test_numbers_of_every_kind_and_items_of_anything():
    assert Query.like(np.int64(7), k=np.uint8(3), max_distance=np.float32(0.5)).k == 3
    assert Query(map(int, "12")) == Query([1, 2]) == Query((1, 2))
    assert Example(path=Path("a.jpg")) == Example(path="a.jpg") == Example(path=b"a.jpg")
    assert (
        Example(id=1, region=Region(0, np.float64(0.5), 1, np.float32(0.5)), weight=2, limits=ImageLimits()).weight == 2
    )
    assert Query.like(1, allowed=IdSet(np.array([1])), fold=Within(1)).fold == Within(1.0)


def test_one_that_shows_itself_badly_is_refused_all_the_same():
    class Broken:
        def __repr__(self):
            raise ValueError("no")

    with pytest.raises(seealso.QueryError, match="it is <Broken instance"):
        check_type("it", Broken(), str)
