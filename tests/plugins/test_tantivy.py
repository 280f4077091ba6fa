"""The text index tantivy."""

import dataclasses
import errno
import json
import os
import shutil
import subprocess
import sys
import textwrap
from contextlib import suppress
from typing import ClassVar

import numpy as np
import pytest
import tantivy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import seealso
from conftest import SAMPLES, read_only, small_disk, without_privileges
from durability.power_cut import PowerCut, compile_layer
from seealso import Words
from seealso.collection.derived.snapshots import Snapshots
from seealso.testing import TextIndexTests, text_fixtures
from seealso.testing.text_fixtures import add, files_of, found, save
from seealso_tantivy import files as files_module
from seealso_tantivy import index as index_module
from seealso_tantivy.analysis import Analysis
from seealso_tantivy.documents import schema
from seealso_tantivy.errors import translated
from seealso_tantivy.header import WITHOUT_HASHES, WITHOUT_SIGNS
from seealso_tantivy.index import TantivyIndex
from seealso_tantivy.options import LANGUAGES, STEMMERS, TantivyOptions


class TestTantivy(TextIndexTests):
    text_index_class = TantivyIndex
    english_and_german: ClassVar = {"languages": ["en", "de"]}


@pytest.fixture
def make(tmp_path):
    """Makes an index that has loaded a snapshot, or a new one; all are closed at the end."""
    indexes = []

    def make(snapshot=None, **options):
        indexes.append(text_fixtures.make_text_index(TantivyIndex, tmp_path / "scratch", snapshot, **options))
        return indexes[-1]

    yield make
    for index in indexes:
        index.close()


@pytest.fixture
def index(make):
    return make()


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


def test_a_language_without_a_stemmer_and_one_named_like_a_field(make):
    index = make(languages=["id", "pl"])
    index.add(np.array([1, 2]), [[Words("caption", "czarne ptaki", "pl")], [Words("caption", "burung hitam", "id")]])
    assert found(index, "ptaki") == found(index, "PTAKI -burung") == [1]
    assert found(index, "ptak") == []
    assert found(index, "hitam") == [2]


def test_no_language_is_any_language_as_it_is_written(make):
    index = make(languages=[])
    index.add(np.array([1, 2]), [[Words("caption", "Häuser", "de")], [Words("caption", "houses", "en")]])
    assert found(index, "hauser") == [1]
    assert found(index, "house") == []
    assert found(index, '"houses"') == found(index, "hous*") == [2]


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
def test_stems_and_accents(make, language, text, query):
    index = make(languages=["en", language])
    index.add(np.array([1, 2]), [[Words("caption", text, language)], [Words("caption", "else", language)]])
    assert found(index, query) == [1]


ACCENTED = ("ete", "été", "Eté", "ETE", "strasse", "Straße", "鳥", "ёлка", "елка")
PLAIN = ("ete", "ete", "ete", "ete", "strasse", "strasse", "鳥", "елка", "елка")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.lists(st.sampled_from(range(len(ACCENTED))), min_size=1, max_size=4), min_size=1, max_size=4),
    asked=st.lists(st.sampled_from(range(len(ACCENTED))), min_size=1, max_size=2),
)
def test_accents_make_no_difference(tmp_path_factory, texts, asked):
    """Whether or not the words as they are written have to be looked at for it."""
    index = text_fixtures.make_text_index(TantivyIndex, tmp_path_factory.mktemp("accents"), languages=["ja", "en"])
    add(index, {id_: " ".join(ACCENTED[word] for word in text) for id_, text in enumerate(texts)})
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
        index.add(np.array([id_]), [[Words(field, "bird"), Words("caption", "a lake with a tree")]])
    hits = index.search(seealso.TextQuery.parse("bird"), 4)
    assert set(hits.ids[:2].tolist()) == {1, 3}
    assert hits.scores[1] > hits.scores[2]


