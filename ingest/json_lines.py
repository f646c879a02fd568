"""JSON lines as a DataFrame: each an object or an array of objects, values as they are written.

Only Spark's reader of JSON files keeps a number's digits. It reads only the keys that it is told,
and of each line only the first value: of `{"a": 1} {"a": 2}` it would never see the second object.
So all lines are read as text first, for their keys and for what that reader would lose. Files that
have such lines, or bytes that are not UTF-8, are then read from a copy, in which every good line is
a member of an object and every other one a text.
"""

import uuid
from collections.abc import Sequence
from functools import reduce
from urllib.parse import unquote

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, LongType, StringType, StructField, StructType

from ingest.errors import DeliveryError
from ingest.frames import (
    POSITION,
    SOURCE_FILE,
    arranged,
    as_latin_1,
    position,
    position_in_line,
    quoted,
    readable_together,
    reader,
    source_file,
)
from malha.manifest import Source

# No key of a delivered object.
_CORRUPT_JSON = "malha: corrupt record"


def read_json(
    spark: SparkSession, source: Source, uris: Sequence[str], scratch: str
) -> tuple[DataFrame, set[str]]:
    """Read files of JSON lines.

    Args:
        scratch: the URI of a folder for copies; the caller removes it once the frame is read.

    Returns:
        A lazy DataFrame, and the undeclared keys that the files have.

    Raises:
        DeliveryError: two keys differ by case only.
    """
    lines = _judged(spark, uris)
    keys, doubtful = _keys_and_doubtful(lines)
    undeclared = keys - set(source.columns)
    names = [*source.columns, *sorted(undeclared)]
    if alike := _alike(names):
        raise DeliveryError.of(_with_keys(lines, alike))
    frames = []
    if doubtful:
        _copy(_judged(spark, sorted(doubtful)), scratch)
        frames.append(_read_copy(spark, source, names, scratch))
    schema = _strings([*names, _CORRUPT_JSON])
    options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": _CORRUPT_JSON}
    text = {name: F.col(quoted(name)) for name in names}
    columns = [*arranged(source, text, F.col(_CORRUPT_JSON)), source_file(), position()]
    for group in readable_together([uri for uri in uris if uri not in doubtful]):
        frames.append(reader(spark).options(**options).schema(schema).json(group).select(*columns))
    return reduce(DataFrame.unionByName, frames), undeclared


def _alike(names: Sequence[str]) -> dict[str, str]:
    """The names that differ by case only from one before them, and that one."""
    first: dict[str, str] = {}
    pairs = [(name, first.setdefault(name.casefold(), name)) for name in names]
    return {name: before for name, before in pairs if name != before}


def _with_keys(lines: DataFrame, alike: dict[str, str]) -> dict[str, str]:
    """What is to be said of each file that has one of these keys, by its URI."""
    key = F.explode(_keys()).alias("key")
    found = lines.select(SOURCE_FILE, key).where(F.col("key").isin(*alike)).distinct().collect()
    return {
        unquote(row[SOURCE_FILE]): f"its key {row['key']} differs by case only from "
        f"{alike[row['key']]}: deliver it again with that name"
        for row in found
    }


def _keys() -> Column:
    """The keys of a judged line's objects."""
    return F.flatten(F.transform("objects", lambda found: F.map_keys(found)))


def _strings(names: Sequence[str]) -> StructType:
    return StructType([StructField(name, StringType()) for name in names])


