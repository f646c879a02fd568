"""CSV files as a DataFrame, matched by the names in each one's header.

Spark puts U+FFFD wherever bytes are not UTF-8, which could also have been delivered. So it is told
that files are in ISO-8859-1, in which each byte is a letter, and values are made UTF-8 afterwards:
those whose bytes are not make their line corrupt.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from ingest.frames import (
    CORRUPT,
    POSITION,
    SOURCE_FILE,
    arranged,
    position,
    readable_together,
    reader,
    source_file,
)
from ingest.landing import Delivery
from malha.manifest import Source

_BYTEWISE = "iso-8859-1"


def read_csv(spark: SparkSession, source: Source, deliveries: Sequence[Delivery]) -> DataFrame:
    """Read CSV files.

    Spark matches columns by position, so files are read together only where their headers agree.
    """
    by_header: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for delivery in deliveries:
        by_header[delivery.columns].append(delivery.uri)
    landing = source.landing
    # As it is in the file, byte for byte.
    separator = landing.separator.encode(landing.encoding).decode(_BYTEWISE)
    csv = reader(spark).options(
        header=True,
        sep=separator,
        encoding=_BYTEWISE,
        multiLine=landing.multiline,
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
        for group in readable_together(uris):
            frame = csv.schema(schema).csv(group)
            frame = frame.select(*fields, CORRUPT, source_file(), position())
            if landing.encoding != _BYTEWISE:
                frame = _decoded(frame, fields, separator)
            frames.append(
                frame.select(*arranged(source, text, F.col(CORRUPT)), SOURCE_FILE, POSITION)
            )
    return reduce(DataFrame.unionByName, frames)


def _decoded(frame: DataFrame, fields: Sequence[str], separator: str) -> DataFrame:
    """Rows as UTF-8; a value that is not is null, and its line is kept, each byte as a letter."""
    names = [*fields, CORRUPT]
    decoded = frame.select("*", *(_as_utf_8(F.col(name)).alias(f"utf_8_{name}") for name in names))
    text = {name: F.col(f"utf_8_{name}") for name in names}
    valid = {name: F.coalesce(F.is_valid_utf8(text[name]), F.lit(True)) for name in names}
    all_valid = reduce(Column.__and__, (valid[name] for name in fields))
    line = F.concat_ws(separator, *(_quoted(name, separator) for name in fields))
    corrupt = (
        F.when(~valid[CORRUPT], F.col(CORRUPT))
        .when(text[CORRUPT].isNotNull(), text[CORRUPT])
        .when(~all_valid, line)
    )
    return decoded.select(
        *(F.when(valid[name], text[name]).alias(name) for name in fields),
        corrupt.alias(CORRUPT),
        SOURCE_FILE,
        POSITION,
    )


def _as_utf_8(column: Column) -> Column:
    """The value whose bytes are these letters; where all are ASCII, it is itself."""
    ascii_only = F.length(column) == F.octet_length(column)
    return F.when(ascii_only, column).otherwise(F.encode(column, _BYTEWISE).cast("string"))


def _quoted(name: str, separator: str) -> Column:
    """A field as CSV has it, with quotes where it needs them."""
    column = F.coalesce(F.col(name), F.lit(""))
    signs = (separator, '"', "\n", "\r")
    special = reduce(Column.__or__, (column.contains(sign) for sign in signs))
    doubled = F.replace(column, F.lit('"'), F.lit('""'))
    return F.when(special, F.concat(F.lit('"'), doubled, F.lit('"'))).otherwise(column)
