"""Words from keyword sources: into the catalogue, into the text index, and out of it."""

import json
import os
import shutil
import sqlite3
import textwrap

import numpy as np
import pytest

import seealso
from conftest import SAMPLES, THUMBNAIL, read_only
from lengths import campaign
from old_catalogues import make_old
from seealso.catalogue.formats import FORMAT_VERSION
from seealso.collection.intake.keywords import Annotator, printable
from seealso.interfaces.plugin import PluginChoice
from vector_collections import opened_of

PLUGINS = [THUMBNAIL, SAMPLES / "plain_text.py"]


@pytest.fixture
def opening(tmp_path, make_photos, monkeypatch):
    """Opens a collection of twelve photographs; every third one has a sidecar."""
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", -1)
    photos = make_photos(tmp_path / "photos", 12)
    for number, photo in enumerate(photos):
        if number % 3 == 0:
            photo.with_suffix(".txt").write_text(f"A red bird, number {number}")
    opened = []

    def opening(text="plain-text", **settings):
        opened.append(seealso.open(tmp_path / "c", plugins=PLUGINS, extractor="thumbnail", text=text, **settings))
        return opened[-1]

    yield opening
    for collection in opened:
        collection.close()


def found(collection, query, k=50, **options):
    return [hit.id for hit in collection.text(query, k, **options).hits]


def name_of(collection, id_):
    return os.path.basename(os.fsdecode(collection.show(id_).paths[0]))


# The way in


def test_what_is_described_is_found(opening, tmp_path):
    collection = opening()
    report = collection.index([tmp_path / "photos"])
    assert (report.added, report.annotated, report.warnings) == (12, 0, [])
    answer = collection.text("red bird")
    assert answer.matched == len(answer.hits) == 4
    assert {name_of(collection, hit.id)[:4] for hit in answer.hits} == {"0000", "0003", "0006", "0009"}
    assert all(hit.keywords[0].startswith("A red bird, number ") for hit in answer.hits)
    assert answer.text == "red bird"
    assert found(collection, "nothing") == []
    (ninth,) = found(collection, "bird 9")
    assert collection.keywords([ninth]) == {ninth: {"sidecar": (seealso.Words("caption", "A red bird, number 9"),)}}
    assert collection.verify().problems == []
    assert collection.status()["text"]["objects"] == 4


def test_a_changed_sidecar_is_noticed_without_extracting(opening, tmp_path, monkeypatch):
    collection = opening()
    collection.index([tmp_path / "photos"])
    assert not collection.index([tmp_path / "photos"]).changed
    (sidecar,) = (tmp_path / "photos").glob("0003*.txt")
    sidecar.write_text("A green fish")
    next((tmp_path / "photos").glob("0004*.jpg")).with_suffix(".json").write_text('{"keywords": ["blue", "fish"]}')
    next((tmp_path / "photos").glob("0006*.txt")).unlink()
    monkeypatch.setattr(collection.parts, "extract", lambda batch: pytest.fail("something was extracted"))
    report = collection.index([tmp_path / "photos"])
    assert (report.added, report.located, report.annotated, report.unchanged) == (0, 0, 3, 9)
    assert report.changed
    assert len(found(collection, "bird")) == 2
    assert {name_of(collection, id_)[:4] for id_ in found(collection, "fish")} == {"0003", "0004"}
    assert not collection.index([tmp_path / "photos"]).changed
    assert collection.verify().problems == []


def test_words_go_with_their_files(opening, tmp_path):
    collection = opening()
    collection.index([tmp_path / "photos"])
    (original,) = (tmp_path / "photos").glob("0003*.jpg")
    copy = tmp_path / "photos" / "copy.jpg"
    shutil.copy(original, copy)
    copy.with_suffix(".txt").write_text("The same in yellow")
    collection.index([tmp_path / "photos"])
    (both,) = found(collection, "yellow")
    assert both in found(collection, "bird")
    original.unlink()
    report = collection.index([tmp_path / "photos"])
    assert (report.locations_removed, report.removed) == (1, 0)
    assert both not in found(collection, "bird")
    assert found(collection, "yellow") == [both]
    copy.unlink()
    assert collection.index([tmp_path / "photos"]).removed == 1
    assert found(collection, "yellow") == []
    assert collection.verify().problems == []
    # Another image in the same place has its own words.
    shutil.copy(next((tmp_path / "photos").glob("0000*.jpg")), next((tmp_path / "photos").glob("0001*.jpg")))
    collection.index([tmp_path / "photos"])
    assert len(found(collection, "bird")) == 3
    assert collection.verify().problems == []


