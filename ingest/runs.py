"""Work on several sources at once in one Spark session, with its progress on the terminal."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress

from pyspark.sql import SparkSession
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ingest.errors import SPARK_ERRORS
from ingest.outcomes import Outcome, Results, Tick
from ingest.session import spark_session
from malha.console import errors
from malha.errors import Interrupted, MalhaError
from malha.interrupt import Interrupt
from malha.manifest import Source
from malha.settings import Settings

Work = Callable[[SparkSession, Source, Tick], Outcome]
"""What is done for a source."""

# Each is mostly waiting for the store; more would only crowd the driver's memory.
_AT_ONCE = 4


def run_all(sources: Sequence[Source], work: Work, settings: Settings) -> Results:
    """Do the work for each source; one that fails does not keep the others from being done.

    Raises:
        Interrupted: the user asked to stop.
        IngestError: Spark does not start.
    """
    interrupt = Interrupt(
        "stopping; the next run goes on from here (Ctrl-C again to stop at once)", second_ends=True
    )
    done: dict[str, tuple[Outcome, float]] = {}
    failures: dict[str, MalhaError] = {}
    began = time.monotonic()
    with _progress() as progress:
        starting = progress.add_task("starting Spark", counts="")
        with spark_session(settings) as spark, ThreadPoolExecutor(_AT_ONCE) as pool:
            interrupt.install()
            _warm_up(spark)
            start_seconds = time.monotonic() - began
            progress.remove_task(starting)

            def run(source: Source) -> tuple[Outcome, float]:
                interrupt.check()
                started = time.monotonic()
                task = progress.add_task(source.name, counts="looking for new files")

                def tick(files: int, of: int, rows: int) -> None:
                    interrupt.check()
                    counts = f"{files:,} of {of:,} files  {rows:,} rows"
                    progress.update(task, counts=counts)

                try:
                    return work(spark, source, tick), time.monotonic() - started
                finally:
                    progress.stop_task(task)

            futures = {pool.submit(run, source): source.name for source in sources}
            for future in as_completed(futures):
                try:
                    done[futures[future]] = future.result()
                except Interrupted:
                    pool.shutdown(cancel_futures=True)
                    raise
                except MalhaError as error:
                    failures[futures[future]] = error
    names = [source.name for source in sources]
    return Results(
        {name: done[name] for name in names if name in done},
        {name: failures[name] for name in names if name in failures},
        start_seconds,
    )


def _warm_up(spark: SparkSession) -> None:
    """Let Spark do now what it does once: load classes, connect to metastore and store.

    Else the source that happens to be first seems to take seconds longer than the others.
    """
    with suppress(*SPARK_ERRORS):  # whatever it is, a source says it better
        spark.sql("show namespaces in lake").collect()
        spark.sql("select count(*) from range(2)").collect()


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[counts]}"),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
    )
