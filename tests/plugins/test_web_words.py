"""The web's words for what is seen, and its questions with several examples: the API, and the pages."""

import re
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import pytest

import seealso
from conftest import COLOUR_WORDS
from image_files import encode
from seealso import Example, Query
from seealso_web.examples import Beside
from web_site import application, client_of, configure

API = "/api/v1/photos"


@pytest.fixture(scope="module")
def described(tmp_path_factory, photographs):
    """A collection whose extractor reads words, and of whose images some have keywords."""
    folder = tmp_path_factory.mktemp("seen")
    photos = folder / "photos"
    photos.mkdir()
    for name, image in photographs.items():
        image.save(photos / f"{name}.jpg", quality=85)
        if name in ("coffee", "moon", "rocket"):
            (photos / f"{name}.json").write_text(f'{{"keywords": ["{name}", "black"]}}')
    path = folder / "photos.seealso"
    with seealso.open(path, plugins=[COLOUR_WORDS], extractor="colours") as collection:
        assert collection.index([photos]).added == 16
    return path


@pytest.fixture(scope="module")
def client(tmp_path_factory, described):
    file = configure(tmp_path_factory.mktemp("client"), {"photos": described}, (COLOUR_WORDS,), extractor="colours")
    app, deployment = application(file)
    with deployment, client_of(app) as client:
        yield client


@pytest.fixture(scope="module")
def collection(described):
    with seealso.open(described, plugins=[COLOUR_WORDS]) as opened:
        yield opened


@pytest.fixture
def mute(serve, web_collection):
    """A client of a collection without keywords, whose extractor reads no words."""
    return serve({"photos": web_collection})


class Page(HTMLParser):
    """A page's links and forms."""

    def __init__(self, client, address, status=200):
        super().__init__()
        answer = client.get(address)
        assert answer.status_code == status, answer.text
        self.text = answer.text
        self.links = []
        self.forms = []
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        has = dict(attributes)
        if tag == "a":
            self.links.append(has)
        elif tag == "form":
            self.forms.append((has, []))
        elif tag == "input" and self.forms:
            self.forms[-1][1].append((has.get("name"), has.get("value")))

    def link(self, label):
        """The address of the only link that is called so."""
        (found,) = [each["href"] for each in self.links if each.get("aria-label") == label]
        return found

    def tiles(self):
        return [each["href"] for each in self.links if each.get("class") == "tile"]

    def form(self, with_field):
        """The address that a form leads to, and its fields; the one with a field that is seen."""
        (found,) = [(form["action"], fields) for form, fields in self.forms if fields and with_field in dict(fields)
                    and form.get("class") == "where" and fields[-1][0] == with_field]  # fmt: skip
        return found


def ids(answer):
    return [hit["id"] for hit in answer["hits"]]


# By words


def test_both_ways_at_once(client, collection):
    answer = client.get(f"{API}/text?q=black&limit=16").json()
    expected = collection.text("black", 16, by=None)
    assert ids(answer) == [hit.id for hit in expected.hits]
    assert [hit["by"] for hit in answer["hits"]] == [list(hit.by) for hit in expected.hits]
    assert {tuple(hit["by"]) for hit in answer["hits"]} == {("keywords", "looks"), ("looks",)}
    assert (answer["matched"], answer["reasons"], answer["instead"]) == (3, [], [])
    assert answer["query"]["by"] is None
    assert answer["query"]["examples"] == [{"id": None, "words": "black", "weight": 1.0}]


@pytest.mark.parametrize(("by", "count", "matched"), [("keywords", 3, 3), ("looks", 16, None)])
def test_one_way_alone(client, by, count, matched):
    answer = client.get(f"{API}/text?q=black&limit=200&by={by}").json()
    assert [hit["by"] for hit in answer["hits"]] == [[by]] * count
    assert (answer["matched"], answer["query"]["by"]) == (matched, by)
    assert ids(client.get(answer["query"]["links"]["self"]).json()) == ids(answer)
    assert len(Page(client, answer["query"]["links"]["page"]).tiles()) == count


