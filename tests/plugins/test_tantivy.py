"""The text index tantivy."""

import functools
import json
import os
import subprocess
import sys
from typing import ClassVar

import numpy as np
import pytest
import tantivy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import seealso
from conftest import read_only, small_disk, without_privileges
from durability.power_cut import PowerCut, compile_layer
from seealso import Words
from seealso.testing import TextIndexTests, text_fixtures
from seealso.testing.text_fixtures import found, put
from seealso_tantivy import index as index_module
from seealso_tantivy.errors import translated
from seealso_tantivy.index import TantivyIndex
from seealso_tantivy.options import LANGUAGES, STEMMERS, TantivyOptions

open_index = functools.partial(text_fixtures.open_text_index, TantivyIndex)
run = functools.partial(text_fixtures.run, TantivyIndex)


class TestTantivy(TextIndexTests):
    text_index_class = TantivyIndex
    english_and_german: ClassVar = {"languages": ["en", "de"]}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "text"


@pytest.fixture
def index(folder):
    index = open_index(folder)
    yield index
    index.close()


def test_it_is_the_default():
    plugins = seealso.load_plugins()
    assert plugins.get("text", "tantivy") is TantivyIndex
    assert plugins.preferred("text") == "tantivy"


# Options


def test_every_stemmer_is_one_of_tantivys():
    for name in STEMMERS.values():
        builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
        assert builder.filter(tantivy.Filter.stemmer(name)).build().analyze("a") == ["a"]
    assert set(STEMMERS) < LANGUAGES
    assert len(LANGUAGES) == 184


@pytest.mark.parametrize(
    ("languages", "expected"),
    [
        (["german"], "'german' is no language code of ISO 639-1; did you mean `de`?"),
        (["Englisch"], "did you mean `en`?"),
        (["norwegian"], "did you mean `nb`?"),
        (["xx"], "'xx' is no language code of ISO 639-1; such are ar, da, de"),
        (["en-GB"], "'en-gb' is no language code"),
        (sorted(LANGUAGES)[:17], "17 languages are named; 16 are allowed"),
        ("en", "valid list"),
        ([True], "valid string"),
    ],
)
def test_languages_that_are_none(languages, expected):
    with pytest.raises(ValidationError) as caught:
        TantivyOptions(languages=languages)
    assert expected in str(caught.value)


def test_languages_in_any_form():
    assert TantivyOptions(languages=[" EN", "de", "en"]).languages == ["en", "de"]
    # What YAML makes of an unquoted `no`.
    assert TantivyOptions(languages=[False]).languages == ["no"]


# Words


def test_a_language_without_a_stemmer_and_one_named_like_a_field(folder):
    index = open_index(folder, languages=["id", "pl"])
    index.put(np.array([1, 2]), [[Words("caption", "czarne ptaki", "pl")], [Words("caption", "burung hitam", "id")]])
    index.commit(1)
    assert found(index, "ptaki") == found(index, "PTAKI -burung") == [1]
    assert found(index, "ptak") == []
    assert found(index, "hitam") == [2]
    index.close()


def test_no_language_is_any_language_as_it_is_written(folder):
    index = open_index(folder, languages=[])
    index.put(np.array([1, 2]), [[Words("caption", "Häuser", "de")], [Words("caption", "houses", "en")]])
    index.commit(1)
    assert found(index, "hauser") == [1]
    assert found(index, "house") == []
    assert found(index, '"houses"') == found(index, "hous*") == [2]
    index.close()


@pytest.mark.parametrize(
    ("language", "text", "query"),
    [
        ("fr", "les éléphants aimés", "elephant"),
        ("ru", "чёрные ёлки", "елки"),
        ("ru", "красивые кошки", "кошка"),
        ("el", "Οι γάτες", "γατες"),
        ("ar", "القطط", "قطط"),
        ("tr", "İSTANBUL'DA KEDİLER", "kedi"),
        ("no", "kattene", "katten"),
    ],
)
def test_stems_and_accents(folder, language, text, query):
    index = open_index(folder, languages=["en", language])
    index.put(np.array([1, 2]), [[Words("caption", text, language)], [Words("caption", "else", language)]])
    index.commit(1)
    assert found(index, query) == [1]
    index.close()


