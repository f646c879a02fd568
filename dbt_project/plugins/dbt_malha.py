"""What plain dbt does on this mesh beyond dbt-spark.

It shows Spark's errors without Java's stack traces, makes a branch or a view again where another
build has changed it in the same moment, and ends at Ctrl-C.

dbt loads every module named `dbt_…` that Python finds: `make setup` adds this folder to Python's
path, and so does the image of dbt.
"""

import random
import re
import threading
import time
from typing import Any, ClassVar

from dbt.adapters.spark import connections
from dbt.adapters.spark.connections import PyhiveConnectionWrapper, SparkConnectionManager
from dbt.plugins.manager import dbtPlugin
from dbt_common.exceptions import DbtDatabaseError
from pyhive import hive
from TCLIService.ttypes import TGetOperationStatusResp, TOperationState

_FRAME = re.compile(
    r"\n\s+(at |\.\.\. \d+ (more|common frames)|Suppressed: .*OriginalTryStackTraceException).*"
)
_WRAPPING = re.compile(
    r"^org\.apache\.hive\.service\.cli\.HiveSQLException: (Error running query: )?"
)
_CAUSE = "\nCaused by: "

# Statements that can be made twice. Where another commit came between, Iceberg itself repeats
# commits of rows, but not those of branches and views, or of tables that come to be.
_REPEATABLE = re.compile(
    r"\b(create|drop) branch if\b|\bsystem\.fast_forward\b"
    r"|\bcreate or replace view\b|\bcreate (table|schema) if not exists\b",
    re.IGNORECASE,
)
_MET_ANOTHER = re.compile("CommitFailedException|AlreadyExistsException|ALREADY_EXISTS")
_ATTEMPTS = 20

_cancel_open = SparkConnectionManager.cancel_open


class Connection(PyhiveConnectionWrapper):
    """A connection whose statements another thread can cancel, as dbt does at Ctrl-C.

    It cannot carry two requests at once, so the thread that waits for the statement tells the
    server, when its question for the state is answered. What would come next is not begun.
    """

    stopped_by: ClassVar[int | None] = None
    """The thread that stops all others; it goes on itself, with the hooks at the end of a run."""

    @property
    def cancelled(self) -> bool:
        return self.stopped_by not in (None, threading.get_ident())

    def cancel(self) -> None:
        """Nothing: `cancel_open` has said it to all."""

    def cursor(self) -> PyhiveConnectionWrapper:
        """Begin a statement; dbt takes the connection itself for the cursor."""
        self._cursor = Cursor(self)
        return self

    def execute(self, sql: str, bindings: list[Any] | None = None) -> None:
        """Run a statement, and one that can be made twice again where another came between.

        Raises:
            DbtDatabaseError: Spark ended it with an error, or it was cancelled.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            if self.cancelled:
                raise DbtDatabaseError("cancelled")
            try:
                return super().execute(sql, bindings)
            except DbtDatabaseError as error:
                again = _MET_ANOTHER.search(error.msg) and _REPEATABLE.search(sql)
                if not again or attempt == _ATTEMPTS:
                    raise DbtDatabaseError(readable(error.msg)) from None
            time.sleep(random.uniform(0.02, 0.2))  # noqa: S311 - so that two do not meet again
            self.cursor()


class Cursor(hive.Cursor):  # type: ignore[misc]
    """A statement, which is cancelled when its connection is."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.handle)
        self._of = connection

    def poll(self, get_progress_update: bool = True) -> TGetOperationStatusResp:
        """What the server says of the statement, after half a second where it still runs."""
        state = super().poll(get_progress_update)
        if self._of.cancelled and state.operationState == TOperationState.RUNNING_STATE:
            super().cancel()
        return state


def cancel_open(self: SparkConnectionManager) -> list[str]:
    """Cancel what other threads run, and what they would open next; returns what they work on."""
    Connection.stopped_by = threading.get_ident()
    return _cancel_open(self)


def readable(message: str) -> str:
    """An error of Spark's without frames, and without causes that say nothing new."""
    first, *causes = _FRAME.sub("", message).split(_CAUSE)
    shown = _WRAPPING.sub("", first)
    for cause in causes:
        if cause.strip() not in shown:
            shown += _CAUSE + cause
    return shown.strip()


class MalhaPlugin(dbtPlugin):
    """Puts `Connection` in the place of dbt-spark's own, each time that dbt loads a project."""

    def initialize(self) -> None:
        Connection.stopped_by = None
        SparkConnectionManager.cancel_open = cancel_open  # type: ignore[assignment, method-assign]
        connections.PyhiveConnectionWrapper = Connection  # type: ignore[misc]


plugins = [MalhaPlugin]
