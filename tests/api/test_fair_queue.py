"""Places that callers share, compared with a plain statement of who comes first."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import BusyError
from api.fair_queue import FairSemaphore


def turns(
    places: int, asked: str, leaving: frozenset[int] = frozenset(), each: int | None = None
) -> list[int]:
    """The numbers of those that began, in order, where each owner asks after the one before.

    Args:
        leaving: the numbers of those that stop to wait, if they do, before any work has ended.
    """
    began: list[int] = []

    async def scenario() -> None:
        semaphore = FairSemaphore(places, each)

        async def work(number: int, owner: str) -> None:
            await semaphore.acquire(owner)
            began.append(number)
            await asyncio.sleep(0.001)
            semaphore.release(owner)

        tasks = [asyncio.ensure_future(work(*one)) for one in enumerate(asked)]
        await asyncio.sleep(0)
        for number in leaving.difference(began):
            tasks[number].cancel()
        await asyncio.wait(tasks, timeout=30)
        assert all(task.done() for task in tasks)
        # Every place is free again.
        assert all(semaphore.try_acquire(number) for number in range(places))
        assert not semaphore.try_acquire("last")

    asyncio.run(scenario())
    return began


def test_one_owner_alone_has_all_the_places() -> None:
    assert turns(2, "aaa") == [0, 1, 2]


def test_newcomer_comes_before_all_that_another_has_waiting() -> None:
    assert turns(2, "aaaaaaaab").index(8) == 2


def test_place_that_one_owner_may_not_have_is_free_for_the_next() -> None:
    semaphore = FairSemaphore(3, each=2)
    assert [semaphore.try_acquire(owner) for owner in "aaabb"] == [True, True, False, True, False]


def test_owner_at_the_limit_waits_for_a_place_of_its_own() -> None:
    async def scenario() -> None:
        semaphore = FairSemaphore(3, each=1)
        assert semaphore.try_acquire("a")
        assert semaphore.try_acquire("b")
        third = asyncio.ensure_future(semaphore.acquire("a"))
        await asyncio.sleep(0)
        semaphore.release("b")
        await asyncio.sleep(0)
        assert not third.done()
        semaphore.release("a")
        await asyncio.wait_for(third, 30)

    asyncio.run(scenario())


def test_owners_of_equal_shares_take_turns() -> None:
    assert turns(1, "aaaabbbb") == [0, 1, 4, 2, 5, 3, 6, 7]


@given(
    st.integers(1, 3),
    st.text(alphabet="abc", min_size=1, max_size=12),
    st.frozensets(st.integers(0, 11)),
    st.integers(1, 3),
)
def test_everyone_who_stays_has_a_turn(
    places: int, asked: str, leaving: frozenset[int], each: int
) -> None:
    everyone = range(len(asked))
    began = turns(places, asked, leaving.intersection(everyone), each)
    assert len(began) == len(set(began))
    assert set(began) >= set(everyone) - leaving


def test_longest_queue_makes_room_for_a_newcomer_and_for_nobody_with_as_much() -> None:
    async def scenario() -> None:
        semaphore, full = FairSemaphore(1), BusyError("full")
        assert semaphore.try_acquire("a")
        waiting = [asyncio.ensure_future(semaphore.acquire("a")) for _ in range(3)]
        await asyncio.sleep(0)
        assert not semaphore.displace("a", full)
        assert semaphore.displace("b", full)
        with pytest.raises(BusyError, match="full"):
            await waiting.pop()
        waiting.append(asyncio.ensure_future(semaphore.acquire("b")))
        await asyncio.sleep(0)
        # Two wait for one owner, and one for the other: that is as even as it gets.
        assert not semaphore.displace("b", full)
        semaphore.release("a")
        await asyncio.sleep(0)
        assert [one.done() for one in waiting].count(True) == 1
        for task in waiting:
            task.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 30))
