"""What plain dbt does on this mesh beyond dbt-spark.

It shows Spark's errors without Java's stack traces, and makes a branch again where another build
has changed the table in the same moment.

dbt loads every module named `dbt_…` that Python finds: `make setup` adds this folder to Python's
path, and so does the image of dbt.
"""

import random
import re
import time
from typing import Any

from dbt.adapters.spark.connections import PyhiveConnectionWrapper
from dbt.plugins.manager import dbtPlugin
from dbt_common.exceptions import DbtDatabaseError

_FRAME = re.compile(r"\n\s+(at |\.\.\. \d+ (more|common frames)).*")
_WRAPPING = re.compile(
    r"^org\.apache\.hive\.service\.cli\.HiveSQLException: (Error running query: )?"
)
_CAUSE = "\nCaused by: "

# Statements that can be made twice. Where another commit came between, Iceberg itself repeats
# commits of rows, but not those of branches.
_OF_BRANCHES = re.compile(r"\b(create|drop) branch if\b|\bsystem\.fast_forward\b", re.IGNORECASE)
_ATTEMPTS = 20

_execute_once = PyhiveConnectionWrapper.execute


def readable(message: str) -> str:
    """An error of Spark's without frames, and without causes that say nothing new."""
    first, *causes = _FRAME.sub("", message).split(_CAUSE)
    shown = _WRAPPING.sub("", first)
    for cause in causes:
        if cause.strip() not in shown:
            shown += _CAUSE + cause
    return shown.strip()


def execute(self: PyhiveConnectionWrapper, sql: str, bindings: list[Any] | None = None) -> None:
    """Run a statement, and one about branches again where another commit came between.

    Raises:
        DbtDatabaseError: Spark ended it with an error.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _execute_once(self, sql, bindings)
        except DbtDatabaseError as error:
            met_another = "CommitFailedException" in error.msg and _OF_BRANCHES.search(sql)
            if not met_another or attempt == _ATTEMPTS:
                raise DbtDatabaseError(readable(error.msg)) from None
        time.sleep(random.uniform(0.02, 0.2))  # noqa: S311 - so that two do not meet again
        self._cursor = self.handle.cursor()


class MalhaPlugin(dbtPlugin):
    """Puts `execute` in the place of dbt-spark's own."""

    def initialize(self) -> None:
        PyhiveConnectionWrapper.execute = execute  # type: ignore[method-assign]


plugins = [MalhaPlugin]
