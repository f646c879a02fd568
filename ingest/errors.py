"""Errors of the ingest.

MalhaError
└── IngestError
    ├── UnknownSourceError    no such source, or it declares no landing
    ├── DeliveryError         a delivered file cannot be accepted
    ├── LockedError           another process ingests the source
    ├── LostLockError         this run no longer holds the source's lock
    └── ReplayError           the replay cannot be done as asked
"""

from py4j.protocol import Py4JError, Py4JJavaError, Py4JNetworkError
from pyspark.errors import PySparkException

from malha.errors import MalhaError

SPARK_ERRORS = (PySparkException, Py4JError, ConnectionError)
"""What a failed call to Spark raises; the last where its JVM is gone."""


class IngestError(MalhaError):
    """A source could not be ingested; its table is as it was."""


class UnknownSourceError(IngestError):
    """No dbt source of that name declares a landing."""


class DeliveryError(IngestError):
    """A delivered file lacks a declared column or cannot be read."""


class LockedError(IngestError):
    """Another process ingests the source at this moment."""


class LostLockError(IngestError):
    """The source's lock expired while the run held it."""


class ReplayError(IngestError):
    """A replay cannot be done as it was asked for."""


def spark_reason(error: BaseException) -> str:
    """The first line of what Spark says of a failed call."""
    if isinstance(error, Py4JNetworkError | ConnectionError):
        return "Spark has ended unexpectedly"
    text = str(error.java_exception) if isinstance(error, Py4JJavaError) else str(error)
    return text.strip().partition("\n")[0]