def _judged(spark: SparkSession, uris: Sequence[str]) -> DataFrame:
    """The lines of files, without blank ones.

    `objects` are those of a line that is UTF-8 and has one object, or one array of objects, and
    nothing else; null for any other. `lost` says that Spark's reader of JSON would take a part of
    such another line for the whole of it, or could not show it as it is.
    """
    value, objects = F.col("value"), F.get("parsed", 0)
    is_array = value.rlike(r"^[ \t]*\[")
    # With something after it that nobody could have written, a line ends where it should, or what
    # is parsed is not what was put together.
    end = uuid.uuid4().hex
    whole = F.concat(
        F.lit("["),
        F.when(is_array, value).otherwise(F.concat(F.lit("["), value, F.lit("]"))),
        F.lit(f',[{{"{end}":""}}]]'),
    )
    ends = F.map_contains_key(F.get(F.get("parsed", 1), 0), end) & (F.size("parsed") == 2)
    one = is_array | (F.size(objects) == 1)
    good = F.col("valid") & ends & one & F.forall(objects, lambda found: found.isNotNull())
    first = F.when(is_array, F.from_json(value, "array<map<string,string>>")).otherwise(
        F.array(F.from_json(value, "map<string,string>"))
    )
    taken = F.coalesce(F.forall(first, lambda found: found.isNotNull()), F.lit(False))
    lines = reduce(
        DataFrame.unionByName,
        [
            reader(spark).text(group).select("value", source_file(), position())
            for group in readable_together(uris)
        ],
    )
    return (
        lines.where(~value.rlike(r"^[ \t\r]*$"))
        .withColumns(
            {
                "is_array": is_array,
                "valid": F.is_valid_utf8(value),
                "parsed": F.from_json(whole, "array<array<map<string,string>>>"),
            }
        )
        .withColumn("objects", F.when(good, objects))
        .withColumn("lost", F.col("objects").isNull() & (~F.col("valid") | taken))
    )


def _keys_and_doubtful(lines: DataFrame) -> tuple[set[str], set[str]]:
    """The keys of all objects, and the URIs of files that have a line which would be lost."""

    def entry(key: Column, file: Column) -> Column:
        return F.struct(key.alias("key"), file.alias("file"))

    nothing = F.lit(None).cast("string")
    entries = F.when(F.col("lost"), F.array(entry(nothing, F.col(SOURCE_FILE)))).otherwise(
        F.transform(_keys(), lambda key: entry(key, nothing))
    )
    found = lines.select(F.explode(entries).alias("found")).distinct().collect()
    pairs = [row["found"] for row in found]
    return (
        {pair["key"] for pair in pairs if pair["file"] is None},
        {unquote(pair["file"]) for pair in pairs if pair["file"] is not None},
    )


def _copy(lines: DataFrame, scratch: str) -> None:
    """Write lines so that Spark's reader of JSON takes each for what it is."""
    origin = (F.col(SOURCE_FILE).alias("file"), F.col(POSITION).alias("line"))
    value = F.when(F.col("valid"), F.col("value")).otherwise(as_latin_1(F.col("value")))
    beginning = F.rtrim(F.to_json(F.struct(*origin)), F.lit("}"))
    member = F.when(F.col("is_array"), F.lit(',"array":')).otherwise(F.lit(',"object":'))
    good = F.concat(beginning, member, F.col("value"), F.lit("}"))
    corrupt = F.to_json(F.struct(*origin, value.alias("corrupt")))
    lines.select(F.when(F.col("objects").isNull(), corrupt).otherwise(good)).write.mode(
        "overwrite"
    ).text(scratch)


def _read_copy(
    spark: SparkSession, source: Source, names: Sequence[str], scratch: str
) -> DataFrame:
    one = _strings(names)
    schema = StructType(
        [
            StructField("file", StringType()),
            StructField("line", LongType()),
            StructField("object", one),
            StructField("array", ArrayType(one)),
            StructField("corrupt", StringType()),
        ]
    )
    copy = spark.read.schema(schema).json(scratch, mode="FAILFAST")
    objects = F.coalesce(F.col("array"), F.array(F.col("object")))
    rows = copy.select("file", "line", "corrupt", F.posexplode(objects).alias("number", "row"))
    text = {name: F.col(f"row.{quoted(name)}") for name in names}
    columns = arranged(source, text, F.col("corrupt"))
    place = position_in_line(F.col("line"), F.col("number"))
    return rows.select(*columns, F.col("file").alias(SOURCE_FILE), place)