def test_a_word_that_stands_twice_for_its_weight_is_no_phrase(index):
    index.add(np.array([1]), [[Words("title", "bird"), Words("keywords", "cat"), Words("keywords", "bird")]])
    assert found(index, '"bird bird"') == found(index, '"cat cat"') == found(index, '"cat bird"') == []


@pytest.mark.parametrize("at_once", [1, 7, 10, 100])
def test_all_that_match_a_part_at_a_time(index, monkeypatch, at_once):
    monkeypatch.setattr(index_module, "_AT_ONCE", at_once)
    ids = np.random.default_rng(1).permutation(200)[:70]
    for some in np.split(ids, 7):
        add(index, {int(id_): "bird" if id_ % 3 else "cat" for id_ in some})
    assert found(index, "bird") == sorted(int(id_) for id_ in ids if id_ % 3)
    assert found(index, "bird -bir*") == []


def test_segments_are_merged(index, make, tmp_path):
    for number in range(30):
        add(index, {number: "bird"})
        assert index.statistics()["objects"] == number + 1
    loaded = make(save(index, tmp_path / "1"))
    assert 1 <= int(loaded.statistics()["segments"]) < 12
    statistics = {"languages": "en", "fields": "caption", "objects": 30}
    assert {name: loaded.statistics()[name] for name in statistics} == statistics
    assert loaded.statistics()["bytes"] == sum(file.stat().st_size for file in (tmp_path / "1/tantivy").iterdir())
    assert found(index, "bird") == list(range(30))


# Snapshots


def test_a_snapshot_shares_files_with_the_one_before(index, make, tmp_path):
    add(index, dict.fromkeys(range(100), "bird"))
    first = save(index, tmp_path / "1") / "tantivy"
    add(index, {200: "fish"})
    second = save(index, tmp_path / "2") / "tantivy"
    loaded = make(tmp_path / "2")
    loaded.remove(np.array([7]))
    third = save(loaded, tmp_path / "3") / "tantivy"
    for earlier, later in ((first, second), (second, third)):
        written = [path.name for path in later.iterdir() if not (earlier / path.name).exists()]
        assert 0 < len(written) < 10
        for path in earlier.iterdir():
            if path.name != "meta.json":
                assert (later / path.name).samefile(path)
    assert not (first / "meta.json").samefile(second / "meta.json")
    assert loaded.verify() == make(tmp_path / "3").verify() == []


def no_links(source, target, **_):
    raise PermissionError(errno.EPERM, "Operation not permitted", str(source))


def test_without_hard_links(index, make, tmp_path, monkeypatch):
    """As on a file system that has none: the working copy is of symbolic links, and a snapshot of copies."""
    monkeypatch.setattr("os.link", no_links)
    add(index, {1: "bird", 2: "bird"})
    loaded = make(save(index, tmp_path / "1"))
    before = files_of(tmp_path / "1")
    loaded.remove(np.array([1]))
    add(loaded, {3: "bird"})
    assert found(loaded, "bird") == [2, 3]
    assert any(path.is_symlink() for path in (tmp_path / "scratch").rglob("*"))
    save(loaded, tmp_path / "2")
    assert not any(path.is_symlink() for path in (tmp_path / "2").rglob("*"))
    loaded.close()
    assert files_of(tmp_path / "1") == before
    shutil.rmtree(tmp_path / "1")
    assert found(make(tmp_path / "2"), "bird") == [2, 3]


def test_with_no_links_of_any_kind(index, make, tmp_path, monkeypatch):
    add(index, {1: "bird"})
    snapshot = save(index, tmp_path / "1")
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr("os.link", no_links)
    monkeypatch.setattr("os.symlink", no_links)
    names = [path.name for path in (snapshot / "tantivy").iterdir()]
    files_module.link_files(snapshot / "tantivy", names, tmp_path / "copies", lasting=False)
    for name in names:
        assert (tmp_path / "copies" / name).read_bytes() == (snapshot / "tantivy" / name).read_bytes()
    with pytest.raises(seealso.CollectionError, match="cannot be opened by way of"):
        make(snapshot)


