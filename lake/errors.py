"""Errors of the upkeep.

MalhaError
└── LakeError
    ├── StatementError        Spark refused or failed a statement
    ├── UnknownTableError     no such product or table, or it has not been built
    └── UnknownSnapshotError  the table has never been at such a snapshot, or it has expired
"""

from malha.errors import MalhaError


class LakeError(MalhaError):
    """A table could not be looked after; it is as it was, or as another writer has left it."""


class StatementError(LakeError):
    """Spark refused or failed a statement."""


class UnknownTableError(LakeError):
    """There is no such product or table, or it has not been built."""


class UnknownSnapshotError(LakeError):
    """A table cannot be put back to this."""
