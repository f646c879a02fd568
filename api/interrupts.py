"""Stopping a query from another thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api.errors import CancelledError


class Interrupts:
    """Whether a query is still wanted, and what stops it."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._stop: Callable[[], None] | None = None

    @contextmanager
    def stopping(self, stop: Callable[[], None]) -> Iterator[None]:
        """Have `ask` call this, for as long as the block runs.

        Raises:
            CancelledError: somebody has asked already.
        """
        with self._lock:
            self.check()
            self._stop = stop
        try:
            yield
        finally:
            with self._lock:
                self._stop = None

    def ask(self) -> None:
        """Stop what runs, and let nothing more begin."""
        with self._lock:
            self._asked.set()
            if self._stop:
                self._stop()

    def check(self) -> None:
        """Go on, or not.

        Raises:
            CancelledError: somebody asked.
        """
        if self._asked.is_set():
            raise CancelledError("Nobody waits for the answer any more")
