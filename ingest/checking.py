"""Whether files would be accepted, found out as a run would, without writing anything."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ingest import frames, readers
from ingest.errors import SPARK_ERRORS, DeliveryError, UnknownSourceError, damage, spark_reason
from ingest.files import owner, owner_of_path, uri_of
from ingest.landing import hidden
from ingest.session import spark_session
from malha import s3
from malha.console import errors
from malha.manifest import Source
from malha.settings import Settings


@dataclass(frozen=True)
class Checked:
    """What a run would do with a file."""

    file: str
    source: str
    problem: str = ""
    """Why it would not be accepted; empty where it would."""
    rows: int = 0
    corrupt_rows: int = 0
    columns: tuple[str, ...] = ()
    """Declared columns that have a value in some row."""
    empty: tuple[str, ...] = ()
    """Declared columns that have none."""
    undeclared: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return not self.problem


@dataclass(frozen=True)
class _Candidate:
    file: str
    uri: str
    source: Source


def check(
    names: Sequence[str], sources: Sequence[Source], settings: Settings, *, as_source: str = ""
) -> list[Checked]:
    """Check files, each a path of this machine, a path below the landing area, or a URI.

    Args:
        as_source: the name of the source that would read them; else their paths tell.

    Raises:
        UnknownSourceError: no source of `sources` reads such a file.
        IngestError: Spark does not start.
    """
    candidates = [_candidate(name, sources, settings, as_source) for name in names]
    # On this machine: an executor elsewhere would not see its files.
    here = settings.model_copy(update={"spark_master": "local[*]"})
    with _spark(here) as spark, tempfile.TemporaryDirectory() as scratch:
        return [
            _check(spark, candidate, settings, f"file://{scratch}/{number}")
            for number, candidate in enumerate(candidates)
        ]


@contextmanager
def _spark(settings: Settings) -> Iterator[SparkSession]:
    with errors.status("starting Spark") as status, spark_session(settings) as spark:
        status.update("reading")
        yield spark


def _candidate(
    name: str, sources: Sequence[Source], settings: Settings, as_source: str
) -> _Candidate:
    local = Path(name).resolve()
    is_local = "://" not in name and local.is_file()
    # As Spark writes it in its turn.
    uri = f"file:{local}" if is_local else uri_of(name, settings)
    if as_source:
        found = next((source for source in sources if source.name == as_source), None)
    elif is_local:
        found = owner_of_path(str(local), sources)
    else:
        found = owner(uri, sources, settings)
    if found is None:
        known = ", ".join(f"{source.name} at {source.landing.path}/" for source in sources)
        raise UnknownSourceError(
            f"{name}: no source reads it. There are {known}: put it below one of these paths, or "
            "say --source NAME"
        )
    return _Candidate(name, uri, found)


def _check(spark: SparkSession, one: _Candidate, settings: Settings, scratch: str) -> Checked:
    source = one.source
    if problem := _passed_over(one, settings):
        return Checked(one.file, source.name, problem)
    try:
        frame, undeclared = readers.read(spark, source, [one.uri], settings, scratch=scratch)
        counts = frame.agg(
            F.count(F.lit(1)),
            F.count(frames.CORRUPT),
            *(F.count(frames.quoted(name)) for name in source.columns),
        ).collect()[0]
    except DeliveryError as error:
        problem = error.problems.get(one.uri, str(error))
        return Checked(one.file, source.name, problem)
    except SPARK_ERRORS as error:
        problem = f"it cannot be read ({damage(error) or spark_reason(error)})"
        return Checked(one.file, source.name, problem)
    rows, corrupt, *filled = counts
    columns = dict(zip(source.columns, filled, strict=True))
    return Checked(
        one.file,
        source.name,
        rows=rows,
        corrupt_rows=corrupt,
        columns=tuple(name for name, values in columns.items() if values),
        empty=tuple(name for name, values in columns.items() if not values),
        undeclared=tuple(sorted(undeclared)),
    )


def _passed_over(one: _Candidate, settings: Settings) -> str:
    """Why a run would not even read a file; empty where it would."""
    path = one.uri.partition(f"/{one.source.landing.path}/")[2] or Path(one.uri).name
    if hidden(path):
        return "its name, or a folder's, begins with . or _: runs pass it over"
    if one.uri.startswith("file:"):
        size = Path(one.uri.removeprefix("file:")).stat().st_size
    else:
        bucket, key = s3.split_uri(one.uri)
        with s3.reporting(settings):
            found = s3.objects(s3.client(settings), bucket, key)
            sizes = [each["Size"] for each in found if each["Key"] == key]
        if not sizes:
            return f"there is no such file on this machine, and none at {one.uri}"
        size = sizes[0]
    return "" if size else "it has no bytes: runs pass it over"
