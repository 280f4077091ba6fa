"""Words in XMP, an XML document inside an image file or beside it (Adobe, *XMP Specification*, parts 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from seealso import KeywordError, Words
from seealso_keywords.fields import as_words

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_DC = "{http://purl.org/dc/elements/1.1/}"
_PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
_XMP = "{http://ns.adobe.com/xap/1.0/}"
_EXIF = "{http://ns.adobe.com/exif/1.0/}"

PROPERTIES = {
    _DC + "subject": "keywords",
    _DC + "title": "title",
    _PHOTOSHOP + "Headline": "title",
    _DC + "description": "caption",
    _DC + "creator": "creator",
    _PHOTOSHOP + "City": "place",
    _PHOTOSHOP + "State": "place",
    _PHOTOSHOP + "Country": "place",
    _EXIF + "DateTimeOriginal": "date",
    _PHOTOSHOP + "DateCreated": "date",
    _XMP + "CreateDate": "date",
}


def read_xmp(packet: bytes) -> list[Words]:
    """The words in an XMP packet.

    Raises:
        KeywordError: it is no XML, or has what no XMP needs and an attack does: entities, a DTD.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        # Some writers fill the packet up with zeros.
        root: Element = fromstring(packet.strip(b"\0 \n\r\t"), forbid_dtd=True)
    except DefusedXmlException:
        raise KeywordError("its XMP declares a document type or entities, and is not read") from None
    except (ParseError, ValueError, LookupError) as error:
        raise KeywordError(f"its XMP is not XML that can be read: {error}") from None
    words = [word for description in root.iter(RDF + "Description") for word in _described(description)]
    return list(dict.fromkeys(words))


def _described(description: Element) -> Iterator[Words]:
    """What one `rdf:Description` says: a property is an attribute, or an element with a text or a list of items."""
    for name, value in description.attrib.items():
        if name in PROPERTIES:
            yield from as_words(PROPERTIES[name], value)
    for element in description:
        field = PROPERTIES.get(element.tag)
        if field is None:
            continue
        items = list(element.iter(RDF + "li")) or [element]
        for item in items:
            language = item.get(LANGUAGE, "")
            yield from as_words(field, item.text or "", "" if language == "x-default" else language)