ACCENTED = ("ete", "été", "Eté", "ETE", "strasse", "Straße", "鳥", "ёлка", "елка")
PLAIN = ("ete", "ete", "ete", "ete", "strasse", "strasse", "鳥", "елка", "елка")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.lists(st.sampled_from(range(len(ACCENTED))), min_size=1, max_size=4), min_size=1, max_size=4),
    asked=st.lists(st.sampled_from(range(len(ACCENTED))), min_size=1, max_size=2),
)
def test_accents_make_no_difference(tmp_path_factory, texts, asked):
    """Whether or not the words as they are written have to be looked at for it."""
    index = open_index(tmp_path_factory.mktemp("accents") / "text", languages=["ja", "en"])
    put(index, {id_: " ".join(ACCENTED[word] for word in text) for id_, text in enumerate(texts)})
    phrase = [PLAIN[word] for word in asked]
    expected = [
        id_
        for id_, text in enumerate(texts)
        if phrase in [[PLAIN[word] for word in text[start : start + len(phrase)]] for start in range(len(text))]
    ]
    assert found(index, '"' + " ".join(ACCENTED[word] for word in asked) + '"') == expected
    index.close()


def test_titles_and_keywords_weigh_more(index):
    for id_, field in enumerate(["caption", "title", "place", "keywords"]):
        index.put(np.array([id_]), [[Words(field, "bird"), Words("caption", "a lake with a tree")]])
    index.commit(1)
    hits = index.search(seealso.TextQuery.parse("bird"), 4)
    assert set(hits.ids[:2].tolist()) == {1, 3}
    assert hits.scores[1] > hits.scores[2]


def test_a_word_that_stands_twice_for_its_weight_is_no_phrase(index):
    index.put(np.array([1]), [[Words("title", "bird"), Words("keywords", "cat"), Words("keywords", "bird")]])
    index.commit(1)
    assert found(index, '"bird bird"') == found(index, '"cat cat"') == found(index, '"cat bird"') == []


@pytest.mark.parametrize("at_once", [1, 7, 10, 100])
def test_all_that_match_a_part_at_a_time(index, monkeypatch, at_once):
    monkeypatch.setattr(index_module, "_AT_ONCE", at_once)
    ids = np.random.default_rng(1).permutation(200)[:70]
    for some in np.split(ids, 7):
        put(index, {int(id_): "bird" if id_ % 3 else "cat" for id_ in some})
    assert found(index, "bird") == sorted(int(id_) for id_ in ids if id_ % 3)
    assert found(index, "bird -bir*") == []


def test_segments_are_merged(index):
    for number in range(30):
        put(index, {number: "bird"})
    index.close()
    index = open_index(index.context.directory)
    assert 1 <= int(index.statistics()["segments"]) < 20
    statistics = {"languages": "en", "fields": "caption", "objects": 30}
    assert {name: index.statistics()[name] for name in statistics} == statistics
    index.close()


# What is there is not ours, or damaged


def refused(folder, **options):
    """The one line with which an index is refused, for reading and for writing."""
    lines = set()
    for reading in (True, False):
        with pytest.raises(seealso.FormatError) as caught:
            open_index(folder, read_only=reading, **options)
        lines.add(str(caught.value))
    (line,) = lines
    assert "\n" not in line
    assert "`seealso rebuild`" in line
    return line


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is not of a text index"),
        (b"\xff\x00", "is not of a text index"),
        (b"[]", "is not of a text index"),
        (b'{"magic": "other", "version": 1, "languages": ["en"], "applied": 3}', "is not of a text index"),
        (b'{"magic": "seealso-tantivy", "version": 1, "languages": 3, "applied": 3}', "is not of a text index"),
        (b'{"magic": "seealso-tantivy", "version": 9, "languages": ["en"], "applied": 3}', "is of format 9"),
        (b'{"magic": "seealso-tantivy", "version": 1, "languages": ["fr"], "applied": 3}', "for other languages"),
    ],
)
def test_a_position_that_is_none(index, folder, content, expected):
    put(index, {1: "bird"})
    index.close()
    (folder / "text-index.json").write_bytes(content)
    assert expected in refused(folder)


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("meta.json", lambda path: path.write_bytes(b"")),
        ("meta.json", lambda path: path.write_bytes(b"[1, 2")),
        ("meta.json", lambda path: path.write_text(path.read_text().replace("words_en", "words_fr"))),
        ("meta.json", lambda path: path.unlink()),
        ("*.term", lambda path: path.write_bytes(b"")),
        ("*.term", lambda path: path.write_bytes(path.read_bytes()[:-20])),
        ("*.idx", lambda path: path.unlink()),
        ("*.fast", lambda path: path.write_bytes(os.urandom(500))),
    ],
)
def test_damaged_files(index, folder, pattern, damage):
    put(index, {1: "bird"})
    index.close()
    (path,) = (folder / "tantivy").glob(pattern)
    damage(path)
    refused(folder)


def test_an_index_that_is_damaged_while_it_is_open(index, folder):
    put(index, {1: "bird"})
    (folder / "tantivy" / "meta.json").unlink()
    with pytest.raises(seealso.FormatError, match="has lost its files; run `seealso rebuild`"):
        found(index, "bird")


