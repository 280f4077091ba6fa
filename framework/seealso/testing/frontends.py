"""What a frontend has to do."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from seealso.deployment import Deployment
from seealso.errors import SeealsoError
from seealso.interfaces.frontend import Frontend
from seealso.testing.collections import deployment_of
from seealso.testing.images import write_pictures
from seealso.testing.plugin_classes import PluginTests


class Running:
    """A frontend at work in a thread of its own."""

    def __init__(self, frontend: Frontend, deployment: Deployment, soon: float) -> None:
        self._soon = soon
        self.stop = threading.Event()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(frontend, deployment), name="the frontend under test")
        self._thread.start()

    def _run(self, frontend: Frontend, deployment: Deployment) -> None:
        try:
            frontend.run(deployment, self.stop)
        except BaseException as error:
            self.failure = error

    @property
    def alive(self) -> bool:
        """Whether it is still at work."""
        return self._thread.is_alive()

    def end(self) -> float:
        """Tell it to stop; seconds until it had."""
        started = time.monotonic()
        self.stop.set()
        self._thread.join(self._soon)
        return time.monotonic() - started


class FrontendTests(PluginTests):
    """Subclass it in a test module as ``Test…``, and name the class of your frontend.

    Override `ask`, so that it is known to answer too; and the fixture `frontend`, where it needs options that are known only
    when it runs, such as a port.
    """

    kind = "frontend"
    class_attribute = "frontend_class"
    frontend_class: ClassVar[type[Frontend]]

    soon: ClassVar[float] = 10.0
    """Seconds in which a frontend has to end once it is told to; generous, for busy machines."""

    @pytest.fixture
    def frontend(self) -> Frontend:
        """The frontend under test."""
        return self.frontend_class(self.frontend_class.Options.model_validate(dict(self.options)))

    @pytest.fixture
    def deployment(self, tmp_path: Path) -> Iterator[Deployment]:
        """Two collections, ``first`` of six pictures and ``second`` of three."""
        with deployment_of(tmp_path, ["first", "second"]) as deployment:
            for name, count in (("first", 6), ("second", 3)):
                write_pictures(tmp_path / f"{name} pictures", count, seed=count)
                deployment.collection(name).index([tmp_path / f"{name} pictures"])
            yield deployment

    @pytest.fixture
    def start(self, deployment: Deployment) -> Iterator[Callable[[Frontend], Running]]:
        """Starts frontends; all are stopped at the end."""
        running: list[Running] = []

        def start(frontend: Frontend) -> Running:
            running.append(Running(frontend, deployment, self.soon))
            return running[-1]

        yield start
        for each in running:
            each.end()

    def ask(self, frontend: Frontend, collection: str, id_: int) -> list[int]:
        """The IDs of an object's neighbours, itself or not, as a user of the running frontend learns them; waits until it is ready.

        The back door of these tests. By default the tests that need it are skipped.
        """
        pytest.skip("the test class does not say how the frontend is asked (`ask`)")

    def test_it_ends_when_it_is_told(self, start: Callable[[Frontend], Running], frontend: Frontend) -> None:
        running = start(frontend)
        time.sleep(0.3)
        if not running.alive and running.failure is None:
            pytest.skip("it had nothing to serve, and has ended by itself")
        assert running.end() < self.soon
        assert not running.alive
        assert running.failure is None

    def test_told_before_it_began(self, deployment: Deployment, frontend: Frontend) -> None:
        stop = threading.Event()
        stop.set()
        started = time.monotonic()
        frontend.run(deployment, stop)
        assert time.monotonic() - started < self.soon

    def test_it_leaves_no_thread_behind(self, start: Callable[[Frontend], Running], frontend: Frontend) -> None:
        before = set(threading.enumerate())
        running = start(frontend)
        time.sleep(0.2)
        running.end()
        left = [thread for thread in set(threading.enumerate()) - before if not thread.daemon]
        for thread in left:
            thread.join(self.soon)
        assert [thread.name for thread in left if thread.is_alive()] == []

    def test_the_collections_are_not_its_to_close(
        self, start: Callable[[Frontend], Running], frontend: Frontend, deployment: Deployment
    ) -> None:
        running = start(frontend)
        time.sleep(0.2)
        running.end()
        assert len(deployment.collection("first").ids()) == 6
        assert deployment.collection("second").similar(1, 1).hits[0].id == 1

    def test_it_answers_for_every_collection(
        self, start: Callable[[Frontend], Running], frontend: Frontend, deployment: Deployment
    ) -> None:
        start(frontend)
        for name, count in (("first", 6), ("second", 3)):
            expected = {hit.id for hit in deployment.collection(name).similar(2, count).hits}
            found = self.ask(frontend, name, 2)
            assert set(found) | {2} == expected

    def test_what_is_taken_in_meanwhile_is_found(
        self, start: Callable[[Frontend], Running], frontend: Frontend, deployment: Deployment, tmp_path: Path
    ) -> None:
        start(frontend)
        self.ask(frontend, "second", 2)
        write_pictures(tmp_path / "later", 2, seed=70)
        deployment.collection("second").index([tmp_path / "later"])
        assert {4, 5} <= set(self.ask(frontend, "second", 2))

    def test_a_frontend_that_cannot_serve_says_so(self, deployment: Deployment, frontend: Frontend) -> None:
        # Whatever it raises is one of our errors, which the command line shows as one line.
        running, second = (Running(frontend, deployment, self.soon) for _ in range(2))
        time.sleep(0.5)
        for each in (running, second):
            each.end()
            assert each.failure is None or isinstance(each.failure, SeealsoError)
