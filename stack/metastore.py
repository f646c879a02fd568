"""The Hive metastore: its class path, its command, and the schema of its database."""

import shutil
import subprocess
from pathlib import Path

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
        f"-Dderby.stream.error.file={derby_log}",
        f"-javaagent:{byteman}=script:{_CONF / 'metastore-bind.btm'}",
        "-cp",
        class_path(settings),
        "org.apache.hadoop.hive.metastore.HiveMetaStore",
        "-p",
        str(settings.metastore_port),
    ]


def ensure_schema(settings: Settings) -> None:
    """Make the schema of the metastore's database where there is none.

    The Derby database of the embedded stack is made beside its place and moved there when whole,
    so that an interrupted start leaves nothing half-made.

    Raises:
        StackError: schematool failed.
    """
    derby = settings.stack_dir / "metastore/derby"
    embedded = str(derby) in settings.metastore_jdbc_url
    if embedded and derby.exists():
        return
    if not embedded:
        if not _has_schema(settings, settings.metastore_jdbc_url):
            _schematool(settings, settings.metastore_jdbc_url, "-initSchema")
        return
    partial = derby.with_name("derby.partial")
    shutil.rmtree(partial, ignore_errors=True)
    url = settings.metastore_jdbc_url.replace(str(derby), str(partial))
    _schematool(settings, url, "-initSchema")
    if not _has_schema(settings, url):
        raise StackError(f"schematool made no schema; see {_log(settings)}")
    partial.rename(derby)


def _has_schema(settings: Settings, url: str) -> bool:
    try:
        return "Metastore schema version" in _schematool(settings, url, "-info")
    except StackError:
        return False


def _schematool(settings: Settings, url: str, action: str) -> str:
    database = "postgres" if url.startswith("jdbc:postgresql:") else "derby"
    environment = child_environment(settings) | {
        "METASTORE_HOME": str(settings.deps_dir / "metastore"),
        "METASTORE_JDBC_URL": url,
    }
    tool = "org.apache.hadoop.hive.metastore.tools.MetastoreSchemaTool"
    result = subprocess.run(
        [java(), "-cp", class_path(settings), tool, "-dbType", database, action],
        cwd=_log(settings).parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with _log(settings).open("a") as log:
        log.write(result.stdout)
    if result.returncode:
        raise StackError(
            f"schematool {action} failed ({result.stdout.strip().splitlines()[-1:]}); "
            f"see {_log(settings)}"
        )
    return result.stdout


def _log(settings: Settings) -> Path:
    return settings.stack_dir / "logs/schematool.log"