def test_paging_through_both_gives_each_once(client):
    seen, address = [], f"{API}/text?q=black&limit=3"
    while address:
        answer = client.get(address).json()
        assert answer["offset"] == len(seen)
        seen += ids(answer)
        address = answer["next"]
    assert seen == ids(client.get(f"{API}/text?q=black&limit=200").json())
    assert sorted(seen) == list(range(1, 17))


def test_a_word_that_is_not_known(client):
    """It is looked for among the keywords, and what is known is suggested."""
    answer = client.get(f"{API}/text?q=moon").json()
    assert len(answer["hits"]) == answer["matched"] == 1
    assert answer["reasons"] == ["no colour is called 'moon'; try another"]
    misspelt = client.get(f"{API}/text", params={"q": "Blakc -coffee"}).json()
    assert misspelt["instead"] == ["black -coffee"]
    alone = client.get(f"{API}/text?q=blakc&by=looks")
    assert (alone.status_code, alone.json()["detail"]) == (422, "no colour is called 'blakc'; it knows black")


def test_the_page_says_how_each_was_found(client):
    page = Page(client, "/photos/text?q=black")
    assert page.text.count('<span class="hidden">, found by keywords and looks</span>') == 3
    assert page.text.count('<span class="hidden">, found by looks</span>') == 13
    assert "3 by their keywords, the others by what they look like" in page.text
    ways = [each["href"] for each in page.links if each["href"].startswith("/photos/text?q=black")]
    # Behind them stand the keywords of the images.
    assert ways[:3] == ["/photos/text?q=black", "/photos/text?q=black&by=keywords", "/photos/text?q=black&by=looks"]
    assert len(Page(client, ways[1]).tiles()) == 3
    assert "images that look like it" in Page(client, ways[2]).text
    assert 'aria-current="true">Looks</a>' in Page(client, ways[2]).text
    # The next word is looked for in the same way.
    assert '<input type="hidden" name="by" value="looks">' in Page(client, ways[2]).text
    assert "no image has such keywords; these look like it" in Page(client, "/photos/text?q=red").text
    assert "What images show is found by words" in Page(client, "/photos/text").text


def test_the_page_suggests_other_words(client):
    for by, status in (("", 200), ("&by=looks", 422)):
        page = Page(client, f"/photos/text?q=blakc{by}", status)
        # What is known is named once.
        assert "no colour is called &#39;blakc&#39;." in page.text
        assert "it knows" not in page.text
        assert "Did you mean" in page.text
        (other,) = [each["href"] for each in page.links if each["href"] == f"/photos/text?q=black{by}"]
        assert len(Page(client, other).tiles()) == 16
        assert 'value="blakc"' in page.text


@pytest.mark.parametrize("by", ["both", "KEYWORDS", "keywords,looks", "\0"])
def test_there_are_two_ways(client, by):
    answer = client.get(f"{API}/text", params={"q": "black", "by": by})
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "`by` has to be keywords or looks; without it both are looked for.",
    )


def test_where_there_are_neither_keywords_nor_an_extractor_that_reads_words(mute):
    said = "Nothing can be found by words here: no image of this collection has keywords, and its extractor reads no words."
    for address in ("/photos/text", "/photos/text?q=black"):
        assert said in Page(mute, address).text
    answer = mute.get(f"{API}/text?q=black").json()
    assert answer["hits"] == []
    assert answer["reasons"] == ["the extractor thumbnail turns images into descriptors, not words"]
    assert mute.get(f"{API}/text?q=black&by=looks").status_code == 422


def test_words_without_keywords(tmp_path, described, serve):
    """Where nobody wrote any, there is nothing to choose."""
    client = serve({"photos": described}, (COLOUR_WORDS,), extractor="colours")
    assert 'class="ways"' in client.get("/photos/text?q=black").text
    with seealso.open(tmp_path / "bare", plugins=[COLOUR_WORDS], extractor="colours", keywords=[], text=False) as bare:
        bare.index([described.parent / "photos"])
    client = serve({"photos": tmp_path / "bare"}, (COLOUR_WORDS,), extractor="colours")
    page = Page(client, "/photos/text?q=black")
    assert len(page.tiles()) == 16
    assert 'class="ways"' not in page.text
    assert 'role="search"' in page.text


# Several examples


