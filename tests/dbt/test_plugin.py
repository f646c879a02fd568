"""What plain dbt shows of Spark's errors, and which statements it makes again."""

import threading
from concurrent.futures import ThreadPoolExecutor

import dbt_malha
import pytest
from dbt.adapters.spark.connections import PyhiveConnectionWrapper
from dbt_common.exceptions import DbtDatabaseError

from tests.dbt.project import Project

SPARK = """\
org.apache.hive.service.cli.HiveSQLException: Error running query: {error}
\tat org.apache.spark.sql.Dataset.collect(Dataset.scala:12)
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: {error}
\tat org.apache.iceberg.BaseTransaction.commit(BaseTransaction.java:486)
\t... 12 more
\tSuppressed: org.apache.spark.util.Utils$OriginalTryStackTraceException: Full stacktrace
\t\tat org.apache.spark.sql.catalyst.trees.TreeNode.transformDown(TreeNode.scala:467)
\t\t... 34 more
Caused by: java.io.IOException: no space left
\tat java.base/java.io.FileOutputStream.write(FileOutputStream.java:1)
\t... 30 more
"""
THERE = "org.apache.iceberg.exceptions.AlreadyExistsException: View already exists: malha.x"
LOST = "org.apache.iceberg.exceptions.CommitFailedException: Table metadata refresh is required"


class Server:
    """Answers the first statements with errors."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *errors: str) -> None:
        self.errors = list(errors)
        self.asked: list[str] = []
        monkeypatch.setattr(PyhiveConnectionWrapper, "execute", self.run)
        monkeypatch.setattr("dbt_malha.time.sleep", lambda _: None)
        self.connection = dbt_malha.Connection(self)

    def run(self, sql: str, bindings: object) -> None:
        self.asked.append(sql)
        if self.errors:
            raise DbtDatabaseError(SPARK.format(error=self.errors.pop(0)))


def test_error_is_shown_without_frames_and_without_what_was_said() -> None:
    shown = dbt_malha.readable(SPARK.format(error="[DIVIDE_BY_ZERO] Division by zero."))
    assert (
        shown == "[DIVIDE_BY_ZERO] Division by zero.\nCaused by: java.io.IOException: no space left"
    )


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("alter table ouro.x create branch if not exists `build_1`", LOST),
        ("alter table ouro.x drop branch if exists `build_1`", LOST),
        ("call lake.system.fast_forward('ouro.x', 'main', 'build_1')", LOST),
        ("create or replace view malha.rejections as select 1", THERE),
        ("create table if not exists malha.publications (a int)", THERE),
    ],
)
def test_statement_that_can_be_made_twice_is_made_again(
    monkeypatch: pytest.MonkeyPatch, sql: str, error: str
) -> None:
    server = Server(monkeypatch, error, error)
    server.connection.execute(sql)
    assert server.asked == [sql] * 3


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("merge into ouro.x", LOST),
        ("create table ouro.x", LOST),
        ("create table ouro.x as select 1", THERE),
        (
            "alter table ouro.x create branch if not exists `b`",
            "java.io.IOException: refused",
        ),
    ],
)
def test_nothing_else_is_made_again(monkeypatch: pytest.MonkeyPatch, sql: str, error: str) -> None:
    server = Server(monkeypatch, error)
    with pytest.raises(DbtDatabaseError) as raised:
        server.connection.execute(sql)
    assert raised.value.msg.startswith(error)
    assert server.asked == [sql]


def test_thread_that_stops_the_others_goes_on_and_they_begin_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(monkeypatch)
    monkeypatch.setattr(dbt_malha.Connection, "stopped_by", threading.get_ident())
    server.connection.execute("select 'a hook'")
    with ThreadPoolExecutor(1) as pool, pytest.raises(DbtDatabaseError):
        pool.submit(server.connection.execute, "select 'a model'").result()
    assert server.asked == ["select 'a hook'"]


def test_error_of_a_model_has_no_stack_trace(project: Project) -> None:
    project.write(
        "models/ouro/conta.sql", "select valor / 0 as x from {{ source('bronze', 'venda') }}"
    )
    done = project.dbt("build")
    assert done.returncode == 1
    assert "DIVIDE_BY_ZERO" in done.stdout
    assert "\tat " not in done.stdout
