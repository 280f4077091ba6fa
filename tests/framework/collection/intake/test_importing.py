"""Descriptors that somebody already has: taken in, searched, and written out again."""

import os
import sys
import textwrap
import tracemalloc

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

import seealso
from seealso.collection.intake import vector_files
from seealso.collection.intake.vector_files import open_vectors


def some(count: int = 300, dim: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


def write(folder, kind: str, vectors: np.ndarray):
    file = folder / f"vectors{kind}"
    if kind == ".npy":
        np.save(file, vectors)
    elif kind in (".fvecs", ".bvecs"):
        values = np.dtype("<f4") if kind == ".fvecs" else np.dtype("u1")
        records = np.empty(len(vectors), [("dim", "<i4"), ("values", values, (vectors.shape[1],))])
        records["dim"], records["values"] = vectors.shape[1], vectors
        records.tofile(file)
    elif kind == ".h5":
        with h5py.File(file, "w") as made:
            made["train"], made["names"] = vectors, np.arange(len(vectors))
    else:
        lists = pyarrow.array(list(vectors), pyarrow.list_(pyarrow.from_numpy_dtype(vectors.dtype)))
        pyarrow.parquet.write_table(
            pyarrow.table({"id": np.arange(len(vectors)), "emb": lists}), file, row_group_size=70
        )
    return file


@pytest.fixture
def vectors_of(make_collection):
    """A collection that takes descriptors in."""

    def make(**settings):
        return make_collection("vectors", **{"extractor": "imported", "index": "ppp-codes", **settings})

    return make


@pytest.fixture
def collection(tmp_path):
    with seealso.open(tmp_path / "vectors.seealso") as collection:
        yield collection


# Removing


def test_objects_are_removed(collection, tmp_path):
    vectors = some(50)
    collection.import_descriptors(write(tmp_path, ".npy", vectors))
    assert collection.remove([3, 4, 3, 999]) == 2
    assert collection.remove(np.array([3])) == 0
    assert collection.counts() == seealso.Counts(48, 48, 0)
    assert 3 not in [hit.id for hit in collection.similar_to_descriptor(vectors[2], 48).hits]
    assert collection.verify().problems == []
    # They are not known any more, and come back as others.
    assert collection.import_descriptors(tmp_path / "vectors.npy").added == 2
    assert collection.ids().max() > 50


# In


@pytest.mark.parametrize("kind", [".npy", ".fvecs", ".h5", ".parquet"])
def test_they_are_found(collection, tmp_path, kind, monkeypatch):
    monkeypatch.setattr(vector_files, "PART_BYTES", 64 * 8 * 12)  # 64 rows at once
    vectors = some()
    file = write(tmp_path, kind, vectors)
    report = collection.import_descriptors(file, made_by="chance")
    assert (report.descriptors, report.added) == (300, 300)
    ids = collection.ids()
    assert np.array_equal(collection.descriptors(ids), vectors)
    answer = collection.similar(int(ids[7]), 3)
    true = np.argsort(np.linalg.norm(vectors - vectors[7], axis=1))[:3]
    assert [hit.paths[0] for hit in answer.hits] == [os.fsencode(f"{file}#{row}") for row in true]
    assert [hit.id for hit in collection.similar(f"{file}#7", 3).hits] == [hit.id for hit in answer.hits]
    assert collection.similar_to_descriptor(vectors[9], 1).hits[0].id == ids[9]
    assert collection.provenance == seealso.Provenance("imported", "", "chance", 12)
    assert collection.verify().problems == []
    # Again there is nothing to do; more can come.
    assert collection.import_descriptors(file, made_by="chance").added == 0
    more = write(tmp_path, ".npy" if kind != ".npy" else ".fvecs", some(20, seed=1))
    assert collection.import_descriptors(more, made_by="chance").added == 20
    assert seealso.evaluate(collection, count=50, k=5).results[-1].recall == 1


def test_bytes_and_bits(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (50, 8), dtype=np.uint8)
    file = write(tmp_path, ".bvecs", values)
    with seealso.open(tmp_path / "numbers.seealso") as numbers:
        numbers.import_descriptors(file)
        assert np.array_equal(numbers.descriptors(numbers.ids()), values.astype(np.float32))
    with seealso.open(tmp_path / "bits.seealso", distance="hamming") as bits:
        bits.import_descriptors(file, dtype="uint8")
        assert np.array_equal(bits.descriptors(bits.ids()), values)
        assert bits.similar(3, 1).hits[0].distance == 0
    with seealso.open(tmp_path / "half.seealso") as half:
        half.import_descriptors(write(tmp_path, ".npy", some().astype(np.float64)), dtype="float16")
        assert half.descriptors(half.ids()).dtype == np.float16


@pytest.mark.parametrize("as_array", [False, True])
def test_names(collection, tmp_path, as_array):
    file = write(tmp_path, ".npy", some(4))
    names = tmp_path / ("names.npy" if as_array else "names.txt")
    if as_array:
        np.save(names, np.array([50, 7, 900, 1]))
    else:
        names.write_text("50\n7\n900\n1\n")
    collection.import_descriptors(file, names=names)
    shown = [hit.path for hit in sorted(collection.random(10), key=lambda hit: hit.id)]
    assert shown == [f"{file}#{name}" for name in (50, 7, 900, 1)]


def test_only_the_first(collection, tmp_path):
    file = write(tmp_path, ".npy", some(50))
    assert collection.import_descriptors(file, limit=20).added == 20
    assert collection.import_descriptors(file, limit=30).added == 10
    assert collection.import_descriptors(file).added == 20


def test_an_interrupted_import_goes_on(collection, tmp_path, monkeypatch):
    monkeypatch.setattr(vector_files, "PART_BYTES", 64 * 8 * 12)
    file = write(tmp_path, ".npy", some())

    def interrupt(done: int, total: int) -> None:
        if done >= 128:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collection.import_descriptors(file, progress=interrupt)
    assert collection.counts().objects == 128
    assert collection.import_descriptors(file).added == 172
    assert np.array_equal(collection.descriptors(collection.ids()), some())


def test_a_killed_import_goes_on(tmp_path, python):
    file = write(tmp_path, ".npy", some(4000, 200))
    code = f"""
    import os, signal, seealso
    from seealso.collection.intake import vector_files
    vector_files.PART_BYTES = 100 * 8 * 200
    def die(done, total):
        if done >= 2000:
            os.kill(os.getpid(), signal.SIGKILL)
    seealso.open({str(tmp_path / "c.seealso")!r}).import_descriptors({str(file)!r}, progress=die)
    """
    done = python.run("-c", textwrap.dedent(code))
    assert done.returncode == -9, done.stderr
    with seealso.open(tmp_path / "c.seealso") as collection:
        assert 2000 <= collection.counts().objects < 4000
        collection.import_descriptors(file)
        assert np.array_equal(collection.descriptors(collection.ids()), some(4000, 200))
        assert collection.verify().problems == []


@pytest.mark.slow
def test_memory_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_files, "PART_BYTES", 1 << 20)
    large = np.lib.format.open_memmap(tmp_path / "large.npy", "w+", np.float32, (20_000, 256))
    large[:, 0] = np.arange(20_000)
    del large
    # An index that is trained holds its sample besides.
    with seealso.open(tmp_path / "c.seealso", index="exact") as collection:
        collection.import_descriptors(tmp_path / "large.npy", limit=1000)  # what is needed once is there
        tracemalloc.start()
        collection.import_descriptors(tmp_path / "large.npy")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8_000_000  # of 20 MB of descriptors


