"""What is shown of an image: small, drawn anew, remembered; and kept where its file may be away."""

import os
import pickle
import shutil
import sqlite3
from types import SimpleNamespace

import pytest
from PIL import Image

import seealso
from conftest import read_only
from image_files import encode
from seealso_web.cache import BytesCache, BytesDisk
from seealso_web.kept import KeptThumbnails
from seealso_web.rendering import PREVIEW, THUMBNAIL, is_whole, render, shrink
from web_site import configure, opened

LIMITS = seealso.ImageLimits()


@pytest.mark.parametrize(
    ("size", "thumbnail", "preview"),
    [
        ((3000, 2000), (540, 360), (1600, 1067)),
        ((2000, 3000), (240, 360), (1067, 1600)),
        ((4000, 400), (720, 72), (1600, 160)),
        ((100, 50), (100, 50), (100, 50)),
        ((1, 3000), (1, 360), (1, 1600)),
    ],
)
def test_sizes(size, thumbnail, preview):
    for kind in ("JPEG", "PNG"):
        data = encode(Image.new("RGB", size, (200, 30, 30)), kind)
        for wanted, expected in ((THUMBNAIL, thumbnail), (PREVIEW, preview)):
            picture = opened(render(data, wanted, LIMITS))
            assert picture.format == "WEBP"
            assert abs(picture.width - expected[0]) <= 1
            assert abs(picture.height - expected[1]) <= 1


def test_the_picture_is_the_image(photographs):
    """Small as it is, it shows what a plain reduction shows."""
    import numpy as np

    image = photographs["chelsea"]
    shown = opened(render(encode(image, "PNG"), THUMBNAIL, LIMITS)).convert("RGB")
    plain = image.resize(shown.size, Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(shown, int) - np.asarray(plain, int)).mean() < 4


