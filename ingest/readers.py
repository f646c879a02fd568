"""A batch of landing files as one DataFrame: declared columns as text, the others in a map."""

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from ingest.csv_files import read_csv
from ingest.errors import SPARK_ERRORS, DeliveryError, damage, spark_reason
from ingest.frames import POSITION, arranged, order_key, quoted, reader, source_file
from ingest.json_lines import read_json
from ingest.landing import Delivery, check_columns, csv_headers
from malha import s3
from malha.manifest import Source
from malha.settings import Settings

# 1.234,56 or 1234,56 or 1234
_DECIMAL_COMMA = r"^\s*[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?\s*$"


def read(
    spark: SparkSession,
    source: Source,
    uris: Sequence[str],
    settings: Settings,
    *,
    scratch: str | None = None,
) -> tuple[DataFrame, set[str]]:
    """Read files of a source.

    Args:
        scratch: the URI of a folder for copies of what has to be put in order before it is read;
            by default one that `remove_scratch` removes.

    Returns:
        A lazy DataFrame with the source's columns, all string, `_extra` (what the row has in
        undeclared columns, null where that is nothing), `_corrupt` (the raw line where it did not
        parse, else null), `_source_file`, `_position` and `_order_key`; and the undeclared columns
        that the files have.

    Raises:
        DeliveryError: a file lacks a declared column or cannot be read.
    """
    undeclared: set[str] = set()
    match source.landing.format:
        case "csv":
            deliveries = csv_headers(source, uris, settings)
            undeclared = check_columns(source, deliveries)
            frame = read_csv(spark, source, deliveries)
        case "json":
            frame, undeclared = read_json(
                spark, source, uris, scratch or scratch_uri(source, settings)
            )
        case "parquet":
            frame, undeclared = _read_parquet(spark, source, uris)
    numbers = {name: _decimal_point(name) for name in source.landing.decimal_comma}
    if numbers:
        frame = frame.withColumns(numbers)
    return frame.select("*", order_key(source)), undeclared


def scratch_uri(source: Source, settings: Settings) -> str:
    """Where what has to be put in order before it is read is copied to."""
    return f"{settings.checkpoint_uri}/{source.name}/scratch"


def remove_scratch(source: Source, settings: Settings) -> None:
    """Remove what was copied; its frame has been read."""
    if source.landing.format == "json":
        s3.remove_all(scratch_uri(source, settings), settings)


def _decimal_point(name: str) -> Column:
    """A number with a decimal comma as one with a point; what is no such number stays."""
    column = F.col(quoted(name))
    number = F.translate(F.trim(column), ",.", ".")
    return F.when(column.rlike(_DECIMAL_COMMA), number).otherwise(column)


def _read_parquet(
    spark: SparkSession, source: Source, uris: Sequence[str]
) -> tuple[DataFrame, set[str]]:
    found: dict[str, DataFrame] = {}
    problems: dict[str, str] = {}
    for uri in uris:
        try:
            found[uri] = reader(spark).parquet(uri)
        except SPARK_ERRORS as error:
            problem = (
                f"it cannot be read as Parquet ({spark_reason(error)}): deliver it again or "
                "remove it"
            )
            if not damage(error):
                raise DeliveryError(f"{uri}: {problem}") from error
            problems[uri] = problem
    deliveries = [Delivery(uri, tuple(frame.columns)) for uri, frame in found.items()]
    undeclared = check_columns(source, deliveries, problems)
    place = F.col("_metadata.row_index").alias(POSITION)
    frames = []
    for frame in found.values():
        text = {field.name: _as_text(field.name, field.dataType) for field in frame.schema}
        corrupt = F.lit(None).cast("string")
        frames.append(frame.select(*arranged(source, text, corrupt), source_file(), place))
    return reduce(DataFrame.unionByName, frames), undeclared


def _as_text(name: str, data_type: DataType) -> Column:
    column = F.col(quoted(name))
    if isinstance(data_type, ArrayType | MapType | StructType):
        return F.to_json(column)
    return column.cast("string")
