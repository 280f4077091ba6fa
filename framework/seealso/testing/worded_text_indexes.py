"""What a text index has to make of words: scripts, languages, suggestions."""

from typing import Any, ClassVar

import numpy as np
import pytest

from seealso.interfaces.text import TextIndex, Words
from seealso.testing.text_fixtures import Make, TextFixtures, add, found


class WordedTextIndexTests(TextFixtures):
    """Scripts, languages, suggestions.

    Attributes:
        english_and_german: the options with which words in these languages are found by all their forms; None where the
            index does not stem.
    """

    english_and_german: ClassVar[dict[str, Any] | None] = None

    # Scripts

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("ÉLÉPHANT", "elephant"),
            ("elephant", "éléphant"),
            ("e\u0301le\u0301phant", "éléphant"),
            ("Zürich", "zurich"),
            ("Straße", "strasse"),
            ("İstanbul", "istanbul"),
            ("Łódź", "lodz"),
            ("smørrebrød", "smorrebrod"),
            ("ﬁsh ＡＢＣ", "fish abc"),
            ("Ένα άσπρο σπίτι", "ενα σπιτι"),
            ("ΣΠΙΤΙ ΜΕΓΑΣ", "μεγας"),
            ("Ёлка и мороз", "елка"),
            ("قِطَّة سوداء", "قطة"),
            ("יֶלֶד", "ילד"),
            ("हिन्दी भाषा", "हिन्दी"),
            ("黒い鳥が飛ぶ", "鳥"),
            ("黒い鳥が飛ぶ", "黒い鳥"),
            ("一只黑色的鸟", "黑色"),
            ("검은고양이가 있다", "고양이"),
            ("ช้างป่าสีดำ", "ช้าง"),
            ("コーヒーカップ", "コーヒー"),
            ("ｺｰﾋｰ", "コーヒー"),
            ("ជើងមេឃ", "មេឃ"),
        ],
    )
    def test_any_script_and_no_accents(self, index: TextIndex, text: str, query: str) -> None:
        add(index, {1: text, 2: "something else", 3: "ελ 何か 무엇 อะไร ещё شيء"})
        assert found(index, query) == [1]
        assert found(index, " ".join(f"caption:{word}" for word in query.split())) == [1]

    @pytest.mark.parametrize("query", ["鳥黒", "黑鸟", "이양", "ーコ"])
    def test_characters_have_to_stand_together(self, index: TextIndex, query: str) -> None:
        add(index, dict(enumerate(["黒い鳥が飛ぶ", "一只黑色的鸟", "검은고양이가 있다", "コーヒー"])))
        assert found(index, query) == []

    # Suggestions

    def test_suggestions(self, index: TextIndex) -> None:
        captions = ["birds birdhouse", "birds bird", "Birds", "bird", "fish", "weird"]
        add(index, dict(enumerate(captions)))
        assert index.suggest("bir", 5) == ["birds", "bird", "birdhouse"]
        assert index.suggest("BIR", 1) == ["birds"]
        assert index.suggest("birdh", 5) == ["birdhouse"]
        assert index.suggest("x", 5) == index.suggest("", 5) == index.suggest("—", 5) == index.suggest("a b", 5) == []
        index.remove(np.array([0]))
        assert index.suggest("bir", 5) == ["birds", "bird"] or index.suggest("bir", 5) == ["bird", "birds"]

    def test_suggestions_are_spelt_as_the_words_are(self, index: TextIndex) -> None:
        add(index, dict(enumerate(["Éléphant", "éléphant", "elephant", "ÉLAN", "鳥居の夜", "鳥居"])))
        assert index.suggest("el", 5) == ["éléphant", "elephant", "élan"]
        assert index.suggest("éL", 5) == ["éléphant", "élan"]
        assert set(index.suggest("鳥", 5)) == {"鳥居の夜", "鳥居"}

    # Languages

    @pytest.fixture
    def stemming(self, make: Make) -> TextIndex:
        """The index, made for English and German."""
        if self.english_and_german is None:
            pytest.skip("it does not stem (`english_and_german` is None)")
        return make(**self.english_and_german)

    @pytest.mark.parametrize("language", ["de-DE", "de_AT", "DE", "de-Latn-CH"])
    def test_a_language_as_it_is_spoken_somewhere(self, stemming: TextIndex, language: str) -> None:
        stemming.add(
            np.array([1, 2]), [[Words("caption", "zwei Häuser", language)], [Words("caption", "huse", "da-DK")]]
        )
        assert found(stemming, "Haus") == [1]
        assert found(stemming, "huse") == []

    def test_words_are_found_by_all_their_forms(self, stemming: TextIndex) -> None:
        german = [Words("caption", "zwei Häuser mit Blumen", "de"), Words("title", "flying", "de")]
        english = [Words("caption", "birds flying over houses", "en"), Words("title", "Blumen", "en")]
        stemming.add(np.array([1, 2, 3]), [german, english, [Words("caption", "Häuser and houses")]])
        assert found(stemming, "Haus") == found(stemming, "caption:Hauses") == [1, 3]
        assert found(stemming, "house") == [2, 3]
        assert found(stemming, "bird fly") == [2]
        assert found(stemming, '"bird fly"') == found(stemming, 'caption:"birds flies"') == [2]
        # Each by the rules of its own language; as they are written, in any.
        assert found(stemming, "Blume") == [1]
        assert found(stemming, "blumen") == found(stemming, "blumen*") == [1, 2]
        assert found(stemming, "flying") == [1, 2]

    def test_other_languages_are_not_in_the_way(self, stemming: TextIndex) -> None:
        stemming.add(np.array([1, 2]), [[Words("caption", "the die", "en")], [Words("caption", "oiseaux", "fr")]])
        assert found(stemming, "die") == [1]
        assert found(stemming, "oiseaux") == found(stemming, "oiseau*") == []
        assert stemming.suggest("ois", 3) == []

    def test_beginnings_are_of_words_as_they_are_written(self, stemming: TextIndex) -> None:
        add(stemming, {1: "flying", 2: "flies"})
        assert found(stemming, "fly") == [1, 2]
        assert found(stemming, "flyi*") == [1]
        assert found(stemming, "flyign~") == [1]
        assert stemming.suggest("fl", 5) == ["flies", "flying"]