def test_a_folder_that_is_of_something_else(folder):
    folder.mkdir()
    (folder / "letter.txt").write_text("Dear …")
    with pytest.raises(seealso.FormatError, match=r"letter\.txt is in the place of the text index"):
        open_index(folder)
    assert (folder / "letter.txt").read_text() == "Dear …"


def test_a_creation_that_was_cut_off(index, folder):
    index.close()
    (folder / "text-index.json").unlink()
    (folder / "tantivy" / "meta.json").write_bytes(b"{")
    again = open_index(folder)
    put(again, {1: "bird"}, 4)
    assert (found(again, "bird"), again.applied()) == ([1], 4)
    again.close()


def test_a_panic_of_rust_is_an_error():
    schema = tantivy.SchemaBuilder().add_text_field("a").build()
    with pytest.raises(seealso.FormatError, match="cannot be used"), translated(seealso.TextContext):
        tantivy.Query.phrase_query(schema, "a", ["one"])
    with pytest.raises(KeyboardInterrupt), translated(seealso.TextContext):
        raise KeyboardInterrupt


# Disks and processes


def test_a_second_writer_is_told(index, folder):
    put(index, {1: "bird"})
    other = open_index(folder)
    with pytest.raises(seealso.CollectionBusy, match="another process is writing to the text index"):
        put(other, {2: "bird"})
    index.close()
    put(other, {3: "bird"})
    assert found(other, "bird") == [1, 3]
    other.close()


def test_on_a_read_only_disk(index, folder):
    put(index, {1: "bird"}, 3)
    index.close()
    with read_only(folder):
        reader = open_index(folder, read_only=True)
        assert (found(reader, "bird"), reader.applied(), reader.suggest("b", 1)) == ([1], 3, ["bird"])
        reader.close()


def test_without_the_permission_to_write(index, folder):
    put(index, {1: "bird"})
    index.close()
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        code = "print(found(index(read_only=True), 'bird'))"
        assert run(folder, code, *without_privileges()) == "[1]\n"
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_nothing_is_left_in_the_temporary_folder(index, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    for number in range(50):
        put(index, {number: "bird"})
        assert len(found(index, "bird")) == number + 1
    assert list((tmp_path / "temporary").iterdir()) == []
    (tmp_path / "temporary").rmdir()
    put(index, {50: "bird"})
    with pytest.raises(seealso.CollectionError, match="needs a temporary folder"):
        found(index, "bird")


def test_a_full_disk(tmp_path):
    """It says so; when there is room again, what was put before the commit that failed is put again."""
    with small_disk(tmp_path / "disk", 4) as disk:
        index = open_index(disk / "text")
        put(index, {1: "bird"}, 1)
        words = [f"{number:x}" for number in np.random.default_rng(1).integers(1 << 60, size=100_000).tolist()]
        (disk / "other").write_bytes(bytes(2_500_000))
        with pytest.raises(seealso.DiskFull, match="the disk is full"):
            put(index, {2: " ".join(words)}, 2)
        assert (found(index, "bird"), index.applied()) == ([1], 1)
        index.close()
        (disk / "other").unlink()
        index = open_index(disk / "text")
        assert (found(index, "bird"), index.applied()) == ([1], 1)
        put(index, {2: "bird"}, 2)
        assert (found(index, "bird"), index.applied()) == ([1, 2], 2)
        index.close()


def test_a_power_cut(tmp_path):
    """On a disk that loses every write which was not synced, what a commit has returned for stays."""
    # The folder is the framework's to make.
    (tmp_path / "disk" / "text").mkdir(parents=True)
    disk = PowerCut(compile_layer(tmp_path), tmp_path / "disk", tmp_path / "mirror")
    code = """
    import os
    i = index()
    for turn in range(i.applied() + 1, i.applied() + 11):
        put(i, {turn: "bird", 1000 + turn: "cat"}, turn)
        i.remove(np.array([1000 + turn - 1]))
    i.put(np.array([500]), [[seealso.Words("caption", "bird")]])
    print(turn, flush=True)
    os.kill(os.getpid(), 9)
    """
    for expected in (10, 20):
        child = text_fixtures.start(TantivyIndex, disk.watched / "text", code, env=disk.environment())
        printed, errors = child.communicate()
        assert printed == f"{expected}\n", errors
        disk.cut()
        reader = open_index(disk.watched / "text", read_only=True)
        assert reader.applied() == expected
        assert found(reader, "bird") == list(range(1, expected + 1))
        assert 1000 + expected in found(reader, "cat")
        reader.close()


def test_what_it_costs_to_be_listed():
    """The module that every command imports loads nothing heavy."""
    code = "import sys, seealso_tantivy; print(sorted({'tantivy', 'numpy', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == []
