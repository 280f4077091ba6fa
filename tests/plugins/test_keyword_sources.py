"""The keyword sources: in the file, beside it, in a table, in its path."""

import io
import json
import os
import struct
from contextlib import suppress
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import seealso
from seealso.testing import KeywordSourceTests
from seealso_keywords.embedded import Embedded
from seealso_keywords.fields import as_words
from seealso_keywords.names import Names
from seealso_keywords.sidecar import MOST_BYTES, Sidecar
from seealso_keywords.table import Table
from seealso_keywords.xmp import read_xmp

PACKET = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
  xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:City="Brno" xmp:CreateDate="2019-07-04T12:00:00+02:00">
<dc:subject><rdf:Bag><rdf:li>bird</rdf:li><rdf:li>sea, sky</rdf:li></rdf:Bag></dc:subject>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Gulls</rdf:li><rdf:li xml:lang="de-DE">Möwen</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>A. Nyone</rdf:li></rdf:Seq></dc:creator>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""

IN_PACKET = [
    ("place", "Brno", ""),
    ("date", "2019-07-04", ""),
    ("keywords", "bird", ""),
    ("keywords", "sea", ""),
    ("keywords", "sky", ""),
    ("title", "Gulls", ""),
    ("title", "Möwen", "de-DE"),
    ("creator", "A. Nyone", ""),
]


def image(kind="JPEG", **options) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, kind, **options)
    return file.getvalue()


def source(cls, **options):
    return cls(cls.Options(**options))


def embedded(data: bytes) -> list[tuple]:
    return [tuple(word) for word in source(Embedded).words(b"/a.jpg", data)]


class TestEmbedded(KeywordSourceTests):
    source_class = Embedded

    def describe(self, image, word):
        described = PngImagePlugin.PngInfo()
        described.add_itxt("XML:com.adobe.xmp", PACKET.replace("sea, sky", word))
        Image.open(io.BytesIO(image.read_bytes())).save(image, pnginfo=described)
        return image


class TestSidecar(KeywordSourceTests):
    source_class = Sidecar

    def describe(self, image, word):
        image.with_suffix(".txt").write_text(word)
        return image


class TestTable(KeywordSourceTests):
    source_class = Table
    options: ClassVar = {"file": "table.csv"}

    @pytest.fixture(autouse=True)
    def _a_table(self, tmp_path):
        self.table = tmp_path / "table.csv"
        self.table.write_text("path,keywords\n")

    def opened(self):
        return source(Table, file=self.table)

    def describe(self, image, word):
        with self.table.open("a") as file:
            file.write(f"{image},{word}\n")
        return image


class TestNames(KeywordSourceTests):
    source_class = Names

    def describe(self, image, word):
        return image.rename(image.with_stem(word))


# Embedded


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "PNG", "AVIF", "HEIF"])
def test_xmp(kind):
    options = {"xmp": PACKET.encode()}
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", PACKET)
        options = {"pnginfo": info}
    elif kind == "TIFF":
        options = {"tiffinfo": {700: PACKET.encode()}}
    elif kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    assert embedded(image(kind, **options)) == IN_PACKET


def test_exif():
    exif = Image.Exif()
    exif[0x010E] = "A harbour"
    exif[0x013B] = "B. Nyone"
    exif[0x9C9E] = "boat; wäter\0".encode("utf-16-le")
    exif[0x9C9B] = "Morning\0".encode("utf-16-le")
    inner = exif.get_ifd(0x8769)
    inner[0x9003] = "2020:01:31 10:00:00"
    inner[0x9286] = b"UNICODE\0" + "Quay".encode("utf-16-le")
    assert set(embedded(image(exif=exif.tobytes()))) == {
        ("caption", "A harbour", ""),
        ("creator", "B. Nyone", ""),
        ("keywords", "boat", ""),
        ("keywords", "wäter", ""),
        ("title", "Morning", ""),
        ("date", "2020-01-31", ""),
        ("caption", "Quay", ""),
    }


def with_iptc(*values: tuple[int, int, bytes]) -> bytes:
    data = b"".join(b"\x1c" + bytes([record, number]) + struct.pack(">H", len(v)) + v for record, number, v in values)
    resource = (
        b"8BIM" + struct.pack(">H", 0x0404) + b"\0\0" + struct.pack(">I", len(data)) + data + b"\0" * (len(data) % 2)
    )
    segment = b"Photoshop 3.0\0" + resource
    jpeg = image()
    return jpeg[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def test_iptc():
    latin = with_iptc((2, 25, b"caf\xe9"), (2, 25, b"sun"), (2, 120, b"A caption"), (2, 80, b"C"), (2, 55, b"20180203"))
    assert set(embedded(latin)) == {
        ("keywords", "café", ""),
        ("keywords", "sun", ""),
        ("caption", "A caption", ""),
        ("creator", "C", ""),
        ("date", "2018-02-03", ""),
    }
    assert embedded(with_iptc((1, 90, b"\x1b%G"), (2, 5, "Čáp".encode()))) == [("title", "Čáp", "")]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Привет, мир", "cp1251"), ("こんにちは", "shift_jis"), ("日本", "shift_jis"), ("テスト", "shift_jis"), ("你好", "gbk"), ("Αθήνα", "cp1253"), ("안녕", "euc_kr")],
)  # fmt: skip
def test_a_character_set_that_nobody_names_is_neither_garbled_nor_passed_over(text, encoding):
    data = with_iptc((2, 120, text.encode(encoding)), (2, 25, b"sun"))
    with pytest.raises(
        seealso.KeywordError, match=r"^/a\.jpg: its caption names no character set, and is neither"
    ) as raised:
        embedded(data)
    # What can be read counts all the same.
    assert raised.value.words == (("keywords", "sun", ""),)


@pytest.mark.parametrize("text", ["été", "à", "Þórr", "„Grüße“ aus Köln – 5 €", "Ärger", "Señor Ñandú", "© 2019 Zoë"])
def test_western_european_texts_are_read_without_a_character_set(text):
    assert embedded(with_iptc((2, 120, text.encode("cp1252")))) == [("caption", text, "")]


def test_exif_in_utf_8_and_in_japanese():
    exif = Image.Exif()
    exif[0x010E] = "Žluťoučký kůň".encode()
    exif.get_ifd(0x8769)[0x9286] = b"JIS\0\0\0\0\0" + "日本".encode("iso2022_jp")
    assert set(embedded(image(exif=exif.tobytes()))) == {("caption", "Žluťoučký kůň", ""), ("caption", "日本", "")}


@pytest.mark.parametrize(
    "text",
    ["OLYMPUS DIGITAL CAMERA         ", "SONY DSC", "<KENOX S630  / Samsung S630>", "MOULTRIE DIGITAL GAME CAMERA", "DCIM\\100MEDIA\\DJI_0001.JPG",
     "IMG_1234", "DSC01234.JPG", "C:\\Users\\me\\Pictures\\boat.jpg", "/home/me/my boat.png", "Canon EOS 5D", "Canon", "Processed with VSCO with f2 preset",
     "Created with The GIMP", "Exif_JPEG_PICTURE", "SAMSUNG CAMERA PICTURES"],
)  # fmt: skip
def test_what_a_camera_writes_is_no_caption(text):
    exif = Image.Exif()
    exif[0x010E], exif[0x010F], exif[0x0110] = text, "Canon", "Canon EOS 5D"
    assert embedded(image(exif=exif.tobytes(), xmp=PACKET.replace("Gulls", text.replace("<", "&lt;")).encode())) == [
        word for word in IN_PACKET if word[1] != "Gulls"
    ]


def test_what_people_write_is_a_caption():
    for text in (
        "A boat.",
        "My dog.jpg and other stories",
        "Olympus digital camera on a table",
        "hdr",
        "img",
        "Canon of Pachelbel",
    ):
        exif = Image.Exif()
        exif[0x010E], exif[0x010F] = text, "Canon"
        assert embedded(image(exif=exif.tobytes())) == [("caption", text, "")]


def test_modes_of_a_telephone():
    exif = Image.Exif()
    exif[0x010E], exif[0x010F] = "hdr_cof", "HUAWEI"
    assert embedded(image(exif=exif.tobytes())) == []


def test_texts_of_a_png():
    info = PngImagePlugin.PngInfo()
    for key, text in (
        ("Title", "Fence"),
        ("Description", "Wood"),
        ("Software", "nothing"),
        ("Comment", "written by a program"),
        ("Author", "D"),
    ):
        info.add_text(key, text)
    assert set(embedded(image("PNG", pnginfo=info))) == {
        ("title", "Fence", ""),
        ("caption", "Wood", ""),
        ("creator", "D", ""),
    }