# What cannot be taken in


def hostile(folder, name: str):
    """Files that are not what they seem."""
    file = folder / name
    if name == "pickled.npy":
        np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    elif name == "flat.npy":
        np.save(file, np.zeros(5, np.float32))
    elif name == "empty.npy":
        np.save(file, np.zeros((0, 5), np.float32))
    elif name == "complex.npy":
        np.save(file, np.zeros((2, 5), np.complex64))
    elif name == "short.npy":
        np.save(file, some())
        file.write_bytes(file.read_bytes()[:-500])
    elif name == "claims.npy":
        np.save(file, some(2))
        file.write_bytes(file.read_bytes().replace(b"(2, 12)", b"(9999999999, 12)"))
    elif name == "chance.npy":
        file.write_bytes(bytes(range(200)))
    elif name == "nothing.npy":
        file.write_bytes(b"")
    elif name == "cut.fvecs":
        write(folder, ".fvecs", some()).rename(file)
        file.write_bytes(file.read_bytes()[:-3])
    elif name == "huge.fvecs":
        file.write_bytes(b"\xff\xff\xff\x7f" + bytes(100))
    elif name == "ragged.fvecs":
        write(folder, ".fvecs", some(3)).rename(file)
        data = bytearray(file.read_bytes())
        data[52:56] = (5).to_bytes(4, "little")
        file.write_bytes(data)
    elif name == "two.h5":
        with h5py.File(file, "w") as made:
            made["train"], made["test"] = some(5), some(5)
    elif name == "no.h5":
        file.write_bytes(b"\x89HDF nothing")
    elif name == "no.parquet":
        file.write_bytes(b"PAR1 nothing PAR1")
    elif name == "ragged.parquet":
        pyarrow.parquet.write_table(pyarrow.table({"emb": [[1.0, 2.0], [1.0]]}), file)
    elif name == "words.parquet":
        pyarrow.parquet.write_table(pyarrow.table({"emb": [["a", "b"], ["c", "d"]]}), file)
    elif name == "none.parquet":
        pyarrow.parquet.write_table(pyarrow.table({"id": [1, 2]}), file)
    elif name == "nan.npy":
        vectors = some(50)
        vectors[31, 3] = np.nan
        np.save(file, vectors)
    elif name == "large.npy":
        np.save(file, np.full((2, 3), 1e300))
    elif name == "what.csv":
        file.write_text("1,2\n")
    return file


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pickled.npy", "no array that can be read: Array can't be memory-mapped: Python objects"),
        ("flat.npy", r"of shape \(n, dim\), not of shape \(5,\)"),
        ("empty.npy", "there is no descriptor in it"),
        ("complex.npy", "have to be numbers"),
        ("short.npy", "no array that can be read"),
        ("claims.npy", "no array that can be read"),
        ("nothing.npy", "no array that can be read"),
        ("chance.npy", "no array that can be read: it is no .npy file"),
        ("cut.fvecs", "no whole number of vectors of 12 values"),
        ("huge.fvecs", "there is no descriptor in it"),
        ("ragged.fvecs", "row 1: it has 5 values, and the first has 12"),
        ("two.h5", "name the data set that holds the descriptors; there are: test, train"),
        ("no.h5", "cannot be read"),
        ("no.parquet", "no Parquet file"),
        ("ragged.parquet", "row 1: it is no list of 2 numbers, as the first is"),
        ("words.parquet", "row 0: it is no list of 2 numbers"),
        ("none.parquet", "of lists there are: none"),
        ("nan.npy", "row 31, column 3: a value that is not a finite number"),
        ("large.npy", "row 0, column 0: a value that is not a finite number, or too large for float32"),
        ("what.csv", r"descriptors are read from \.npy, \.fvecs"),
        ("absent.npy", "cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_taken_in(collection, tmp_path, name, expected):
    file = hostile(tmp_path, name)
    with pytest.raises(seealso.FileError, match=expected) as caught:
        collection.import_descriptors(file)
    assert "\n" not in str(caught.value)
    if not collection.exists():
        return
    assert collection.counts().objects == 0


@pytest.mark.parametrize("distance", ["euclidean", "manhattan"])
def test_what_is_further_than_a_distance_can_say(make_collection, tmp_path, distance):
    """Two such descriptors are neighbours of nothing: every distance from them would be infinite."""
    vectors = some(50)
    vectors[[7, 9], [2, 0]] = -2e38, 1e30
    collection = make_collection("far", extractor="imported", distance=distance)
    with pytest.raises(
        seealso.FileError,
        match=rf"npy, row 7, column 2: -2e\+38 is so large that the distance {distance} is no finite number; scale the",
    ):
        collection.import_descriptors(write(tmp_path, ".npy", vectors))
    assert collection.import_descriptors(write(tmp_path, ".npy", vectors[8:])).added == 42
    angles = make_collection("angles", extractor="imported", distance="cosine")
    assert angles.import_descriptors(write(tmp_path, ".npy", vectors)).added == 50


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\n", "there are 2 names, and 3 descriptors"),
        ("a\nb\nc\nd\n", "there are more than 3 names, and 3 descriptors"),
        ("a\nb\na\n", "the name 'a' stands twice"),
        ("a\n\nb\n", "'' is no name"),
        ("a\nb\n" + "c" * 2000, "is no name: 1 to 1000 characters"),
        (b"\xff\n\xfe\nb\n", "no names"),
        (None, "cannot be read: No such file"),
    ],
)
def test_names_that_are_none(collection, tmp_path, text, expected):
    file, names = write(tmp_path, ".npy", some(3)), tmp_path / "names.txt"
    if text is not None:
        names.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(seealso.FileError, match=expected):
        collection.import_descriptors(file, names=names)