def test_a_thumbnail_is_remembered_by_content(client, monkeypatch):
    first = client.get("/photos/objects/3/thumbnail")
    assert first.headers["content-type"] == "image/webp"
    monkeypatch.setattr("seealso_web.pictures.render", None)  # nothing is made again
    again = client.get("/photos/objects/3/thumbnail")
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "private, max-age=3600"
    assert (
        client.get("/photos/objects/3/thumbnail", headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    )
    (lasting,) = (
        hit["links"]["thumbnail"]
        for hit in client.get("/api/v1/photos/random?limit=50").json()["hits"]
        if hit["id"] == 3
    )
    assert "immutable" in client.get(lasting).headers["cache-control"]
    assert "immutable" not in client.get(lasting[:-1] + "0x").headers["cache-control"]
    assert client.get("/photos/objects/3/huge").status_code == 404


def test_the_original_is_what_was_taken_in(client, web_photos):
    for id_ in range(1, 17):
        answer = client.get(f"/photos/objects/{id_}/original")
        name = client.get(f"/api/v1/photos/objects/{id_}").json()["name"]
        assert answer.content == (web_photos / name).read_bytes()
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"
    assert (
        client.get("/photos/objects/1/original", headers={"If-None-Match": answer.headers["etag"]}).status_code == 200
    )
    assert (
        client.get("/photos/objects/16/original", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    )


KEPT = "extras/web/thumbnails"


def observed(folder):
    """What an observer is lent of a collection in a folder."""
    return SimpleNamespace(path=folder, folder_for=lambda plugin: folder / "extras" / plugin)


@pytest.fixture
def own(tmp_path, photographs):
    """A folder with two images that a test may change, and a collection of them with kept thumbnails."""
    folder = tmp_path / "own"
    folder.mkdir()
    for name in ("coffee", "rocket"):
        photographs[name].save(folder / f"{name}.jpg")

    def index(**options: object):
        with seealso.Deployment.load(configure(tmp_path, {"own": tmp_path / "own.seealso"}, **options)) as deployment:
            deployment.collection().index([folder])

    return folder, index


def test_what_lies_in_an_originals_place_is_not_given_away(own, tmp_path, serve):
    """Only the content that was taken in is, by whatever way another came there."""
    folder, index = own
    index()
    client = serve({"own": tmp_path / "own.seealso"})
    (tmp_path / "secret").write_text("secret")
    for swap in (
        lambda file: file.write_text("secret"),
        lambda file: file.symlink_to(tmp_path / "secret"),
        lambda file: file.mkdir(),
        lambda file: os.mkfifo(file),
    ):
        (folder / "coffee.jpg").rename(tmp_path / "aside.jpg")
        swap(folder / "coffee.jpg")
        for what in ("original", "thumbnail", "preview"):
            answer = client.get(f"/own/objects/1/{what}")
            assert answer.status_code == 404
            assert "secret" not in answer.text
        if (folder / "coffee.jpg").is_dir() and not (folder / "coffee.jpg").is_symlink():
            (folder / "coffee.jpg").rmdir()
        else:
            (folder / "coffee.jpg").unlink()
        (tmp_path / "aside.jpg").rename(folder / "coffee.jpg")
    assert client.get("/own/objects/1/original").status_code == 200


def test_kept_thumbnails_are_made_while_indexing(own, tmp_path, serve):
    folder, index = own
    index(thumbnails="keep")
    shutil.rmtree(folder)
    client = serve({"own": tmp_path / "own.seealso"}, thumbnails="keep")
    for id_ in (1, 2):
        picture = client.get(f"/own/objects/{id_}/thumbnail")
        assert picture.status_code == 200
        assert opened(picture.content).height == 360  # though the extractor is content with very little
        assert client.get(f"/own/objects/{id_}/original").status_code == 404
        assert client.get(f"/own/objects/{id_}/preview").status_code == 404
    assert 'source="kept"} 2.0' in client.get("/metrics").text


def test_without_it_none_are_kept(own, tmp_path, serve):
    folder, index = own
    index()
    assert not (tmp_path / "own.seealso" / "extras").exists()
    # Switched on later, what is looked at is kept.
    client = serve({"own": tmp_path / "own.seealso"}, thumbnails="keep")
    shown = client.get("/own/objects/1/thumbnail").content
    shutil.rmtree(folder)
    shutil.rmtree(tmp_path / "cache")
    assert serve({"own": tmp_path / "own.seealso"}).get("/own/objects/1/thumbnail").content == shown


def test_kept_thumbnails_are_shown_from_a_read_only_disk(own, tmp_path, serve):
    folder, index = own
    index(thumbnails="keep")
    shutil.rmtree(folder)
    with read_only(tmp_path / "own.seealso"):
        assert (
            serve({"own": tmp_path / "own.seealso"}, thumbnails="keep").get("/own/objects/1/thumbnail").status_code
            == 200
        )


def test_maintaining_removes_the_thumbnails_of_what_is_gone(own, tmp_path):
    folder, index = own
    index(thumbnails="keep")
    (tmp_path / "own.seealso" / KEPT / "ab").mkdir(exist_ok=True)
    (tmp_path / "own.seealso" / KEPT / "ab" / ".abcd.webp.1-2.new").write_bytes(b"half")
    thumbnails = sorted((tmp_path / "own.seealso" / KEPT).rglob("*.webp"))
    assert len(thumbnails) == 2
    with seealso.Deployment.load(configure(tmp_path, {"own": tmp_path / "own.seealso"})) as deployment:
        collection = deployment.collection()
        gone, stays = collection.show(1), collection.show(2)
        os.unlink(gone.paths[0])
        collection.index([folder], prune=True)
        assert collection.known([gone.hash, stays.hash, bytes(32)]) == {stays.hash}
        assert sorted((tmp_path / "own.seealso" / KEPT).rglob("*.webp")) == thumbnails
        collection.maintain()
        kept = KeptThumbnails(collection)
        assert (kept.get(gone.hash), kept.get(stays.hash) is None) == (None, False)
    (left,) = (file for file in (tmp_path / "own.seealso" / KEPT).rglob("*") if file.is_file())
    assert left.stem == stays.hash.hex()


def test_thumbnails_of_an_earlier_release_are_shown_and_brought_home(own, tmp_path, serve):
    index = own[1]
    index(thumbnails="keep")
    place = tmp_path / "own.seealso"
    (place / KEPT).rename(place / "thumbnails")
    shutil.rmtree(place / "extras")
    earlier = {file.name: file.read_bytes() for file in (place / "thumbnails").rglob("*.webp")}
    (place / "thumbnails" / "ab").mkdir(exist_ok=True)
    (place / "thumbnails" / "ab" / ".abcd.webp.1-2.new").write_bytes(b"half")
    # They are found where they are, and none is made a second time.
    answer = serve({"own": place}, thumbnails="keep").get("/own/objects/1/thumbnail")
    assert any(file.startswith(answer.content) for file in earlier.values())
    index(thumbnails="keep")
    assert not [file for file in (place / "extras").rglob("*.webp") if file.read_bytes() not in earlier.values()]
    with seealso.Deployment.load(configure(tmp_path, {"own": place})) as deployment:
        deployment.collection().maintain()
    assert not (place / "thumbnails").exists()
    assert {file.name: file.read_bytes() for file in (place / KEPT).rglob("*.webp")} == earlier


def test_what_others_have_put_beside_the_earlier_thumbnails_stays(tmp_path):
    theirs = tmp_path / "thumbnails" / "mine" / "list.txt"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    KeptThumbnails(observed(tmp_path)).bring_home()
    assert theirs.read_text() == "mine"


def test_no_flipped_bit_of_a_kept_thumbnail_is_shown(own, tmp_path, serve):
    index = own[1]
    index(thumbnails="keep")
    client = serve({"own": tmp_path / "own.seealso"}, thumbnails="keep")
    right = client.get("/own/objects/1/thumbnail").content
    (file,) = (
        file for file in (tmp_path / "own.seealso" / KEPT).rglob("*.webp") if file.read_bytes().startswith(right)
    )
    whole = file.read_bytes()
    kept, digest = KeptThumbnails(observed(tmp_path / "own.seealso")), bytes.fromhex(file.stem)
    for bit in range(0, 8 * len(whole), 997):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        assert kept.get(digest) is None
    # It is drawn anew, and kept.
    assert client.get("/own/objects/1/thumbnail").content == right
    assert file.read_bytes() == whole


def test_a_thumbnail_that_an_earlier_release_kept_is_shown(tmp_path, photographs):
    kept, digest = KeptThumbnails(observed(tmp_path)), bytes(range(32))
    kept.put(digest, b"other")
    (file,) = (tmp_path / KEPT).rglob("*.webp")
    thumbnail = shrink(photographs["coffee"], THUMBNAIL)
    file.write_bytes(thumbnail)
    assert kept.get(digest) == thumbnail


def test_a_half_written_thumbnail_is_none(tmp_path, photographs):
    kept, digest = KeptThumbnails(observed(tmp_path)), bytes(range(32))
    data = encode(photographs["coffee"], "PNG")
    decoded = seealso.decode_image(data)
    kept.make(digest, data, decoded, LIMITS)
    (file,) = (tmp_path / KEPT).rglob("*.webp")
    whole = kept.get(digest)
    assert whole == shrink(photographs["coffee"], THUMBNAIL)
    assert file.read_bytes().startswith(whole)
    assert opened(file.read_bytes()).size == opened(whole).size
    for damaged in (b"", whole[:-1], whole[:20], whole + b"x", b"GIF89a" + whole[6:]):
        file.write_bytes(damaged)
        assert kept.get(digest) is None
        assert not is_whole(damaged)
    kept.make(digest, data, decoded, LIMITS)
    assert kept.get(digest) == whole
    assert [path.name for path in (tmp_path / KEPT).rglob("*") if path.is_file()] == [file.name]


# The cache


def test_the_cache_keeps_bytes_and_lets_the_oldest_go(tmp_path):
    cache = BytesCache(tmp_path, 1)
    assert cache.get("a") is None
    for value in (b"", b"small", bytes(100_000)):
        assert cache.put("a", value)
        assert cache.get("a") == value
    for number in range(100):
        cache.put(str(number), bytes(50_000))
    assert cache.get("a") is None
    assert cache.get("99") == bytes(50_000)
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 4 << 20
    cache.close()


@pytest.mark.parametrize("planted", ["a pickled value", "a pickled file", "a pickled key", "a file elsewhere", "text"])
def test_nothing_is_ever_unpickled(tmp_path, planted):
    """Whoever can write to the cache's folder cannot have code run by it."""
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(ran),)

    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "c").mkdir()
    cache = BytesCache(tmp_path / "c", 1)
    cache.put("k", b"fine")
    cache.put("large", bytes(100_000))
    evil = pickle.dumps(Evil())
    change, values = {
        "a pickled value": ("mode = 4, value = ?", (evil,)),
        "a pickled file": ("mode = 4, filename = 'x'", ()),
        "a pickled key": ("raw = 0", ()),
        "a file elsewhere": ("mode = 2, value = NULL, filename = '../secret'", ()),
        "text": ("mode = 3, filename = 'x'", ()),
    }[planted]
    (tmp_path / "c" / "x").write_bytes(evil)
    with sqlite3.connect(tmp_path / "c" / "cache.db") as connection:
        connection.execute(f"UPDATE Cache SET {change} WHERE key = 'k'", values)
    connection.close()
    assert cache.get("k") in (None, b"fine") if planted == "a pickled key" else cache.get("k") is None
    cache.put("k", b"new")
    cache.close()
    again = BytesCache(tmp_path / "c", 1)
    again.get("k")
    assert len(again.get("large")) == 100_000
    again.close()
    assert not ran.exists()
    assert (tmp_path / "secret").read_bytes() == b"secret"