def test_an_index_of_earlier_releases(make, tmp_path):
    """It was changed in its folder, and here a writer was killed: files lie about that do not count, and would be in the way."""
    folder = SAMPLES / "tantivy-1"
    before = files_of(folder)
    languages = {"languages": ["en", "de"]}
    index = make(folder, **languages)
    assert index.loaded_change() == 7
    assert (index.statistics()["objects"], index.verify()) == (5, [])
    expected = {
        "bird": [6],
        "birds": [6],
        "fish": [2],
        "Haus": [3],
        "zurich": [4],
        "鳥": [5],
        "creator:adams": [3, 4, 5],
    }
    assert {query: found(index, query) for query in expected} == expected
    for number in range(6):
        index.remove(np.array([3]))
        add(index, {3: "bird", 10 + number: "bird"})
        assert found(index, "bird") == [3, 6, *range(10, 11 + number)]
    snapshot = save(index, tmp_path / "1")
    index.close()
    again = make(snapshot, **languages)
    assert (again.loaded_change(), again.verify(), found(again, "zurich")) == (None, [], [4])
    # It keeps no hashes of words, and goes on so until it is built anew.
    assert json.loads((snapshot / "text-index.json").read_text())["version"] == 2
    assert again.hashes() is None
    assert found(again, "bird") == [3, 6, *range(10, 16)]
    assert not list(snapshot.rglob("0123456789abcdef*"))
    assert files_of(folder) == before


SIGNS = {
    1: "Party 🎉🎂 at last",
    2: "Written in C++ and c#",
    3: "Thumbs up 👍🏽, from 🇩🇪 with ❤️",
    4: "A concert in C; hash#tag, 1+1",
    5: "👩‍🚀 über alles",
}


def test_emoji_and_signs_are_words(index):
    add(index, SIGNS)
    expected = {
        "🎉": [1],
        '"🎂 at"': [1],
        "🎉🎂": [1],
        "🎂🎉": [],
        "👍": [3],
        "👍🏿": [3],
        "🇩🇪": [3],
        "🇫🇷": [],
        "❤": [3],
        "👩‍🚀": [5],
        "🚀 uber": [5],
        "C++": [2],
        "C#": [2],
        "c": [4],
        "hash#tag": [4],
        "1+1": [4],
        "concert -🎉": [4],
        "party -🎉": [],
    }
    assert {query: found(index, query) for query in expected} == expected


def test_signs_in_an_index_of_earlier_releases(make, tmp_path):
    """They are none in what comes to it, either, as long as it is not built anew."""
    index = make()
    index._header = dataclasses.replace(index._header, version=WITHOUT_SIGNS)
    index._analysis = Analysis(index.options.languages, signs=False)
    add(index, SIGNS)
    snapshot = save(index, tmp_path / "1")
    index.close()
    again = make(snapshot)
    add(again, {6: "🎉 in C++"})
    assert (found(again, "🎉"), found(again, "C++"), found(again, "party")) == ([], [2, 4, 6], [1])
    again.remove(np.array([2]))
    assert json.loads((save(again, tmp_path / "2") / "text-index.json").read_text())["version"] == 3
    assert again.hashes() is not None


def without_hashes(index):
    """A new index, as an earlier release would have made it: it keeps no hashes of words."""
    index._header = dataclasses.replace(index._header, version=WITHOUT_HASHES)
    index._schema = schema(index._analysis, hashed=False)
    return index


def in_place(folder, *snapshots):
    """The folder of an index that earlier releases changed in place, with the segments of snapshots; none are merged."""
    made = folder / "tantivy"
    made.mkdir(parents=True)
    metas = [json.loads((snapshot / "tantivy/meta.json").read_text()) for snapshot in snapshots]
    for snapshot in snapshots:
        for path in (snapshot / "tantivy").iterdir():
            shutil.copy(path, made)
    segments = [segment for meta in metas for segment in meta["segments"]]
    meta = metas[0] | {"segments": segments, "opstamp": max(meta["opstamp"] for meta in metas)}
    (made / "meta.json").write_text(json.dumps(meta))
    header = {"magic": "seealso-tantivy", "version": 1, "languages": ["en"], "applied": 5}
    (folder / "text-index.json").write_text(json.dumps(header))
    return folder


