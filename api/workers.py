"""Background work that never dies unseen: logged, counted, begun again, and shown in readiness."""

import logging
import threading
from collections.abc import Callable

from api.metrics import WORKER_ERRORS

log = logging.getLogger("malha.api")

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


class Worker:
    """A thread that does a piece of work again and again.

    Args:
        name: of the thread, and in the log.
        step: the piece of work; what it raises ends this piece alone.
        every: seconds between two of them.
    """

    def __init__(self, name: str, step: Callable[[], None], every: float = 0) -> None:
        self.name = name
        self.ended = threading.Event()
        """Set once there is nothing more to do; a step that waits should wait for this too."""
        self._step = step
        self._every = every
        self._failures = 0
        self._thread: threading.Thread | None = None

    @property
    def problem(self) -> str | None:
        """What is wrong with it; None while all is well, and before its start."""
        if self._thread is None or self.ended.is_set():
            return None
        if not self._thread.is_alive():
            log.error("the thread %s has died; it is begun again", self.name)
            self.start()
            return "died, and was begun again"
        return "fails; the server's log says why" if self._failures else None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def close(self, timeout: float = 0) -> None:
        """Begin no other piece of work.

        Args:
            timeout: seconds to wait for the one that is being done.
        """
        self.ended.set()
        if self._thread and timeout:
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self.ended.wait(self._pause()):
            try:
                self._step()
            except Exception:
                self._failures += 1
                WORKER_ERRORS.labels(self.name).inc()
                log.exception("%s failed; it is tried again in %g s", self.name, self._pause())
            else:
                self._failures = 0

    def _pause(self) -> float:
        if not self._failures:
            return self._every
        pause: float = _FIRST_PAUSE_SECONDS * 2 ** min(self._failures - 1, 10)
        return max(self._every, min(pause, _LONGEST_PAUSE_SECONDS))
