"""Who waits for a turn gets it when it is his: visitor by visitor, and not before or after."""

import asyncio
import contextlib

import httpx2
import pytest

from seealso_web.problems import Problem
from seealso_web.workers import VISITOR, Turns
from web_site import application, configure


class Visitors:
    """Visitors who wait for turns; what is done is noted."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.done: list[str] = []

    async def ask(self, visitor: str, *, until: asyncio.Event | None = None) -> None:
        VISITOR.set(visitor)
        async with self.turns:
            if until is not None:
                await until.wait()
            self.done.append(visitor)

    async def begin(self, visitor: str, *, until: asyncio.Event | None = None) -> asyncio.Task[None]:
        """Ask, and go on when that waits."""
        task = asyncio.create_task(self.ask(visitor, until=until))
        await asyncio.sleep(0)
        return task


def test_each_visitor_in_turn():
    async def run() -> list[str]:
        visitors, free = Visitors(Turns(1, 10)), asyncio.Event()
        asked = [await visitors.begin("first", until=free)]
        asked += [await visitors.begin(visitor) for visitor in ["greedy"] * 5 + ["modest"] + ["busy"] * 2]
        assert visitors.turns.waiting == 8
        free.set()
        await asyncio.gather(*asked)
        assert visitors.turns.waiting == 0
        return visitors.done

    assert asyncio.run(run()) == ["first", "greedy", "modest", "busy", "greedy", "busy", "greedy", "greedy", "greedy"]


def test_so_many_at_once():
    async def run() -> None:
        at_once = most = 0
        turns = Turns(3, 10)

        async def ask(visitor: int) -> None:
            nonlocal at_once, most
            VISITOR.set(str(visitor % 4))
            async with turns:
                at_once += 1
                most = max(most, at_once)
                await asyncio.sleep(0)
                at_once -= 1

        await asyncio.gather(*map(ask, range(40)))
        assert (most, turns.waiting, turns._free, turns._queues) == (3, 0, 3, {})

    asyncio.run(run())


def test_who_waits_too_long_is_sent_away():
    async def run() -> None:
        visitors, free = Visitors(Turns(1, 0.01)), asyncio.Event()
        first = await visitors.begin("first", until=free)
        with pytest.raises(Problem, match="too much to do") as caught:
            await visitors.ask("second")
        assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
        assert visitors.turns._queues == {}
        free.set()
        await first
        await visitors.ask("third")
        assert visitors.done == ["first", "third"]

    asyncio.run(run())


@pytest.mark.parametrize("early", [False, True])
def test_a_turn_of_who_has_gone_is_anothers(early):
    """Also where it has come already, and he has not noticed yet."""

    async def run() -> None:
        visitors = Visitors(Turns(1, 10))
        async with visitors.turns:
            gone, staying = await visitors.begin("gone"), await visitors.begin("staying")
            if early:
                gone.cancel()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        await staying
        assert visitors.done == ["staying"]
        assert (visitors.turns._free, visitors.turns._queues) == (1, {})

    asyncio.run(run())


def test_nobody_waits_for_the_hundred_thumbnails_of_another(tmp_path, web_collection, monkeypatch):
    """Two threads draw. Those of one address are asked for first; in IPv6 of one network."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    app, deployment = application(configure(tmp_path, {"photos": web_collection}))
    done: list[str] = []

    async def ask(client: httpx2.AsyncClient, who: str, number: int) -> None:
        answer = await client.get(f"/photos/objects/{number % 16 + 1}/thumbnail")
        assert answer.status_code == 200
        done.append(who)

    async def run() -> None:
        async with contextlib.AsyncExitStack() as held:
            clients = []
            for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"):
                transport = httpx2.ASGITransport(app=app, client=(address, 1234))
                client = httpx2.AsyncClient(transport=transport, base_url="http://localhost")
                clients.append(await held.enter_async_context(client))
            many = [asyncio.create_task(ask(clients[number % 2], "greedy", number)) for number in range(100)]
            while not app.state.site.work.turns.waiting:
                await asyncio.sleep(0)
            await ask(clients[2], "modest", 0)
            await asyncio.gather(*many)

    with deployment:
        asyncio.run(run())
        app.state.site.close()
    assert len(done) == 101
    # One turn to look the object up, one to draw it; each time behind those that are at it.
    assert done.index("modest") < 20