def test_no_removal_is_lost_in_a_merge(make, tmp_path):
    """tantivy numbers the first operation of a writer like the last commit before it, and a merge may then pass over it."""
    snapshots = []
    for part in range(9):
        index = without_hashes(make())
        add(index, {id_: f"w{id_}" for id_ in range(20 * part, 20 * part + 20)})
        index.statistics()
        if part == 3:
            # The newest of all commits has removed an object from this segment.
            add(index, dict.fromkeys(range(500, 520), "more"))
            index.statistics()
            add(index, {65: "changed"})
        snapshots.append(save(index, tmp_path / str(part)))
        index.close()
    folder = in_place(tmp_path / "text", *snapshots)
    for attempt in range(5):
        index = make(folder)
        objects = index.statistics()["objects"]
        add(index, {69: "something else"})
        index.statistics()
        merged = make(save(index, tmp_path / f"merged {attempt}"))
        assert merged.statistics()["segments"] < 9
        assert (found(merged, "w69"), found(merged, "w65"), found(merged, "something")) == ([], [], [69])
        assert merged.statistics()["objects"] == objects == 200


# What is there is not ours, or damaged


def refused(make, snapshot, **options):
    """The one line with which a snapshot is refused."""
    with pytest.raises(seealso.FormatError) as caught:
        make(snapshot, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert "`seealso rebuild`" in line
    return line


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is not of a text index"),
        (b"\xff\x00", "is not of a text index"),
        (b"[]", "is not of a text index"),
        (b'{"magic": "other", "version": 2, "languages": ["en"]}', "is not of a text index"),
        (b'{"magic": "seealso-tantivy", "version": 2, "languages": 3}', "is not of a text index"),
        (b'{"magic": "seealso-tantivy", "version": 2, "languages": ["en"], "files": {}, "crc32": 3}', "is damaged"),
        (b'{"magic": "seealso-tantivy", "version": 1, "languages": ["en"], "applied": "x"}', "is not of a text index"),
        (b'{"magic": "seealso-tantivy", "version": 9}', "is of format 9, and this release reads up to 4"),
        (b'{"magic": "seealso-tantivy", "version": 1, "languages": ["fr"], "applied": 3}', "for other languages"),
    ],
)
def test_a_header_that_is_none(index, make, tmp_path, content, expected):
    add(index, {1: "bird"})
    snapshot = save(index, tmp_path / "1")
    (snapshot / "text-index.json").write_bytes(content)
    assert expected in refused(make, snapshot)


def test_other_languages(index, make, tmp_path):
    add(index, {1: "bird"})
    assert "for other languages (en, not de)" in refused(make, save(index, tmp_path / "1"), languages=["de"])


DAMAGES = [
    ("meta.json", lambda path: path.write_bytes(b"")),
    ("meta.json", lambda path: path.write_bytes(b"[1, 2")),
    ("meta.json", lambda path: path.write_text(path.read_text().replace("words_en", "words_fr"))),
    ("meta.json", lambda path: path.unlink()),
    ("*.term", lambda path: path.write_bytes(b"")),
    ("*.term", lambda path: path.write_bytes(path.read_bytes()[:-20])),
    ("*.idx", lambda path: path.unlink()),
    ("*.fast", lambda path: path.write_bytes(os.urandom(500))),
]


