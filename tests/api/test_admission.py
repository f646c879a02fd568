import asyncio
import threading

import pytest

from api.admission import Lane
from api.errors import BusyError


def test_place_beyond_those_that_run_and_wait_is_refused_until_one_is_left() -> None:
    lane = Lane("test", running=1, waiting=1)
    lane.enter()
    lane.enter()
    with pytest.raises(BusyError):
        lane.enter()
    lane.leave()
    lane.enter()
    assert lane.count == 2


def test_work_runs_in_as_many_threads_as_the_lane_has() -> None:
    lane = Lane("test", running=2, waiting=8)
    together = threading.Barrier(2)

    def work() -> int:
        # Two at a time get through; a third alone would wait for ever.
        together.wait(timeout=10)
        return threading.active_count()

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(lane.run(work) for _ in range(4)))

    assert len(asyncio.run(all_of_them())) == 4
    lane.close()
