"""The schema of the metastore's database, made and upgraded by the metastore when it starts."""

from collections.abc import Callable, Iterator

import pytest

from tests.compose.containers import Containers
from tests.mesh import Completed, eventually, ok

ENSURE = (
    "from malha.settings import load; from stack import metastore; settings = load();"
    "(settings.stack_dir / 'logs').mkdir(exist_ok=True); metastore.ensure_schema(settings)"
)


@pytest.fixture
def database(containers: Containers) -> Iterator[Callable[[str], str]]:
    """Runs SQL on an empty database of its own, `schematest`; returns what it gives."""

    def sql(statement: str, database: str = "schematest") -> str:
        command = ["psql", "-U", "metastore", "-d", database, "-qtA", "-c", statement]
        return ok(containers.compose("exec", "-T", "postgres", *command)).strip()

    sql("create database schematest", "metastore")
    yield sql
    sql("drop database schematest with (force)", "metastore")


def metastore(containers: Containers, *arguments: str) -> list[str]:
    """A container like the metastore's, on the other database."""
    url = "METASTORE_JDBC_URL=jdbc:postgresql://postgres:5432/schematest"
    return ["--no-deps", "-e", url, "--entrypoint", "python", "metastore", *arguments]


def ensure(containers: Containers) -> Completed:
    return containers.job(*metastore(containers, "-c", ENSURE))


def version(sql: Callable[[str], str]) -> str:
    return sql('select "SCHEMA_VERSION" from "VERSION"')


def test_two_at_once_make_one_schema(
    containers: Containers, database: Callable[[str], str]
) -> None:
    command = metastore(containers, "-c", ENSURE)
    with (
        containers.job_in_background(*command) as one,
        containers.job_in_background(*command) as two,
    ):
        said = [process.communicate(timeout=120)[0] for process in (one, two)]
    assert [one.returncode, two.returncode] == [0, 0], said
    assert version(database) == "3.1.0"


def test_older_schema_is_upgraded_and_keeps_its_tables(
    containers: Containers, database: Callable[[str], str]
) -> None:
    old = (
        "from malha.settings import load; from stack import metastore; settings = load();"
        "(settings.stack_dir / 'logs').mkdir(exist_ok=True);"
        "metastore._schematool(settings, settings.metastore_jdbc_url, '-initSchemaTo', '3.0.0')"
    )
    ok(containers.job(*metastore(containers, "-c", old)))
    assert version(database) == "3.0.0"
    database(
        'insert into "DBS" ("DB_ID", "DB_LOCATION_URI", "NAME", "CTLG_NAME")'
        " values (7, 's3a://lake/warehouse/old.db', 'old', 'hive')"
    )
    ok(ensure(containers))
    assert version(database) == "3.1.0"
    assert database('select "NAME" from "DBS"') == "old"


def test_what_a_killed_schematool_left_is_made_anew(
    containers: Containers, database: Callable[[str], str]
) -> None:
    tables = "select count(*) from pg_tables where schemaname = 'public'"
    with containers.job_in_background(*metastore(containers, "-c", ENSURE)):
        eventually(lambda: int(database(tables)) > 3, seconds=60)
    left = int(database(tables))
    ok(ensure(containers))
    assert left < int(database(tables)), "schematool had ended before"
    assert version(database) == "3.1.0"


def test_database_of_somebody_else_is_refused_and_stays(
    containers: Containers, database: Callable[[str], str]
) -> None:
    database("create table theirs as select 1 as one")
    result = ensure(containers)
    assert result.returncode == 1
    assert "the database is not empty (theirs)" in result.stderr
    assert database("select one from theirs") == "1"