@pytest.mark.parametrize("suffix", [".npy", ".fvecs", ".h5", ".parquet"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_has_no_length_is_no_file_of_descriptors(collection, tmp_path, suffix, kind):
    """Nobody writes to the pipe, so opening it would wait for ever."""
    file = tmp_path / f"vectors{suffix}"
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero")
    with pytest.raises(seealso.FileError, match=f"{file}: it is no regular file"):
        collection.import_descriptors(file)
    if suffix == ".npy":
        with pytest.raises(seealso.FileError, match=f"{file}: it is no regular file"):
            collection.import_descriptors(write(tmp_path, ".fvecs", some(3)), names=file)


def test_names_without_an_end_are_not_read_to_it(collection, tmp_path):
    (tmp_path / "names").symlink_to("/dev/zero")
    with pytest.raises(seealso.FileError, match="is no name: 1 to 1000 characters"):
        collection.import_descriptors(write(tmp_path, ".npy", some(3)), names=tmp_path / "names")


def test_names_that_are_no_array(collection, tmp_path):
    """NumPy advises to unpickle it."""
    (tmp_path / "names.npy").write_text("a\nb\nc\n")
    with pytest.raises(seealso.FileError, match=r"names\.npy: no names: it is no \.npy file$"):
        collection.import_descriptors(write(tmp_path, ".npy", some(3)), names=tmp_path / "names.npy")


def test_others_are_refused(collection, tmp_path, photos):
    collection.import_descriptors(write(tmp_path, ".npy", some()), made_by="one")
    for other, made_by in ((some(), "another"), (some(dim=5), "one")):
        with pytest.raises(seealso.ProvenanceMismatch, match="was made by another extractor"):
            collection.import_descriptors(write(tmp_path, ".fvecs", other), made_by=made_by)
    with pytest.raises(seealso.CollectionError, match="were imported, so images cannot be taken in"):
        collection.index([photos])
    with pytest.raises(seealso.PluginError, match="were imported, so images cannot be described in it"):
        collection.similar(photos / "0001.png")
    with pytest.raises(seealso.ConfigError, match="dtype"):
        collection.import_descriptors(write(tmp_path, ".npy", some()), dtype="int32")
    assert collection.counts().objects == 300


def test_images_and_descriptors_do_not_mix(make_collection, tmp_path, photos):
    images = make_collection()
    images.index([photos])
    with pytest.raises(seealso.ProvenanceMismatch):
        images.import_descriptors(write(tmp_path, ".npy", some(dim=192)))


def test_without_the_libraries(tmp_path, monkeypatch):
    h5, parquet = write(tmp_path, ".h5", some(3)), write(tmp_path, ".parquet", some(3))
    monkeypatch.setitem(sys.modules, "h5py", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(seealso.MissingExtra, match=r"needs h5py: pip install 'seealso\[hdf5\]'"):
        open_vectors(h5)
    with pytest.raises(seealso.MissingExtra, match=r"needs pyarrow: pip install 'seealso\[parquet\]'"):
        open_vectors(parquet)


# Out


def test_what_is_exported_can_be_taken_in_again(make_collection, photos, tmp_path):
    images = make_collection()
    images.index([photos])
    expected = images.descriptors(images.ids())
    for kind in (".npy", ".h5", ".parquet"):
        file = tmp_path / f"out{kind}"
        assert seealso.export(images, file) == 12
        with pytest.raises(seealso.FileError, match="it is there already; `--force` replaces it"):
            seealso.export(images, file)
        assert seealso.export(images, file, force=True) == 12
        with seealso.open(tmp_path / f"again{kind}.seealso") as again:
            again.import_descriptors(file, dataset="descriptors" if kind == ".h5" else "")
            assert np.array_equal(again.descriptors(again.ids()), expected)
    assert np.load(tmp_path / "out.ids.npy").tolist() == images.ids().tolist()
    assert (tmp_path / "out.paths.txt").read_text().splitlines()[3] == str(photos / "0003.png")
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["ids"][:].tolist() == images.ids().tolist()
        assert file["paths"][3].decode() == str(photos / "0003.png")
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table["path"][3].as_py() == str(photos / "0003.png")
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_what_cannot_be_exported(make_collection, photos, tmp_path):
    images = make_collection()
    images.index([photos])
    with pytest.raises(seealso.FileError, match=r"descriptors are written to \.npy, \.h5"):
        seealso.export(images, tmp_path / "out.csv")
    with pytest.raises(seealso.FileError, match="cannot be written"):
        seealso.export(images, tmp_path / "none" / "out.npy")
