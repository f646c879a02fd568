"""A batch of landing files as one DataFrame: the declared columns as text, and `_corrupt`."""

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StringType, StructField, StructType

from ingest.errors import SPARK_ERRORS, DeliveryError, spark_reason
from ingest.landing import Delivery, check_columns, csv_headers
from malha.manifest import Source
from malha.settings import Settings

CORRUPT = "_corrupt"


def read(
    spark: SparkSession, source: Source, uris: Sequence[str], settings: Settings
) -> tuple[DataFrame, set[str]]:
    """Read files of a source.

    Returns:
        A lazy DataFrame with the source's columns, all string, `_corrupt` (the raw line where it
        did not parse, else null) and `_source_file`; and the undeclared columns that the files
        have, which are left out.

    Raises:
        DeliveryError: a file lacks a declared column or cannot be read.
    """
    match source.landing.format:
        case "csv":
            return _read_csv(spark, source, csv_headers(uris, settings))
        case "json":
            return _select(_read_json(spark, source, uris), source), set()
        case "parquet":
            return _read_parquet(spark, source, uris)


def _reader(spark: SparkSession) -> DataFrameReader:
    # A file's name is itself, never a pattern.
    return spark.read.option("__globPaths__", "false")


def _text_schema(columns: Sequence[str]) -> StructType:
    return StructType([StructField(name, StringType()) for name in (*columns, CORRUPT)])


def _source_file() -> Column:
    return F.col("_metadata.file_path").alias("_source_file")


def _select(frame: DataFrame, source: Source) -> DataFrame:
    return frame.select(
        *(F.col(f"`{name}`") for name in source.columns),
        F.col(CORRUPT),
        _source_file(),
    )


def _read_csv(
    spark: SparkSession, source: Source, deliveries: Sequence[Delivery]
) -> tuple[DataFrame, set[str]]:
    """Read CSV files by the names in each one's header.

    Spark matches columns by position, so files are read together only where their headers agree.
    """
    undeclared = check_columns(source, deliveries)
    by_header: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for delivery in deliveries:
        by_header[delivery.columns].append(delivery.uri)
    reader = _reader(spark).options(
        header=True,
        escape='"',
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=CORRUPT,
        # With it, a line with too many or too few fields goes unnoticed wherever the file has a
        # column that is not selected.
        columnPruning=False,
    )
    frames = [
        _select(reader.schema(_text_schema(header)).csv(uris), source)
        for header, uris in by_header.items()
    ]
    return reduce(DataFrame.unionByName, frames), undeclared


def _read_json(spark: SparkSession, source: Source, uris: Sequence[str]) -> DataFrame:
    return (
        _reader(spark)
        .options(mode="PERMISSIVE", columnNameOfCorruptRecord=CORRUPT)
        .schema(_text_schema(source.columns))
        .json(list(uris))
    )


def _read_parquet(
    spark: SparkSession, source: Source, uris: Sequence[str]
) -> tuple[DataFrame, set[str]]:
    frames = []
    undeclared: set[str] = set()
    for uri in uris:
        try:
            frame = _reader(spark).parquet(uri)
        except SPARK_ERRORS as error:
            raise DeliveryError(
                f"{uri}: it cannot be read as Parquet ({spark_reason(error)}): "
                "deliver it again or remove it"
            ) from error
        undeclared |= check_columns(source, [Delivery(uri, tuple(frame.columns))])
        typed = {field.name: field.dataType for field in frame.schema}
        text = [_as_text(name, typed[name]) for name in source.columns]
        corrupt = F.lit(None).cast("string").alias(CORRUPT)
        frames.append(frame.select(*text, corrupt, _source_file()))
    return reduce(DataFrame.unionByName, frames), undeclared


def _as_text(name: str, data_type: DataType) -> Column:
    column = F.col(f"`{name}`")
    if isinstance(data_type, ArrayType | MapType | StructType):
        return F.to_json(column).alias(name)
    return column.cast("string").alias(name)
