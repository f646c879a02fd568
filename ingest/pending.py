"""Whether a source has anything to ingest, found out without Spark.

Compares the landing area with what the source's checkpoint says was read. Only a checkpoint that
is complete and says so of every file counts; whatever else is found is left to Spark to judge.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

from hive_metastore.ttypes import NoSuchObjectException
from thrift.Thrift import TException

from ingest.landing import landed
from malha import metastore, s3
from malha.manifest import ADDED_COLUMNS, Source
from malha.settings import Settings


def up_to_date(source: Source, settings: Settings) -> bool:
    """Whether a run would certainly change nothing.

    Raises:
        UnreachableError: the store does not answer.
    """
    if not _has_columns(source, settings):
        return False
    try:
        read = seen(source, settings)
    except (ValueError, KeyError, TypeError):
        return False  # a checkpoint of another form
    return read is not None and all(uri in read for uri in landed(source, settings))


def _has_columns(source: Source, settings: Settings) -> bool:
    """Whether the table is there and has every column that it should have."""
    try:
        with metastore.client(settings) as client:
            table = client.get_table(source.schema_name, source.table)
    except NoSuchObjectException:
        return False
    except (TException, OSError):
        return False
    names = {column.name.lower() for column in table.sd.cols}
    return all(name.lower() in names for name in (*source.columns, *ADDED_COLUMNS))


def seen(source: Source, settings: Settings) -> set[str] | None:
    """The URIs of all files that were read; None where a batch is still to be done.

    Without a checkpoint there was no batch.
    """
    with s3.reporting(settings):
        client = s3.client(settings)
        bucket, prefix = s3.split_uri(f"{settings.checkpoint_uri}/{source.name}")
        found = s3.objects(client, bucket, f"{prefix}/")
        files = (one["Key"] for one in found if not one["Key"].endswith("/"))  # no folders
        keys = {key.removeprefix(f"{prefix}/") for key in files}
        if not keys:
            return set()

        def read(key: str) -> list[str]:
            body = client.get_object(Bucket=bucket, Key=f"{prefix}/{key}")["Body"].read()
            return str(body, "utf-8").splitlines()

        started, done = _numbers(keys, "offsets/"), _numbers(keys, "commits/")
        if not started or not done or started[-1] != done[-1]:
            return None
        logs = _log_keys(keys, json.loads(read(f"offsets/{started[-1]}")[-1])["logOffset"])
        if logs is None:
            return None
        with ThreadPoolExecutor(max_workers=8) as pool:
            lines = [line for log in pool.map(read, logs) for line in log[1:]]
    return {unquote(json.loads(line)["path"]) for line in lines}


def _log_keys(keys: set[str], last: int) -> list[str] | None:
    """The files of Spark's log of read files, up to its entry `last`.

    That is the newest compacted one, if any, and all that follow; None unless they are all there
    and there is nothing beyond `last`.
    """
    folder = "sources/0/"
    compacted = _numbers(keys, folder, ".compact")
    single = _numbers(keys, folder)
    if max([*compacted, *single], default=-1) != last:
        return None
    first = compacted[-1] + 1 if compacted else 0
    wanted = [f"{folder}{number}" for number in range(first, last + 1)]
    if compacted:
        wanted.append(f"{folder}{compacted[-1]}.compact")
    return wanted if keys.issuperset(wanted) else None


def _numbers(keys: set[str], folder: str, ending: str = "") -> Sequence[int]:
    names = (
        key.removeprefix(folder).removesuffix(ending)
        for key in keys
        if key.startswith(folder) and key.endswith(ending)
    )
    return sorted(int(name) for name in names if name.isdecimal())
