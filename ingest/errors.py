"""Errors of the ingest.

MalhaError
└── IngestError
    ├── UnknownSourceError    no such source, or it declares no landing
    ├── DeliveryError         a delivered file cannot be accepted
    ├── LockedError           another process ingests the source
    ├── LostLockError         this run no longer holds the source's lock
    └── ReplayError           the replay cannot be done as asked
"""

import re
from collections.abc import Mapping

from py4j.protocol import Py4JError, Py4JJavaError, Py4JNetworkError
from pyspark.errors import PySparkException

from malha.errors import MalhaError

_NAMED = 10
"""How many files a message names."""

SPARK_ERRORS = (PySparkException, Py4JError, ConnectionError)
"""What a failed call to Spark raises; the last where its JVM is gone."""


class IngestError(MalhaError):
    """A source could not be ingested; its table is as it was."""


class UnknownSourceError(IngestError):
    """No dbt source of that name declares a landing."""


class DeliveryError(IngestError):
    """Delivered files lack a declared column or cannot be read.

    Args:
        problems: what is wrong with each file, by its URI; empty where it is not one file's fault.
    """

    def __init__(self, message: str, problems: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.problems = dict(problems or {})

    @classmethod
    def of(cls, problems: Mapping[str, str]) -> "DeliveryError":
        """The error that tells what is wrong with one or more files, by their URIs."""
        (first, what), *others = sorted(problems.items())
        message = f"{first}: {what}"
        if others:
            names = [uri for uri, _ in others[:_NAMED]]
            rest = ", …" if len(others) > _NAMED else ""
            message += f". {len(others)} more cannot be accepted: {', '.join(names)}{rest}"
        return cls(message, problems)


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


_DAMAGE = re.compile(
    "|".join(
        [
            r"EOFException: Unexpected end of input stream",
            r"not a gzip file",
            r"java\.util\.zip\.",
            r"stored gzip|gzip header|gzip trailer|data (CRC|integrity)",
            r"is not a Parquet file",
        ]
    )
)
_READING = re.compile(r"reading file (?P<uri>\S+?)\.?\s")


def damage(error: BaseException) -> str:
    """What shows that a failed read is the file's fault, not the store's; empty if nothing does."""
    found = _DAMAGE.search(_trace(error))
    return found[0] if found else ""


def damaged_file(error: BaseException) -> str | None:
    """The file at whose damage a read failed, with the escapes of a URI."""
    found = _READING.search(_trace(error))
    return found["uri"] if found and damage(error) else None


def _trace(error: BaseException) -> str:
    """All that Spark says of a failed call, causes included."""
    return f"{error}\n{getattr(error, '_stackTrace', '')}"
