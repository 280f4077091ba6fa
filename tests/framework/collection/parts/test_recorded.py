"""What a later release of a plugin makes of the options that an earlier one recorded."""

import json
import logging
from contextlib import closing

import numpy as np
import pytest

import seealso
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts import recorded

CODEC = """
import seealso
from seealso.codecs.raw import Raw


class Rounding(Raw):
    \"\"\"Writes the values as they are.\"\"\"

    name = "rounding"
    preference = 0

    class Options(seealso.PluginOptions):
        {options}


@seealso.hookimpl
def register_codecs():
    return [Rounding]
"""

EARLIER = CODEC.format(options="digits: int = 3\n        how: str = 'even'")
WITHOUT = CODEC.format(options="digits: int = 3")
RENAMED = CODEC.format(
    options="""places: int = 3

        @classmethod
        def upgrade(cls, recorded):
            recorded.pop("how", None)
            if "digits" in recorded:
                recorded["places"] = recorded.pop("digits")
            return recorded"""
)


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch):
    monkeypatch.setattr(recorded, "_told", set())


@pytest.fixture(params=["flat-file", "lmdb"])
def opening(request, tmp_path):
    """Opens a collection whose store, written by the codec, has been made by the earlier release; with another release."""
    path = tmp_path / "c"
    file = tmp_path / "vectors.npy"
    np.save(file, np.random.default_rng(1).normal(size=(10, 4)).astype(np.float32))
    releases = []

    def opening(release: str, **settings: object) -> seealso.Collection:
        plugin = tmp_path / f"release_{len(releases)}.py"
        plugin.write_text(release)
        releases.append(seealso.open(path, plugins=[plugin], extractor={"plugin": "imported", "dim": 4}, **settings))
        return releases[-1]

    codec = {"plugin": "rounding", "digits": 5, "how": "odd"}
    with opening(EARLIER, store={"plugin": request.param, "codec": codec}) as collection:
        collection.import_descriptors(file)
    yield opening
    for collection in releases:
        collection.close()


def test_an_option_that_is_gone_is_left_out_with_a_warning(opening, caplog):
    with opening(WITHOUT) as collection:
        assert [hit.id for hit in collection.similar(3, 1).hits] == [3]
        assert collection.verify().problems == []
        collection.remove([4])
    assert [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING] == [
        "collection c: it was made with options that the codec rounding does not know any more, and goes on without them: how"
    ]


def test_an_option_that_was_renamed_is_kept(opening, caplog):
    with opening(RENAMED) as collection:
        assert [hit.id for hit in collection.similar(3, 1).hits] == [3]
        status = collection.status()
        assert status["parts"]["store"]["codec"] == {"plugin": "rounding", "places": 5}
    assert caplog.records == []


def test_the_configuration_is_held_to_the_options_of_today(opening):
    with (
        opening(WITHOUT, store={"plugin": "flat-file", "codec": {"plugin": "rounding", "how": "odd"}}) as collection,
        pytest.raises(seealso.ConfigError, match="how: unknown key"),
    ):
        collection.ids()


def test_an_option_of_the_store_itself(opening, tmp_path, caplog):
    with closing(CatalogWriter(tmp_path / "c")) as writer:
        choices = json.loads(writer.meta(recorded.CONFIGURATION))
        choices["store"]["speed"] = "high"
        writer.set_meta({recorded.CONFIGURATION: json.dumps(choices)})
    with opening(EARLIER) as collection:
        assert [hit.id for hit in collection.similar(3, 1).hits] == [3]
    (warning,) = (each.getMessage() for each in caplog.records)
    assert warning.startswith("collection c: it was made with options that the store")
    assert warning.endswith("does not know any more, and goes on without them: speed")


def test_a_value_that_is_no_longer_allowed_names_the_collection(opening):
    with (
        opening(CODEC.format(options="digits: str = ''")) as collection,
        pytest.raises(
            seealso.ConfigError,
            match=r"collection c, as it was made: codec\.digits: input should be a valid string, found 5",
        ),
    ):
        collection.ids()


# Defaults that were others


@pytest.mark.parametrize(
    "named",
    [{}, {"extractor": "blocks"}, {"extractor": {"plugin": "blocks", "pace": 2}}],
    ids=["not", "alone", "beside"],
)
def test_what_an_extractor_had_by_default_is_kept(release, make_photos, tmp_path, named):
    """Also where the configuration names the extractor, and not the option whose default is another by now."""
    photos = make_photos(tmp_path / "photos", 6)
    with seealso.open(tmp_path / "c", plugins=release(1), **named) as first:
        first.index(photos[:4])
        before = first.provenance
    with seealso.open(tmp_path / "c", plugins=release(2), **named) as collection:
        assert collection.index(photos).added == 2
        assert [hit.path for hit in collection.similar(photos[5], 1).hits] == [str(photos[5])]
        assert collection.provenance == before
        assert collection.choices()["extractor"]["side"] == 4
        assert collection.choices()["distance"] == "euclidean"
    with seealso.open(tmp_path / "new", plugins=release(2), **named) as new:
        new.index(photos)
        assert new.provenance.dim == 75
        assert new.choices()["distance"] == "cosine"


def test_what_is_named_is_not_kept(release, make_photos, tmp_path):
    """Whoever names another network wants that one, and is told that it is not the collection's."""
    photos = make_photos(tmp_path / "photos", 2)
    with seealso.open(tmp_path / "c", plugins=release(1)) as first:
        first.index(photos[:1])
    extractor = {"plugin": "blocks", "side": 5}
    with (
        seealso.open(tmp_path / "c", plugins=release(2), extractor=extractor) as collection,
        pytest.raises(seealso.ProvenanceMismatch, match="preprocessing is '5 x 5 pixels' and was '4 x 4 pixels'"),
    ):
        collection.index(photos)