QUESTIONS = [
    ("similar?words=black", [Example(words="black")]),
    ("similar?words=red+brown&like=3", [Example(id=3), Example(words="red brown")]),
    ("similar/3?like=5", [Example(id=3), Example(id=5)]),
    ("similar/3?like=5&unlike=7&words=black", [Example(id=3), Example(id=5), Example(id=7, weight=-1), Example(words="black")]),
    ("similar?like=id:5%5E2&like=6%5E0.5", [Example(id=5, weight=2), Example(id=6, weight=0.5)]),
    ("similar/3?weight=0.25&words=black%5E3", [Example(id=3, weight=0.25), Example(words="black", weight=3)]),
    ("similar?words=black&unlike=2%5E0.5", [Example(words="black"), Example(id=2, weight=-0.5)]),
]  # fmt: skip


@pytest.mark.parametrize(("address", "examples"), QUESTIONS, ids=[address for address, _ in QUESTIONS])
def test_several_examples(client, collection, address, examples):
    """They are answered as the library does, in the API and on the page; each address that is told asks the same again."""
    expected = collection.search(Query(tuple(examples), k=16, others=True))
    answer = client.get(f"{API}/{address}").json()
    assert ids(answer) == [hit.id for hit in expected.hits]
    assert [hit["distance"] for hit in answer["hits"]] == pytest.approx([hit.distance for hit in expected.hits])
    assert answer["query"]["examples"] == [
        {"id": each.id, "words": each.words, "weight": each.weight} for each in examples
    ]
    again = client.get(answer["query"]["links"]["self"]).json()
    assert again["query"] == answer["query"]
    assert ids(again) == ids(answer)
    page = Page(client, answer["query"]["links"]["page"])
    assert page.tiles() == [f"/photos/similar/{hit.id}" for hit in expected.hits]
    few = client.get(f"{API}/{address}&limit=4").json()
    assert ids(client.get(few["next"]).json()) == ids(answer)[4:8]


def test_an_image_that_is_sent_beside_others(client, collection, photographs):
    data = encode(photographs["coffee"].crop((10, 10, 300, 300)), "PNG")
    headers = {"Content-Type": "image/png"}
    sent = client.post(f"{API}/similar?words=black&unlike=4", content=data, headers=headers).json()
    examples = (Example(image=data), Example(words="black"), Example(id=4, weight=-1))
    assert ids(sent) == [hit.id for hit in collection.search(Query(examples, k=16)).hits]
    assert ids(client.get(sent["query"]["links"]["self"]).json()) == ids(sent)
    page = Page(client, sent["query"]["links"]["page"])
    without = Page(client, page.link("Leave out “black”"))
    assert without.text.count('class="example') == 2  # the list, and the one that is left


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("similar", "Say what the images shall be like: `like`, the ID of an object, or `words`."),
        ("similar?unlike=3", "all examples say what the hits shall be unlike; say what they shall be like"),
        ("similar?like=3&unlike=3", "the hits shall be both like and unlike object 3; leave one of the two out"),
        ("similar/3?unlike=3", "the hits shall be both like and unlike object 3; leave one of the two out"),
        ("similar/3?words=pink", "no colour is called 'pink'; try another"),
        ("similar/3?words=blak", "no colour is called 'blak'; it knows black"),
        ("similar/3?words=", "`words` is empty; it has to say what the images show."),
        ("similar?words=%20", "`words` is empty; it has to say what the images show."),
        ("similar?words=" + "black+" * 10_000, "`words` has 59,999 characters; 1,000 are allowed."),
        ("similar?words=%E9%BB%92%E3%81%84%E9%B3%A5", "no colour is called '黒い鳥'; try another"),
        ("similar?words=%D1%89%D0%B5%D0%BD%D0%BE%D0%BA", "no colour is called 'щенок'; try another"),
        ("similar?like=x", "`like` has to be the ID of an object, such as 7, or 7^2 for twice its weight."),
        ("similar/3?unlike=-1", "`unlike` has to be the ID of an object, such as 7, or 7^2 for twice its weight."),
        ("similar/3?like=" + "9" * 19, "`like` has to be the ID of an object, such as 7, or 7^2 for twice its weight."),
        ("similar/3?like=5^0", "the weight of an example is 0.0; give a number above 0, or one below for unlike it"),
        ("similar/3?weight=0", "`weight` has to be a number above 0 and below 10,000."),
        ("similar/3?weight=nan", "`weight` has to be a number above 0 and below 10,000."),
        ("similar/3?" + "like=5&" * 16, "`like`, `unlike` and `words` give 15 examples at most; leave some of them out."),
        ("text?q=" + "black+" * 150, "the text query has 150 words; 50 are allowed"),
        ("text?q=black+" + "x" * 1000, "the text query has 1,006 characters; 1,000 are allowed"),
    ],
)  # fmt: skip
def test_questions_that_make_no_sense(client, asked, said):
    """One clear line, in the API and on a page."""
    answer = client.get(f"{API}/{asked}", headers={"Accept": "*/*"})
    assert (answer.status_code, answer.json()["detail"]) == (422, said)
    assert len(answer.json()["detail"]) < 200


