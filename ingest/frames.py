"""What the frames of all formats have in common: how files are read, and which columns come out."""

import re
from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrameReader, SparkSession
from pyspark.sql import functions as F

from malha.manifest import Source

CORRUPT = "_corrupt"
EXTRA = "_extra"
SOURCE_FILE = "_source_file"
POSITION = "_position"
ORDER_KEY = "_order_key"

# Tasks count their rows, and never come near so many.
_COUNTER_BITS = 33
# Of a number that counts lines, so many bits are left to count what one line has.
_LINE_BITS = 12

# What Hadoop takes for a sign of a pattern.
_PATTERN = re.compile(r"[{}\[\]*?\\]")


def reader(spark: SparkSession) -> DataFrameReader:
    """A reader of files by their names; a name is itself, never a pattern."""
    return spark.read.option("__globPaths__", "false")


def readable_together(uris: Sequence[str]) -> list[list[str]]:
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


def position() -> Column:
    """A number that rises with the place of a row in its file.

    Spark splits text files among tasks, none of which knows how many rows those before it have. So
    it is made of where a task's part begins, in MiB since parts are no smaller, and of the number
    that the row has in the task. A file that one task reads has 0, 1, 2, … or goes on from another
    file's last number.
    """
    part = F.shiftright(F.col("_metadata.file_block_start"), 20)
    counter = F.monotonically_increasing_id().bitwiseAND(F.lit((1 << _COUNTER_BITS) - 1))
    return F.shiftleft(part, _COUNTER_BITS).bitwiseOR(counter).alias(POSITION)


def position_in_line(line: Column, number: Column) -> Column:
    """The position of the rows of a line, given that of the line and their numbers in it."""
    row = F.least(number, F.lit((1 << _LINE_BITS) - 1)).cast("bigint")
    return F.shiftleft(line, _LINE_BITS).bitwiseOR(row).alias(POSITION)


def order_key(source: Source) -> Column:
    """The text by which the source declares that its deliveries are ordered; null without one."""
    names = source.landing.order_by
    texts = [F.coalesce(F.col(quoted(name)), F.lit("")) for name in names]
    key = F.concat_ws("\x01", *texts) if names else F.lit(None).cast("string")
    return key.alias(ORDER_KEY)


def quoted(name: str) -> str:
    """A name as Spark's SQL takes it, whatever letters it has."""
    return "`" + name.replace("`", "``") + "`"


def as_latin_1(text: Column) -> Column:
    """A text's bytes, one letter each: so what is not UTF-8 can be shown, and none is lost."""
    return F.decode(text.cast("binary"), "ISO-8859-1")


def arranged(source: Source, text: Mapping[str, Column], corrupt: Column) -> list[Column]:
    """The declared columns, `_extra` and `_corrupt`, given the columns of a file by name."""
    extra = {name: column for name, column in text.items() if name not in source.columns}
    entries = [part for name, column in extra.items() for part in (F.lit(name), column)]
    undeclared = _non_empty(F.create_map(*entries)) if extra else F.lit(None)
    return [
        *(text[name].alias(name) for name in source.columns),
        undeclared.cast("map<string,string>").alias(EXTRA),
        corrupt.alias(CORRUPT),
    ]


def _non_empty(entries: Column) -> Column:
    """A map without its null values; null where nothing is left."""
    kept = F.map_filter(entries, lambda _, value: value.isNotNull())
    return F.when(F.size(kept) > 0, kept)
