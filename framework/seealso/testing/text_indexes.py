"""What a text index has to do."""

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seealso.errors import QueryError
from seealso.interfaces.text import TextIndex, Words, hash_of_words
from seealso.interfaces.text_query import Match, Term, TextQuery
from seealso.testing.effort import examples
from seealso.testing.shared_text_indexes import SharedTextIndexTests
from seealso.testing.text_fixtures import Make, add, found, make_text_index, save
from seealso.testing.worded_text_indexes import WordedTextIndexTests

# No stemmer changes these; some begin with others.
VOCABULARY = ("ka1", "ka12", "ka3", "mo1", "mo12", "mo2", "zu7")
FIELDS = ("title", "caption", "creator")

documents = st.lists(
    st.tuples(st.sampled_from(FIELDS), st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=5)), max_size=4
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "remove", "again"]), st.dictionaries(st.integers(0, 12), documents, max_size=6)
    ),
    min_size=1,
    max_size=6,
)
fields = st.sampled_from(["", "", *FIELDS])
terms = st.one_of(
    st.builds(Term, st.sampled_from(VOCABULARY), st.just(Match.WORD), fields, st.booleans()),
    st.builds(
        Term, st.sampled_from(["k", "ka", "ka1", "m", "mo12", "q"]), st.just(Match.PREFIX), fields, st.booleans()
    ),
    st.builds(
        Term,
        st.lists(st.sampled_from(VOCABULARY), min_size=2, max_size=3).map(" ".join),
        st.just(Match.PHRASE),
        fields,
        st.booleans(),
    ),
)
terms = st.one_of(
    terms,
    terms,
    st.builds(
        lambda term, others: replace(term, alternatives=tuple(replace(other, excluded=False) for other in others)),
        terms,
        st.lists(terms, min_size=1, max_size=3),
    ),
)
queries = st.lists(terms, min_size=1, max_size=3).filter(lambda some: not all(term.excluded for term in some))
# What no index may get wrong is in every run, whatever else is drawn.
CHANGES: list[Any] = [
    ("add", {1: [("title", ["ka1", "mo1"])], 2: [("title", ["ka1"])], 3: [("caption", ["mo2"])]}),
    ("remove", {1: []}),
    ("add", {3: [("caption", ["zu7"])]}),
]


def fits(term: Term, texts: list[tuple[str, list[str]]]) -> bool:
    """Whether a term that is not excluded is in a document: the plain way."""
    for field, words in texts:
        if term.field and field != term.field:
            continue
        phrase = term.text.split()
        runs = [words[start : start + len(phrase)] for start in range(len(words))]
        if term.match is Match.PREFIX and any(word.startswith(term.text) for word in words):
            return True
        if term.match is not Match.PREFIX and phrase in runs:
            return True
    return False