def test_the_same_is_not_said_twice():
    exif = Image.Exif()
    exif[0x013B] = "A. Nyone"
    assert embedded(image(xmp=PACKET.encode(), exif=exif.tobytes())) == IN_PACKET


BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'
REMOTE = '<?xml version="1.0"?><!DOCTYPE x SYSTEM "http://localhost:1/x.dtd"><x/>'
FILES = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>'


@pytest.mark.parametrize(
    ("packet", "reason"),
    [(BOMB, "document type or entities"), (REMOTE, "document type"), (FILES, "document type or entities"),
     ("<x", "is not XML"), ("", "is not XML"), ("<x>" * 10, "is not XML"), ('<?xml encoding="nonsense"?><x/>', "is not XML")],
)  # fmt: skip
def test_hostile_xmp(packet, reason):
    with pytest.raises(seealso.KeywordError, match=reason):
        read_xmp(packet.encode())
    with pytest.raises(seealso.KeywordError, match=r"^/a\.jpg: its XMP") if packet else pytest.MonkeyPatch.context():
        source(Embedded).words(b"/a.jpg", image(xmp=packet.encode()))


def test_very_deep_xmp():
    deep = "<a>" * 100_000 + "</a>" * 100_000
    assert read_xmp(deep.encode()) == []


def test_damaged_metadata_is_passed_over():
    rng = np.random.default_rng(1)
    exif = Image.Exif()
    exif[0x010E] = "A harbour"
    whole = with_iptc((2, 25, b"sun"))
    whole = whole[:2] + image(exif=exif.tobytes(), xmp=PACKET.encode())[2:20] + whole[2:]
    for data in (image(exif=exif.tobytes(), xmp=PACKET.encode()), whole):
        for _ in range(300):
            damaged = bytearray(data)
            for place in rng.integers(2, min(2000, len(damaged)), 5):
                damaged[place] = rng.integers(256)
            with suppress(seealso.KeywordError):
                source(Embedded).words(b"/a.jpg", bytes(damaged))
    assert embedded(image()) == []
    assert embedded(image(comment=b"compressed by a program")) == []


# Sidecars


@pytest.fixture
def beside(tmp_path):
    """Writes sidecars of photo.jpg; gives what they say."""
    sidecar = source(Sidecar)
    photo = os.fsencode(tmp_path / "photo.jpg")

    def beside(**files):
        for suffix, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (tmp_path / ("photo." + suffix.replace("__", "-").replace("_", "."))).write_bytes(data)
        return [tuple(word) for word in sidecar.words(photo, b"")]

    beside.photo, beside.sidecar = photo, sidecar
    return beside


def test_a_caption(beside):
    assert beside(txt="\ufeffTwo lines\nof text\n") == [("caption", "Two lines\nof text", "")]


def test_a_caption_in_utf_16(beside):
    """As Notepad writes it."""
    assert beside(txt="Möwen\r\n".encode("utf-16")) == [("caption", "Möwen", "")]


def test_tux_paint(beside):
    stamp = b"An elephant.\nde.utf8=Ein Elefant.\nca@valencia.utf8=Un elefant.\nen_GB.utf8=An elephant.\nfr=Un \xe9l\xe9phant.\n"
    assert beside(txt=stamp) == [
        ("caption", "An elephant.", "en"),
        ("caption", "Ein Elefant.", "de"),
        ("caption", "Un elefant.", "ca"),
        ("caption", "An elephant.", "en"),
    ]


def test_json(beside):
    said = {
        "Title": "A",
        "caption": {"en": "B", "de": "C"},
        "tags": ["d", "e, f"],
        "date": "2001-02-03T04:05",
        "size": 9,
        "place": 7,
    }
    assert beside(json=json.dumps(said)) == [
        ("title", "A", ""),
        ("caption", "B", "en"),
        ("caption", "C", "de"),
        ("keywords", "d", ""),
        ("keywords", "e", ""),
        ("keywords", "f", ""),
        ("date", "2001-02-03", ""),
    ]


def test_takeout(beside):
    said = {
        "title": "photo.jpg",
        "description": "At sea",
        "people": [{"name": "E"}, {"name": 3}, "F"],
        "photoTakenTime": {"timestamp": "1562241600"},
    }
    assert beside(jpg_supplemental__metadata_json=json.dumps(said)) == [
        ("caption", "At sea", ""),
        ("keywords", "E", ""),
        ("date", "2019-07-04", ""),
    ]