@pytest.mark.parametrize(("pattern", "damage"), DAMAGES)
@pytest.mark.parametrize("earlier", [False, True])
def test_damaged_files(index, make, tmp_path, pattern, damage, earlier):
    add(without_hashes(index) if earlier else index, {1: "bird"})
    snapshot = save(index, tmp_path / "1")
    if earlier:
        snapshot = in_place(tmp_path / "text", snapshot)
        assert found(make(snapshot), "bird") == [1]
    (path,) = (snapshot / "tantivy").glob(pattern)
    damage(path)
    refused(make, snapshot)


def test_no_flipped_bit_is_missed(index, make, tmp_path):
    add(index, {id_: f"bird{id_} " * 20 for id_ in range(3000)})
    index.statistics()
    index.remove(np.array([3]))
    snapshot = save(index, tmp_path / "1")
    random = np.random.default_rng(1)
    on_opening = set()
    for path in (snapshot / "text-index.json", *sorted((snapshot / "tantivy").iterdir())):
        data = path.read_bytes()
        for place in (*random.integers(0, len(data), 3).tolist(), len(data) - int(random.integers(1, 500))):
            path.unlink()
            path.write_bytes(data[:place] + bytes([data[place] ^ 1 << int(random.integers(8))]) + data[place + 1 :])
            try:
                loaded = make(snapshot)
            except seealso.FormatError:
                on_opening.add(path.suffix)
                continue
            assert [f"{path} is damaged" in line for line in loaded.verify()] == [True]
            # What tantivy reads first is at the end; damage there can end the process.
            assert place < len(data) - 4096
        path.unlink()
        path.write_bytes(data)
    assert on_opening == {".json", ".del", ".fast", ".fieldnorm", ".idx", ".pos", ".store", ".term"}
    assert make(snapshot).verify() == []


def test_a_file_that_is_lost_later(index, make, tmp_path):
    add(index, {1: "bird"})
    loaded = make(save(index, tmp_path / "1"))
    (path,) = (tmp_path / "1").rglob("*.term")
    path.unlink()
    assert loaded.verify() == [f"{path} cannot be read: No such file or directory"]


def test_a_panic_of_rust_is_an_error(tmp_path):
    schema = tantivy.SchemaBuilder().add_text_field("a").build()
    with pytest.raises(seealso.FormatError, match="cannot be used"), translated(tmp_path):
        tantivy.Query.phrase_query(schema, "a", ["one"])
    with pytest.raises(KeyboardInterrupt), translated(tmp_path):
        raise KeyboardInterrupt


# Disks and processes


def script(scratch, code):
    """Some code for a process of its own, where ``index(…)`` makes an index, and ``add``, ``found`` and ``np`` are there."""
    head = f"""
    import functools, pathlib
    import numpy as np
    from seealso.testing.text_fixtures import add, found, make_text_index
    from seealso_tantivy.index import TantivyIndex
    index = functools.partial(make_text_index, TantivyIndex, pathlib.Path({str(scratch)!r}))
    """
    return textwrap.dedent(head) + textwrap.dedent(code)


def test_on_a_read_only_disk(index, make, tmp_path):
    add(index, {1: "bird"})
    snapshot = save(index, tmp_path / "1")
    with read_only(snapshot):
        reader = make(snapshot)
        assert (found(reader, "bird"), reader.suggest("b", 1), reader.verify()) == ([1], ["bird"], [])
        add(reader, {2: "bird"})
        assert found(reader, "bird") == [1, 2]
        reader.close()


