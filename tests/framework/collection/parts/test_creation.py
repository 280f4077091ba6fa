"""Making a collection: whole or not at all."""

import json

import pytest

import seealso

REFUSED = [
    ({"index": "nosuch"}, r"index.*there is no index named 'nosuch'"),
    ({"text": "nosuch"}, r"text.*there is no text index named 'nosuch'"),
    ({"store": "nosuch"}, r"store.*there is no store named 'nosuch'"),
    ({"store": {"plugin": "lmdb", "codec": "nosuch"}}, r"store\.codec: there is no codec named 'nosuch'"),
    ({"store": {"plugin": "lmdb", "codec": {"plugin": "zstd", "level": 99}}}, r"store\.codec: .*level"),
    ({"distance": "hamming"}, r"the distance hamming takes uint8"),
    ({"index": "scan", "sketch": "none"}, "the index scan ranks by sketches, and the collection has none"),
]


@pytest.mark.parametrize(("settings", "expected"), REFUSED)
def test_what_is_refused_leaves_nothing_behind(make_collection, tmp_path, photos, settings, expected):
    """A collection that was made with it would keep to it, also when the configuration is mended."""
    collection = make_collection("c", **settings)
    with pytest.raises(seealso.ConfigError, match=expected):
        collection.index([photos])
    assert not collection.path.exists()


@pytest.mark.parametrize(("settings", "expected"), REFUSED)
def test_the_check_of_a_configuration_finds_it_before(tmp_path, settings, expected):
    extractor = {"plugin": "imported", "dim": 4}
    document = {"collections": {"c": {"path": "c.seealso", "extractor": extractor, **settings}}}
    file = tmp_path / "seealso.yaml"
    file.write_text(json.dumps(document))
    with seealso.Deployment.load(file) as deployment, pytest.raises(seealso.ConfigError, match=expected):
        deployment.check()
    assert not (tmp_path / "c.seealso").exists()


def test_a_store_is_converted_to_no_codec_that_does_not_exist(make_collection, photos):
    collection = make_collection("c")
    collection.index([photos])
    with pytest.raises(seealso.PluginError, match="there is no codec named 'nosuch'"):
        collection.convert(seealso.PluginChoice("lmdb", {"codec": "nosuch"}))
    assert sorted(path.name for path in collection.path.glob("store*")) == ["store"]
