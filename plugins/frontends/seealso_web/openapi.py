"""What the API is, as an OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from seealso import Times, __version__
from seealso_web.examples import LARGEST_ID, LONGEST_TEXT, MOST_EXAMPLES
from seealso_web.options import WebOptions
from seealso_web.parameters import DEEPEST, HEAVIEST, LARGEST_SEED, MOST, WAYS

TITLE = "seealso"
START = r"(0(\.[0-9]{1,12})?|\.[0-9]{1,12})"  # of a part of an image: 0 or more, and less than 1
EXTENT = r"(1(\.0{1,12})?|0?\.0{0,5}[1-9][0-9]{0,6})"  # more than 0, and 1 at most
CROP = f"^{START},{START},{EXTENT},{EXTENT}$"
SAYING = r"[^\s!-/:-@\[-`{-~]"  # what is neither white space nor a sign of ASCII: something has to be looked for
DISTANCE = r"[0-9]{1,9}(\.[0-9]{1,17})?(e-[0-9]{1,2})?"  # as it is answered, too
PERCENT = r"(100|[1-9][0-9]?(\.[0-9]{1,12})?)%"
WEIGHTED_ID = r"^[0-9]{1,18}(\^(0\.[0-9]{0,3}[1-9]|[1-9][0-9]{0,3}(\.[0-9]{1,4})?))?$"  # such as 7, or 7^2
STAGES = tuple(field.name for field in fields(Times))


def document(options: WebOptions, collections: Sequence[str]) -> dict[str, Any]:
    """The document, for these options and collections."""
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": __version__,
            "summary": "Finds the images that look like this one.",
            "description": "Answers are JSON, and problems are problem details (RFC 9457). A GET is answered with an ETag; "
            "one that comes with it again (If-None-Match) is answered with 304 as long as nothing has changed.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "collections"},
            {"name": "objects"},
            {"name": "similar"},
            {"name": "text"},
            {"name": "duplicates"},
        ],
        "paths": _paths(options, collections),
        "components": {"schemas": _schemas(options)},
    }
    if options.token is not None:
        described["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        described["security"] = [{"token": []}]
    return described


def taken(path: str, method: str) -> dict[str, bool]:
    """The names that a query string may have at a path of the document; and whether each may be given several times."""
    operation = _paths(WebOptions(), [])[path][method.lower()]
    asked = (each for each in operation["parameters"] if each["in"] == "query")
    return {each["name"]: each["schema"].get("type") == "array" for each in asked}


def _paths(options: WebOptions, collections: Sequence[str]) -> dict[str, Any]:
    collection = _parameter("collection", "path", {"enum": list(collections)}, "The collection's name.")
    id_ = _parameter("id", "path", {"type": "integer", "minimum": 0, "maximum": LARGEST_ID}, "The object's ID.")
    upload = _parameter(
        "upload",
        "path",
        {"type": "string", "pattern": "^[A-Za-z0-9_-]{22}$"},
        "The name of an upload, as it was answered.",
    )
    limit = _parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": MOST}, "How many hits, at most.")
    offset = _parameter(
        "offset", "query", {"type": "integer", "minimum": 0, "maximum": DEEPEST - 1}, "So many hits are passed over."
    )
    of_groups = _parameter("offset", "query", {"type": "integer", "minimum": 0}, "So many groups are passed over.")
    crop = _parameter(
        "crop",
        "query",
        {"type": "string", "pattern": CROP, "examples": ["0.25,0.25,0.5,0.5"]},
        "Only this part of the image: left, top, width, height, as shares of it.",
    )
    where = _parameter(
        "where",
        "query",
        {"type": "string", "maxLength": LONGEST_TEXT, "pattern": SAYING, "examples": ["red -shoes"]},
        "Only objects that match this text query; as many as are asked for, where there are so many.",
    )
    within = _parameter(
        "within",
        "query",
        {"type": "string", "pattern": f"^({DISTANCE}|{PERCENT})$", "examples": ["0.35", "80%"]},
        "Only objects that are no further than a distance from the image, as 0.35; or at least so alike to it, as 80% (in an address 80%25); with words a distance alone.",
    )
    others = _parameter(
        "others",
        "query",
        {"type": "boolean"},
        "Whether to leave out the object that is the image itself; if not said, only an object's own is left out.",
    )
    examples = _several(
        "like",
        {"type": "string", "pattern": WEIGHTED_ID, "examples": ["7", "7^2"]},
        "An object that they shall be like, too",
    )
    unlike = _several(
        "unlike", {"type": "string", "pattern": WEIGHTED_ID, "examples": ["9"]}, "An object that they shall be unlike"
    )
    shown_words = _several(
        "words",
        {"type": "string", "maxLength": LONGEST_TEXT, "pattern": SAYING, "examples": ["at night"]},
        "Words for what they shall show, where the extractor reads words",
    )
    weight = _parameter(
        "weight",
        "query",
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": HEAVIEST},
        "How much the image itself counts beside the other examples; 1 by default.",
    )
    beside = [weight, examples, unlike, shown_words]
    by = _parameter(
        "by",
        "query",
        {"type": "string", "enum": [name for name in WAYS if name]},
        "Only what has the words as keywords, or only what looks like them; without it both.",
    )
    fold = _parameter(
        "fold",
        "query",
        {"type": "boolean"},
        "Whether hits that are nearly the same as a better one are folded into it; its `folded` has their IDs.",
    )
    words = {"type": "string", "maxLength": LONGEST_TEXT, "pattern": SAYING, "examples": ["red -shoes"]}
    asked = _parameter(
        "q",
        "query",
        words,
        "The words. As keywords, all have to be there; also phrases in quotation marks, bird*, brid~, -bird, creator:adams.",
        required=True,
    )
    begun = _parameter("q", "query", {"type": "string", "maxLength": LONGEST_TEXT}, "The beginning of a word.")
    seed = _parameter(
        "seed",
        "query",
        {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED},
        "The same selection for the same seed.",
    )
    binary = {"schema": {"type": "string", "contentMediaType": "application/octet-stream", "minLength": 1}}
    file = {"type": "string", "format": "binary", "minLength": 1}
    form = {"type": "object", "properties": {"image": file}, "required": ["image"]}
    sent = {
        "required": True,
        "description": f"The image, of at most {options.upload_megabytes} MB and {options.upload_megapixels} million pixels: "
        "as it is, or in the field `image` of a form.",
        "content": {"multipart/form-data": {"schema": form}, "image/*": binary, "application/octet-stream": binary},
    }
    base = "/api/v1/{collection}"
    return {
        "/api/v1": {"get": _operation("listCollections", "The collections.", "collections", [], "Collections")},
        f"{base}/status": {
            "get": _operation(
                "getStatus", "What a collection holds, and what made it.", "collections", [collection], "Status"
            )
        },
        f"{base}/random": {
            "get": _operation("getRandom", "A random selection.", "objects", [collection, limit, seed], "Selection")
        },
        f"{base}/objects/{{id}}": {
            "get": _operation("getObject", "One object.", "objects", [collection, id_], "Object")
        },
        f"{base}/similar/{{id}}": {
            "get": _operation(
                "similarToObject",
                "The neighbours of an object, and of other examples beside it, nearest first.",
                "similar",
                [collection, id_, *beside, crop, where, within, others, fold, limit, offset],
                "Answer",
                {"409": "A part of it was asked for, and its file is away."},
            )
        },
        f"{base}/similar": {
            "get": _operation(
                "similarToExamples",
                "What is like several examples together: objects and words, liked or unliked. At least one has to be liked.",
                "similar",
                [collection, examples, unlike, shown_words, where, within, others, fold, limit, offset],
                "Answer",
            ),
            "post": _operation(
                "similarToImage",
                "The neighbours of an image that is sent along, nearest first.",
                "similar",
                [collection, *beside, crop, where, within, others, fold, limit, offset],
                "Answer",
                {
                    "408": "The image came too slowly.",
                    "413": "The image is too large.",
                    "415": "What was sent is no image.",
                    "507": "There is no room.",
                },
                sent,
            ),
        },
        f"{base}/uploads/{{upload}}/similar": {
            "get": _operation(
                "similarToUpload",
                "The neighbours of an image that was sent before, as long as it is kept.",
                "similar",
                [collection, upload, *beside, crop, where, within, others, fold, limit, offset],
                "Answer",
            )
        },
        f"{base}/text": {
            "get": _operation(
                "findByText",
                "What has the words as keywords, or looks like them, best first.",
                "text",
                [collection, asked, by, limit, offset],
                "Answer",
            )
        },
        f"{base}/duplicates": {
            "get": _operation(
                "getDuplicates",
                "The groups of near-identical images that `seealso duplicates` found last, those with most bytes to spare first.",
                "duplicates",
                [collection, limit, of_groups],
                "Duplicates",
            )
        },
        f"{base}/suggest": {
            "get": _operation(
                "suggestWords",
                "Words of the collection that begin so, the most frequent first.",
                "text",
                [collection, begun, limit],
                "Suggestions",
            )
        },
    }


def _parameter(
    name: str, place: str, schema: dict[str, Any], description: str, *, required: bool = False
) -> dict[str, Any]:
    described = {"name": name, "in": place, "required": required or place == "path"}
    return {**described, "schema": schema, "description": description}


def _several(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    """A parameter that may be given several times."""
    several = {"type": "array", "items": schema, "maxItems": MOST_EXAMPLES - 1}
    told = f"{description}; may be given several times, and with a weight behind ^."
    return {**_parameter(name, "query", several, told), "style": "form", "explode": True}


def _operation(
    name: str,
    summary: str,
    tag: str,
    parameters: list[dict[str, Any]],
    schema: str,
    more: dict[str, str] | None = None,
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    problems = {
        "400": "The request makes no sense.",
        "401": "The token is missing.",
        "404": "There is no such thing; or an object that the request names, in its path or as an example, is not there any more.",
        "422": "A value makes no sense, or a name is not taken here; or the image cannot be used.",
        "429": "That was too much at once; Retry-After says when to go on.",
        "503": "There is too much to do; Retry-After says when to try again.",
        **(more or {}),
    }
    tagged = {"ETag": {"schema": {"type": "string"}, "description": "Of what is answered."}}
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    detailed = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses: dict[str, Any] = {"200": {"description": summary, "headers": tagged, "content": content}}
    if body is None:
        responses["304"] = {"description": "Nothing has changed."}
    responses |= {status: {"description": text, "content": detailed} for status, text in sorted(problems.items())}
    operation = {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "parameters": parameters,
        "responses": responses,
    }
    return operation | ({"requestBody": body} if body is not None else {})


def _schemas(options: WebOptions) -> dict[str, Any]:
    text, whole, real = {"type": "string"}, {"type": "integer"}, {"type": "number"}
    links = {"type": "object", "additionalProperties": {"type": "string", "format": "uri-reference"}}
    words = {"type": "array", "items": text}
    place = _object({"path": text, "uri": text})
    seen = _object({"word": text, "weight": real})
    about: dict[str, Any] = {"id": whole, "name": text, "width": whole, "height": whole, "bytes": whole}
    about |= {"keywords": words, "links": links}
    if options.locations:
        about |= {"path": text, "uri": text}
    hits = {"type": "array", "items": {"$ref": "#/components/schemas/Hit"}}
    truth: dict[str, Any] = {"type": "boolean"}
    image = {**about, "distance": real, "mirrored": truth, "largest": truth, "files": whole}
    group: dict[str, Any] = {"files": whole, "spare": whole, "spread": real, "count": whole}
    group |= {"images": {"type": "array", "items": _object(image)}}
    times = _object(dict.fromkeys(STAGES, real), more=True)
    cost = _object({"candidates": whole, "refined": whole, "reads": whole, "bytes_read": whole, "ms": times}, more=True)
    query = {"id": _or_null(whole), "upload": _or_null(text), "crop": _or_null({"type": "array", "items": real})}
    example = _object({"id": _or_null(whole), "words": _or_null(text), "weight": real})
    query |= {"text": _or_null(text), "within": _or_null(real), "by": _or_null(text)}
    query |= {"examples": {"type": "array", "items": example}}
    ways = {"type": "array", "items": {"type": "string", "enum": [name for name in WAYS if name]}}
    likeness = _object({"typical": real, "alike": _or_null(real), "same": _or_null(real), "pairs": whole})
    counted = {"name": text, "objects": whole, "locations": whole, "failures": whole, "bytes": whole}
    return {
        "Collections": _object({"collections": {"type": "array", "items": _object({"name": text, "links": links})}}),
        "Status": _object(counted, more=True),
        "Object": _object(
            {
                **about,
                "locations": {"type": "array", "items": place},
                "sha256": text,
                "looks_like": {"type": "array", "items": seen},
            }
        ),
        "Hit": _object(
            {**about, "distance": _or_null(real), "score": _or_null(real), "by": ways},
            sometimes={
                "likeness": {**real, "minimum": 0, "maximum": 100},
                "beyond": truth,
                "folded": {"type": "array", "items": whole},
            },
        ),
        "Selection": _object({"seed": whole, "hits": hits}),
        "Answer": _object(
            {
                "query": _object({**query, "links": links}, sometimes={"likeness": real}),
                "hits": hits,
                "offset": whole,
                "next": _or_null({**text, "format": "uri-reference"}),
                "matched": _or_null(whole),
                "reasons": words,
                "instead": words,
                "unsearched": whole,
                "cost": cost,
            },
            sometimes={"likeness": likeness},
        ),
        "Duplicates": _object(
            {
                "within": real,
                "likeness": _or_null(real),
                "mirrored": truth,
                "objects": whole,
                "found": real,
                "outdated": truth,
                "count": whole,
                "images": whole,
                "files": whole,
                "spare": whole,
                "groups": {"type": "array", "items": _object(group)},
                "offset": whole,
                "next": _or_null({**text, "format": "uri-reference"}),
            }
        ),
        "Suggestions": _object({"words": words}),
        "Problem": _object({"type": text, "title": text, "status": whole, "detail": text, "instance": text}),
    }


def _object(
    properties: dict[str, Any], *, more: bool = False, sometimes: dict[str, Any] | None = None
) -> dict[str, Any]:
    """An object with these properties, all of which it has; with those that it has sometimes; and perhaps with more."""
    return {
        "type": "object",
        "properties": {**properties, **(sometimes or {})},
        "required": list(properties),
        "additionalProperties": more,
    }


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}
