"""Which state of products the API answers from while builds publish, or the metastore fails."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from thrift.Thrift import TApplicationException

from api.snapshots import PUBLISHING_SECONDS, STALE_SECONDS, Snapshot, Snapshots
from malha import metastore
from malha.errors import UnreachableError
from malha.manifest import Product
from malha.settings import Settings

PUBLISHING = {"malha.publishing.build_1": "ouro.a ouro.b"}


def product(name: str) -> Product:
    return Product(
        name=name,
        schema_name="ouro",
        table=name,
        description="",
        owner="",
        columns=(),
        primary_key=(),
        lookup=None,
    )


A, B = product("a"), product("b")


class Metastore:
    """Tables and their parameters; `meanwhile` happens between two of its answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tables: dict[str, dict[str, str]] = {"publications": {}}
        self.asked = 0
        self.down = False
        self.meanwhile: Callable[[str], None] = lambda _: None
        monkeypatch.setattr(metastore, "client", lambda _: self)

    def __enter__(self) -> "Metastore":
        self.asked += 1
        if self.down:
            raise OSError("no route")
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def move(self, table: str, snapshot: int) -> None:
        self.tables[table] = {"current-snapshot-id": str(snapshot)}

    def get_table_objects_by_name(self, schema: str, names: list[str]) -> list[Any]:
        found = [
            SimpleNamespace(tableName=name, parameters=dict(self.tables[name]))
            for name in names
            if name in self.tables
        ]
        self.meanwhile(schema)
        return found


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Metastore:
    store = Metastore(monkeypatch)
    store.move("a", 1)
    store.move("b", 1)
    return store


@pytest.fixture
def snapshots(store: Metastore, clock: Clock) -> Snapshots:
    found = Snapshots(Settings(), lambda product, snapshot: None, clock)
    found._products = lambda: [A, B]
    assert ids(found) == [1, 1]
    return found


@pytest.fixture
def half_published(snapshots: Snapshots, store: Metastore, clock: Clock) -> Snapshots:
    """One of a build's two tables has moved, and nobody sees it yet."""
    store.tables["publications"] = PUBLISHING
    store.move("a", 2)
    clock.now += 1
    assert ids(snapshots) == [1, 1]
    return snapshots


def number(snapshot: Snapshot | None) -> int | None:
    return snapshot.id if snapshot else None


def ids(snapshots: Snapshots) -> list[int | None]:
    return [number(snapshots.current(one)) for one in (A, B)]


def test_products_of_a_build_move_together(
    half_published: Snapshots, store: Metastore, clock: Clock
) -> None:
    store.move("b", 2)
    clock.now += 1
    assert ids(half_published) == [1, 1]
    store.tables["publications"] = {}
    clock.now += 1
    assert ids(half_published) == [2, 2]


def test_publication_that_begins_and_ends_while_tables_are_read_is_noticed(
    snapshots: Snapshots, store: Metastore, clock: Clock
) -> None:
    def publish(schema: str) -> None:
        if schema == "ouro":
            store.move("a", 2)
            store.tables["publications"] = {"metadata_location": "2"}

    store.move("b", 2)
    store.meanwhile = publish
    clock.now += 1
    assert number(snapshots.current(A)) == 1
    assert number(snapshots.current(B)) == 1
    store.meanwhile = lambda _: None
    clock.now += 1
    assert ids(snapshots) == [2, 2]


def test_publication_that_was_cut_is_not_waited_for_for_ever(
    half_published: Snapshots, clock: Clock
) -> None:
    clock.now += PUBLISHING_SECONDS
    assert ids(half_published) == [2, 1]


def test_product_that_nobody_has_seen_yet_is_what_it_is(store: Metastore, clock: Clock) -> None:
    store.tables["publications"] = PUBLISHING
    assert ids(Snapshots(Settings(), lambda product, snapshot: None, clock)) == [1, 1]


def test_table_that_is_not_built_has_no_snapshot(
    snapshots: Snapshots, store: Metastore, clock: Clock
) -> None:
    del store.tables["a"]
    clock.now += 1
    assert ids(snapshots) == [None, 1]


def test_new_snapshot_is_announced_once(store: Metastore, clock: Clock) -> None:
    told: list[tuple[str, int | None]] = []
    snapshots = Snapshots(
        Settings(), lambda product, snapshot: told.append((product.name, snapshot.id)), clock
    )
    for _ in range(3):
        clock.now += 1
        snapshots.current(A)
    store.move("a", 2)
    clock.now += 1
    snapshots.current(A)
    assert told == [("a", 1), ("a", 2)]


def test_metastore_that_fails_is_asked_now_and_then_and_missed_after_a_minute(
    snapshots: Snapshots, store: Metastore, clock: Clock
) -> None:
    store.down = True
    clock.now += 1
    asked = store.asked
    for _ in range(20):
        assert ids(snapshots) == [1, 1]
    assert store.asked == asked + 1
    clock.now += STALE_SECONDS
    with pytest.raises(UnreachableError, match="no route"):
        snapshots.current(A)
    store.down = False
    clock.now += 1
    assert ids(snapshots) == [1, 1]


def test_reader_goes_on_with_what_is_known_while_another_waits_for_the_metastore(
    snapshots: Snapshots, store: Metastore, clock: Clock
) -> None:
    clock.now += 1
    with snapshots._lock:
        assert ids(snapshots) == [1, 1]


def test_schema_that_is_not_there_yet_has_no_snapshots(
    snapshots: Snapshots, store: Metastore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise TApplicationException(TApplicationException.INTERNAL_ERROR, "Internal error")

    monkeypatch.setattr(store, "get_table_objects_by_name", refuse)
    monkeypatch.setattr(store, "get_databases", lambda _: [], raising=False)
    clock.now += 1
    assert snapshots.current(A) is None
    monkeypatch.setattr(store, "get_databases", lambda name: [name], raising=False)
    clock.now += STALE_SECONDS + 1
    with pytest.raises(UnreachableError):
        snapshots.current(A)
