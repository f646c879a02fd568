"""How many queries run and wait, and what becomes of those that do not end."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial

import pytest

from api import admission
from api.admission import Lane
from api.errors import BusyError, CancelledError, QueryTimeoutError
from api.interrupts import Interrupts
from tests.mesh import eventually


@pytest.fixture(autouse=True)
def without_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "GRACE_SECONDS", 0.05)


def test_place_beyond_those_that_run_and_wait_is_refused_until_one_is_left() -> None:
    lane = Lane("test", running=1, waiting=1)
    lane.enter()
    lane.enter()
    with pytest.raises(BusyError):
        lane.enter()
    lane.leave()
    lane.enter()
    assert lane.count == 2


def test_so_many_run_at_a_time_and_no_more() -> None:
    lane = Lane("test", running=2, waiting=8)
    together = threading.Barrier(2)
    running: list[int] = []
    most: list[int] = []

    def work() -> None:
        running.append(1)
        most.append(len(running))
        # Two at a time get through; a third alone would wait for ever.
        together.wait(timeout=10)
        running.pop()

    async def all_of_them() -> None:
        await asyncio.gather(*(lane.run(work, Interrupts()) for _ in range(4)))

    asyncio.run(all_of_them())
    assert max(most) == 2
    lane.close()


class Deaf:
    """Work that hears of no interruption; it ends when it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self) -> int:
        self.go.wait(30)
        return 1


def test_work_that_takes_too_long_is_stopped() -> None:
    lane = Lane("test", running=1, waiting=0, seconds=0.05)
    interrupts, stopped = Interrupts(), threading.Event()

    def work() -> None:
        with interrupts.stopping(stopped.set):
            stopped.wait(30)
        interrupts.check()

    with pytest.raises(QueryTimeoutError, match=r"cancelled after 0\.05 s"):
        asyncio.run(lane.run(work, interrupts))
    assert lane.abandoned == 0


def test_work_that_cannot_be_stopped_is_given_up_and_known_until_it_ends() -> None:
    lane = Lane("test", running=1, waiting=0, seconds=0.05)
    deaf = Deaf()

    async def scenario() -> None:
        with pytest.raises(QueryTimeoutError):
            await lane.run(deaf, Interrupts())
        assert lane.abandoned == 1
        # Its place is another's by now.
        assert await lane.run(lambda: 2, Interrupts()) == 2
        deaf.go.set()
        while lane.abandoned:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_work_whose_client_is_gone_is_stopped_before_its_time() -> None:
    lane = Lane("test", running=1, waiting=0, seconds=3600)
    deaf, interrupts = Deaf(), Interrupts()

    async def scenario() -> None:
        work = asyncio.ensure_future(lane.run(deaf, interrupts))
        await asyncio.sleep(0)
        interrupts.ask()
        with pytest.raises(CancelledError):
            await work
        deaf.go.set()

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_nothing_more_is_taken_while_too_much_that_was_given_up_runs() -> None:
    lane = Lane("test", running=2, waiting=100, seconds=0.01)
    deaf = Deaf()

    async def scenario() -> None:
        for _ in range(admission.MAX_ABANDONED):
            with pytest.raises(QueryTimeoutError):
                await lane.run(deaf, Interrupts())
        with pytest.raises(BusyError, match="were cancelled still run"):
            lane.enter()
        deaf.go.set()

    asyncio.run(asyncio.wait_for(scenario(), 30))
    eventually(lambda: lane.abandoned == 0, seconds=5)


def test_who_has_gone_does_not_wait_for_a_place() -> None:
    lane = Lane("test", running=1, waiting=1, seconds=3600)
    deaf, interrupts = Deaf(), Interrupts()

    async def scenario() -> None:
        first = asyncio.ensure_future(lane.run(deaf, Interrupts()))
        second = asyncio.ensure_future(lane.run(lambda: 2, interrupts))
        await asyncio.sleep(0.01)
        interrupts.ask()
        with pytest.raises(CancelledError):
            await second
        deaf.go.set()
        assert await first == 1
        # Its place was never taken.
        assert await lane.run(lambda: 3, Interrupts()) == 3

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_caller_who_comes_last_begins_before_all_that_another_has_waiting() -> None:
    lane = Lane("test", running=1, waiting=8)
    deaf, began = Deaf(), list[str]()

    async def scenario() -> None:
        first = asyncio.ensure_future(lane.run(deaf, Interrupts(), "many"))
        await asyncio.sleep(0)
        callers = ["many"] * 4 + ["one"]
        rest = [lane.run(partial(began.append, caller), Interrupts(), caller) for caller in callers]
        waiting = asyncio.gather(*rest)
        await asyncio.sleep(0.01)
        deaf.go.set()
        await asyncio.gather(first, waiting)

    asyncio.run(asyncio.wait_for(scenario(), 30))
    assert began.index("one") <= 1
    assert len(began) == 5


def test_full_lane_makes_room_for_another_caller_and_refuses_the_same() -> None:
    lane = Lane("test", running=1, waiting=3)
    deaf = Deaf()

    async def entering(caller: str, work: Callable[[], int]) -> int:
        lane.enter(caller)
        try:
            return await lane.run(work, Interrupts(), caller)
        finally:
            lane.leave()

    async def scenario() -> None:
        held = [asyncio.ensure_future(entering("many", deaf)) for _ in range(4)]
        await asyncio.sleep(0.01)
        with pytest.raises(BusyError):
            await entering("many", lambda: 2)
        other = asyncio.ensure_future(entering("one", lambda: 3))
        await asyncio.sleep(0.01)
        with pytest.raises(BusyError):
            await held.pop()
        deaf.go.set()
        assert await other == 3
        assert await asyncio.gather(*held) == [1, 1, 1]

    asyncio.run(asyncio.wait_for(scenario(), 30))
    assert lane.count == 0
