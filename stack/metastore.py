"""The Hive metastore: its class path, its command, and the schema of its database."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import psycopg.sql

from malha.errors import UnreachableError
from malha.settings import ROOT, Settings, child_environment
from malha.spark import java, spark_home
from stack.errors import StackError

_CONF = ROOT / "thrift/conf"

# The archive of the metastore leaves out what Hadoop brought; pyspark has it.
_FROM_PYSPARK = (
    "hadoop-client-api-*",
    "hadoop-client-runtime-*",
    "commons-cli-*",
    "commons-codec-*",
    "commons-io-*",
    "httpclient-*",
    "httpcore-*",
    "jcl-over-slf4j-*",
    "netty-*",
)


def class_path(settings: Settings) -> str:
    """The class path of the metastore and of schematool."""
    jars = spark_home() / "jars"
    return ":".join(
        [
            str(_CONF),
            f"{settings.deps_dir}/metastore/lib/*",
            f"{settings.deps_dir}/metastore-jars/*",
            f"{settings.deps_dir}/jars/*",
            *(str(path) for name in _FROM_PYSPARK for path in sorted(jars.glob(f"{name}.jar"))),
        ]
    )


def command(settings: Settings) -> list[str]:
    """The command that serves the metastore on METASTORE_HOST and METASTORE_PORT."""
    derby_log = settings.stack_dir / "logs/derby.log"
    (byteman,) = settings.deps_dir.glob("metastore-jars/byteman-*.jar")
    return [
        java(),
        f"-Xmx{settings.metastore_memory}",
        # Each of its calls is short: what the JVM would spend on optimizing them never comes back.
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        f"-Dderby.stream.error.file={derby_log}",
        f"-javaagent:{byteman}=script:{_CONF / 'metastore-bind.btm'}",
        # By itself it would never drop the locks of processes that were killed. Its archive has a
        # metastore-site.xml with another value, which wins over hive-site.xml, but not over this.
        "-Dmetastore.task.threads.always="
        "org.apache.hadoop.hive.metastore.txn.AcidHouseKeeperService",
        "-cp",
        class_path(settings),
        "org.apache.hadoop.hive.metastore.HiveMetaStore",
        "-p",
        str(settings.metastore_port),
    ]


def ensure_schema(settings: Settings) -> None:
    """Make the schema of the metastore's database where there is none, or bring it up to date.

    Raises:
        StackError: schematool failed.
        UnreachableError: the database does not answer.
    """
    if _on_postgres(settings):
        _ensure_postgres_schema(settings)
    else:
        _ensure_derby_schema(settings)


def _ensure_derby_schema(settings: Settings) -> None:
    """Make the database beside its place and move it there when whole.

    An interrupted start so leaves nothing half-made.
    """
    derby = settings.stack_dir / "metastore/derby"
    if derby.exists():
        return
    partial = derby.with_name("derby.partial")
    shutil.rmtree(partial, ignore_errors=True)
    url = settings.metastore_jdbc_url.replace(str(derby), str(partial))
    _init_schema(settings, url)
    partial.rename(derby)


def _ensure_postgres_schema(settings: Settings) -> None:
    """One at a time where several metastores start; what an interrupted start left goes away."""
    url = settings.metastore_jdbc_url
    with _postgres(settings) as database:
        database.execute("select pg_advisory_lock(%s)", [_SCHEMA_LOCK])
        versions, said = _schema_versions(settings, url)
        if not versions:
            _remove_half_made_schema(settings, database, said)
            _init_schema(settings, url)
        elif versions["Metastore schema"] != versions["Hive distribution"]:
            _schematool(settings, url, "-upgradeSchema")


_SCHEMA_LOCK = 0x6D616C6861
"""The key of the advisory lock: "malha" in ASCII."""


@contextmanager
def _postgres(settings: Settings) -> Iterator[psycopg.Connection]:
    try:
        with psycopg.connect(
            dsn(settings),
            user=settings.metastore_jdbc_user,
            password=settings.metastore_jdbc_password,
            connect_timeout=10,
            autocommit=True,
            # A database in SQL_ASCII would give bytes for text.
            client_encoding="utf8",
        ) as database:
            yield database
    except psycopg.OperationalError as error:
        raise UnreachableError(
            f"the metastore's database at {settings.metastore_jdbc_url} does not answer ({error}): "
            "check METASTORE_JDBC_URL, _USER and _PASSWORD"
        ) from error


def _on_postgres(settings: Settings) -> bool:
    return settings.metastore_jdbc_url.startswith("jdbc:postgresql:")


def dsn(settings: Settings) -> str:
    """The address of the metastore's PostgreSQL, as its own clients write it.

    Raises:
        StackError: the metastore has another database.
    """
    if not _on_postgres(settings):
        raise StackError(f"METASTORE_JDBC_URL is no PostgreSQL: {settings.metastore_jdbc_url}")
    return settings.metastore_jdbc_url.removeprefix("jdbc:")


def count_tables(settings: Settings) -> int:
    """How many tables and views a metastore on PostgreSQL has; none where it has no schema.

    Raises:
        UnreachableError: the database does not answer.
    """
    with _postgres(settings) as database:
        try:
            row = database.execute('select count(*) from "TBLS"').fetchone()
        except psycopg.errors.UndefinedTable:
            return 0
    return row[0] if row else 0


def _remove_half_made_schema(settings: Settings, database: psycopg.Connection, said: str) -> None:
    """Drop what a schematool that was killed left: tables of its own, and no version in them.

    Args:
        said: what schematool prints of the schema.

    Raises:
        StackError: the database has something else in it, or a schema that cannot be read.
    """
    found = {
        row[0]
        for row in database.execute(
            "select table_name from information_schema.tables"
            " where table_schema = current_schema() and table_type = 'BASE TABLE'"
        )
    }
    scripts = settings.deps_dir / "metastore/scripts/metastore/upgrade/postgres"
    made = {
        name.lower()
        for script in scripts.glob("hive-schema-*.sql")
        for name in re.findall(r'create table\s+"?(\w+)', script.read_text(), re.IGNORECASE)
    }
    foreign = sorted(name for name in found if name.lower() not in made)
    if foreign:
        raise StackError(
            f"schematool finds no schema at {settings.metastore_jdbc_url}, but the database is not "
            f"empty ({', '.join(foreign)}): give the metastore a database of its own"
        )
    if "VERSION" in found and database.execute('select 1 from "VERSION"').fetchone() is not None:
        raise StackError(f"schematool cannot read the metastore's schema:\n{_end(said)}")
    for name in found:
        table = psycopg.sql.Identifier(name)
        database.execute(psycopg.sql.SQL("drop table {} cascade").format(table))


def _init_schema(settings: Settings, url: str) -> None:
    _schematool(settings, url, "-initSchema")
    versions, said = _schema_versions(settings, url)
    if not versions:
        raise StackError(f"schematool made no schema:\n{_end(said)}")


def _schema_versions(settings: Settings, url: str) -> tuple[dict[str, str], str]:
    """The versions of `Hive distribution` and `Metastore schema`, and what schematool printed.

    No versions where the database has no schema. An older schema is an error to schematool, so what
    it prints counts, not how it ends.
    """
    said = _run_schematool(settings, url, "-info").stdout
    versions = dict(re.findall(r"^(.+) version:\s*(\S+)$", said, re.MULTILINE))
    return (versions if "Metastore schema" in versions else {}), said


def _schematool(settings: Settings, url: str, *action: str) -> None:
    result = _run_schematool(settings, url, *action)
    if result.returncode:
        raise StackError(f"schematool {action[0]} failed:\n{_end(result.stdout)}")


def _end(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-5:])


def _run_schematool(settings: Settings, url: str, *action: str) -> subprocess.CompletedProcess[str]:
    database = "postgres" if url.startswith("jdbc:postgresql:") else "derby"
    environment = child_environment(settings) | {
        "METASTORE_HOME": str(settings.deps_dir / "metastore"),
        "METASTORE_JDBC_URL": url,
    }
    tool = "org.apache.hadoop.hive.metastore.tools.MetastoreSchemaTool"
    result = subprocess.run(
        [java(), "-cp", class_path(settings), tool, "-dbType", database, *action],
        cwd=_log(settings).parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with _log(settings).open("a") as log:
        log.write(result.stdout)
    return result


def _log(settings: Settings) -> Path:
    return settings.stack_dir / "logs/schematool.log"
