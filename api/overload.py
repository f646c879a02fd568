"""A standing line for the event loop: some of its requests are refused until it is short again.

Whoever arrives at a busy moment waits; that is no overload. A line that does not get shorter for a
while is one: every request then waits for all before it, without any more being answered. This is
the idea of CoDel (RFC 8289), by the number of requests rather than their time, which depends on
what they ask.
"""

import asyncio
import random
from collections import deque
from statistics import median

_BEAT_S = 0.02
"""The line is looked at so often."""
_LOOKS = 5
"""A line stands that was too long most times of these."""
_STEP = 0.002
"""The share that is refused grows by so much a look, times how much too long the line is."""
_STEEPEST = 10
_DECAY = 0.9
_RELEASE = 0.5
"""The share goes down by this where the line is less than half as long as it may be."""
_NONE = 1e-4
_MOST = 0.95


class Overload:
    """Watches how many requests are ready at once.

    Args:
        line: how many may stand there; 0 for any number.
    """

    def __init__(self, line: int) -> None:
        self._line = line
        self._arrived = 0
        self._lengths: deque[int] = deque(maxlen=_LOOKS)
        self._beat_to_come: asyncio.TimerHandle | None = None
        self.share = 0.0
        """Of the requests that are refused at the moment."""

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
        return self.share > 0 and random.random() < self.share  # noqa: S311

    def look(self, length: int) -> None:
        """Take notice of how long the line is."""
        self._lengths.append(length)
        standing = median(self._lengths) if len(self._lengths) == _LOOKS else 0
        if standing > self._line:
            excess = min(standing / self._line - 1, _STEEPEST)
            self.share = min(_MOST, self.share + _STEP * excess)
        elif self.share > _NONE:
            self.share *= _DECAY if 2 * standing > self._line else _RELEASE
        else:
            self.share = 0.0

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        before = self._arrived
        # What is ready comes before what is only now put in line, and its tasks before the next.
        loop.call_soon(loop.call_soon, lambda: self.look(self._arrived - before))
        self._beat_to_come = loop.call_later(_BEAT_S, self._beat)
