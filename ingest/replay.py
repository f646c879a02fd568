"""Landed files read again, in place of the rows that bronze has of them.

Both steps, deleting the old rows and appending the new ones, are commits to a branch of the table.
Readers see neither until the branch becomes the table in one step; a replay that dies before that
has changed nothing. That step is refused if somebody else has committed to the table meanwhile.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import unquote

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from ingest import bronze, frames, readers
from ingest.errors import SPARK_ERRORS, IngestError, ReplayError, spark_reason
from ingest.landing import landed
from ingest.lock import Lock, exclusive
from ingest.outcomes import Outcome, Tick
from ingest.session import jvm_pid, log_path
from ingest.stream import count, observed
from malha.manifest import Source
from malha.settings import Settings

BRANCH = "malha_replay"


@dataclass
class Replayed(Outcome):
    """What a replay did."""

    gone: list[str] = field(default_factory=list)
    """Files that are no longer in the landing area; their rows are as they were."""


def replay(
    spark: SparkSession,
    source: Source,
    settings: Settings,
    since: date | None,
    tick: Tick,
) -> Replayed:
    """Read the files again that bronze has rows of.

    Args:
        since: only files that were first ingested on or after this day (UTC).

    Raises:
        DeliveryError: a file cannot be accepted; the table is as it was.
        LockedError: another run of the source is under way.
        ReplayError: the source has no table yet.
        IngestError: Spark failed; the table is as it was, or has everything.
    """
    try:
        with exclusive(source, settings, pids=[jvm_pid(spark)]) as lock:
            assert lock is not None  # noqa: S101 - only without the metastore
            return _replay(spark, source, settings, since, lock, tick)
    except SPARK_ERRORS as error:
        raise IngestError(
            f"source {source.name}: {spark_reason(error)}: run it again; "
            f"{log_path(settings)} has more"
        ) from error


def _replay(
    spark: SparkSession,
    source: Source,
    settings: Settings,
    since: date | None,
    lock: Lock,
    tick: Tick,
) -> Replayed:
    table = bronze.table_name(source)
    if not spark.catalog.tableExists(table):
        raise ReplayError(
            f"source {source.name} has no table to replay into: run `malha-ingest {source.name}`"
        )
    bronze.prepare(spark, source)
    outcome = Replayed()
    wanted = _first_ingested(spark, source, since)
    there = set(landed(source, settings))
    names = [row[0] for row in wanted.select(frames.SOURCE_FILE).collect()]
    outcome.gone = sorted(name for name in names if unquote(name) not in there)
    names = sorted(set(names) - set(outcome.gone))
    tick(0, len(names), 0)
    if not names:
        return outcome
    outcome.files = len(names)
    uris = [unquote(name) for name in names]
    frame, outcome.undeclared = readers.read(spark, source, uris, settings)
    batch_id = bronze.next_batch_id(spark, source)
    # Its place in the order of deliveries is the one that the file had.
    rows = frame.join(F.broadcast(wanted), frames.SOURCE_FILE, "left").withColumn(
        "_batch_id", F.lit(batch_id).cast("bigint")
    )
    counts = Observation()
    forget_branch(spark, source)
    base = bronze.iceberg_table(spark, source).currentSnapshot().snapshotId()
    spark.sql(f"alter table {table} create branch {BRANCH} as of version {base}")
    try:
        _delete(spark, source, names)
        lock.check()
        writer = observed(rows, counts).writeTo(f"{table}.branch_{BRANCH}")
        bronze.marked(writer, batch=f"replay/{batch_id}", batch_id=batch_id).append()
        lock.check()
        _publish(spark, source, base)
    finally:
        with suppress(*SPARK_ERRORS, OSError):  # the next run removes it
            forget_branch(spark, source)
    readers.remove_scratch(source, settings)
    count(outcome, counts)
    tick(outcome.files, outcome.files, outcome.rows)
    return outcome


def _first_ingested(spark: SparkSession, source: Source, since: date | None) -> DataFrame:
    """`_source_file` and `_ingested_at` of the files that bronze has, held in memory."""
    found = (
        spark.table(bronze.table_name(source))
        .groupBy(frames.SOURCE_FILE)
        .agg(F.min("_ingested_at").alias("_ingested_at"))
    )
    if since is not None:
        found = found.where(F.to_date("_ingested_at") >= F.lit(since))
    # What is read must not change with what is written.
    return spark.createDataFrame(found.collect(), found.schema)


def _delete(spark: SparkSession, source: Source, names: list[str]) -> None:
    view = f"malha_replayed_{source.table}"
    spark.createDataFrame([(name,) for name in names], "name string").createOrReplaceTempView(view)
    table = f"{bronze.table_name(source)}.branch_{BRANCH}"
    wanted = f"{frames.SOURCE_FILE} in (select name from {view})"  # noqa: S608 - our own names
    spark.sql(f"delete from {table} where {wanted}")  # noqa: S608


def _publish(spark: SparkSession, source: Source, base: int) -> None:
    """Let the branch become the table."""
    name = f"{source.schema_name}.{source.table}"
    try:
        spark.sql(f"call lake.system.fast_forward('{name}', 'main', '{BRANCH}')")
    except SPARK_ERRORS as error:
        if bronze.iceberg_table(spark, source).currentSnapshot().snapshotId() == base:
            raise
        raise ReplayError(
            f"source {source.name}: {name} was changed by another program during the replay "
            f"({spark_reason(error)}): run it again"
        ) from error


def forget_branch(spark: SparkSession, source: Source) -> None:
    """Remove what a replay left that did not come to its end."""
    spark.sql(f"alter table {bronze.table_name(source)} drop branch if exists {BRANCH}")
