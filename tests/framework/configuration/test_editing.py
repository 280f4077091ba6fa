"""Changing one value of a configuration file: the rest stays as it is, to the byte."""

import pytest

import seealso

KEYS = ("collections", "photos", "search", "candidates")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "# mine\ncollections:\n  photos:\n    path: ./p # here\n    search:\n      candidates: 5000\n      patience: 3\n# end\n",
            "# mine\ncollections:\n  photos:\n    path: ./p # here\n    search:\n      # why\n      candidates: 77\n      patience: 3\n# end\n",
        ),
        (
            "collections:\n  photos:\n    path: ./p # here\n\n  # the others\n  scans:\n    path: ./s\n",
            "collections:\n  photos:\n    path: ./p # here\n    search:\n      # why\n      candidates: 77\n\n  # the others\n  scans:\n    path: ./s\n",
        ),
        (
            "collections:\n    photos:\n        path: ./p\n        search:\n            patience: 3",
            "collections:\n    photos:\n        path: ./p\n        search:\n            patience: 3\n            # why\n            candidates: 77\n",
        ),
        (
            "collections:\n  photos: {path: ./p}\n  scans: {path: ./s}\n",
            "collections:\n  photos: {path: ./p, search: {candidates: 77}}  # why\n  scans: {path: ./s}\n",
        ),
        (
            "collections: {photos: {path: ./p, search: {candidates: 1}}} # all\n",
            "collections: {photos: {path: ./p, search: {candidates: 77}}} # all\n",
        ),
        (
            "collections:\n  photos:\n    path: |-\n      ./p\n    text: false\n",
            "collections:\n  photos:\n    path: |-\n      ./p\n    text: false\n    search:\n      # why\n      candidates: 77\n",
        ),
    ],
)
def test_only_that_changes(tmp_path, before, after):
    file = tmp_path / "seealso.yaml"
    file.write_text(before)
    seealso.set_configuration_value(file, KEYS, 77, "why")
    assert file.read_text() == after
    assert seealso.load_config(file).collections["photos"].search.candidates == 77
    seealso.set_configuration_value(file, KEYS, 78, "again")
    assert seealso.load_config(file).collections["photos"].search.candidates == 78


@pytest.mark.parametrize(
    "text",
    [
        "x-c: &c {path: ./p}\ncollections:\n  photos: *c\n",
        "x-s: &s\n  candidates: 5\ncollections:\n  photos:\n    path: ./p\n    search: *s\n",
        "collections:\n  photos: 5\n",
        "",
        "collections: [",
    ],
)
def test_what_cannot_be_changed_alone_is_left_as_it_is(tmp_path, text):
    file = tmp_path / "seealso.yaml"
    file.write_text(text)
    with pytest.raises(seealso.ConfigError, match=r"write it yourself: collections\.photos.search\.candidates: 77"):
        seealso.set_configuration_value(file, KEYS, 77, "why")
    assert file.read_text() == text


def test_a_link_stays_one(tmp_path):
    (tmp_path / "real.yaml").write_text("collections: {photos: {path: ./p}}\n")
    (tmp_path / "seealso.yaml").symlink_to("real.yaml")
    seealso.set_configuration_value(tmp_path / "seealso.yaml", KEYS, 77, "why")
    assert (tmp_path / "seealso.yaml").is_symlink()
    assert "candidates: 77" in (tmp_path / "real.yaml").read_text()


def test_there_is_no_file(tmp_path):
    with pytest.raises(seealso.ConfigError, match="No such file or directory; write it yourself"):
        seealso.set_configuration_value(tmp_path / "none.yaml", KEYS, 77, "why")
