"""A store that is configured wrongly: nothing is believed, and nothing is lost."""

import json
import os
import shutil

import pytest

from conftest import SAMPLES, THUMBNAIL
from samples.elsewhere import TOKEN
from seealso_cli.app import run
from seealso_cli.session import Session


@pytest.fixture
def home(tmp_path, monkeypatch, make_photos):
    """A folder of photographs; it is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", -1)
    make_photos(tmp_path / "photos", 30)
    return tmp_path


@pytest.fixture
def call(home, capfd):
    """Runs a command with a store; gives exit status, standard output and standard error."""

    def call(store: dict[str, object] | str | None, *arguments: str) -> tuple[int, str, str]:
        collection = {"path": "c.seealso", "extractor": "thumbnail"} | ({} if store is None else {"store": store})
        document = {
            "plugins": [str(THUMBNAIL), str(SAMPLES / "elsewhere.py")],
            "collections": {"photos": collection},
        }
        (home / "seealso.yaml").write_text(json.dumps(document))
        with Session() as session:
            status = run(arguments, session)
        found = capfd.readouterr()
        assert TOKEN not in found.out + found.err
        return status, found.out, found.err

    return call


def forgetful(url: str) -> dict[str, object]:
    return {"plugin": "forgetful", "url": url}


def remote(url: str, **options: object) -> dict[str, object]:
    return {"plugin": "remote", "url": url, "token": TOKEN, **options}


def ids_of(call, store) -> list[int]:
    status, out, err = call(store, "similar", "id:1", "-k", "100", "--json")
    assert (status, err) == (0, "")
    return sorted(hit["id"] for hit in json.loads(out)["hits"])


def test_a_mistyped_place_of_a_store_that_knows_no_identity(call, home):
    right, wrong = forgetful("bucket"), forgetful("bukcet")
    assert call(right, "index", "photos")[0] == 0
    before = ids_of(call, right)
    # Once, and not once for each object; and no word of `maintain`.
    status, out, err = call(wrong, "verify")
    assert status == 1
    assert out == "1 problem found: 30 objects, 0 descriptors checked\n"
    assert err.startswith(
        f"seealso: {home}/c.seealso/store: all 30 descriptors are missing: is it the right store? If it is not, "
    )
    assert err.count("\n") == 1
    status, out, err = call(wrong, "maintain")
    assert (status, out) == (1, "")
    assert err == (
        f"seealso: {home}/c.seealso/store: all 30 descriptors are missing: is it the right store? Nothing was changed; "
        "`seealso maintain --force` drops them all the same\n"
    )
    assert call(right, "verify")[:2] == (0, "all is well: 30 objects, 30 descriptors checked\n")
    assert call(right, "maintain")[0] == 0
    assert ids_of(call, right) == before
    # Who insists gets it.
    status, _, err = call(wrong, "maintain", "--force")
    assert status == 0
    assert "30 objects whose descriptor was lost or damaged dropped" in err


def test_a_mistyped_place_of_a_store_that_says_what_its_place_is(call, home):
    right, wrong = remote("bucket"), remote("bukcet")
    assert call(right, "index", "photos")[0] == 0
    before = ids_of(call, right)
    refused = (
        f"seealso: {home}/seealso.yaml, line 1: collections.photos.store.url: this collection keeps its descriptors at url bucket, and "
        "not at bukcet; write the former, or run `seealso convert` to move them\n"
    )
    commands = [
        ["config", "check"],
        ["index", "photos"],
        ["status"],
        ["verify"],
        ["maintain"],
        ["maintain", "--force"],
        ["rebuild"],
    ]
    for command in commands:
        assert call(wrong, *command) == (1, "", refused)
    assert not (home / "bukcet").exists()
    # `convert` is the way to have it elsewhere.
    assert call(wrong, "convert")[0] == 0
    assert ids_of(call, wrong) == before
    assert list((home / "bucket").iterdir()) == []
    assert call(wrong, "verify")[0] == 0


def test_another_store_than_the_collections(call, home):
    assert call("lmdb", "config", "check")[0] == 0
    assert call("flat-file", "index", "photos")[0] == 0
    for command in (["config", "check"], ["status"]):
        assert call("lmdb", *command) == (
            1,
            "",
            f"seealso: {home}/seealso.yaml, line 1: collections.photos.store: this collection keeps its descriptors in the store "
            "flat-file, not lmdb; write `store: flat-file`, or run `seealso convert`\n",
        )
    assert call("flat-file", "config", "check")[0] == 0


def test_an_empty_place_is_not_the_store(call, home):
    right = remote("bucket")
    assert call(right, "index", "photos")[0] == 0
    before = ids_of(call, right)
    # As a mount does that did not come up.
    os.rename("bucket", "away")
    for command in (["index", "photos"], ["status"], ["similar", "id:1"], ["verify"], ["maintain"], ["rebuild"]):
        status, out, err = call(right, *command)
        assert (status, out) == (1, "")
        assert err.startswith(
            f"seealso: {home}/c.seealso/store (store remote, url bucket): this seems to be the wrong store: it does not hand back the "
            "identity of the collection's store; it holds 0 descriptors, and the collection 30 objects; "
        )
        assert err.count("\n") == 1
    shutil.rmtree("bucket")
    os.rename("away", "bucket")
    assert call(right, "verify")[:2] == (0, "all is well: 30 objects, 30 descriptors checked\n")
    assert ids_of(call, right) == before


def test_who_begins_anew_with_an_empty_place_is_safe_from_the_old_one(call, home):
    right = remote("bucket")
    assert call(right, "index", "photos")[0] == 0
    os.rename("bucket", "away")
    assert call(right, "maintain", "--force")[0] == 0
    assert call(right, "index", "photos")[0] == 0
    assert call(right, "verify")[:2] == (0, "all is well: 30 objects, 30 descriptors checked\n")


def test_another_codec_keeps_the_options_of_the_store(call, home):
    configured = remote("bucket", codec="raw", colour="red")
    assert call(configured, "index", "photos")[0] == 0
    for command in (["convert", "remote", "--codec", "f16"], ["convert", "--codec", "zstd"]):
        status, out, err = call(configured, *command)
        assert (status, err) == (0, "")
        assert out.startswith("30 descriptors copied")
        told = json.loads(call(remote("bucket"), "status", "--json")[1])
        assert told["parts"]["store"]["url"] == "bucket"
        assert told["store"]["objects"] == 30
        assert told["store"]["codec"] == command[-1]
        # What was left is gone.
        assert len(list((home / "bucket").iterdir())) == 1
        assert len(list((home / "c.seealso").glob("store*"))) == 1
    assert len(ids_of(call, remote("bucket"))) == 30
    # The configuration still names the first codec, and is told so.
    status, _, err = call(configured, "status")
    assert status == 1
    assert "was written with the codec" in err


def test_from_one_place_to_another_by_an_option(call, home):
    assert call(None, "index", "photos")[0] == 0
    before = ids_of(call, None)
    assert call(remote("bucket"), "convert", "--option", "url=other", "--option", "colour=green")[0] == 0
    told = json.loads(call(remote("other"), "status", "--json")[1])
    assert (home / "other").is_dir()
    assert not (home / "bucket").exists()
    assert told["store"]["objects"] == 30
    # Away again, with the token that the configuration still gives.
    assert call(remote("other"), "convert", "flat-file")[0] == 0
    assert list((home / "other").iterdir()) == []
    assert ids_of(call, None) == before


def test_what_options_of_a_conversion_are_refused(call, home):
    assert call(None, "index", "photos")[0] == 0
    status, _, err = call(None, "convert", "remote")
    assert status == 1
    assert err == "seealso: collection photos: store.url: this key is missing\n"
    assert call(None, "convert", "lmdb", "--option", "nonsense")[0] == 2
    status, _, err = call(None, "convert", "lmdb", "--option", "colour=red")
    assert status == 1
    assert "store.colour: unknown key" in err
    status, _, err = call(None, "convert", "remote", "--option", "url=bucket", "--option", f"token={TOKEN}")
    assert status == 1
    assert err.startswith("seealso: the option token of the store remote is secret, so nothing keeps it")


def test_what_is_secret_is_kept_and_shown_nowhere(call, home):
    store = remote("bucket")
    assert call(store, "index", "photos")[0] == 0
    shown = [
        call(store, *command) for command in (["status"], ["status", "--json"], ["config", "show"], ["config", "check"])
    ]
    assert [status for status, _, _ in shown] == [0, 0, 0, 0]
    assert call({**store, "token": "wrong"}, "status") == (1, "", "seealso: the token is wrong\n")
    wrong = call({**store, "token": [TOKEN]}, "status")[2]
    assert wrong.startswith(
        f"seealso: {home}/seealso.yaml, line 1: collections.photos.store.token: input should be a valid string"
    )
    # The one that comes from the record has none.
    assert call(None, "status")[2] == "seealso: collection photos, as it was made: store.token: this key is missing\n"
    for folder, _, names in os.walk(home):
        for name in names:
            if name != "seealso.yaml":
                with open(os.path.join(folder, name), "rb") as file:
                    assert TOKEN.encode() not in file.read(), name