def test_xmp_beside(beside):
    assert beside(xmp=PACKET) == IN_PACKET
    assert len(beside(jpg_XMP=PACKET)) == 2 * len(IN_PACKET)


def test_the_state_changes_with_the_sidecars(beside, tmp_path):
    assert beside.sidecar.state(beside.photo) == b""
    beside(txt="a")
    one = beside.sidecar.state(beside.photo)
    assert one
    assert beside.sidecar.state(beside.photo) == one
    beside(txt="other")
    two = beside.sidecar.state(beside.photo)
    assert two != one
    beside(json="{}")
    assert beside.sidecar.state(beside.photo) not in (one, two)
    (tmp_path / "photo.txt").unlink()
    (tmp_path / "photo.json").unlink()
    assert beside.sidecar.state(beside.photo) == b""
    assert beside.sidecar.state(b"/nowhere/a.jpg") == b""


@pytest.mark.parametrize(
    ("suffix", "content", "reason"),
    [("txt", b"x" * (MOST_BYTES + 1), r"1,048,577 bytes; at most 1,048,576"), ("txt", b"\xff\xfea", "not UTF-8 .at byte 2."),
     ("json", b"[1]", "not an object"), ("json", b"[" * 100_000, "not JSON"), ("json", b"{", "not JSON"),
     ("xmp", BOMB.encode(), "entities")],
)  # fmt: skip
def test_sidecars_that_cannot_be_read(beside, suffix, content, reason):
    with pytest.raises(seealso.KeywordError, match=rf"photo\.{suffix}: .*{reason}"):
        beside(**{suffix: content})
    # The others count all the same.
    with pytest.raises(seealso.KeywordError, match=rf"photo\.{suffix}: .*{reason}") as raised:
        beside(jpg_txt="sea")
    assert raised.value.words == (("caption", "sea", ""),)


def test_a_huge_sidecar_takes_no_memory(beside, tmp_path):
    with (tmp_path / "photo.txt").open("wb") as file:
        file.truncate(100 << 20)
    with pytest.raises(seealso.KeywordError, match="104,857,600 bytes"):
        beside()


def test_what_is_no_file(beside, tmp_path):
    os.mkfifo(tmp_path / "photo.txt")
    (tmp_path / "photo.json").mkdir()
    assert beside() == []
    assert beside.sidecar.state(beside.photo) == b""


# Names


def test_names():
    path = os.fsencode("/home/u/Holidays 2019/redShoes_sea-003.jpg")
    assert [word.text for word in source(Names).words(path, b"")] == ["Holidays", "red Shoes sea"]
    assert [word.text for word in source(Names, folders=0).words(path, b"")] == ["red Shoes sea"]
    assert [word.text for word in source(Names, folders=9, file=False).words(path, b"")] == ["home", "Holidays"]
    assert source(Names).words(b"/\xff\xfe/IMG.1234.jpg", b"") == [seealso.Words("keywords", "IMG")]
    assert source(Names).words(b"/9/1.jpg", b"") == []


# Tables


def table(tmp_path, content, suffix="csv"):
    path = tmp_path / f"t.{suffix}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    made = source(Table, file=path)
    made.begin()
    return made


def said(made, path):
    return [tuple(word) for word in made.words(os.fsencode(path), b"")]


@pytest.mark.parametrize(
    ("suffix", "content"),
    [("csv", "file,tags,title,caption_de,other\na.jpg,\"x; y\",T,Bild,9\n"), ("csv", "\ufeffPath;Keywords;Title;caption:de\r\na.jpg;\"x,y\";T;Bild\r\n"),
     ("tsv", "filename\tkeywords\ttitle\tcaption.de\na.jpg\tx|y\tT\tBild\n"),
     ("jsonl", '{"image": "a.jpg", "tags": ["x", "y"], "title": "T", "caption_de": "Bild"}\n\n{"image": "b.jpg", "n": 3}\n')],
)  # fmt: skip
def test_kinds_of_tables(tmp_path, suffix, content):
    made = table(tmp_path, content, suffix)
    assert said(made, "/p/a.jpg") == [
        ("keywords", "x", ""),
        ("keywords", "y", ""),
        ("title", "T", ""),
        ("caption", "Bild", "de"),
    ]
    assert made.state(b"/p/a.jpg") != made.state(b"/p/b.jpg") == b""
    assert made.end() == []