def test_sources_are_switched_on_and_off(opening, tmp_path):
    opening(keywords=[]).index([tmp_path / "photos"])
    assert found(opening(keywords=[]), "bird") == []
    assert opening().index([tmp_path / "photos"]).annotated == 12
    assert len(found(opening(), "bird")) == 4
    named = opening(keywords=[{"plugin": "names", "folders": 1}])
    named.index([tmp_path / "photos"])
    assert found(named, "bird") == []
    assert len(found(named, "photos")) == 12
    assert opening(keywords=["names", {"plugin": "names", "folders": 0}]).plugins
    with pytest.raises(seealso.ConfigError, match="the keyword source names is named twice"):
        opening(keywords=["names", "names"]).index([tmp_path / "photos"])
    with pytest.raises(
        seealso.ConfigError, match="there is no keyword source named 'sidecars'; did you mean `sidecar`"
    ):
        opening(keywords=["sidecars"]).index([tmp_path / "photos"])


def test_what_cannot_be_read_is_told_once(opening, tmp_path):
    for photo in (tmp_path / "photos").glob("*.jpg"):
        photo.with_suffix(".json").write_text("{")
    for photo in (tmp_path / "photos").glob("*.txt"):
        photo.unlink()
    collection = opening()
    report = collection.index([tmp_path / "photos"])
    assert report.added == 12
    assert len(report.warnings) == 12
    assert "0000-astronaut.json: it is not JSON that can be read" in report.warnings[0]
    assert collection.index([tmp_path / "photos"]).warnings == []


def test_very_many_problems_are_counted(opening, tmp_path, make_photos):
    for photo in make_photos(tmp_path / "photos", 30):
        photo.with_suffix(".json").write_text("{")
    for photo in (tmp_path / "photos").glob("*.txt"):
        photo.unlink()
    warnings = opening().index([tmp_path / "photos"]).warnings
    assert len(warnings) == 21
    assert warnings[-1] == "… and 10 more whose words could not be read"


# A table


def test_a_table_beside_the_configuration(opening, tmp_path):
    table = tmp_path / "table.csv"
    names = sorted(path.name for path in (tmp_path / "photos").glob("*.jpg"))
    table.write_text(f"file,tags\n{names[1]},rose; tulip\nphotos/{names[2]},oak\nnowhere.jpg,elm\n")
    collection = opening()
    given = [PluginChoice("table", {"file": str(table)})]
    report = collection.index([tmp_path / "photos"], keywords=given)
    assert report.warnings == [f"{table}: 1 row names no image that was found: nowhere.jpg"]
    assert [name_of(collection, id_) for id_ in found(collection, "tulip")] == [names[1]]
    assert [name_of(collection, id_) for id_ in found(collection, "oak")] == [names[2]]
    assert len(found(collection, "bird")) == 4
    # It is remembered, and noticed when it changes.
    table.write_text(f"file,tags\n{names[1]},rose\n{names[3]},elm\n")
    report = collection.index([tmp_path / "photos"])
    assert report.annotated == 3
    assert found(collection, "oak") == []
    assert [name_of(collection, id_) for id_ in found(collection, "elm")] == [names[3]]
    table.unlink()
    with pytest.raises(
        seealso.PluginError, match=r"table\.csv: the table of keywords: it cannot be read: No such file"
    ):
        collection.index([tmp_path / "photos"])
    assert len(found(collection, "rose")) == 1
    assert collection.index([tmp_path / "photos"], keywords=[]).annotated == 2
    assert found(collection, "rose") == []


def test_a_table_that_does_not_fit_changes_nothing(opening, tmp_path):
    collection = opening()
    collection.index([tmp_path / "photos"])
    with pytest.raises(seealso.ConfigError, match="file"):
        collection.index([tmp_path / "photos"], keywords=[PluginChoice("table")])
    assert not collection.index([tmp_path / "photos"]).changed


# The text index


def test_without_one(opening, tmp_path):
    collection = opening(text=False)
    collection.index([tmp_path / "photos"])
    assert not (tmp_path / "c" / "text").exists()
    assert "text" not in collection.status()
    assert collection.suggest("b") == []
    with pytest.raises(seealso.QueryError, match="no text index"):
        collection.text("bird")
    # It can be had at any time: the catalogue knows the words.
    assert len(found(opening(), "bird")) == 4


def test_nothing_is_made_where_nothing_is_described(opening, tmp_path):
    for sidecar in (tmp_path / "photos").glob("*.txt"):
        sidecar.unlink()
    collection = opening()
    collection.index([tmp_path / "photos"])
    assert found(collection, "bird") == []
    assert collection.status()["text"] == {"objects": 0, "bytes": 0}
    assert [path.name for path in (tmp_path / "c").glob("text/*") if path.is_dir()] == []


