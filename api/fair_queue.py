"""A semaphore that shares: who holds least comes first, so that nobody can hold up the others."""

import asyncio
from collections import Counter, deque
from collections.abc import Hashable


class FairSemaphore:
    """So many places, for owners that may each want several at a time.

    A place that becomes free goes to the waiting owner who holds the fewest, and among equals to
    the one whose last turn is longest ago.

    Args:
        each: how many one owner may hold; all of them by default.
    """

    def __init__(self, places: int, each: int | None = None) -> None:
        self._free = places
        self._each = places if each is None else each
        self._held: Counter[Hashable] = Counter()
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}
        """By owner, the one whose turn is longest ago first."""

    def try_acquire(self, owner: Hashable) -> bool:
        """Take a place, if the owner may have one now; `release` gives it back."""
        if not self._free or self._held[owner] >= self._each:
            return False
        self._free -= 1
        self._held[owner] += 1
        return True

    async def acquire(self, owner: Hashable) -> None:
        """Wait for a place; `release` gives it back.

        Raises:
            Exception: what `displace` was given, where it chose this one.
        """
        if self.try_acquire(owner):
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._forget(owner, place)
            elif place.exception() is None:
                # It was given the place in the same moment.
                self.release(owner)
            raise

    def release(self, owner: Hashable) -> None:
        """Give a place back."""
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        self._free += 1
        while self._free and self._waiting:
            next_owner = min(self._waiting, key=lambda one: self._held[one])
            if self._held[next_owner] >= self._each:
                break
            self._give(next_owner)

    def displace(self, owner: Hashable, reason: Exception) -> bool:
        """Make room in the queue for an owner: the longest queue of another loses its latest.

        Returns:
            False where nobody else has more waiting than this owner would have then.
        """
        longest = max(self._waiting, key=lambda one: len(self._waiting[one]), default=owner)
        own = len(self._waiting.get(owner, ()))
        if longest == owner or len(self._waiting[longest]) <= own + 1:
            return False
        place = self._waiting[longest][-1]
        self._forget(longest, place)
        if not place.done():
            place.set_exception(reason)
        return True

    def _give(self, owner: Hashable) -> None:
        queue = self._waiting.pop(owner)
        place = queue.popleft()
        if queue:
            self._waiting[owner] = queue
        if not place.done() and self.try_acquire(owner):
            place.set_result(None)

    def _forget(self, owner: Hashable, place: "asyncio.Future[None]") -> None:
        queue = self._waiting.get(owner)
        if queue and place in queue:
            queue.remove(place)
            if not queue:
                del self._waiting[owner]
