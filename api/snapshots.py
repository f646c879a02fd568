"""The current snapshot of each product, asked of the metastore: no Spark, no store."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from hive_metastore.ThriftHiveMetastore import Client
from thrift.Thrift import TApplicationException

from api.workers import Worker
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

PUBLISHING_SECONDS = 60
"""For how long a publication is waited for; one that takes longer was cut, and the next build ends
it."""

_FOLLOWED_SECONDS = 10
"""For how long after its last request a product is kept fresh in the background."""

_Name = tuple[str, str]
"""Of a table: its schema, and its own."""


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
    """By the clock that only goes forward."""


class Snapshots:
    """Remembers what the metastore says, for less than a second.

    Products are looked at together, and never in the midst of a publication: until the last table
    of a build has moved, all of them stay what they were before it.

    Args:
        changed: called, in the thread that asked, with each product that has a new snapshot.
        clock: seconds, of a clock that only goes forward.
    """

    def __init__(
        self,
        settings: Settings,
        changed: Callable[[Product, Snapshot], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._changed = changed
        self._clock = clock
        self._products: Callable[[], Iterable[Product]] = tuple
        self._known: dict[_Name, _Known] = {}
        self._used: dict[_Name, float] = {}
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="snapshot")
        self._look: Future[None] | None = None
        self._look_since = 0.0
        self._publishing_since: float | None = None
        self._failed = -math.inf
        self._reason = f"the metastore at {settings.metastore_uri} does not answer"
        self.worker = Worker("snapshots", self._follow, every=FRESH_SECONDS / 2)
        self._all_seen = -math.inf

    def start(self, products: Callable[[], Iterable[Product]]) -> None:
        """Keep what is known fresh in the background, so that requests rarely have to ask."""
        self._products = products
        self.worker.start()

    def _follow(self) -> None:
        now = self._clock()
        # Those that nobody asks for are looked at now and then, so that they are in memory when
        # somebody does.
        everything = now - self._all_seen > _FOLLOWED_SECONDS
        products = list(self._products()) if everything else self._followed()
        if not products:
            return
        try:
            with self._lock:
                self._refresh(products)
        except UnreachableError as error:
            log.warning("%s", error)
            self.worker.ended.wait(FRESH_SECONDS)
        else:
            self._all_seen = now if everything else self._all_seen

    def _followed(self) -> list[Product]:
        recently = self._clock() - _FOLLOWED_SECONDS
        return [one for one in self._products() if self._used.get(_name(one), -math.inf) > recently]

    def fresh(self, product: Product) -> Snapshot | None:
        """What is known and current; None where `current` has to ask."""
        name = _name(product)
        known = self._known.get(name)
        self._used[name] = now = self._clock()
        return known.snapshot if known and now - known.asked < FRESH_SECONDS else None

    def current(self, product: Product) -> Snapshot | None:
        """The product's snapshot, seen at most FRESH_SECONDS ago; None where it is not built.

        Raises:
            UnreachableError: the metastore does not answer, and has not for STALE_SECONDS.
        """
        name = _name(product)
        self._used[name] = self._clock()
        known = self._known.get(name)
        if known is None:
            self._look_at(product)
            return self._known[name].snapshot
        # The look that is under way may have begun before this product was asked for.
        for _ in range(2):
            if self._clock() - known.asked < FRESH_SECONDS:
                break
            look, since = self._look_soon(product)
            # Where the metastore hangs, one waits for a moment; the others take what is known.
            hangs = self._clock() - since > FRESH_SECONDS
            patience = None if self._is_stale(known) else 0 if hangs else FRESH_SECONDS
            try:
                look.result(timeout=patience)
            except TimeoutError:
                log.info("the metastore takes its time; %s is as it was", product.name)
                break
            except UnreachableError as error:
                log.warning("%s", error)
                break
            known = self._known[name]
        if self._is_stale(known):
            raise UnreachableError(self._reason)
        return known.snapshot

    def _is_stale(self, known: _Known) -> bool:
        return self._clock() - known.asked > STALE_SECONDS

    def _look_soon(self, product: Product) -> tuple[Future[None], float]:
        """A look that is under way, or a new one, and since when."""
        with self._looking:
            if self._look is None or self._look.done():
                self._look = self._pool.submit(self._look_at, product)
                self._look_since = self._clock()
            return self._look, self._look_since

    def _look_at(self, product: Product) -> None:
        """Ask for a product, and for those that are followed, unless somebody just has."""
        name = _name(product)
        with self._lock:
            known = self._known.get(name)
            if known and self._clock() - known.asked < FRESH_SECONDS:
                return
            if self._clock() - self._failed > FRESH_SECONDS:
                followed = [one for one in self._followed() if _name(one) != name]
                self._refresh([*followed, product])
            elif known is None:
                raise UnreachableError(self._reason)

    def announce(self, products: Iterable[Product]) -> None:
        """Say once more what is known of products, which may be declared in another way now."""
        for product in products:
            known = self._known.get(_name(product))
            if known and known.snapshot:
                self._changed(product, known.snapshot)

    def _refresh(self, products: list[Product]) -> None:
        """Ask for these products; the caller has the lock."""
        asked = self._clock()
        try:
            found, publishing = self._ask(products)
        except UnreachableError as error:
            self._failed, self._reason = self._clock(), str(error)
            raise
        self._failed = -math.inf
        since = (self._publishing_since or asked) if publishing else None
        self._publishing_since = since
        wait = since is not None and asked - since < PUBLISHING_SECONDS
        for product in products:
            name = _name(product)
            known = self._known.get(name)
            snapshot = known.snapshot if wait and known else found.get(name)
            self._known[name] = _Known(snapshot, asked)
            if snapshot and (known is None or known.snapshot != snapshot):
                self._changed(product, snapshot)

    def _ask(self, products: list[Product]) -> tuple[dict[_Name, Snapshot], bool]:
        """The snapshots of products, and whether a publication was under way meanwhile."""
        with metastore.reporting(self._settings), metastore.client(self._settings) as client:
            before = _publications(client)
            found = {}
            for schema in {one.schema_name for one in products}:
                names = [one.table for one in products if one.schema_name == schema]
                for name, parameters in _parameters(client, schema, names).items():
                    found[schema.lower(), name] = metastore_snapshot(parameters)
            after = _publications(client)
        publishing = any(name.startswith("malha.publishing.") for name in after)
        return found, publishing or before != after


def _name(product: Product) -> _Name:
    return product.schema_name.lower(), product.table.lower()


def _publications(client: Client) -> dict[str, str]:
    """What the metastore says of the table that dbt's macros write publications down in."""
    return _parameters(client, "malha", ["publications"]).get("publications", {})


def _parameters(client: Client, schema: str, names: list[str]) -> dict[str, dict[str, str]]:
    """The parameters of those of these tables that exist, by name in small letters."""
    try:
        tables = client.get_table_objects_by_name(schema, names)
    except TApplicationException:
        # Of a schema that is not there yet, the metastore says no more than that.
        if schema.lower() in client.get_databases(schema):
            raise
        return {}
    return {table.tableName: dict(table.parameters) for table in tables}


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