def test_other_options_are_for_the_next_rebuild(opening, tmp_path, caplog):
    opening().index([tmp_path / "photos"])
    other = opening(text={"plugin": "plain-text", "shout": True})
    assert len(found(other, "bird")) == 4
    assert "the text index was made with shout False, and the configuration says True; it is used as" in caplog.text
    assert not opened_of(other).text.part.options.shout
    other.rebuild()
    assert len(found(other, "bird")) == 4
    assert opened_of(other).text.part.options.shout


def test_rebuild_and_damage(opening, tmp_path, caplog):
    collection = opening()
    collection.index([tmp_path / "photos"])
    collection.rebuild()
    assert len(found(collection, "bird")) == 4
    (file,) = (tmp_path / "c" / "text").glob("*/documents.json")
    file.write_text("{")
    again = opening()
    assert len(found(again, "bird")) == 4
    assert "cannot be used" in caplog.text
    (tmp_path / "c" / "text" / "CURRENT").write_text("{}")
    assert len(found(opening(), "bird")) == 4
    shutil.rmtree(tmp_path / "c" / "text")
    assert len(found(opening(), "bird")) == 4
    assert opening().verify().problems == []


def test_verify_finds_what_is_missing(opening, tmp_path):
    collection = opening()
    collection.index([tmp_path / "photos"])
    (file,) = (tmp_path / "c" / "text").glob("*/documents.json")
    content = json.loads(file.read_text())
    content.popitem()
    file.write_text(json.dumps(content))
    (problem,) = opening().verify().problems
    assert problem == f"{file} is damaged: it is not as it was saved; run `seealso rebuild`"
    opening().rebuild()
    assert opening().verify().problems == []


def test_another_process_sees_it(opening, tmp_path):
    reader = opening()
    opening().index([tmp_path / "photos"])
    assert len(found(reader, "bird")) == 4
    next((tmp_path / "photos").glob("0003*.txt")).write_text("a cat")
    opening().index([tmp_path / "photos"])
    assert len(found(reader, "cat")) == 1
    opening().rebuild()
    assert len(found(reader, "cat")) == 1


def test_while_somebody_else_is_writing_what_is_there_is_searched(opening, tmp_path):
    collection = opening()
    collection.index([tmp_path / "photos"])
    other = opening()
    with other._writing() as (_, catalog):
        catalog.remove_locations(catalog.paths_of(found(collection, "bird")[0]))
        assert len(found(collection, "bird")) == 3
        assert collection.text("bird").matched == 3


def test_on_a_read_only_disk(opening, tmp_path):
    opening().index([tmp_path / "photos"])
    with read_only(tmp_path / "c"):
        assert len(found(opening(), "bird")) == 4
        assert len(found(opening(text={"plugin": "plain-text", "shout": True}), "bird")) == 4


def test_an_index_that_is_too_old_is_built_anew(opening, tmp_path):
    collection = opening()
    collection.index([tmp_path / "photos"])
    (folder,) = (path for path in (tmp_path / "c" / "text").iterdir() if path.is_dir())
    shutil.copytree(folder, tmp_path / "old")
    next((tmp_path / "photos").glob("0003*.jpg")).unlink()
    collection.index([tmp_path / "photos"])
    collection.maintain()
    collection.close()
    (current,) = (path for path in (tmp_path / "c" / "text").iterdir() if path.is_dir())
    shutil.rmtree(current)
    shutil.copytree(tmp_path / "old", folder)
    (tmp_path / "c" / "text" / "CURRENT").write_text(folder.name)
    assert len(found(opening(), "bird")) == 3
    assert opening().verify().problems == []


# Neighbours that match


def test_where(opening, tmp_path):
    collection = opening()
    collection.index([tmp_path / "photos"])
    birds = set(found(collection, "bird"))
    query = next(int(id_) for id_ in collection.ids() if int(id_) not in birds)
    everything = [hit.id for hit in collection.similar(query, 12).hits]
    answer = collection.similar(query, 12, where="bird -9")
    assert answer.matched == 3
    assert [hit.id for hit in answer.hits] == [
        id_ for id_ in everything if id_ in birds - set(found(collection, "bird 9"))
    ]
    assert answer.text == "bird -9"
    assert answer.cost.candidates == 3
    assert collection.similar(query, 2, where="nothing").hits == ()
    allowed = seealso.IdSet(np.array(everything[:6]))
    both = collection.similar(query, 12, where="bird", allowed=allowed)
    assert {hit.id for hit in both.hits} == birds & set(everything[:6])
    descriptor = collection.descriptors([query])[0]
    assert collection.similar_to_descriptor(descriptor, 12, where="bird -9").hits == answer.hits


@pytest.mark.parametrize("query", ["", "  ", "-bird", '"', "* ~ -", "x" * 2000])
def test_queries_that_cannot_be_answered(opening, tmp_path, query):
    collection = opening()
    collection.index([tmp_path / "photos"])
    with pytest.raises(seealso.QueryError, match="text query"):
        collection.text(query)
    with pytest.raises(seealso.QueryError, match="text query"):
        collection.similar(1, where=query)


