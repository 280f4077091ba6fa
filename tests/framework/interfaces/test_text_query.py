"""How a text query is taken apart."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seealso import PICTOGRAPHS, Match, QueryError, Term, TextQuery
from seealso.interfaces.text_query import LONGEST, MOST_TERMS

WORD, PHRASE, PREFIX, FUZZY = Match


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("bird", [Term("bird")]),
        ("  black\tbird\n", [Term("black"), Term("bird")]),
        ('"black  bird"', [Term("black bird", PHRASE)]),
        ('"bird"', [Term("bird")]),
        ("“black bird” „a b”", [Term("black bird", PHRASE), Term("a b", PHRASE)]),
        ("bird*", [Term("bird", PREFIX)]),
        ("brid~", [Term("brid", FUZZY)]),
        ("bird -black", [Term("bird"), Term("black", excluded=True)]),
        ("bird –black −white --red", [Term("bird"), *(Term(w, excluded=True) for w in ("black", "white", "red"))]),
        ("creator:Adams", [Term("Adams", field="creator")]),
        ("CREATOR:adams", [Term("adams", field="creator")]),
        ('bird -title:"black bird"', [Term("bird"), Term("black bird", PHRASE, "title", True)]),
        ("title:bi* -title:brid~", [Term("bi", PREFIX, "title"), Term("brid", FUZZY, "title", True)]),
        ("12:30", [Term("12:30")]),
        ("http://x.org", [Term("//x.org", field="http")]),
        ("note: this", [Term("note:"), Term("this")]),
        ("well-known l'oiseau a*b", [Term("well-known"), Term("l'oiseau"), Term("a*b")]),
        ('black"bird"', [Term("black"), Term("bird")]),
        ("bird - * ~ \"\" '' AND (", [Term("bird"), Term("AND")]),
        ("wide AND monitor", [Term("wide"), Term("monitor")]),
        ("wide and monitor", [Term("wide"), Term("and"), Term("monitor")]),
        ("bird NOT black", [Term("bird"), Term("black", excluded=True)]),
        ('NOT title:"a b" AND bird', [Term("a b", PHRASE, "title", True), Term("bird")]),
        ("AND", [Term("AND")]),
        ("OR bird", [Term("OR"), Term("bird")]),
        ("bird OR", [Term("bird"), Term("OR")]),
        ("bird OR cat red", [Term("bird", alternatives=(Term("cat"),)), Term("red")]),
        ('a OR title:b* OR "c d"', [Term("a", alternatives=(Term("b", PREFIX, "title"), Term("c d", PHRASE)))]),
        ("bird OR -cat", [Term("bird"), Term("cat", excluded=True)]),
        ("bird AND NOT cat OR dog", [Term("bird"), Term("cat", excluded=True), Term("dog")]),
        ('36" monitor', [Term("36"), Term("monitor")]),
        ('36" "blue vanity"', [Term("36"), Term("blue vanity", PHRASE)]),
        ('black "bird', [Term("black"), Term("bird")]),
        ('"a" "', [Term("a")]),
        ("date:2005..2006", [Term("2005", field="date", alternatives=(Term("2006", field="date"),))]),
        (
            "x -DATE:2019-12..2020-01-02",
            [
                Term("x"),
                Term(
                    "2019-12", WORD, "date", True, (Term("2020-01-01", field="date"), Term("2020-01-02", field="date"))
                ),
            ],
        ),
        ("date:2019-07", [Term("2019-07", field="date")]),
        ("2005..2010 title:1..2", [Term("2005..2010"), Term("1..2", field="title")]),
        ("e\u0301te\u0301", [Term("été")]),
        ("鳥", [Term("鳥")]),
        ("🎉 -👍🏽", [Term("🎉"), Term("👍🏽", excluded=True)]),
        ("C++ c# -- ©", [Term("C++"), Term("c#")]),
    ],
)
def test_what_it_is_made_of(text, terms):
    assert TextQuery.parse(text).terms == tuple(terms)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "holds no word: it is empty"),
        (" \n", "holds no word: it is empty"),
        ("* - ~ ()", "holds no word"),
        ('"—"', "holds no word"),
        ("-bird", "not only such as are not: -bird"),
        ('-bird -"black cat" *', "not only such as are not"),
        ("date:2010..2005", "the range of dates 2010..2005 ends before it begins"),
        ("date:2019-13..2020", "2019-13, in the range of dates 2019-13..2020, is no date"),
        ("date:..2019-02-30", "2019-02-30, in the range of dates ..2019-02-30, is no date"),
        ("date:0000..2000", "0000, in the range of dates 0000..2000, is no date"),
        ("NOT bird", "not only such as are not: NOT bird"),
        ("x" * (LONGEST + 1), r"has 1,001 characters; 1,000 are allowed"),
        ("a\0b", r"characters that are no text: a\\x00b"),
        ("a \x1b[2J", r"characters that are no text: a \\x1b"),
        ("\ud800", r"characters that are no text: \\ud800"),
        ("x " * (MOST_TERMS + 1), r"has 51 words; 50 are allowed"),
    ],
)
def test_what_cannot_be_asked(text, expected):
    with pytest.raises(QueryError, match=expected):
        TextQuery.parse(text)


@given(st.text(max_size=80) | st.text(alphabet='ab*~-:" é鳥“”', max_size=40))
def test_any_text_is_taken_apart_or_refused(text):
    try:
        terms = TextQuery.parse(text).terms
    except QueryError:
        return
    assert 1 <= len(terms) <= MOST_TERMS
    assert any(not term.excluded for term in terms)
    told = unicodedata.normalize("NFC", text)
    for term in (each for some in terms for each in some.each()):
        assert re.search(rf"[^\W_]|[{PICTOGRAPHS}]", term.text)
        assert '"' not in term.text
        assert (" " in term.text) is (term.match is PHRASE)
        assert all(part in told for part in term.text.split(" "))


words = st.text(alphabet="abcé鳥1", min_size=1, max_size=6)
anything = st.one_of(
    st.builds(Term, words, st.sampled_from([WORD, PREFIX, FUZZY]), st.sampled_from(["", "title"]), st.booleans()),
    st.builds(
        Term,
        st.lists(words, min_size=2, max_size=3).map(" ".join),
        st.just(PHRASE),
        st.sampled_from(["", "title"]),
        st.booleans(),
    ),
)


def typed(term: Term) -> str:
    """A term as a person types it."""
    text = f'"{term.text}"' if term.match is PHRASE else term.text
    sign = {PREFIX: "*", FUZZY: "~"}.get(term.match, "")
    return f"{'-' * term.excluded}{term.field}{':' * bool(term.field)}{text}{sign}"


@given(st.lists(anything, min_size=1, max_size=8).filter(lambda terms: not all(term.excluded for term in terms)))
def test_what_is_typed_is_what_is_asked(terms):
    assert TextQuery.parse(" ".join(map(typed, terms))).terms == tuple(terms)
