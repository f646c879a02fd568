"""When requests are refused, as too many stand in line."""

import asyncio
import time

import pytest

from api import overload as module
from api.overload import Overload


def looked(line: int, *lengths: int) -> Overload:
    overload = Overload(line)
    for length in lengths:
        overload.look(length)
    return overload


def refused(overload: Overload, arriving: int, rounds: int = 1) -> int:
    """How many of so many that arrive together, round after round."""

    async def scenario() -> int:
        count = 0
        for _ in range(rounds):
            count += sum(overload.refuses() for _ in range(arriving))
            await asyncio.sleep(0)
        return count

    return asyncio.run(scenario())


def test_burst_is_not_refused() -> None:
    overload = looked(8, 500, 500, 3, 3, 3, 500, 500, 3, 3, 3)
    assert refused(overload, 500) == 0


def test_line_that_may_be_is_not_refused() -> None:
    assert refused(looked(8, *[8] * 1000), 500) == 0


def test_who_comes_beyond_a_standing_line_is_refused_in_each_round() -> None:
    overload = looked(8, *[9] * 5)
    assert refused(overload, 20, rounds=3) == 3 * 12
    assert refused(overload, 8, rounds=3) == 0


def test_it_is_over_once_nobody_was_refused_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    overload = looked(8, *[9] * 5, *[0] * 5)
    now += 0.9
    assert refused(overload, 9) == 1
    now += 0.9
    overload.look(0)
    assert overload.on
    now += 0.2
    overload.look(0)
    assert not overload.on
    assert refused(overload, 500) == 0


class Looking(Overload):
    """Says how long the line was."""

    def __init__(self) -> None:
        super().__init__(8)
        self.lengths: list[int] = []

    def look(self, length: int) -> None:
        self.lengths.append(length)


@pytest.mark.parametrize("together", [0, 30])
def test_line_is_what_is_ready_at_once(monkeypatch: pytest.MonkeyPatch, together: int) -> None:
    # However slow the machine is, it looks once.
    monkeypatch.setattr(module, "_BEAT_S", 3600)
    overload = Looking()

    async def one() -> None:
        overload.refuses()

    async def scenario() -> None:
        overload.start()
        await asyncio.gather(*(one() for _ in range(together)))
        for _ in range(3):
            await asyncio.sleep(0)
        overload.close()

    asyncio.run(scenario())
    assert overload.lengths == [together]


class Counting(Overload):
    """Counts its looks."""

    looks = 0

    def look(self, length: int) -> None:
        self.looks += 1
        super().look(length)


@pytest.mark.parametrize(("line", "on"), [(8, True), (50, False), (0, False)])
def test_line_that_stands_is_noticed(monkeypatch: pytest.MonkeyPatch, line: int, on: bool) -> None:
    monkeypatch.setattr(module, "_BEAT_S", 0.001)
    overload = Counting(line)

    async def scenario() -> None:
        overload.start()
        rounds = 0
        # Without a line it does not look at all.
        while not overload.on and (overload.looks < 20 if line else rounds < 1000):
            refused = [overload.refuses() for _ in range(20)]
            assert not any(refused)
            await asyncio.sleep(0)
            rounds += 1
        overload.close()

    asyncio.run(asyncio.wait_for(scenario(), 60))
    assert overload.on is on
    assert overload.looks >= 5 if line else overload.looks == 0
