"""A standing line for the event loop: it is kept short, by refusing whoever comes beyond it.

Whoever arrives at a busy moment waits; that is no overload. A line that does not get shorter for a
while is one: every request then waits for all before it, without any more being answered. This is
the idea of CoDel (RFC 8289), by the number of requests rather than their time, which depends on
what they ask.
"""

import asyncio
import time
from collections import deque
from statistics import median

_BEAT_S = 0.02
"""The line is looked at so often."""
_LOOKS = 5
"""A line stands that was too long most times of these."""
_CALM_S = 1
"""Nobody was refused for so long: it is over."""


class Overload:
    """Watches how many requests are ready at once.

    Args:
        line: how many may stand there; 0 for any number.
    """

    def __init__(self, line: int) -> None:
        self._line = line
        self._arrived = 0
        self._in_round = 0
        self._lengths: deque[int] = deque(maxlen=_LOOKS)
        self._last = 0.0
        self._beat_to_come: asyncio.TimerHandle | None = None
        self.on = False
        """Whether the line stands, so that nobody may come beyond it."""

    def start(self) -> None:
        """Begin to look, from the event loop."""
        if self._line:
            self._beat()

    def close(self) -> None:
        """Look no more."""
        if self._beat_to_come:
            self._beat_to_come.cancel()

    def refuses(self) -> bool:
        """Whether the request that arrives now is to be refused."""
        self._arrived += 1
        if not self.on:
            return False
        if not self._in_round:
            # It comes behind all that is ready by now.
            asyncio.get_running_loop().call_soon(self._end_round)
        self._in_round += 1
        if self._in_round <= self._line:
            return False
        self._last = time.monotonic()
        return True

    def look(self, length: int) -> None:
        """Take notice of how long the line is."""
        self._lengths.append(length)
        if len(self._lengths) == _LOOKS and median(self._lengths) > self._line:
            self.on, self._last = True, time.monotonic()
        elif self.on and time.monotonic() - self._last > _CALM_S:
            self.on = False

    def _end_round(self) -> None:
        self._in_round = 0

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        before = self._arrived
        # What is ready comes before what is only now put in line, and its tasks before the next.
        loop.call_soon(loop.call_soon, lambda: self.look(self._arrived - before))
        self._beat_to_come = loop.call_later(_BEAT_S, self._beat)
