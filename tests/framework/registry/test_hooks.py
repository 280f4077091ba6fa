"""Every hook: an implementation of each, by a plugin in one file, is called with what it was promised."""

from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import seealso
from seealso.testing.collections import PIXELS, deployment_of

BASES = {
    "register_extractors": ("extractor", "seealso.testing.pixels.Pixels"),
    "register_distances": ("distance", "seealso.distances.vectors.Euclidean"),
    "register_metric_indexes": ("index", "seealso_exact.index.ExactIndex"),
    "register_sketches": ("sketch", "seealso_rabitq.sketch.RaBitQ"),
    "register_codecs": ("codec", "seealso.codecs.raw.Raw"),
    "register_object_stores": ("store", "seealso_lmdb.store.LmdbStore"),
    "register_keyword_sources": ("keywords", "seealso_keywords.names.Names"),
    "register_text_indexes": ("text", "seealso_tantivy.index.TantivyIndex"),
    "register_frontends": ("frontend", "seealso_cli.shell.Shell"),
}


@pytest.fixture
def plugin(tmp_path):
    """Writes a plugin file with this code."""

    def write(code: str) -> Path:
        file = tmp_path / "observer.py"
        file.write_text("import seealso\n\ncalls, hashes = [], []\n" + dedent(code))
        return file

    return write


@pytest.fixture
def registered(plugin):
    """The class that a plugin registers by a hook, as the framework finds it."""

    def registered(hook: str) -> type:
        kind, base = BASES[hook]
        module, _, name = base.rpartition(".")
        file = plugin(
            f"""
            from {module} import {name}

            class Mine({name}):
                name = "mine"

            @seealso.hookimpl
            def {hook}():
                return [Mine]
            """
        )
        plugins = seealso.load_plugins([file])
        found = plugins.get(kind, "mine")
        assert plugins.problems == []
        assert plugins.list_all()[-1].provides == {kind: ["mine"]}
        return found

    return registered


def calls(deployment: seealso.Deployment) -> list:
    (observer,) = (each for each in deployment.plugins.loaded.values() if each.name == "observer")
    return observer.module.calls


def test_register_extractors(registered):
    assert issubclass(registered("register_extractors"), seealso.Extractor)


def test_register_distances(registered):
    assert issubclass(registered("register_distances"), seealso.Distance)


def test_register_metric_indexes(registered):
    assert issubclass(registered("register_metric_indexes"), seealso.MetricIndex)


def test_register_sketches(registered):
    assert issubclass(registered("register_sketches"), seealso.Sketch)


def test_register_codecs(registered):
    assert issubclass(registered("register_codecs"), seealso.Codec)


def test_register_object_stores(registered):
    assert issubclass(registered("register_object_stores"), seealso.ObjectStore)


def test_register_keyword_sources(registered):
    assert issubclass(registered("register_keyword_sources"), seealso.KeywordSource)


def test_register_text_indexes(registered):
    assert issubclass(registered("register_text_indexes"), seealso.TextIndex)


def test_register_frontends(registered):
    assert issubclass(registered("register_frontends"), seealso.Frontend)


def test_register_commands(plugin, tmp_path, capfd, monkeypatch):
    from seealso_cli.app import run
    from seealso_cli.session import Session

    file = plugin(
        """
        import click

        @seealso.hookimpl
        def register_commands(group):
            @group.command("where")
            @click.pass_obj
            def where(session):
                click.echo(f"{session.collection().name} of {len(session.deployment.config.collections)}")
        """
    )
    (tmp_path / "seealso.yaml").write_text(f"plugins: [{file}]\ncollections: {{a: {{path: ./a}}, b: {{path: ./b}}}}\n")
    monkeypatch.chdir(tmp_path)
    with Session() as session:
        assert run(["--in", "b", "where"], session) == 0
    assert capfd.readouterr().out == "b of 2\n"


def test_register_routes(plugin, tmp_path):
    from starlette.testclient import TestClient

    from seealso_web.app import make_app
    from seealso_web.options import WebOptions

    file = plugin(
        """
        @seealso.hookimpl
        def register_routes(host):
            from starlette.responses import PlainTextResponse
            from starlette.routing import Route

            async def names(request):
                return PlainTextResponse(", ".join(host.names))

            return [Route("/{collection}/names", names)]
        """
    )
    with deployment_of(tmp_path, ["first", "second"], [file]) as deployment:
        app = make_app(deployment, WebOptions(cache=tmp_path / "cache"))
        with TestClient(app, base_url="http://localhost") as client:
            assert client.get("/first/names").text == "first, second"


