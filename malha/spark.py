"""How a Spark process of the mesh is started: where Spark is, its configuration and its jars."""

import importlib.util
import os
import socket
from pathlib import Path

from malha.settings import ROOT, Settings, parse_spark_conf


def spark_home() -> Path:
    """The Spark distribution inside the pyspark wheel."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pyspark is not installed; run `make setup`")
    return Path(spec.origin).parent


def java() -> str:
    """The Java that JAVA_HOME names, or the one on the path; Spark looks for it likewise."""
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin/java") if home else "java"


def spark_environment(settings: Settings) -> dict[str, str]:
    """The variables that make any Spark command of the wheel one of the mesh's.

    The jars go on SPARK_DIST_CLASSPATH, which Spark's launcher adds to driver and executors:
    with --jars, sessions of the Thrift Server other than the first miss classes.
    """
    return {
        "SPARK_HOME": str(spark_home()),
        "SPARK_CONF_DIR": str(ROOT / "thrift/conf"),
        "SPARK_DIST_CLASSPATH": str(settings.deps_dir / "jars/*"),
        "SPARK_LOCAL_IP": settings.spark_local_ip,
    }


_CLUSTER = ("spark-master", 7077)
"""Where `SPARK_MASTER=auto` looks for a cluster."""


def spark_master(settings: Settings) -> str:
    """The Spark master that SPARK_MASTER means at this moment."""
    if settings.spark_master != "auto":
        return settings.spark_master
    host, port = _CLUSTER
    try:
        socket.getaddrinfo(host, port)
    except socket.gaierror:
        return "local[*]"
    return f"spark://{host}:{port}"


def driver_options(settings: Settings, master: str) -> dict[str, str]:
    """What a driver has to be told on its command line, since it follows from settings."""
    options = {
        "spark.driver.bindAddress": settings.spark_local_ip,
        "spark.driver.host": settings.spark_driver_host,
    }
    if not master.startswith("local"):
        options["spark.executor.memory"] = settings.spark_executor_memory
        if settings.spark_event_log_uri:
            options["spark.eventLog.enabled"] = "true"
            options["spark.eventLog.dir"] = settings.spark_event_log_uri
    return options | parse_spark_conf(settings.spark_extra_conf)
