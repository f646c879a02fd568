"""Bounded work: so many queries of an engine run, so many wait, and the next is refused at once.

Callers share the places: whose query begins next, and who is refused, depends on how many each has.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from api.errors import BusyError, QueryTimeoutError
from api.fair_queue import FairSemaphore
from api.interrupts import Interrupts

log = logging.getLogger("malha.api")

T = TypeVar("T")

GRACE_SECONDS = 3
"""For so long a query that was stopped is waited for; then it is given up."""

MAX_ABANDONED = 8
"""Queries that were given up and still run, from which on no more are taken."""

_AGAIN_SECONDS = 0.1


class Lane:
    """The queries of one engine.

    Args:
        running: how many run at a time, each in a thread of its own.
        waiting: how many more may wait.
        seconds: for how long one may run.
        each: how many of one caller may run at a time; all of them by default.
    """

    def __init__(
        self,
        name: str,
        running: int,
        waiting: int,
        seconds: float = 30,
        each: int | None = None,
    ) -> None:
        self.name = name
        self._capacity = running + waiting
        self._seconds = seconds
        self._count = 0
        self._places = FairSemaphore(running, each)
        self._pool = ThreadPoolExecutor(running + MAX_ABANDONED, thread_name_prefix=name)
        self._abandoned: set[asyncio.Task[None]] = set()

    @property
    def count(self) -> int:
        """How many run or wait."""
        return self._count

    @property
    def abandoned(self) -> int:
        """How many were given up, and still run."""
        return len(self._abandoned)

    def enter(self, caller: Hashable = None) -> None:
        """Take a place; `leave` gives it back.

        Where all are taken, the caller who has most waiting loses the latest, to one who has fewer.

        Raises:
            BusyError: there is none.
        """
        self._check_abandoned()
        if self._count >= self._capacity:
            full = BusyError("There are too many queries at the moment: ask again in a second")
            if not self._places.displace(caller, full):
                raise full
        self._count += 1

    def leave(self) -> None:
        """Give a place back."""
        self._count -= 1

    async def run(
        self, work: Callable[[], T], interrupts: Interrupts, caller: Hashable = None
    ) -> T:
        """Do blocking work in one of the lane's threads; whoever calls has a place in it.

        Work that does not end though it was stopped goes on alone: its thread, and a place less
        for others to be given up in, until it does.

        Args:
            interrupts: what the work asks whether it is still wanted, and is stopped by.
            caller: whose work it is; callers take turns.

        Raises:
            BusyError: it waited for too long, or its place went to another caller.
            QueryTimeoutError: it took too long.
            CancelledError: it was stopped.
        """
        await self._take_place(interrupts, caller)
        try:
            interrupts.check()
            self._check_abandoned()
            done = self._begin(work)
            await self._wait(done, interrupts)
            if not done.done():
                interrupts.ask(
                    QueryTimeoutError(f"The query was cancelled after {self._seconds:g} s")
                )
                await self._stop(done, interrupts)
            return done.result()
        finally:
            self._places.release(caller)

    async def finish(self, work: Callable[[], None]) -> None:
        """Do what has to be done behind a query, whatever else runs."""
        await self._begin(work)

    def close(self) -> None:
        """Let no more begin."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _check_abandoned(self) -> None:
        if self.abandoned >= MAX_ABANDONED:
            raise BusyError("Queries that were cancelled still run: ask again in a second")

    async def _take_place(self, interrupts: Interrupts, caller: Hashable) -> None:
        """Wait for a place, no longer than a query may take, and not for who has gone."""
        if self._places.try_acquire(caller):
            return
        place = asyncio.ensure_future(self._places.acquire(caller))
        try:
            await self._wait(place, interrupts)
        finally:
            if not place.done():
                place.cancel()
        if not place.done():
            interrupts.check()
            raise BusyError("There was no place for the query: ask again in a second")
        place.result()

    async def _wait(self, done: "asyncio.Future[Any]", interrupts: Interrupts) -> None:
        """Wait for something no longer than a query may take, nor once nobody wants it any more."""
        asked = asyncio.ensure_future(interrupts.asked())
        either: set[asyncio.Future[Any]] = {done, asked}
        try:
            await asyncio.wait(either, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()

    def _begin(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._pool, copy_context().run, work)

    async def _stop(self, done: "asyncio.Future[T]", interrupts: Interrupts) -> None:
        until = time.monotonic() + GRACE_SECONDS
        while not done.done() and time.monotonic() < until:
            # Again, as DuckDB forgets an interruption that comes before its query.
            interrupts.ask()
            await asyncio.wait({done}, timeout=_AGAIN_SECONDS)
        if not done.done():
            log.error("a query of %s was cancelled and still runs", self.name)
            watch = asyncio.ensure_future(self._watch(done, interrupts))
            self._abandoned.add(watch)
            watch.add_done_callback(self._abandoned.discard)
            interrupts.check()

    async def _watch(self, done: "asyncio.Future[T]", interrupts: Interrupts) -> None:
        started = time.monotonic()
        while not done.done():
            interrupts.ask()
            await asyncio.wait({done}, timeout=1)
        done.exception()  # has nobody to be told to
        seconds = time.monotonic() - started + GRACE_SECONDS
        log.warning("a query of %s ended %.0f s after it was cancelled", self.name, seconds)
