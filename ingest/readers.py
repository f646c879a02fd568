"""A batch of landing files as one DataFrame: declared columns as text, the others in a map."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StringType, StructField, StructType

from ingest.errors import SPARK_ERRORS, DeliveryError, spark_reason
from ingest.landing import Delivery, check_columns, csv_headers
from malha.manifest import Source
from malha.settings import Settings

CORRUPT = "_corrupt"
EXTRA = "_extra"
SOURCE_FILE = "_source_file"

# 1.234,56 or 1234,56 or 1234
_DECIMAL_COMMA = r"^\s*[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?\s*$"


# What Hadoop takes for a sign of a pattern.
_PATTERN = re.compile(r"[{}\[\]*?\\]")

# No key of a delivered object.
_CORRUPT_JSON = "malha: corrupt record"


def read(
    spark: SparkSession, source: Source, uris: Sequence[str], settings: Settings
) -> tuple[DataFrame, set[str]]:
    """Read files of a source.

    Returns:
        A lazy DataFrame with the source's columns, all string, `_extra` (what the row has in
        undeclared columns, null where that is nothing), `_corrupt` (the raw line where it did not
        parse, else null) and `_source_file`; and the undeclared columns that the files have.

    Raises:
        DeliveryError: a file lacks a declared column or cannot be read.
    """
    undeclared: set[str] = set()
    match source.landing.format:
        case "csv":
            deliveries = csv_headers(source, uris, settings)
            undeclared = check_columns(source, deliveries)
            frame = _read_csv(spark, source, deliveries)
        case "json":
            frame, undeclared = _read_json(spark, source, uris)
        case "parquet":
            frame, undeclared = _read_parquet(spark, source, uris)
    numbers = {name: _decimal_point(name) for name in source.landing.decimal_comma}
    return frame.withColumns(numbers) if numbers else frame, undeclared


def _decimal_point(name: str) -> Column:
    """A number with a decimal comma as one with a point; what is no such number stays."""
    column = F.col(f"`{name}`")
    number = F.translate(F.trim(column), ",.", ".")
    return F.when(column.rlike(_DECIMAL_COMMA), number).otherwise(column)


def _reader(spark: SparkSession) -> DataFrameReader:
    # A file's name is itself, never a pattern.
    return spark.read.option("__globPaths__", "false")


def _readable_together(uris: Sequence[str]) -> list[list[str]]:
    """Group files so that Spark reads each once.

    Where a name could be a pattern, Spark adds all files of the same read once more for it, also
    when it has been told that names are no patterns (DataSource.checkAndGlobPathIfNecessary).
    """
    plain = [uri for uri in uris if not _PATTERN.search(uri)]
    alone = [[uri] for uri in uris if _PATTERN.search(uri)]
    return [plain, *alone] if plain else alone


def source_file() -> Column:
    """The URI of a row's file, with the escapes of a URI."""
    return F.col("_metadata.file_path").alias(SOURCE_FILE)


def _non_empty(entries: Column) -> Column:
    """A map without its null values; null where nothing is left."""
    kept = F.map_filter(entries, lambda _, value: value.isNotNull())
    return F.when(F.size(kept) > 0, kept)


def _arranged(source: Source, text: Mapping[str, Column], corrupt: Column) -> list[Column]:
    """The columns of a batch, given those of a file by name."""
    extra = {name: column for name, column in text.items() if name not in source.columns}
    entries = [part for name, column in extra.items() for part in (F.lit(name), column)]
    undeclared = _non_empty(F.create_map(*entries)) if extra else F.lit(None)
    return [
        *(text[name].alias(name) for name in source.columns),
        undeclared.cast("map<string,string>").alias(EXTRA),
        corrupt.alias(CORRUPT),
        source_file(),
    ]


def _read_csv(spark: SparkSession, source: Source, deliveries: Sequence[Delivery]) -> DataFrame:
    """Read CSV files by the names in each one's header.

    Spark matches columns by position, so files are read together only where their headers agree.
    """
    by_header: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for delivery in deliveries:
        by_header[delivery.columns].append(delivery.uri)
    reader = _reader(spark).options(
        header=True,
        sep=source.landing.separator,
        encoding=source.landing.encoding,
        multiLine=source.landing.multiline,
        escape='"',
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=CORRUPT,
        # With it, a line with too many or too few fields goes unnoticed wherever the file has a
        # column that is not selected.
        columnPruning=False,
    )
    frames = []
    for header, uris in by_header.items():
        # Names of no one's choice: a file's own may differ by case only, or be `_corrupt`.
        fields = [f"c{position}" for position in range(len(header))]
        schema = StructType([StructField(name, StringType()) for name in (*fields, CORRUPT)])
        text = {name: F.col(field) for name, field in zip(header, fields, strict=True)}
        for group in _readable_together(uris):
            frame = reader.schema(schema).csv(group)
            frames.append(frame.select(*_arranged(source, text, F.col(CORRUPT))))
    return reduce(DataFrame.unionByName, frames)


def _read_json(
    spark: SparkSession, source: Source, uris: Sequence[str]
) -> tuple[DataFrame, set[str]]:
    """Read JSON lines, each an object or an array of objects, values as they are written.

    Only Spark's reader of JSON files keeps a number's digits, and it reads only the keys that it is
    told. So the lines are read twice, for their keys first.
    """
    groups = _readable_together(uris)
    undeclared = _json_keys(spark, groups) - set(source.columns)
    names = [*source.columns, *sorted(undeclared)]
    folded = Counter(name.casefold() for name in names)
    if alike := [name for name in names if folded[name.casefold()] > 1]:
        raise DeliveryError(
            f"source {source.name}: the keys {', '.join(alike)} differ by case only "
            f"(in {uris[0]} or a file after it): deliver it again with one of them"
        )
    schema = StructType([StructField(name, StringType()) for name in (*names, _CORRUPT_JSON)])
    reader = _reader(spark).options(mode="PERMISSIVE", columnNameOfCorruptRecord=_CORRUPT_JSON)
    text = {name: F.col(f"`{name}`") for name in names}
    frames = [
        reader.schema(schema).json(group).select(*_arranged(source, text, F.col(_CORRUPT_JSON)))
        for group in groups
    ]
    return reduce(DataFrame.unionByName, frames), undeclared


def _json_keys(spark: SparkSession, groups: Sequence[list[str]]) -> set[str]:
    """The keys of all objects that can be parsed."""
    lines = reduce(DataFrame.unionByName, [_reader(spark).text(group) for group in groups])
    line = F.col("value")
    array = F.when(F.ltrim(line).startswith("["), line).otherwise(
        F.concat(F.lit("["), line, F.lit("]"))
    )
    objects = lines.select(F.explode(F.from_json(array, "array<map<string,string>>")).alias("o"))
    keys = objects.select(F.explode(F.map_keys("o"))).distinct()
    return {row[0] for row in keys.collect()}


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
        text = {field.name: _as_text(field.name, field.dataType) for field in frame.schema}
        corrupt = F.lit(None).cast("string")
        frames.append(frame.select(*_arranged(source, text, corrupt)))
    return reduce(DataFrame.unionByName, frames), undeclared


def _as_text(name: str, data_type: DataType) -> Column:
    column = F.col(f"`{name}`")
    if isinstance(data_type, ArrayType | MapType | StructType):
        return F.to_json(column)
    return column.cast("string")