def test_words_for_an_extractor_that_reads_none(mute):
    said = "the extractor thumbnail turns images into descriptors, not words"
    answer = mute.get(f"{API}/similar/3?words=black")
    assert (answer.status_code, answer.json()["detail"]) == (422, said)
    page = mute.get("/photos/similar/3?like=5")
    assert page.status_code == 200
    assert 'name="words"' not in page.text


def test_a_question_grows_and_shrinks_by_links(client):
    """From the words that were looked for, over hits that are more like it, or less, and back."""
    page = Page(client, "/photos/text?q=black")
    name = re.search(r'aria-label="More like ([\w-]+\.jpg)"', page.text)[1]
    first = page.link(f"More like {name}")
    assert re.fullmatch(r"/photos/similar/\d+\?words=black#refine", first)
    page = Page(client, first)
    assert f"Leave out {name}" in page.text
    other, third = re.findall(r'aria-label="Less like ([\w-]+\.jpg)"', page.text)[:2]
    page = Page(client, page.link(f"Less like {other}"))
    page = Page(client, page.link(f"More like {third}"))
    whole = parse_qsl(urlsplit(page.link("Leave out “black”")).query)
    assert [key for key, _ in whole] == ["unlike", "like"]
    # Every form and link carries the rest of the question along.
    action, fields = page.form("words")
    assert action == first.partition("?")[0]
    assert [key for key, _ in fields] == ["words", "unlike", "like", "words"]
    action, fields = page.form("where")
    assert [key for key, _ in fields] == ["words", "unlike", "like", "where"]
    # What is left out goes, and nothing else; the next that is liked takes the place of the first.
    page = Page(client, page.link(f"Leave out {name}"))
    assert page.link(f"Leave out {other}").startswith("/photos/similar/")
    page = Page(client, page.link(f"Leave out {third}"))
    assert urlsplit(page.link(f"Leave out {other}")).path == "/photos/similar"
    # The last that they shall be like stays.
    assert not [each for each in page.links if each.get("aria-label") == "Leave out “black”"]


def test_a_form_with_an_empty_field_asks_for_what_was_there(client):
    page = Page(client, "/photos/similar/3?like=5&words=")
    assert page.tiles() == Page(client, "/photos/similar/3?like=5").tiles()


def test_words_that_a_page_does_not_know(client):
    page = Page(client, "/photos/similar/3?like=5&words=red+blakc%5E2", 422)
    assert "<p>no colour is called &#39;blakc&#39;.</p>" in page.text
    assert "/photos/similar/3?like=5&words=red+black%5E2" in [each["href"] for each in page.links]
    assert "/photos/similar/3?like=5" in [each["href"] for each in page.links]


def test_a_question_that_is_full_takes_no_more(client):
    full = "/photos/similar/3?" + "&".join(f"words={word}" for word in ["black", "red", "blue"] * 5)
    page = Page(client, full)
    assert 'class="choice"' not in page.text
    assert len(Page(client, "/photos/similar/3?words=black").text.split('class="choice"')) == 16


