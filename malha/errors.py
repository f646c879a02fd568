"""The tree of errors that a user can meet.

    MalhaError
    ├── SettingError          a variable has a value that cannot be used
    ├── ManifestError         dbt's manifest is missing or cannot be read
    ├── UnreachableError      a service of the stack does not answer
    ├── Interrupted           the user asked to stop
    ├── ingest.errors.IngestError
    ├── api.errors.ApiError
    ├── lake.errors.LakeError
    └── stack.errors.StackError

Each message says what was wrong, with what value, and what to do about it; commands print it
and exit with 1.
"""


class MalhaError(Exception):
    """Something that the user can understand and act on; never shown with a stack trace."""

    exit_code = 1
    """What a command that ends with it exits with."""


class SettingError(MalhaError):
    """A variable of the environment has a value that cannot be used."""


class ManifestError(MalhaError):
    """dbt's manifest is missing, cannot be read, or declares something unusable."""


class UnreachableError(MalhaError):
    """A service does not answer."""


class Interrupted(MalhaError):
    """The user asked to stop."""

    exit_code = 130