class TextIndexTests(SharedTextIndexTests, WordedTextIndexTests):
    """Subclass it in a test module as ``Test…``, and name the class of your text index.

    If it stems, name too the options with which it does, as ``english_and_german``.
    """

    # Adding and removing

    def test_a_new_one_is_empty(self, index: TextIndex) -> None:
        assert found(index, "bird") == []
        assert index.suggest("b", 5) == []
        assert index.statistics()["objects"] == 0
        index.remove(np.array([1]))
        index.add(np.array([], np.int64), [])
        assert found(index, "bird -fish") == []

    def test_what_is_added_is_found(self, index: TextIndex) -> None:
        add(index, {5: "a black bird", 2: "a white bird"})
        assert found(index, "bird") == [2, 5]
        assert found(index, "white") == [2]
        assert found(index, "red") == []
        statistics = index.statistics()
        assert statistics["objects"] == 2
        assert float(statistics["bytes"]) > 0

    def test_added_again_replaces(self, index: TextIndex) -> None:
        add(index, {1: "bird", 2: "bird"})
        add(index, {1: "fish"})
        add(index, {1: "fish"})
        assert (found(index, "bird"), found(index, "fish")) == ([2], [1])
        assert index.statistics()["objects"] == 2

    def test_the_words_of_each_object_are_known_by_a_hash(self, index: TextIndex, make: Make, tmp_path: Path) -> None:
        if index.hashes() is None:
            pytest.skip("it keeps no hashes of words (TextIndex.hashes)")
        said = {
            7: [Words("caption", "a bird", "en"), Words("title", "Fish"), Words("caption", "a bird", "en")],
            2: [Words("caption", "a bird")],
            5: [Words("keywords", "\N{BIRD}")],
            (1 << 63) - 1: [],
        }
        for id_, words in said.items():
            index.add(np.array([id_]), [[Words("caption", "before")]])
            index.add(np.array([id_]), [words])
        index.remove(np.array([5]))
        del said[5]
        for asked in (index, make(save(index, tmp_path / "1"))):
            found = asked.hashes()
            assert found is not None
            ids, hashes = found
            assert ids.dtype == np.int64
            assert hashes.dtype == np.int64
            assert ids.tolist() == sorted(said)
            assert hashes.tolist() == [hash_of_words(said[id_]) for id_ in sorted(said)]

    def test_the_last_change_counts(self, index: TextIndex) -> None:
        for caption in ("bird", "cat", "fish"):
            index.add(np.array([3]), [[Words("caption", caption)]])
        index.add(np.array([4]), [[Words("caption", "bird")]])
        index.remove(np.array([4]))
        index.add(np.array([1]), [[Words("caption", "bird")]])
        index.remove(np.array([1]))
        index.add(np.array([1]), [[Words("caption", "cat")]])
        assert (found(index, "bird"), found(index, "cat"), found(index, "fish")) == ([], [1], [3])

    def test_removed_and_added_again(self, index: TextIndex) -> None:
        add(index, dict.fromkeys(range(10), "bird"))
        index.remove(np.array([3, 4, 77]))
        assert found(index, "bird") == [0, 1, 2, 5, 6, 7, 8, 9]
        add(index, {4: "bird"})
        assert found(index, "bird") == [0, 1, 2, 4, 5, 6, 7, 8, 9]

    def test_an_object_without_words(self, index: TextIndex) -> None:
        add(index, {1: "bird", 2: "bird"})
        index.add(np.array([1, 3, 4]), [[], [Words("caption", "")], [Words("caption", "—!")]])
        assert found(index, "bird") == [2]

    def test_any_id_of_63_bits(self, index: TextIndex) -> None:
        ids = [0, 1, 1 << 32, (1 << 53) + 1, (1 << 63) - 1]
        add(index, dict.fromkeys(ids, "bird"))
        assert found(index, "bird") == ids
        index.remove(np.array(ids[1:]))
        assert found(index, "bird") == [0]

    @pytest.mark.parametrize(
        ("ids", "count"),
        [
            (np.array([1, 1]), 2),
            (np.array([-1]), 1),
            (np.array([1.0]), 1),
            (np.array([[1]]), 1),
            (np.array([1], np.int32), 1),
            (np.array([1, 2]), 1),
            (np.array([1]), 2),
        ],
    )
    def test_what_does_not_fit_is_refused(self, index: TextIndex, ids: np.ndarray, count: int) -> None:
        with pytest.raises(ValueError, match="IDs"):
            index.add(ids, [[Words("caption", "bird")]] * count)
        assert found(index, "bird") == []

    # Queries

    def test_all_words_have_to_be_there(self, index: TextIndex) -> None:
        ids = np.array([1, 2, 3])
        blue = [Words("title", "Blue"), Words("keywords", "bird"), Words("keywords", "sky")]
        index.add(ids, [blue, [Words("keywords", "bird")], [Words("title", "blue"), Words("title", "sky")]])
        assert found(index, "blue") == [1, 3]
        assert found(index, "bird BLUE") == [1]
        assert found(index, "bird blue fish") == []

    def test_phrases(self, index: TextIndex) -> None:
        captions = ["a black bird", "a bird, black", "black; bird", "blackbird", "black big bird"]
        add(index, dict(enumerate(captions)))
        index.add(np.array([9]), [[Words(field, word) for field in FIELDS for word in ("black", "bird")]])
        assert found(index, '"black bird"') == [0, 2]
        assert found(index, "black bird") == [0, 1, 2, 4, 9]
        assert found(index, 'black -"black bird"') == [1, 4, 9]

    def test_what_is_written_together_belongs_together(self, index: TextIndex) -> None:
        captions = [
            "l'oiseau",
            "l d'oiseau",
            "see http://x.org/a",
            "see http: a/x.org",
            "IMG_0815.JPG",
            "12:30",
            "30:12",
        ]
        add(index, dict(enumerate(captions)))
        for query, ids in {"l'oiseau": [0], "http://x.org": [2], "IMG_0815": [4], "0815": [4], "12:30": [5]}.items():
            assert found(index, query) == ids, query

    def test_beginnings(self, index: TextIndex) -> None:
        add(index, dict(enumerate(["bird", "birds", "birdhouse", "a bir", "weird"])))
        assert found(index, "bird*") == [0, 1, 2]
        assert found(index, "BIR*") == [0, 1, 2, 3]
        assert found(index, "bir* -bird*") == [3]

    def test_spelt_nearly_so(self, index: TextIndex) -> None:
        add(index, dict(enumerate(["bird", "brid", "burd", "fish", "elephant", "elefant"])))
        assert found(index, "bird~") == [0, 1, 2]
        assert found(index, "elefant~") == [4, 5]
        assert index.search(TextQuery.parse("elefant~"), 1).ids.tolist() == [5]

    def test_excluded(self, index: TextIndex) -> None:
        add(index, dict(enumerate(["black bird", "white bird", "black cat"])))
        assert found(index, "bird -black") == [1]
        assert found(index, "bird -bl*") == [1]
        assert found(index, "bird -red -fish") == [0, 1]
        assert found(index, "black -cat -bird") == []

    def test_fields(self, index: TextIndex) -> None:
        ansel = [Words("creator", "Ansel Adams"), Words("title", "The Tetons")]
        index.add(np.array([1, 2]), [ansel, [Words("caption", "Ansel and Adams, tetons")]])
        assert found(index, "adams") == [1, 2]
        assert (
            found(index, "creator:adams") == found(index, 'CREATOR:"ansel adams"') == found(index, "creator:ad*") == [1]
        )
        assert found(index, "creator:adasm~") == [1]
        assert found(index, "title:adams") == found(index, "creator:tetons") == []
        assert found(index, "tetons -creator:adams") == [2]

    def test_a_field_that_no_object_has_is_a_word(self, index: TextIndex) -> None:
        add(index, dict(enumerate(["ratio 3", "note: ratio 3", "ratio: note 3"])))
        assert found(index, "note:ratio") == [1]
        assert found(index, "ratio -note:ratio") == [0, 2]

    def test_a_source_may_bring_a_field_of_its_own(self, index: TextIndex) -> None:
        index.add(np.array([1, 2]), [[Words("camera", "Leica M3")], [Words("caption", "a leica")]])
        assert found(index, "camera:leica") == [1]
        with pytest.raises(ValueError, match="field"):
            index.add(np.array([3]), [[Words("no.field", "bird")]])

    def test_words_without_letters_to_look_for(self, index: TextIndex) -> None:
        add(index, {1: "bird " + "x" * 5000, 2: "bird"})
        assert found(index, "bird " + "x" * 900) == []
        assert found(index, "bird -" + "x" * 900) == [1, 2]
        assert found(index, "x" * 900 + "*") == found(index, "x" * 900 + "~") == []

    # The best first

    def test_the_best_first(self, index: TextIndex) -> None:
        add(index, {1: "bird on a tree by a lake", 2: "bird bird bird on a lake", 3: "fish in a lake"})
        assert index.search(TextQuery.parse("bird"), 10).ids.tolist() == [2, 1]
        add(index, {4: "bird", 5: "a bird in a long text with many words of other things that nobody looks for"})
        assert index.search(TextQuery.parse("bird"), 10).ids.tolist()[-1] == 5

    def test_pages(self, index: TextIndex) -> None:
        random = np.random.default_rng(0)
        add(index, {id_: "bird " * int(random.integers(1, 30)) + "tree " * 30 for id_ in range(300)})
        asked = TextQuery.parse("bird tree")
        whole = index.search(asked, 300)
        pages = [index.search(asked, 70, offset) for offset in range(0, 350, 70)]
        assert np.concatenate([page.ids for page in pages]).tolist() == whole.ids.tolist()
        assert np.array_equal(np.concatenate([page.scores for page in pages]), whole.scores)
        assert {page.total for page in pages} == {300}

    def test_limits_of_any_size(self, index: TextIndex) -> None:
        add(index, {1: "bird", 2: "bird", 3: "fish"})
        asked = TextQuery.parse("bird")
        assert index.search(asked, 10**18).ids.tolist() == [1, 2]
        for limit, offset in ((0, 0), (0, 5), (10, 2), (10**18, 10**18), (1, 10**18)):
            hits = index.search(asked, limit, offset)
            assert (hits.ids.size, hits.scores.size, hits.total) == (0, 0, 2)
        with pytest.raises(ValueError, match="limit"):
            index.search(asked, -1)
        assert index.suggest("b", 10**18) == ["bird"]
        assert index.suggest("b", 0) == []

    # Any document, any query

    @examples(40)
    @given(steps=steps, asked=st.lists(queries, min_size=1, max_size=8))
    @example(steps=CHANGES, asked=[])
    @example(steps=[*CHANGES, ("again", {})], asked=[])
    @example(steps=[CHANGES[0], ("again", {}), *CHANGES[1:]], asked=[])
    def test_it_finds_what_a_plain_search_finds(
        self, tmp_path_factory: pytest.TempPathFactory, steps: Any, asked: list[list[Term]]
    ) -> None:
        folder = tmp_path_factory.mktemp("model")
        index = make_text_index(self.text_index_class, folder / "scratch")
        expected: dict[int, list[tuple[str, list[str]]]] = {}
        for number, (what, some) in enumerate(steps):
            ids = np.array(sorted(some), np.int64)
            if what == "add":
                index.add(ids, [[Words(field, " ".join(words)) for field, words in some[id_]] for id_ in sorted(some)])
                expected |= some
            elif what == "remove":
                index.remove(ids)
                expected = {id_: texts for id_, texts in expected.items() if id_ not in some}
            else:
                snapshot = save(index, folder / f"snapshot {number}")
                index.close()
                index = make_text_index(self.text_index_class, folder / "scratch", snapshot)
            if number % 2:
                assert index.statistics()["objects"] == len(expected)
        known = {field for texts in expected.values() for field, _ in texts}
        # Whatever is drawn, everything that is or was there is asked for.
        everything = [[Term(beginning, Match.PREFIX)] for beginning in ("k", "m", "z")]
        for some_terms in [*asked, *everything]:
            if any(term.field and term.field not in known for term in some_terms):
                continue
            ids = index.matching(TextQuery(tuple(some_terms)))
            assert ids.tolist() == sorted(
                id_
                for id_, texts in expected.items()
                if all(any(fits(each, texts) for each in term.each()) is not term.excluded for term in some_terms)
            )
            assert index.search(TextQuery(tuple(some_terms)), 5).total == ids.size
        index.close()

    @pytest.fixture
    def some(self, index: TextIndex) -> TextIndex:
        """An index with a little of everything."""
        add(
            index,
            dict(enumerate(["black birds", "Zürich été", "黒い鳥", "IMG_0815.jpg", "a b c d e", "ёлка ЁЖ", "é" * 300])),
        )
        return index

    @examples(300)
    @given(
        query=st.text(max_size=60)
        | st.text(alphabet='ab*~-:"\\/()[]{}^&|!?. \x00é鳥', max_size=60)
        | st.lists(
            st.sampled_from(["black*", '-"a b"', "brid~", "caption:", "x:y", "鳥", "AND", "(", '"', "-", "*"])
        ).map(" ".join)
    )
    def test_any_query_has_an_answer(self, some: TextIndex, query: str) -> None:
        some.suggest(query, 3)
        with suppress(QueryError):
            found(some, query)

    @examples(80)
    @given(text=st.text(alphabet=st.characters(categories=["L", "N", "M", "P", "Z", "Cf", "Cs"]), max_size=40))
    def test_any_text_is_found_by_itself(self, some: TextIndex, text: str) -> None:
        text = re.sub('["“”„]', " ", text)
        add(some, {100: text})
        with suppress(QueryError):
            assert 100 in found(some, f'"{text}"')
