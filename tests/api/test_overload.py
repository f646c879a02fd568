"""When requests are refused, as too many stand in line."""

import asyncio

import pytest

from api.overload import Overload


def looked(line: int, *lengths: int) -> Overload:
    overload = Overload(line)
    for length in lengths:
        overload.look(length)
    return overload


def test_burst_is_not_refused() -> None:
    assert looked(8, 500, 500, 3, 3, 3, 500, 500, 3, 3, 3).share == 0


def test_line_that_may_be_is_not_refused() -> None:
    assert looked(8, *[8] * 1000).share == 0


def test_share_grows_while_the_line_stands_and_the_faster_the_longer_it_is() -> None:
    shares = [looked(8, *[length] * 20).share for length in (9, 40, 400)]
    assert 0 < shares[0] < shares[1] < shares[2] < 1
    assert looked(8, *[40] * 30).share > looked(8, *[40] * 20).share


def test_somebody_is_always_answered() -> None:
    assert looked(8, *[10_000] * 10_000).share < 1


def test_refusals_end_within_a_second_of_the_line() -> None:
    overload = looked(8, *[400] * 1000)
    for _ in range(50):
        overload.look(0)
    assert overload.share == 0
    assert not any(overload.refuses() for _ in range(1000))


def test_refusals_are_about_the_share() -> None:
    overload = Overload(8)
    overload.share = 0.5
    assert 300 < sum(overload.refuses() for _ in range(1000)) < 700


class Looking(Overload):
    """Says how long the line was."""

    def __init__(self) -> None:
        super().__init__(8)
        self.lengths: list[int] = []

    def look(self, length: int) -> None:
        self.lengths.append(length)


@pytest.mark.parametrize("together", [0, 30])
def test_line_is_what_is_ready_at_once(together: int) -> None:
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


def test_without_a_limit_nothing_is_looked_at() -> None:
    async def scenario() -> Overload:
        overload = Overload(0)
        overload.start()
        await asyncio.sleep(0.05)
        return overload

    overload = asyncio.run(scenario())
    assert overload.share == 0
    overload.close()
