"""States of the whole lake that tests begin at: kept once, put back in less than a second.

A state is every table of the metastore and every object of the store. Iceberg writes no file
twice, so putting one back is removing what is new, writing again what is gone, and pointing the
metastore's tables at the metadata that they had.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from hive_metastore.ttypes import Database, Table

from malha import metastore, s3
from malha.settings import Settings

_KEPT_SCHEMAS = ("default", "bronze", "prata", "ouro", "malha")


@dataclass(frozen=True)
class Stored:
    """An object of the store."""

    etag: str
    body: bytes


@dataclass
class State:
    """What the lake was at a moment; without anything, an empty lake."""

    tables: dict[tuple[str, str], Table] = field(default_factory=dict)
    objects: dict[tuple[str, str], Stored] = field(default_factory=dict)


def keep(settings: Settings) -> State:
    """The state that the lake is in."""
    client = s3.client(settings)

    def read(at: tuple[str, str]) -> Stored:
        answer = client.get_object(Bucket=at[0], Key=at[1])
        return Stored(answer["ETag"], answer["Body"].read())

    found = _objects(settings)
    with ThreadPoolExecutor(16) as pool:
        bodies = list(pool.map(read, found))
    return State(_tables(settings), dict(zip(found, bodies, strict=True)))


def put_back(state: State, settings: Settings) -> None:
    """Let the lake be in this state: its tables, files, landed files and checkpoints."""
    client = s3.client(settings)
    there = _objects(settings)
    by_bucket: dict[str, list[str]] = {}
    for bucket, key in there.keys() - state.objects.keys():
        by_bucket.setdefault(bucket, []).append(key)
    for bucket, keys in by_bucket.items():
        for begin in range(0, len(keys), 1000):
            gone = [{"Key": key} for key in keys[begin : begin + 1000]]
            client.delete_objects(Bucket=bucket, Delete={"Objects": gone, "Quiet": True})  # type: ignore[typeddict-item]
    missing = [at for at, one in state.objects.items() if there.get(at) != one.etag]

    def write(at: tuple[str, str]) -> None:
        body = state.objects[at].body
        etag = client.put_object(Bucket=at[0], Key=at[1], Body=body)["ETag"]
        state.objects[at] = Stored(etag, body)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, missing))
    _put_back_tables(state, settings)


def _put_back_tables(state: State, settings: Settings) -> None:
    there = _tables(settings)
    with metastore.client(settings) as client:
        for at, table in there.items():
            wanted = state.tables.get(at)
            if wanted is None or wanted.parameters != table.parameters:
                client.drop_table(*at, False)
        for schema in client.get_all_databases():
            if schema not in _KEPT_SCHEMAS:
                client.drop_database(schema, False, False)
        for schema in _KEPT_SCHEMAS[1:]:
            if schema not in client.get_all_databases():
                client.create_database(_database(schema, settings))
        for at, table in state.tables.items():
            if at not in there or there[at].parameters != table.parameters:
                client.create_table(table)


def _database(schema: str, settings: Settings) -> Database:
    uri = f"{settings.lake_uri}/{schema}.db"
    return Database(name=schema, description="", locationUri=uri, parameters={})


def _tables(settings: Settings) -> dict[tuple[str, str], Table]:
    with metastore.client(settings) as client:
        return {
            (schema, name): client.get_table(schema, name)
            for schema in client.get_all_databases()
            for name in client.get_all_tables(schema)
        }


def _objects(settings: Settings) -> dict[tuple[str, str], str]:
    """The ETags of all objects below the buckets of lake and landing area."""
    client = s3.client(settings)
    uris = (settings.lake_uri, settings.landing_uri, settings.checkpoint_uri)
    return {
        (bucket, one["Key"]): one["ETag"]
        for bucket in sorted({s3.split_uri(uri)[0] for uri in uris})
        for one in s3.objects(client, bucket)
        if not one["Key"].endswith("/")
    }
