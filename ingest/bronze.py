"""The bronze table of a source: an append-only Iceberg table of text columns."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from malha.manifest import ADDED_COLUMNS, Source

# Iceberg keeps this with each commit, so that a batch that runs again is not appended again.
_BATCH_PROPERTY = "malha.batch"


def table_name(source: Source) -> str:
    """The full name of the source's table."""
    return f"lake.`{source.schema_name}`.`{source.table}`"


def prepare(spark: SparkSession, source: Source) -> None:
    """Create the table where it does not exist, and add the columns declared since it did."""
    wanted = dict.fromkeys(source.columns, "string") | ADDED_COLUMNS
    columns = ", ".join(f"`{name}` {data_type}" for name, data_type in wanted.items())
    table = table_name(source)
    spark.sql(f"create namespace if not exists lake.`{source.schema_name}`")
    spark.sql(f"create table if not exists {table} ({columns}) using iceberg")
    missing = [name for name in wanted if name not in spark.table(table).columns]
    if missing:
        added = ", ".join(f"`{name}` {wanted[name]}" for name in missing)
        spark.sql(f"alter table {table} add columns ({added})")


def has_batch(spark: SparkSession, source: Source, batch: str) -> bool:
    """Whether a commit of the table already holds this batch."""
    snapshots = spark.table(f"{table_name(source)}.snapshots")
    return not snapshots.where(F.col("summary")[_BATCH_PROPERTY] == batch).isEmpty()


def append(frame: DataFrame, source: Source, *, batch: str, batch_id: int) -> None:
    """Append the rows in one commit, marked with the batch."""
    rows = frame.withColumns(
        {"_ingested_at": F.current_timestamp(), "_batch_id": F.lit(batch_id).cast("bigint")}
    )
    writer = rows.writeTo(table_name(source)).option(f"snapshot-property.{_BATCH_PROPERTY}", batch)
    writer.append()
