"""The bronze table of a source: an append-only Iceberg table of text columns."""

from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, DataFrameWriterV2, SparkSession
from pyspark.sql import functions as F

from ingest.frames import SOURCE_FILE
from malha.manifest import ADDED_COLUMNS, Source

# Kept with each commit: which batch of which stream it holds, and its number in the table.
_BATCH_PROPERTY = "malha.batch"
_BATCH_ID_PROPERTY = "malha.batch-id"

# The whole names of a data file's first and last source file: by default Iceberg keeps 16 letters
# of them, which are the same for all, and looking for a file would read every data file.
_PROPERTIES = {f"write.metadata.metrics.column.{SOURCE_FILE}": "full"}

# Iceberg looks at no more literals than this when it passes over data files.
_IN_LIMIT = 200


def table_name(source: Source) -> str:
    """The full name of the source's table."""
    return f"lake.`{source.schema_name}`.`{source.table}`"


def prepare(spark: SparkSession, source: Source) -> None:
    """Create the table where it does not exist, and add the columns declared since it did."""
    wanted = dict.fromkeys(source.columns, "string") | ADDED_COLUMNS
    columns = ", ".join(f"`{name}` {data_type}" for name, data_type in wanted.items())
    properties = ", ".join(f"'{key}' = '{value}'" for key, value in _PROPERTIES.items())
    table = table_name(source)
    if not spark.catalog.tableExists(table):
        spark.sql(f"create namespace if not exists lake.`{source.schema_name}`")
        spark.sql(
            f"create table if not exists {table} ({columns}) using iceberg "
            f"tblproperties ('format-version' = '2', {properties})"
        )
    found = iceberg_table(spark, source)
    missing = [name for name in wanted if found.schema().caseInsensitiveFindField(name) is None]
    if missing:
        added = ", ".join(f"`{name}` {wanted[name]}" for name in missing)
        spark.sql(f"alter table {table} add columns ({added})")
    if any(found.properties().get(key) != value for key, value in _PROPERTIES.items()):
        spark.sql(f"alter table {table} set tblproperties ({properties})")


def iceberg_table(spark: SparkSession, source: Source) -> Any:
    """Iceberg's own view of the table, as it is now (an org.apache.iceberg.Table)."""
    jvm: Any = spark._jvm
    return jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(
        spark._jsparkSession, table_name(source)
    )


def ingested(spark: SparkSession, source: Source, names: Sequence[str]) -> set[str]:
    """Which of these values of `_source_file` the table has.

    A batch is committed whole or not at all. So this alone tells whether a batch that runs again
    was committed before, whatever became of snapshots and checkpoints since.
    """
    if not names or iceberg_table(spark, source).currentSnapshot() is None:
        return set()
    file = F.col(SOURCE_FILE)
    wanted = file.between(min(names), max(names))
    if len(names) <= _IN_LIMIT:
        wanted &= file.isin(*names)
    rows = spark.table(table_name(source)).where(wanted).select(file).distinct().collect()
    return {row[0] for row in rows} & set(names)


def next_batch_id(spark: SparkSession, source: Source) -> int:
    """One more than the greatest `_batch_id` that the table ever had."""
    table = iceberg_table(spark, source)
    snapshot = table.currentSnapshot()
    if snapshot is None:
        return 1
    while snapshot is not None:
        if (number := snapshot.summary().get(_BATCH_ID_PROPERTY)) is not None:
            return int(number) + 1
        parent = snapshot.parentId()
        snapshot = None if parent is None else table.snapshot(parent)
    greatest = spark.table(table_name(source)).select(F.max("_batch_id")).first()
    return (greatest[0] if greatest and greatest[0] is not None else 0) + 1


def append(frame: DataFrame, source: Source, *, batch: str, batch_id: int) -> None:
    """Append the rows in one commit, marked with the batch."""
    rows = frame.withColumns(
        {"_ingested_at": F.current_timestamp(), "_batch_id": F.lit(batch_id).cast("bigint")}
    )
    marked(rows.writeTo(table_name(source)), batch=batch, batch_id=batch_id).append()


def marked(writer: DataFrameWriterV2, *, batch: str, batch_id: int) -> DataFrameWriterV2:
    """The writer of a commit that says which batch it holds."""
    return writer.option(f"snapshot-property.{_BATCH_PROPERTY}", batch).option(
        f"snapshot-property.{_BATCH_ID_PROPERTY}", str(batch_id)
    )
