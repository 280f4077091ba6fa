"""Whatever bit of a catalogue flips: nothing that is read differs while all is said to be well, and nothing but our errors comes."""

import contextlib
import random
import re
import sqlite3

import pytest

import seealso
from lengths import campaign
from old_catalogues import make_old
from seealso.catalogue.checksums import inserting
from seealso.catalogue.forgotten import count_forgotten, forgotten_places, forgotten_states
from seealso.catalogue.reader import Catalog
from seealso.catalogue.rows import Annotation, Failure, FileState, Location, ObjectRow
from seealso.catalogue.writer import CatalogWriter, create_catalog
from seealso.interfaces.text import Words
from seealso.layout import CATALOGUE

STATE = FileState(b"s" * 32, 1)
OBJECTS = 80
DAMAGE = seealso.Damage("cut short", 0.75)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The bytes of a catalogue that has rows in every table."""
    folder = tmp_path_factory.mktemp("sound")
    create_catalog(folder, {"provenance": "{}"})
    writer = CatalogWriter(folder)
    rng = random.Random(3)
    writer.reserve_ids(OBJECTS + 1)
    writer.commit(
        [
            ObjectRow(id_, rng.randbytes(32), 640, 480, 10_000 + id_, None if id_ % 9 else DAMAGE)
            for id_ in range(1, OBJECTS + 1)
        ],
        [
            Location(
                b"/photos/%d.jpg" % id_,
                id_,
                STATE,
                Annotation(b"state", {"sidecar": (Words("caption", f"a bird {id_}"),)}),
            )
            for id_ in range(1, OBJECTS + 1)
        ],
        [Failure(b"/photos/broken-%d.jpg" % number, "no image", STATE, 1.5e9) for number in range(9)],
    )
    writer.remove_locations([b"/photos/3.jpg"])
    list(writer.remove_unplaced())
    writer.commit([], [Location(b"/photos/4.jpg", 4, STATE, Annotation(b"new"))], [])
    writer.remove_locations([b"/photos/9.jpg"])
    with writer.transaction() as connection:
        rows = [
            (rng.randbytes(32), b"/photos/away-%d.jpg" % number, 900 + number, b"s" * 32, 1.5e9) for number in range(9)
        ]
        connection.executemany(inserting("forgotten"), rows)
    writer.compact()
    writer.close()
    return (folder / CATALOGUE).read_bytes()


def everything(folder):
    """All that is read from a catalogue, and what it says is wrong; None and the error where it is refused."""
    try:
        with contextlib.closing(Catalog(folder)) as catalog:
            problems = catalog.verify()
            ids = catalog.ids().tolist()
            return problems, (
                ids,
                catalog.records(ids),
                catalog.words(ids),
                catalog.counts(),
                list(catalog.failures()),
                list(forgotten_places(catalog)),
                count_forgotten(catalog),
                forgotten_states(catalog, [b"/photos/away-%d.jpg" % number for number in range(9)]),
                list(catalog.damaged()),
                catalog.count_damaged(),
                list(catalog.locations_below(b"/")),
                catalog.annotation_states([b"/photos/%d.jpg" % id_ for id_ in range(OBJECTS)]),
                catalog.change(),
                catalog.removals_known_since(),
                catalog.removed_ids(0).tolist(),
                catalog.reannotated_ids(0).tolist(),
                catalog.meta("next_id"),
            )
    except seealso.SeealsoError as error:
        return [str(error)], None


def test_flipped_bits(sound, tmp_path):
    (tmp_path / CATALOGUE).write_bytes(sound)
    problems, expected = everything(tmp_path)
    assert problems == []
    rng = random.Random(campaign(1, 2))
    used = [place for place, byte in enumerate(sound) if byte]
    outcomes = {"refused": 0, "named": 0, "the same": 0}
    for _ in range(campaign(150, 1500)):
        place, bit = rng.choice(used) if rng.random() < 0.8 else rng.randrange(len(sound)), rng.randrange(8)
        for old in tmp_path.iterdir():
            old.unlink()
        damaged = bytearray(sound)
        damaged[place] ^= 1 << bit
        (tmp_path / CATALOGUE).write_bytes(damaged)
        problems, found = everything(tmp_path)
        for problem in problems:
            assert CATALOGUE in problem
            assert re.search("backup|maintain|upgrade seealso|another directory|run `seealso verify`", problem), problem
        assert problems or found == expected, (place, bit)
        outcomes["refused" if found is None else "named" if problems else "the same"] += 1
    assert all(outcomes.values())


def damage(folder, statement):
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE)) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE objects SET width = 641 WHERE id = 5",
            "object 5: its record fails its checksum; `seealso maintain` forgets",
        ),
        ("UPDATE locations SET object = 6 WHERE object = 5", "the location /photos/5.jpg: its record fails"),
        ("UPDATE words SET words = '[]' WHERE path = CAST('/photos/5.jpg' AS BLOB)", "the words of /photos/5.jpg: its"),
        ("UPDATE failures SET reason = 'none'", "the failure of /photos/broken-8.jpg: its record fails"),
        ("UPDATE removals SET object = 7", "the removal of object 7: its record fails its checksum; .*built anew"),
        (
            "UPDATE forgotten SET time = 1 WHERE object = 905",
            "what was forgotten of /photos/away-5.jpg: its record fails its checksum; .* may take the image in again",
        ),
        (
            "UPDATE damage SET share = 0.5 WHERE object = 18",
            "the damage of object 18: its .*forgets it; the image stays",
        ),
        ("UPDATE objects SET width = 641", "more rows of objects fail their checksums"),
        ("UPDATE counts SET number = 0", "79 objects are there, and 0 are counted; `seealso maintain` counts anew"),
        ("DROP INDEX locations_by_object", "locations_by_object is not as it was made; restore"),
        ("UPDATE objects SET checksum = NULL WHERE id = 5", "object 5: its record fails its checksum"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(sound, tmp_path, statement, said):
    (tmp_path / CATALOGUE).write_bytes(sound)
    damage(tmp_path, statement)
    problems, _ = everything(tmp_path)
    assert any(re.search(said, problem) for problem in problems), problems


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE meta SET value = '[]' WHERE key = 'provenance'",
        "UPDATE meta SET key = 'provenence' WHERE key = 'provenance'",
        "UPDATE meta SET value = '99' WHERE key = 'change'",
        "PRAGMA user_version = 3",
        "PRAGMA user_version = 0",
        "DELETE FROM meta WHERE key = 'format'",
    ],
)
def test_it_is_refused_where_every_answer_would_be_in_doubt(sound, tmp_path, statement):
    (tmp_path / CATALOGUE).write_bytes(sound)
    damage(tmp_path, statement)
    for opening in (Catalog, CatalogWriter):
        with pytest.raises(seealso.CorruptCollection, match=r"is damaged: .*; restore the catalogue from a backup"):
            opening(tmp_path)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_older_formats_are_read_and_checked(sound, tmp_path, version):
    (tmp_path / CATALOGUE).write_bytes(sound)
    with contextlib.closing(Catalog(tmp_path)) as catalog:
        assert catalog.unchecked() == 0
    make_old(tmp_path, version)
    with contextlib.closing(Catalog(tmp_path)) as catalog:
        assert catalog.verify() == []
        assert catalog.counts() == seealso.Counts(OBJECTS - 1, OBJECTS - 2, 9)
        assert (catalog.unchecked() > 2 * OBJECTS) == (version < 4)
        assert (list(forgotten_places(catalog)), count_forgotten(catalog)) == ([], 0)
        assert (list(catalog.damaged()), catalog.count_damaged()) == ([], 0)
