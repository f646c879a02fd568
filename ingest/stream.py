"""One run of a source: whatever landed since the last run, in one batch and one commit.

Spark's file source decides which files are new and remembers them in the source's checkpoint; it
reads only their names. The files' contents are read by `ingest.readers`, which can look at each
header first. A batch that a crash left undone runs again with the same files, and the mark that
its commit carries tells whether its rows are already there.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, LongType, StringType, StructType, TimestampType

from ingest import bronze, readers
from ingest.errors import SPARK_ERRORS, IngestError, spark_reason
from ingest.session import log_path
from ingest.sources import exclusive, landing_uri
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


@dataclass
class Outcome:
    """What one run of a source did."""

    files: int = 0
    rows: int = 0
    corrupt_rows: int = 0
    undeclared: set[str] = field(default_factory=set)
    """Columns that the files have and the source does not declare; they were left out."""


class SourceRun:
    """A run of one source; `outcome` counts what it has committed so far."""

    def __init__(self, spark: SparkSession, source: Source, settings: Settings) -> None:
        self.outcome = Outcome()
        self._spark = spark
        self._source = source
        self._settings = settings
        self._error: Exception | None = None

    def run(self, tick: Callable[[int, int], None]) -> Outcome:
        """Ingest what is new, calling `tick(files, rows)` with the counts so far as it goes.

        `tick` may raise to stop the run; what is not committed by then is not written.

        Raises:
            DeliveryError: a file cannot be accepted; the table is as it was.
            IngestError: Spark failed; the next run does what this one did not.
        """
        try:
            with exclusive(self._source, self._settings):
                self._run(tick)
        except SPARK_ERRORS as error:
            cause = self._error or error
            if isinstance(cause, MalhaError):
                raise cause from None
            raise IngestError(
                f"source {self._source.name}: {spark_reason(cause)}: run it again; "
                f"{log_path(self._settings)} has more"
            ) from error
        tick(self.outcome.files, self.outcome.rows)
        return self.outcome

    def _run(self, tick: Callable[[int, int], None]) -> None:
        bronze.prepare(self._spark, self._source)
        files = (
            self._spark.readStream.format("binaryFile")
            .schema(_FILE_SCHEMA)
            .option("recursiveFileLookup", "true")
            # By default Spark forgets a file a week after it was written and then may read it anew,
            # when it was copied back from a backup for instance.
            .option("maxFileAge", "36500d")
            .load(landing_uri(self._source, self._settings))
            .select("path")
        )
        query = (
            files.writeStream.foreachBatch(self._append)
            .queryName(f"ingest {self._source.name}")
            .option("checkpointLocation", f"{self._settings.checkpoint_uri}/{self._source.name}")
            .trigger(availableNow=True)
            .start()
        )
        try:
            while not query.awaitTermination(timeout=0.25):  # type: ignore[arg-type]
                tick(self.outcome.files, self.outcome.rows + self._rows_being_read())
        finally:
            with suppress(*SPARK_ERRORS, OSError):  # a JVM that is gone has nothing to stop
                query.stop()

    def _rows_being_read(self) -> int:
        stages = self._spark.sparkContext._jsc.sc().statusStore().activeStages()
        return sum(stages.apply(i).inputRecords() for i in range(stages.size()))

    def _append(self, files: DataFrame, batch_id: int) -> None:
        try:
            self._append_files([row.path for row in files.collect()], batch_id)
        except Exception as error:
            # Spark would turn it into text; `run` raises it as it was.
            self._error = error
            raise

    def _append_files(self, uris: list[str], batch_id: int) -> None:
        context = self._spark.sparkContext
        batch = f"{context.getLocalProperty('sql.streaming.queryId')}/{batch_id}"
        if not uris or bronze.has_batch(self._spark, self._source, batch):
            return
        self.outcome.files += len(uris)
        frame, undeclared = readers.read(self._spark, self._source, uris, self._settings)
        counts = Observation()
        counted = frame.observe(
            counts,
            F.count(F.lit(1)).alias("rows"),
            F.count(readers.CORRUPT).alias("corrupt_rows"),
        )
        bronze.append(counted, self._source, batch=batch, batch_id=batch_id)
        self.outcome.rows += counts.get["rows"]
        self.outcome.corrupt_rows += counts.get["corrupt_rows"]
        self.outcome.undeclared |= undeclared