def test_without_the_permission_to_write(index, tmp_path):
    add(index, {1: "bird"})
    snapshot = save(index, tmp_path / "1")
    for path in [*snapshot.rglob("*"), snapshot]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        code = f"i = index(pathlib.Path({str(snapshot)!r})); add(i, {{2: 'bird'}}); print(found(i, 'bird'))"
        command = [*without_privileges(), sys.executable, "-W", "error", "-c", script(tmp_path / "else", code)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "[1, 2]\n", "")
    finally:
        for path in [snapshot, *snapshot.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_nothing_is_left_in_the_temporary_folder(index, make, tmp_path, monkeypatch):
    add(index, {1: "bird"})
    snapshot = save(index, tmp_path / "1")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    for _ in range(20):
        reader = make(snapshot)
        assert found(reader, "bird") == [1]
        reader.close()
    assert list((tmp_path / "temporary").iterdir()) == []
    assert len(list((tmp_path / "scratch").iterdir())) == 1, "no working copy is made before something changes"
    (tmp_path / "temporary").rmdir()
    assert found(make(snapshot), "bird") == [1], "where the disk has no room, there may be some in memory"
    monkeypatch.setattr(files_module, "_MEMORY", str(tmp_path / "none"))
    with pytest.raises(seealso.CollectionError, match="needs a temporary folder"):
        make(snapshot)


def test_a_full_disk(index, tmp_path):
    """It says so; when there is room again, the snapshot before is there, and goes on."""
    add(index, {1: "bird"})
    with small_disk(tmp_path / "disk", 4) as disk:
        snapshot = save(index, disk / "1")
        full = text_fixtures.make_text_index(TantivyIndex, disk / "scratch", snapshot)
        words = [f"{number:x}" for number in np.random.default_rng(1).integers(1 << 60, size=100_000).tolist()]
        (disk / "other").write_bytes(bytes(2_500_000))
        add(full, {2: " ".join(words)})
        with pytest.raises(seealso.DiskFull, match="the disk is full"):
            save(full, disk / "2")
        full.close()
        with suppress(OSError), (disk / "more").open("wb", 0) as file:
            while file.write(bytes(4096)):
                pass
        fuller = text_fixtures.make_text_index(TantivyIndex, disk / "scratch", snapshot)
        with pytest.raises(seealso.DiskFull, match="the disk is full"):
            add(fuller, {2: "bird"})
        fuller.close()
        (disk / "more").unlink()
        (disk / "other").unlink()
        shutil.rmtree(disk / "scratch")
        again = text_fixtures.make_text_index(TantivyIndex, disk / "scratch", snapshot)
        add(again, {2: "bird"})
        assert (found(again, "bird"), again.verify()) == ([1, 2], [])
        again.close()


@pytest.mark.slow
def test_a_power_cut(tmp_path):
    """On a disk that loses every write which was not synced, a snapshot that the framework has named current stays."""
    (tmp_path / "disk/text").mkdir(parents=True)
    disk = PowerCut(compile_layer(tmp_path), tmp_path / "disk", tmp_path / "mirror")
    snapshots = Snapshots(disk.watched / "text")
    code = f"""
    import os
    from seealso.collection.derived.snapshots import Snapshots
    snapshots = Snapshots(pathlib.Path({str(snapshots.directory)!r}))
    name = snapshots.current_name()
    current = snapshots.hold(name) if name else None
    i = index(current and current.directory)
    first = current.change if current else 0
    for turn in range(first + 1, first + 11):
        add(i, {{turn: "bird", 1000 + turn: "cat"}})
        i.remove(np.array([1000 + turn - 1]))
        snapshots.save(turn, {{}}, i.save)
    add(i, {{500: "bird"}})
    found(i, "bird")
    print(turn, flush=True)
    os.kill(os.getpid(), 9)
    """
    for expected in (10, 20):
        command = [sys.executable, "-W", "error", "-c", script(disk.watched / "scratch", code)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | disk.environment())
        assert done.stdout == f"{expected}\n", done.stderr
        disk.cut()
        current = snapshots.hold(snapshots.current_name())
        assert current.change == expected
        reader = text_fixtures.make_text_index(TantivyIndex, tmp_path / "scratch", current.directory)
        assert found(reader, "bird") == list(range(1, expected + 1))
        assert found(reader, "cat") == [1000 + expected]
        assert reader.verify() == []
        reader.close()
        current.release()


def test_what_it_costs_to_be_listed():
    """The module that every command imports loads nothing heavy."""
    code = "import sys, seealso_tantivy; print(sorted({'tantivy', 'numpy', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == []
