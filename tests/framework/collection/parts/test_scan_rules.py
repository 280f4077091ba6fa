"""Which files a collection takes: by its configuration, by how it was made, and by what was given since."""

import json
from contextlib import closing

import numpy as np
import pytest

import seealso
from old_catalogues import make_old
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts.scan_rules import SCAN, GivenRules, KeptRules
from seealso.interfaces.scan_rules import LEFT_OUT, ScanRules

OLD = KeptRules(default=None)
NOT_NAMED = ScanRules()


def given(**rules: object) -> GivenRules:
    return GivenRules.checked(
        rules.get("include", ()), rules.get("exclude", ()), rules.get("hidden"), rules.get("start")
    )


@pytest.mark.parametrize(
    ("kept", "configured", "expected"),
    [
        (KeptRules(), NOT_NAMED, ScanRules()),
        (OLD, NOT_NAMED, ScanRules(exclude=())),
        (KeptRules(()), NOT_NAMED, ScanRules(exclude=())),
        (KeptRules(exclude=("x",)), NOT_NAMED, ScanRules(exclude=(*LEFT_OUT, "x"))),
        (KeptRules(exclude=("x",)), ScanRules(exclude=("y",)), ScanRules(exclude=("y", "x"))),
        (KeptRules(exclude=("y", "x")), ScanRules(exclude=("y",)), ScanRules(exclude=("y", "x"))),
        (KeptRules(), ScanRules(exclude=()), ScanRules(exclude=())),
        (KeptRules(), ScanRules(hidden=True), ScanRules(hidden=True)),
        (KeptRules(hidden=True), ScanRules(hidden=False), ScanRules(hidden=True)),
        (KeptRules(include=("a",)), ScanRules(include=("b",)), ScanRules(include=("b", "a"))),
        (OLD, ScanRules(include=("b",)), ScanRules(include=("b",), exclude=())),
    ],
)
def test_what_is_in_force(kept, configured, expected):
    found = kept.in_force(configured).rules
    assert (found.include, found.exclude, found.hidden) == (expected.include, expected.exclude, expected.hidden)


@pytest.mark.parametrize(
    ("kept", "configured", "settled", "unasked"),
    [
        (KeptRules(), NOT_NAMED, True, False),
        (OLD, NOT_NAMED, False, True),
        (KeptRules(None, exclude=("x",)), NOT_NAMED, True, True),
        (KeptRules(()), NOT_NAMED, True, False),
        (OLD, ScanRules(hidden=False), True, True),
        (OLD, ScanRules(exclude=()), True, False),
    ],
)
def test_whether_anybody_has_chosen_them(kept, configured, settled, unasked):
    found = kept.in_force(configured)
    assert (found.settled, found.unasked) == (settled, unasked)


def test_what_is_given_is_put_beside_what_there_is():
    kept = KeptRules().with_given(given(exclude=["a"], include=["i"]), NOT_NAMED)
    kept = kept.with_given(given(exclude=["b", "a"], hidden=True), NOT_NAMED)
    assert kept == KeptRules(LEFT_OUT, ("i",), ("a", "b"), True)
    assert kept.with_given(given(), NOT_NAMED) == kept
    assert kept.with_given(given(hidden=False), NOT_NAMED).hidden is False
    assert kept.with_given(given(start="none", exclude=["c"]), NOT_NAMED) == KeptRules((), exclude=("c",))
    assert kept.with_given(given(start="default"), NOT_NAMED) == KeptRules()
    assert OLD.with_given(given(exclude=["a"]), NOT_NAMED) == KeptRules(None, exclude=("a",))


def test_what_the_configuration_forbids():
    with pytest.raises(seealso.ConfigError, match=r"the configuration says `scan: \{hidden: true\}`; change it there"):
        KeptRules().with_given(given(hidden=False), ScanRules(hidden=True))


@pytest.mark.parametrize(
    "rules", [{"exclude": "@eaDir"}, {"include": [""]}, {"exclude": [5]}, {"exclude": ["\udce9"]}, {"start": "all"}]
)
def test_what_is_no_rule(rules):
    with pytest.raises(seealso.ConfigError, match=r"expected a list of patterns|give 'default' or 'none'"):
        given(**rules)


# Of a collection


@pytest.fixture
def photos(tmp_path, make_photos):
    """Four photographs, and a folder of thumbnails of two."""
    make_photos(tmp_path / "photos", 4)
    make_photos(tmp_path / "photos" / "@eaDir", 2, seed=9)
    return tmp_path / "photos"


def test_a_new_collection_leaves_out_thumbnails_of_a_nas(photos, open_collection):
    collection = open_collection()
    assert collection.rules == ScanRules()
    report = collection.index([photos])
    assert (report.added, report.left_out, report.warnings) == (4, 1, [])
    assert collection.rules == ScanRules()
    status = collection.status()
    assert status["scan"] == {"include": [], "exclude": list(LEFT_OUT), "hidden": False}
    assert status["advice"] == []


def test_rules_that_are_given_hold_for_every_later_run(photos, open_collection):
    with open_collection() as collection:
        assert collection.index([photos], exclude=["0001*"], include=["*.jpg"]).added == 3
    for _ in range(2):
        with open_collection() as collection:
            assert not collection.index([photos]).changed
            assert collection.rules.exclude == (*LEFT_OUT, "0001*")
            assert collection.rules.include == ("*.jpg",)
    with open_collection() as collection:
        assert collection.index([photos], rules="none").added == 3
        assert collection.rules == ScanRules(exclude=())


def test_the_configuration_says_them(photos, open_collection):
    collection = open_collection(scan={"exclude": ["0001*"]})
    assert collection.index([photos]).added == 4
    assert collection.rules == ScanRules(exclude=("0001*",))
    # Where it says nothing any more, the collection is as it was made.
    assert open_collection().rules == ScanRules()


@pytest.mark.parametrize(
    ("scan", "expected"),
    [
        ({"exclude": "@eaDir"}, "scan.exclude: expected a list, found '@eaDir'"),
        ({"exclude": [""]}, "scan.exclude.0: string should have at least 1 character"),
        (
            {"excluded": ["a"]},
            r"scan.excluded: unknown key; did you mean `exclude`\? \(valid: include, exclude, hidden\)",
        ),
        ({"hidden": "yes"}, "scan.hidden: input should be a valid boolean"),
    ],
)
def test_what_the_configuration_cannot_say(open_collection, scan, expected):
    with pytest.raises(seealso.ConfigError, match=expected):
        open_collection(scan=scan)


@pytest.fixture
def old(photos, open_collection):
    """A collection of an earlier release, which took everything, and a hidden photograph too."""
    (photos / ".hidden.jpg").write_bytes((photos / "0000-astronaut.jpg").read_bytes() + b"x")
    with open_collection() as collection:
        assert collection.index([photos], rules="none", hidden=True).added == 7
    make_old(collection.path, 4)
    return collection.path


def test_a_collection_of_an_earlier_release_keeps_to_none(old, photos, open_collection):
    collection = open_collection(old)
    assert collection.rules == ScanRules(exclude=())
    for _ in range(2):
        report = collection.index([photos])
        assert (report.unchanged, report.excluded, report.changed) == (6, 0, False)
        (line,) = report.warnings
        assert line.startswith("2 files lie in folders that a new collection leaves out (@eaDir, #recycle")
        assert "`seealso index --rules default PATH…` leaves these out here, too" in line
        assert collection.counts().objects == 7
        (advice,) = [each for each in collection.status()["advice"] if each["part"] == "scan.exclude"]
        assert (advice["has"], advice["default"]) == ("none", ", ".join(LEFT_OUT))
        assert "`seealso index --rules default PATH…`" in advice["how"]


def test_it_gets_the_rules_of_a_new_one_when_asked(old, photos, open_collection):
    collection = open_collection(old)
    report = collection.index([photos], rules="default")
    # The hidden one is left out as well, by now.
    assert (report.unchanged, report.excluded, report.warnings) == (4, 3, [])
    assert collection.status()["advice"] == []


def test_it_can_be_told_that_none_is_meant(old, photos, open_collection):
    collection = open_collection(old)
    report = collection.index([photos], rules="none", hidden=True)
    assert (report.unchanged, report.excluded, report.warnings) == (7, 0, [])
    assert collection.status()["advice"] == []
    assert collection.index([photos]).unchanged == 7


def test_it_may_get_other_rules_and_is_told_of_the_defaults_still(old, photos, open_collection):
    collection = open_collection(old)
    report = collection.index([photos], exclude=["0001*"], hidden=True)
    assert (report.excluded, report.unchanged, len(report.warnings)) == (2, 5, 1)
    assert [each["part"] for each in collection.status()["advice"]] == ["scan.exclude"]


def test_an_empty_folder_is_no_reason_to_say_anything(old, photos, open_collection, tmp_path, make_photos):
    make_photos(tmp_path / "more", 2, seed=4)
    assert open_collection(old).index([tmp_path / "more"]).warnings == []


def test_a_record_that_cannot_be_read(photos, open_collection):
    with open_collection() as collection:
        collection.index([photos])
    for record in ("[]", "{}", json.dumps({"default": 5, "include": [], "exclude": [], "hidden": False})):
        with closing(CatalogWriter(collection.path)) as writer:
            writer.set_meta({SCAN: record})
        with pytest.raises(seealso.FormatError, match="the record of which files are taken is damaged"):
            open_collection().index([photos])


def test_imported_descriptors_have_none(tmp_path):
    np.save(tmp_path / "v.npy", np.eye(4, dtype=np.float32))
    with seealso.open(tmp_path / "v") as collection:
        collection.import_descriptors(tmp_path / "v.npy")
    make_old(tmp_path / "v", 4)
    with seealso.open(tmp_path / "v", extractor={"plugin": "imported", "dim": 4}) as collection:
        assert "scan" not in collection.status()
        assert collection.status()["advice"] == []
