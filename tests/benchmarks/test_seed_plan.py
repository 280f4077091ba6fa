import pytest
import seed_plan
from activations import Activations
from seed_experiment import begun as begin
from seed_fill import fill
from seed_plan import Need, chosen, free_below, needs
from seed_record import Record

from seed_experiments import DIM, LATENT, QUERIES, begun, here

MADE = Activations(DIM, LATENT)
EXACT, HALF = Need("sparse", 5400), Need("sparse-f16", 2950)


def test_the_codecs_are_measured_on_such_descriptors():
    found = {need.codec: need for need in needs(MADE)}
    assert list(found)[:2] == ["sparse", "sparse-f16"]
    assert DIM / 8 < found["sparse-f16"].record < found["sparse"].record < 4 * DIM + DIM / 8
    assert found["sparse"].record - DIM / 8 == pytest.approx(2 * (found["sparse-f16"].record - DIM / 8))


def test_the_most_exact_codec_that_fits_is_chosen(tmp_path):
    rows = 20_000_000
    assert chosen(tmp_path, [EXACT, HALF], rows, 0, 200 * 10**9) == EXACT
    assert chosen(tmp_path, [EXACT, HALF], rows, 0, 80 * 10**9) == HALF


def test_what_does_not_fit_is_refused_with_the_size_that_would(tmp_path):
    free = 50 * 10**9
    with pytest.raises(SystemExit) as refused:
        chosen(tmp_path, [EXACT, HALF], 20_000_000, 0, free)
    said = str(refused.value)
    assert "\n" not in said
    assert "20,000,000 descriptors more need 67.6 GB with the codec sparse-f16, and 50.0 GB are free" in said
    fitting = int(said.partition("--size ")[2].split()[0])
    assert chosen(tmp_path, [EXACT, HALF], fitting, 0, free) == HALF
    with pytest.raises(SystemExit):
        chosen(tmp_path, [EXACT, HALF], fitting + fitting // 50, 0, free)


def test_what_is_there_counts(tmp_path):
    with pytest.raises(SystemExit, match=r"10,000,000 descriptors more .* --size 12950000 would fit"):
        chosen(tmp_path, [HALF], 10_000_000, 10_000_000, 10_250_000_000)
    assert chosen(tmp_path, [HALF], 0, 20_000_000, 0) == HALF


def test_nothing_fits(tmp_path):
    with pytest.raises(SystemExit, match="make room, or name a folder on another disk"):
        chosen(tmp_path, [HALF], 1000, 0, 1000)


def test_an_experiment_is_begun_and_said_before(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(seed_plan, "free_below", lambda folder: 10**9)
    record = begin(tmp_path / "new" / "folder", 200, DIM, LATENT, QUERIES, "")
    assert record == Record.of(tmp_path / "new" / "folder") == Record(DIM, LATENT, QUERIES, "sparse")
    said = capsys.readouterr().err
    assert "200 descriptors of 64 values, 0 of them are there; the codec sparse" in said
    assert "1.0 GB are free" in said
    assert "truth about" in said
    here(monkeypatch)
    fill(tmp_path / "new" / "folder", 200)
    begin(tmp_path / "new" / "folder", 200, DIM, LATENT, QUERIES, "sparse")
    assert "200 of them are there" in capsys.readouterr().err


def test_nothing_is_begun_that_does_not_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(seed_plan, "free_below", lambda folder: 10**9)
    with pytest.raises(SystemExit, match="20,000,000 descriptors more need"):
        begin(tmp_path / "new", 20_000_000, DIM, LATENT, QUERIES, "")
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"dim": 32}, "an experiment with --dim 64 was begun there; say that, or name another folder for --dim 32"),
        ({"latent": 4}, "--latent 8 was begun there"),
        ({"queries": 9}, "--queries 5 was begun there"),
        ({"codec": "sparse-f16"}, "--codec sparse was begun there"),
    ],
)
def test_another_experiment_in_the_same_folder_is_refused(tmp_path, other, said):
    folder = begun(tmp_path / "begun")
    settings = {"dim": DIM, "latent": LATENT, "queries": QUERIES, "codec": ""} | other
    with pytest.raises(SystemExit, match=said):
        begin(folder, 200, **settings)


def test_an_unknown_codec_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="--codec zip: there is no such codec here; there are: sparse, sparse-f16"):
        begin(tmp_path, 200, DIM, LATENT, QUERIES, "zip")


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"dim": 64, "what": 1}'])
def test_a_record_that_cannot_be_read_is_refused(tmp_path, content):
    (tmp_path / "experiment.json").write_text(content)
    with pytest.raises(SystemExit, match=r"experiment\.json: it cannot be read"):
        Record.of(tmp_path)


def test_a_collection_without_a_record_is_refused(tmp_path):
    (tmp_path / "seed.seealso").mkdir()
    with pytest.raises(SystemExit, match=r"no experiment\.json; name another folder"):
        Record.of(tmp_path)


def test_free_below(tmp_path):
    assert free_below(tmp_path / "not" / "there") == pytest.approx(free_below(tmp_path), rel=0.5)