def test_decoded(plugin, photos, tmp_path):
    file = plugin(
        """
        @seealso.hookimpl
        def decoded(collection, digest, data, decoded, of):
            import hashlib
            of.folder_for("observer", make=True)
            calls.append((collection, hashlib.sha256(data).digest() == digest, decoded.width, decoded.image.mode))
        """
    )
    with deployment_of(tmp_path, plugins=[file]) as deployment:
        deployment.collection().index([photos])
        assert calls(deployment) == [("photos", True, 96, "RGB")] * 12
        deployment.collection().index([photos])
        assert len(calls(deployment)) == 12


def test_ingested(plugin, photos, tmp_path):
    file = plugin(
        """
        @seealso.hookimpl
        def ingested(collection, batch):
            assert collection == "photos"
            calls.append(batch)
        """
    )
    with deployment_of(tmp_path, plugins=[file]) as deployment:
        deployment.collection().index([photos])
        batches = calls(deployment)
        assert [id_ for batch in batches for id_ in batch.ids.tolist()] == list(range(1, 13))
        assert batches[0].descriptors.shape == (len(batches[0].ids), 192)


def test_maintained(plugin, photos, tmp_path):
    file = plugin(
        """
        @seealso.hookimpl
        def decoded(digest):
            hashes.append(digest)

        @seealso.hookimpl
        def maintained(collection, of):
            calls.append((collection, len(of.known([*hashes, bytes(32)]))))
        """
    )
    with deployment_of(tmp_path, plugins=[file]) as deployment:
        deployment.collection().index([photos])
        (photos / "0003.png").unlink()
        deployment.collection().index([photos])
        assert calls(deployment) == []
        deployment.collection().maintain()
        assert calls(deployment) == [("photos", 11)]


def test_removed(plugin, photos, tmp_path):
    file = plugin(
        """
        @seealso.hookimpl
        def removed(collection, ids):
            calls.append((collection, ids.dtype.name, ids.tolist()))
        """
    )
    with deployment_of(tmp_path, plugins=[file]) as deployment:
        collection = deployment.collection()
        collection.index([photos])
        (photos / "0003.png").unlink()
        collection.index([photos])
        collection.remove([5, 7, 99])
        collection.maintain()
        assert calls(deployment) == [("photos", "int64", [4]), ("photos", "int64", [5, 7])]
        # A descriptor that is lost takes its object along, when the collection is put in order.
        with collection.reading() as (store, _):
            store.remove_many(np.array([9]))
            store.flush()
        collection.maintain()
        assert calls(deployment)[2:] == [("photos", "int64", [9])]


def test_searched(plugin, photos, tmp_path):
    file = plugin(
        """
        @seealso.hookimpl
        def searched(collection, query, answer):
            calls.append((collection, query, answer))
        """
    )
    with deployment_of(tmp_path, plugins=[file]) as deployment:
        collection = deployment.collection()
        collection.index([photos])
        answers = [collection.similar(1, 3), collection.similar(photos / "0002.png", 2)]
        assert calls(deployment) == [(collection.name, answer.query, answer) for answer in answers]
        assert answers[0].cost.candidates > 0


def test_the_plugin_of_these_collections_is_a_file():
    assert PIXELS.is_file()


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        ("1 / 0", "register_routes raised ZeroDivisionError: division by zero"),
        ("None", "register_routes returned NoneType, not a list of BaseRoute"),
        ('["/page"]', "register_routes returned a list with str, not a list of BaseRoute"),
    ],
)
def test_routes_that_are_none_break_nothing(plugin, tmp_path, caplog, gives, said):
    from starlette.testclient import TestClient

    from seealso_web.app import make_app
    from seealso_web.options import WebOptions

    file = plugin(
        f"""
        @seealso.hookimpl
        def register_routes(host):
            return {gives}
        """
    )
    with deployment_of(tmp_path, ["first"], [file]) as deployment:
        app = make_app(deployment, WebOptions(cache=tmp_path / "cache"))
        assert [said in record.message and "observer" in record.message for record in caplog.records] == [True]
        with TestClient(app, base_url="http://localhost") as client:
            assert client.get("/healthz").status_code == 200
