"""The Spark session of the ingest."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pyspark import SparkContext
from pyspark.sql import SparkSession

from ingest.errors import SPARK_ERRORS, IngestError, spark_reason
from malha.settings import Settings, child_environment
from malha.spark import driver_options, spark_environment, spark_master


def log_path(settings: Settings) -> Path:
    """Where Spark's own log of an ingest goes."""
    return settings.stack_dir / "logs/ingest.log"


@contextmanager
def spark_session(settings: Settings) -> Iterator[SparkSession]:
    """Start Spark with the mesh's configuration, and stop it at the end.

    A session that this process has already is used as it is, and left running.

    Spark's log goes to a file, so that the terminal is left to progress and results.
    """
    os.environ.update(child_environment(settings) | spark_environment(settings))
    master = spark_master(settings)
    running = SparkContext._active_spark_context is not None
    log = log_path(settings)
    log.parent.mkdir(parents=True, exist_ok=True)
    # py4j logs the stack trace of what it raises, with the root logger.
    logging.basicConfig(filename=log, format="%(asctime)s %(name)s %(message)s")
    with _stderr_to(log), _reporting(settings):
        spark = (
            SparkSession.builder.master(master)
            .appName("malha-ingest")
            .config("spark.driver.memory", settings.ingest_memory)
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config(map={**driver_options(settings, master)})
            .getOrCreate()
        )
    try:
        yield spark
    finally:
        if not running:
            with suppress(*SPARK_ERRORS, OSError):  # a JVM that is gone has nothing to stop
                spark.stop()


def jvm_pid(spark: SparkSession) -> int:
    """The process of the driver's JVM, which may outlive this one by seconds."""
    jvm: Any = spark._jvm
    return int(jvm.java.lang.ProcessHandle.current().pid())


@contextmanager
def _reporting(settings: Settings) -> Iterator[None]:
    try:
        yield
    except SPARK_ERRORS as error:
        raise IngestError(
            f"Spark does not start ({spark_reason(error)}): see {log_path(settings)}"
        ) from error


@contextmanager
def _stderr_to(path: Path) -> Iterator[None]:
    """Let processes started meanwhile, and all that they log later, write to this file."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with path.open("ab") as log:
        os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