def test_pages_and_suggestions(opening, tmp_path):
    collection = opening()
    collection.index([tmp_path / "photos"])
    everything = found(collection, "bird")
    assert found(collection, "bird", 2) + found(collection, "bird", 2, offset=2) == everything
    assert collection.suggest("bi") == ["bird"]
    for k, offset in ((0, 0), (1, -1)):
        with pytest.raises(seealso.QueryError):
            collection.text("bird", k, offset)


# The catalogue


def test_a_catalogue_of_the_format_before_words(opening, tmp_path):
    with opening(text=False, keywords=[]) as collection:
        collection.index([tmp_path / "photos"])
    make_old(tmp_path / "c", 1)
    reader = opening()
    assert len(reader.similar(1, 12).hits) == 12
    assert found(reader, "bird") == []
    assert reader.keywords([1]) == {}
    assert reader.counts() == seealso.Counts(12, 12, 0)
    assert reader.verify().problems == []
    writer = opening()
    assert writer.index([tmp_path / "photos"]).annotated == 12
    assert len(found(reader, "bird")) == 4
    connection = sqlite3.connect(tmp_path / "c" / "catalog.sqlite3")
    assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT_VERSION,)
    connection.close()


@pytest.mark.torture
@pytest.mark.parametrize("text", ["plain-text", "tantivy"])
def test_killed_while_indexing(opening, tmp_path, make_photos, python, text):
    for number in range(4):
        for photo in make_photos(tmp_path / "photos" / str(number), 12, seed=number + 5):
            photo.with_suffix(".txt").write_text("a bird")
    story = textwrap.dedent(f"""
        import os, sys
        import seealso
        plugins = {[str(path) for path in PLUGINS]!r}
        collection = seealso.open({str(tmp_path / "c")!r}, plugins=plugins, extractor="thumbnail", text={text!r})
        seealso.collection.derived.keeper.FOLLOW_SECONDS = 0
        collection.parts.extractor.batch_size = 4
        calls = 0
        def told(progress):
            global calls
            calls += 1
            if calls == int(sys.argv[1]):
                os.kill(os.getpid(), 9)
        collection.index([{str(tmp_path / "photos")!r}], progress=told)
    """)
    for last in (1, 7, 13, 20, 33, 41, 52, 60)[:: campaign(2, 1)]:
        done = python.run("-c", story, last, timeout=60)
        assert done.returncode in (0, -9), done.stderr
        if not (tmp_path / "c" / "catalog.sqlite3").exists():
            continue
        with opening(text) as collection:
            assert len(found(collection, "bird", 100)) == len(
                opened_of(collection).catalog.words(collection.ids().tolist())
            )
            assert collection.verify().problems == []
    with opening(text) as collection:
        collection.index([tmp_path / "photos"])
        assert len(found(collection, "bird", 100)) == 52


# What sources say is held to bounds


class Says(seealso.KeywordSource):
    name = "says"

    def __init__(self, said, state=b"1"):
        super().__init__(seealso.PluginOptions())
        self._said, self._state = said, state

    def state(self, path):
        if isinstance(self._state, Exception):
            raise self._state
        return self._state

    def words(self, path, data):
        if isinstance(self._said, Exception):
            raise self._said
        return self._said


def described(said, **options):
    return Annotator({"says": Says(said, **options)}, {"says": "says"}).annotate(b"/a.jpg", b"")


def test_bounds():
    words = [seealso.Words("caption", f"{number} " + "x" * 100) for number in range(2000)]
    annotation, problems = described(words)
    assert problems == []
    assert sum(len(word.text) for word in annotation.words["says"]) <= 20_000
    assert len(described([seealso.Words("keywords", str(number)) for number in range(5000)])[0].words["says"]) == 1000


def test_hostile_words():
    said = [
        seealso.Words("Caption", "a\x1b[31m\x00b\n\nc\u202e", "pt_BR"),
        seealso.Words("caption", "Cafe\u0301 \ud800", "../x"),
        seealso.Words("caption", " \x07 "),
    ]
    annotation, problems = described(said)
    assert problems == []
    assert annotation.words["says"] == (
        seealso.Words("caption", "a [31m b c\u202e", "pt"),
        seealso.Words("caption", "Café ?", ""),
    )
    assert "not the name of a field" in described([seealso.Words("a b", "c")])[1][0]
    assert printable("\u200d") == "\u200d"


def test_sources_that_fail():
    assert described(seealso.KeywordError("it is torn"))[1] == ["it is torn"]
    assert described(ValueError("x"))[1] == ["/a.jpg: the keyword source says raised ValueError: x"]
    assert described([], state=OSError("x"))[0].state != b""
    assert described([], state=b"")[0].state == b""