def test_parquet(tmp_path):
    import pyarrow
    import pyarrow.parquet

    rows = {"path": ["a.jpg", "b.jpg"], "tags": [["x", "y"], None], "title": ["T", None], "n": [1, 2]}
    pyarrow.parquet.write_table(pyarrow.table(rows), tmp_path / "t.parquet")
    made = table(tmp_path, (tmp_path / "t.parquet").read_bytes(), "parquet")
    assert said(made, "/p/a.jpg") == [("keywords", "x", ""), ("keywords", "y", ""), ("title", "T", "")]
    assert said(made, "/p/b.jpg") == []
    made.end()
    with pytest.raises(seealso.PluginError, match="not a Parquet file that can be read"):
        table(tmp_path, b"PAR1nonsensePAR1", "parquet")


def test_which_row_is_meant(tmp_path):
    made = table(tmp_path, "path,title\na.jpg,1\nx/a.jpg,2\n/q/y/a.jpg,3\nfile:///q/z.jpg,4\n.\\x\\w.jpg,5\na.jpg,6\n")
    assert [said(made, path)[0][1] for path in ("/p/a.jpg", "/p/x/a.jpg", "/q/y/a.jpg", "/q/z.jpg", "/x/w.jpg")] == [
        "1", "2", "3", "4", "5"
    ]  # fmt: skip
    # Rows of one image add up; of several that fit, those count that say most of where it lies.
    assert [text for _, text, _ in said(made, "/p/a.jpg")] == ["1", "6"]
    assert said(made, "/p/aa.jpg") == []
    assert said(made, b"/p/\xff.jpg") == []


def test_rows_without_an_image_are_told(tmp_path):
    made = table(tmp_path, "path,title\n" + "".join(f"{number}.jpg,t\n" for number in range(50)))
    for number in range(20):
        made.state(b"/p/%d.jpg" % number)
    (told,) = made.end()
    assert told.endswith("t.csv: 30 rows name no image that was found: 20.jpg, 21.jpg, 22.jpg, …")


def test_a_row_that_names_an_image_less_exactly_than_another_names_one(tmp_path):
    made = table(tmp_path, "path,title\na.jpg,1\nx/a.jpg,2\ny/a.jpg,3\n")
    assert [text for _, text, _ in said(made, "/p/x/a.jpg")] == ["2"]
    assert made.end() == [f"{tmp_path}/t.csv: 1 row names no image that was found: y/a.jpg"]


def test_several_captions_for_each_image(tmp_path):
    """As Flickr8k and COCO have them."""
    rows = "".join(f"{image}.jpg,caption {number} of {image}\n" for image in range(10) for number in range(5))
    made = table(tmp_path, "image,caption\n" + rows, "txt")
    before = made.state(b"/p/3.jpg")
    assert [text for _, text, _ in said(made, "/p/3.jpg")] == [f"caption {number} of 3" for number in range(5)]
    for image in range(10):
        made.state(b"/p/%d.jpg" % image)
    assert made.end() == []
    made = table(tmp_path, "image,caption\n" + rows.replace("caption 2 of 3", "another one"), "txt")
    assert made.state(b"/p/3.jpg") != before


