"""Bounded work: so many queries of an engine run, so many wait, and the next is refused at once."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from api.errors import BusyError

T = TypeVar("T")


class Lane:
    """The queries of one engine.

    Args:
        running: how many run at a time, each in a thread of its own.
        waiting: how many more may wait.
    """

    def __init__(self, name: str, running: int, waiting: int) -> None:
        self.name = name
        self._capacity = running + waiting
        self._count = 0
        self._pool = ThreadPoolExecutor(running, thread_name_prefix=name)

    @property
    def count(self) -> int:
        """How many run or wait."""
        return self._count

    def enter(self) -> None:
        """Take a place; `leave` gives it back.

        Raises:
            BusyError: there is none.
        """
        if self._count >= self._capacity:
            raise BusyError("There are too many queries at the moment: ask again in a second")
        self._count += 1

    def leave(self) -> None:
        """Give a place back."""
        self._count -= 1

    async def run(self, work: Callable[[], T]) -> T:
        """Do blocking work in one of the lane's threads; whoever calls has a place in it."""
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, copy_context().run, work
        )

    def close(self) -> None:
        """Let no more begin."""
        self._pool.shutdown(wait=False, cancel_futures=True)
