"""Stopping a query from another thread."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api.errors import ApiError, CancelledError


class Interrupts:
    """Whether a query is still wanted, and what stops it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop: Callable[[], None] | None = None
        self._reason: ApiError | None = None
        self._asked = asyncio.Event()

    @contextmanager
    def stopping(self, stop: Callable[[], None]) -> Iterator[None]:
        """Have `ask` call this, for as long as the block runs.

        Raises:
            ApiError: somebody has asked already.
        """
        with self._lock:
            self.check()
            self._stop = stop
        try:
            yield
        finally:
            with self._lock:
                self._stop = None

    def ask(self, reason: ApiError | None = None) -> None:
        """Stop what runs, and let nothing more begin; from the event loop, as often as needed.

        Args:
            reason: what the query is to end with; of several, the first counts.
        """
        with self._lock:
            if self._reason is None:
                self._reason = reason or CancelledError("Nobody waits for the answer any more")
            if self._stop:
                self._stop()
        self._asked.set()

    async def asked(self) -> None:
        """Return once somebody has asked."""
        await self._asked.wait()

    def check(self) -> None:
        """Go on, or not.

        Raises:
            ApiError: somebody asked, for this reason.
        """
        if self._reason is not None:
            raise self._reason
