"""The current snapshot of each product, asked of the metastore: no Spark, no store."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hive_metastore.ttypes import NoSuchObjectException

from malha import metastore
from malha.errors import UnreachableError
from malha.manifest import Product
from malha.settings import Settings

log = logging.getLogger("malha.api")

FRESH_SECONDS = 0.5
"""For how long an answer of the metastore counts as current."""

STALE_SECONDS = 60
"""For how long the last answer is used where the metastore does not answer: meanwhile nobody can
publish through it either."""


_FOLLOWED_SECONDS = 10
"""For how long after its last request a product is kept fresh in the background."""


@dataclass(frozen=True)
class Snapshot:
    """What a product is at this moment."""

    id: int | None
    """None for a view, which has no snapshots, and for a table that is still empty."""
    committed_ms: int | None
    """When, in milliseconds since 1970."""
    rows: int | None
    """By the snapshot's summary; None where it does not say."""
    bytes: int | None
    """Of its data files."""


@dataclass
class _Known:
    snapshot: Snapshot | None
    asked: float
    """By the monotonic clock."""


class Snapshots:
    """Remembers what the metastore says, for less than a second.

    Args:
        changed: called, in the thread that asked, with each product that has a new snapshot.
    """

    def __init__(self, settings: Settings, changed: Callable[[Product, Snapshot], None]) -> None:
        self._settings = settings
        self._changed = changed
        self._known: dict[tuple[str, str], _Known] = {}
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._used: dict[tuple[str, str], float] = {}
        self._ended = threading.Event()

    def start(self, products: Callable[[], Iterable[Product]]) -> None:
        """Keep what is known fresh in the background, so that requests rarely have to ask."""
        threading.Thread(
            target=self._follow, args=(products,), name="snapshots", daemon=True
        ).start()

    def close(self) -> None:
        """Follow them no more."""
        self._ended.set()

    def _follow(self, products: Callable[[], Iterable[Product]]) -> None:
        while not self._ended.wait(FRESH_SECONDS / 2):
            recently = time.monotonic() - _FOLLOWED_SECONDS
            for product in products():
                name = (product.schema_name, product.table)
                known = self._known.get(name)
                # One that nobody asks for is looked at now and then, so that it is in memory when
                # somebody does.
                if known and known.asked > recently > self._used.get(name, 0):
                    continue
                try:
                    self._refresh(product)
                except UnreachableError as error:
                    log.warning("%s", error)
                    self._ended.wait(FRESH_SECONDS)

    def fresh(self, product: Product) -> Snapshot | None:
        """What is known and current; None where `current` has to ask."""
        name = (product.schema_name, product.table)
        known = self._known.get(name)
        self._used[name] = time.monotonic()
        if known and known.snapshot and time.monotonic() - known.asked < FRESH_SECONDS:
            return known.snapshot
        return None

    def current(self, product: Product) -> Snapshot | None:
        """The product's snapshot, seen at most FRESH_SECONDS ago; None where it is not built.

        Raises:
            UnreachableError: the metastore does not answer, and has not for STALE_SECONDS.
        """
        name = (product.schema_name, product.table)
        with self._locks.setdefault(name, threading.Lock()):
            known = self._known.get(name)
            now = time.monotonic()
            if known and now - known.asked < FRESH_SECONDS:
                return known.snapshot
            try:
                return self._refresh(product)
            except UnreachableError as error:
                if known is None or now - known.asked > STALE_SECONDS:
                    raise
                log.warning("%s", error)
                return known.snapshot

    def announce(self, products: Iterable[Product]) -> None:
        """Say once more what is known of products, which may be declared in another way now."""
        for product in products:
            known = self._known.get((product.schema_name, product.table))
            if known and known.snapshot:
                self._changed(product, known.snapshot)

    def _refresh(self, product: Product) -> Snapshot | None:
        name = (product.schema_name, product.table)
        known, asked = self._known.get(name), time.monotonic()
        found = self._ask(product)
        self._known[name] = _Known(found, asked)
        if found and (known is None or known.snapshot != found):
            self._changed(product, found)
        return found

    def _ask(self, product: Product) -> Snapshot | None:
        with metastore.reporting(self._settings), metastore.client(self._settings) as client:
            try:
                parameters = client.get_table(product.schema_name, product.table).parameters
            except NoSuchObjectException:
                return None
        return metastore_snapshot(parameters)


def metastore_snapshot(parameters: dict[str, str]) -> Snapshot:
    """What a table's parameters in the metastore say of its current snapshot."""
    number = int(parameters.get("current-snapshot-id", -1))
    if number < 0:
        return Snapshot(None, None, None, None)
    moment = parameters.get("current-snapshot-timestamp-ms")
    rows, size = parameters.get("numRows"), parameters.get("totalSize")
    return Snapshot(
        number,
        int(moment) if moment else None,
        int(rows) if rows else None,
        int(size) if size else None,
    )