@pytest.mark.parametrize(
    ("name", "content"),
    [("captions.txt", b"image,caption\na.jpg,A boat\n"), ("words", b"path\ttitle\na.jpg\tA boat\n"), ("lines.dat", b'\n {"path": "a.jpg", "title": "A boat"}\n'),
     ("excel.csv", "path,title\na.jpg,A boat\n".encode("utf-16")), ("notepad.txt", "path\ttitle\r\na.jpg\tA boat\r\n".encode("utf-16")),
     ("other.txt", b"\xfe\xff" + "path,title\na.jpg,A boat\n".encode("utf-16-be")), ("u.jsonl", '{"path": "a.jpg", "title": "A boat"}\n'.encode("utf-16"))],
)  # fmt: skip
def test_tables_are_told_by_their_content(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    made = source(Table, file=tmp_path / name)
    assert [text for _, text, _ in said(made, "/p/a.jpg")] == ["A boat"]


def test_a_table_with_tabs_has_no_quotation_marks(tmp_path):
    made = table(
        tmp_path,
        'path\tcaption\nsea.png\t"Boats" by the sea\nland.png\t"Hills and\nhill.png\tA "green" hill\nq.png\t"He said ""no"""\n',
        "tsv",
    )
    found = {name: said(made, f"/p/{name}.png")[0][1] for name in ("sea", "land", "hill", "q")}
    assert found == {"sea": '"Boats" by the sea', "land": '"Hills and', "hill": 'A "green" hill', "q": 'He said "no"'}
    assert made.end() == []


@pytest.mark.parametrize(
    ("rows", "expected", "line"),
    [('1.jpg,"un\n2.jpg,two\n3.jpg,"three, 3"\n', {1: '"un', 2: "two", 3: "three, 3"}, 2), ('1.jpg,one\n2.jpg,"two\n', {1: "one", 2: '"two'}, 3),
     ('1.jpg,36" monitor\n2.jpg,"36"" monitor"\n', {1: '36" monitor', 2: '36" monitor'}, 0),
     ('1.jpg,"two\nlines, here"\n2.jpg,"a ""b"",\n\n3"\n', {1: "two\nlines, here", 2: 'a "b",\n\n3'}, 0)],
)  # fmt: skip
def test_quotation_marks(tmp_path, rows, expected, line):
    made = table(tmp_path, "path,caption\n" + rows)
    assert {number: said(made, f"/p/{number}.jpg")[0][1] for number in expected} == expected
    told = [f"{tmp_path}/t.csv: a quotation mark never closes in line {line}; they are read as they stand"]
    assert made.end() == (told if line else [])


def test_many_quotation_marks_without_a_partner_are_one_line(tmp_path):
    made = table(tmp_path, "path,caption\n" + "".join(f'{number}.jpg,"x\n' for number in range(40)))
    assert [said(made, f"/p/{number}.jpg")[0][1] for number in (0, 39)] == ['"x', '"x']
    assert "a quotation mark never closes in 40 lines (2, 3, 4, …); they are read as they stand" in made.end()[0]


@pytest.mark.parametrize("name", ["..\\p\\2.jpg", "../p/2.jpg", "./x/../p/2.jpg", ".\\p\\2.jpg", "p//2.jpg"])
def test_paths_as_other_systems_write_them(tmp_path, name):
    made = table(tmp_path, f"path,title\n{name},two\n")
    assert [text for _, text, _ in said(made, "/photos/p/2.jpg")] == ["two"]


@pytest.mark.parametrize(
    ("suffix", "content", "reason"),
    [("csv", "name,x\na,b\n", "needs a column path, file, .* or uri; it has 'name', 'x'"), ("csv", "path,x\na,b\n", "needs a column with words"),
     ("csv", "", "it has none"), ("csv", b"path,title\na.jpg,caf\xe9\n", r"t\.csv, line 2: it is not UTF-8"),
     ("csv", "path,title\na.jpg,\"" + "x" * (2 << 20) + "\"\n", "line 2: not a table that can be read"),
     ("jsonl", '{"path": "a", "title": "b"}\n[1]\n', "line 2: every line has to be an object"),
     ("jsonl", '{"path": "a", "title": "b"}\n{', "line 2: not JSON"), ("jsonl", "[" * 100_000, "line 1: not JSON"),
     ("jsonl", b'{"path": "\xff", "title": "b"}', "line 1: it is not UTF-8"), ("xls", "x", "needs a column path"), ("xlsx", b"PK\x03\x04rest", "a workbook of a spreadsheet program; save the table as CSV"),
     ("csv", b"\xff\xfep\0a", "begins as UTF-16 does, and is none"), ("csv", "path,title\na.jpg,\x82\xa0\n".encode("latin-1"), "line 2: it is not UTF-8")],
)  # fmt: skip
def test_tables_that_cannot_be_read(tmp_path, suffix, content, reason):
    with pytest.raises(seealso.PluginError, match=reason):
        table(tmp_path, content, suffix)


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(seealso.PluginError, match=r"none\.csv: the table of keywords: it cannot be read: No such file"):
        source(Table, file=tmp_path / "none.csv").begin()


def test_dates():
    for text, date in (
        ("2019:07:04 10:00:00", "2019-07-04"),
        ("20190704", "2019-07-04"),
        ("2019", "2019"),
        ("2019-07", "2019-07"),
    ):
        assert [word.text for word in as_words("date", text)] == [date]
    for text in ("0000:00:00 00:00:00", "yesterday", ""):
        assert list(as_words("date", text)) == []
