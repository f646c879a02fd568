"""One run of a source: whatever landed since the last run, in one batch and one commit.

Spark's file source decides which files are new and remembers them in the source's checkpoint; it
reads only their names. The files' contents are read by `ingest.readers`, which can look at each
header first. A batch that a crash left undone runs again, without the files whose rows bronze has.
"""

import threading
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import unquote

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, LongType, StringType, StructType, TimestampType

from ingest import bronze, frames, readers
from ingest.errors import (
    SPARK_ERRORS,
    DeliveryError,
    IngestError,
    damage,
    damaged_file,
    spark_reason,
)
from ingest.files import set_aside
from ingest.landing import has_landed, landing_uri
from ingest.lock import Lock, exclusive
from ingest.outcomes import Outcome, Tick
from ingest.session import jvm_pid, log_path
from malha.errors import MalhaError
from malha.manifest import Source
from malha.settings import Settings

# What Spark's binaryFile source offers; only the path is used, so no content is read.
_FILE_SCHEMA = (
    StructType()
    .add("path", StringType())
    .add("modificationTime", TimestampType())
    .add("length", LongType())
    .add("content", BinaryType())
)


# Tables are made one after the other: their folders, made side by side in a new schema, have been
# seen to lose a file on the embedded store.
_PREPARING = threading.Lock()


class SourceRun:
    """A run of one source; `outcome` counts what it has committed so far.

    Args:
        sets_aside: whether files that cannot be accepted are moved out of the way.
    """

    def __init__(
        self,
        spark: SparkSession,
        source: Source,
        settings: Settings,
        *,
        sets_aside: bool = False,
    ) -> None:
        self.outcome = Outcome()
        self._spark = spark
        self._source = source
        self._settings = settings
        self._sets_aside = sets_aside
        self._began = datetime.now(UTC)
        self._found = 0
        """How many files there are to read."""
        self._rows = 0
        """How many rows were read; a stage that has ended is not asked any more."""
        self._error: Exception | None = None

    def run(self, tick: Tick) -> Outcome:
        """Ingest what is new, calling `tick` with the counts so far as it goes.

        `tick` may raise to stop the run; what is not committed by then is not written.

        Raises:
            DeliveryError: a file cannot be accepted; the table is as it was.
            LockedError: another run of the source is under way.
            IngestError: Spark failed; the next run does what this one did not.
        """
        try:
            with exclusive(self._source, self._settings, pids=[jvm_pid(self._spark)]) as lock:
                assert lock is not None  # noqa: S101 - only without the metastore
                self._run(lock, tick)
        except SPARK_ERRORS as error:
            cause = self._error or error
            if isinstance(cause, MalhaError):
                raise cause from None
            raise IngestError(
                f"source {self._source.name}: {spark_reason(cause)}: run it again; "
                f"{log_path(self._settings)} has more"
            ) from error
        tick(self.outcome.files, self.outcome.files, self.outcome.rows)
        return self.outcome

    def _run(self, lock: Lock, tick: Tick) -> None:
        with _PREPARING:
            bronze.prepare(self._spark, self._source)
        if not has_landed(self._source, self._settings):
            return  # Spark takes a folder that is not there for a mistake
        files = (
            self._spark.readStream.format("binaryFile")
            .schema(_FILE_SCHEMA)
            .option("recursiveFileLookup", "true")
            # By default Spark forgets a file a week after it was written and then may read it anew,
            # when it was copied back from a backup for instance.
            .option("maxFileAge", "36500d")
            .load(landing_uri(self._source, self._settings))
            # The name that `_source_file` will have, and the one by which the file can be read.
            .select(frames.source_file(), "path")
        )

        def append(batch: DataFrame, number: int) -> None:
            try:
                uris = {row[0]: row[1] for row in batch.collect()}
                self._append_files(uris, number, lock)
            except Exception as error:
                # Spark would turn it into text; `run` raises it as it was.
                self._error = error
                raise

        query = (
            files.writeStream.foreachBatch(append)
            .queryName(f"ingest {self._source.name}")
            .option("checkpointLocation", f"{self._settings.checkpoint_uri}/{self._source.name}")
            .trigger(availableNow=True)
            .start()
        )
        try:
            while not query.awaitTermination(timeout=0.25):  # type: ignore[arg-type]
                lock.check_alive()
                self._rows = max(self._rows, self.outcome.rows + self._rows_being_read())
                tick(self.outcome.files, self._found, self._rows)
        finally:
            with suppress(*SPARK_ERRORS, OSError):  # a JVM that is gone has nothing to stop
                query.stop()

    def _rows_being_read(self) -> int:
        stages = self._spark.sparkContext._jsc.sc().statusStore().activeStages()
        mine = [
            stage
            for stage in (stages.apply(i) for i in range(stages.size()))
            if stage.description().isDefined() and stage.description().get() == self._description
        ]
        return sum(stage.inputRecords() for stage in mine)

    @property
    def _description(self) -> str:
        """What tells the jobs that write this source's rows from all others."""
        return f"ingest {self._source.name}"

    def _append_files(self, uris: dict[str, str], number: int, lock: Lock) -> None:
        """Append the rows of files, given by `_source_file`, that bronze does not have yet."""
        self._spark.sparkContext.setJobDescription(f"{self._description}: looking at its files")
        done = bronze.ingested(self._spark, self._source, list(uris))
        new = sorted(uri for name, uri in uris.items() if name not in done)
        if not new:
            return
        self._found += len(new)
        while new:
            try:
                self._append_new(new, number, lock)
                return
            except (DeliveryError, *SPARK_ERRORS) as error:
                refused = self._refused(error, new)
            self._set_aside(refused)
            self._found -= len(refused.problems)
            new = [uri for uri in new if uri not in refused.problems]

    def _append_new(self, uris: list[str], number: int, lock: Lock) -> None:
        frame, undeclared = readers.read(self._spark, self._source, uris, self._settings)
        counts = Observation()
        query = self._spark.sparkContext.getLocalProperty("sql.streaming.queryId")
        batch_id = bronze.next_batch_id(self._spark, self._source)
        lock.check()
        self._spark.sparkContext.setJobDescription(self._description)
        bronze.append(
            observed(frame, counts), self._source, batch=f"{query}/{number}", batch_id=batch_id
        )
        readers.remove_scratch(self._source, self._settings)
        self.outcome.files += len(uris)
        self.outcome.undeclared |= undeclared
        count(self.outcome, counts)

    def _refused(self, error: Exception, uris: list[str]) -> DeliveryError:
        """Which files an error refuses, where they are to be set aside; else it is raised."""
        if not isinstance(error, DeliveryError):
            name = unquote(damaged_file(error) or "")
            if name not in uris:
                raise error
            problem = f"it cannot be read ({damage(error)}): deliver it again or remove it"
            error = DeliveryError.of({name: problem})
        if not self._sets_aside or not error.problems:
            raise error
        return error

    def _set_aside(self, refused: DeliveryError) -> None:
        for uri, problem in refused.problems.items():
            moved = set_aside(uri, self._settings, self._began)
            self.outcome.set_aside.append(f"{uri}: {problem}. It is now {moved}")


def observed(frame: DataFrame, counts: Observation) -> DataFrame:
    """The frame, whose rows are counted as they are written."""
    return frame.observe(
        counts,
        F.count(F.lit(1)).alias("rows"),
        F.count(frames.CORRUPT).alias("corrupt_rows"),
    )


def count(outcome: Outcome, counts: Observation) -> None:
    """Add what was counted, once the frame is written."""
    outcome.rows += counts.get["rows"]
    outcome.corrupt_rows += counts.get["corrupt_rows"]