def test_weights_are_shown_where_they_are_not_one_and_changed_by_links(client, collection):
    page = Page(client, "/photos/similar/3?weight=0.5&words=black%5E3&unlike=5")
    name = {id_: record.paths[0].rpartition(b"/")[2].decode() for id_, record in collection.records([3, 5]).items()}
    shown = re.findall(r"<summary[^>]*>(.*?)\s*</summary>", page.text, re.DOTALL)
    weights = [re.sub(r"<.*?>", "", each) for each in shown if "eight" in each]
    assert weights == [f"{name[3]}: weight 0.5", "“black”: weight 3", f"Weight of {name[5]}"]
    for label, asked in (
        ("Weight 2 for “black”", "/photos/similar/3?weight=0.5&words=black%5E2&unlike=5"),
        ("Weight 1 for “black”", "/photos/similar/3?weight=0.5&words=black&unlike=5"),
        (f"Weight 4 for {name[5]}", "/photos/similar/3?weight=0.5&words=black%5E3&unlike=5%5E4"),
        (f"Weight 1 for {name[3]}", "/photos/similar/3?words=black%5E3&unlike=5"),
    ):
        assert page.link(label) == asked
        assert Page(client, asked).tiles()
    # The only example counts what it likes.
    assert 'class="weight"' not in Page(client, "/photos/similar/3").text
    assert 'class="weight"' not in Page(client, "/photos/similar?words=black%5E3").text


def test_words_that_have_the_sign_of_a_weight_keep_it():
    """A model that reads sentences may know what "c^2" is; a link to it asks for the same."""
    for beside in (
        Beside("c^2"),
        Beside("c^2", 0.5),
        Beside("a ^ b", 2.0),
        Beside("c^"),
        Beside("snow"),
        Beside(7, -2.0),
    ):
        name, value = beside.field()
        what, weight = Example.weighted(value)
        assert (what, weight) == (str(beside.what), abs(beside.weight))
        assert name == ("words" if beside.is_words else "unlike")


def test_of_several_words_those_that_are_not_known_are_replaced(client):
    """Not those that only begin so."""
    page = Page(client, "/photos/similar?words=black&words=blac", 422)
    links = [each["href"] for each in page.links]
    assert links.count("/photos/similar?words=black&words=black") == 1
    assert "/photos/similar?words=black" in links


def test_a_likeness_is_not_asked_of_words(client, collection):
    said = "a likeness in percent compares images with images; with words give a distance instead, such as 1.2 (each hit shows its own)"
    for asked in ("similar?words=black&within=80%25", "similar/3?words=black&within=80%25"):
        answer = client.get(f"{API}/{asked}")
        assert (answer.status_code, answer.json()["detail"]) == (422, said)
        page = Page(client, f"/photos/{asked}", 422)
        assert said in page.text
        (other,) = [
            each["href"] for each in page.links if each["href"] == f"/photos/{asked}".removesuffix("&within=80%25")
        ]
        assert Page(client, other).tiles()
    assert client.get(f"{API}/similar?words=black&within=1e9").status_code == 200
    # So the page does not lead there.
    page = Page(client, "/photos/similar/3?within=10%25")
    assert page.form("words")[1] == [("words", None)]
    assert ("within", "10%") in page.form("where")[1]


def test_a_question_with_an_object_that_is_gone_leads_to_one_without(client):
    page = Page(client, "/photos/similar/3?like=99&words=black", 404)
    assert "/photos/similar/3?words=black" in [each["href"] for each in page.links]
    page = Page(client, "/photos/similar/99?like=3", 404)
    assert "/photos/similar/3" in [each["href"] for each in page.links]
    assert "Without it" not in Page(client, "/photos/similar/99?unlike=3", 404).text


# What is seen


def test_what_an_object_looks_like(client, collection, mute):
    looks = collection.looks_like(range(1, 17))
    assert looks
    for id_ in range(1, 17):
        found = client.get(f"{API}/objects/{id_}").json()["looks_like"]
        assert found == [{"word": word, "weight": sure} for word, sure in looks.get(id_, ())]
        page = Page(client, f"/photos/objects/{id_}")
        for word, _ in looks.get(id_, ()):
            assert f"/photos/text?q={word}&by=looks" in [each["href"] for each in page.links]
        assert ("looks like" in page.text) == (id_ in looks)
    assert mute.get(f"{API}/objects/3").json()["looks_like"] == []
    assert "looks like" not in mute.get("/photos/objects/3").text
