"""Errors of the ingest.

MalhaError
└── IngestError
    ├── UnknownSourceError    no such source, or it declares no landing
    ├── LandingError          the landing path is missing
    └── DeliveryError         a delivered file cannot be accepted
"""

from malha.errors import MalhaError


class IngestError(MalhaError):
    """A source could not be ingested; its table is as it was."""


class UnknownSourceError(IngestError):
    """No dbt source of that name declares a landing."""


class LandingError(IngestError):
    """A source's landing path does not exist."""


class DeliveryError(IngestError):
    """A delivered file lacks a declared column or cannot be read."""