def test_a_flipped_bit_in_the_cache_is_nothing(tmp_path):
    cache = BytesCache(tmp_path, 1)
    value = bytes(range(256)) * 400
    cache.put("a", value)
    (file,) = tmp_path.rglob("*.val")
    whole = file.read_bytes()
    for place in range(0, len(whole), 5003):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert cache.get("a") is None
    file.write_bytes(whole)
    assert cache.get("a") == value
    cache.close()


def test_other_keys_and_values_are_refused(tmp_path):
    disk = BytesDisk(str(tmp_path))
    for key in (b"bytes", 1, ("a",), None):
        with pytest.raises(TypeError):
            disk.put(key)
    for value in ("text", 1, None, ["a"]):
        with pytest.raises(TypeError):
            disk.store(value, False)
    with pytest.raises(ValueError, match="did not write"):
        disk.get(pickle.dumps("k"), 0)


def test_a_damaged_cache_is_no_reason_to_fail(tmp_path):
    cache = BytesCache(tmp_path, 1)
    cache.put("a", bytes(100_000))
    for file in tmp_path.rglob("*.val"):
        file.unlink()
    assert cache.get("a") is None
    cache.close()


@pytest.mark.parametrize("place", [0, 18, 100, 2000, 5000])
def test_a_damaged_database_is_made_anew(tmp_path, place):
    cache = BytesCache(tmp_path, 1)
    cache.put("a", bytes(100_000))
    cache.close()
    file = tmp_path / "cache.db"
    whole = bytearray(file.read_bytes())
    whole[place : place + 300] = b"damage" * 50
    file.write_bytes(whole)
    again = BytesCache(tmp_path, 1)
    assert again.get("a") in (None, bytes(100_000))
    assert again.put("b", b"new")
    assert again.get("b") == b"new"
    again.close()
    # What nobody can find any more takes no room.
    assert len(list(tmp_path.rglob("*.val"))) <= 1


def test_the_caches_folder_may_not_be_one(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(seealso.ConfigError, match="cannot be used as a cache"):
        BytesCache(tmp_path / "file", 1)
