"""The services of the embedded stack, in the order in which they start."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from malha import hive, s3
from malha import metastore as metastore_client
from malha.errors import UnreachableError
from malha.settings import Settings
from malha.spark import driver_options, spark_environment, spark_home, spark_master
from stack import metastore, storage


@dataclass(frozen=True)
class Port:
    """A port that a service listens on, and the variable that moves it."""

    number: int
    variable: str
    host: str = "127.0.0.1"
    offset: int = 0
    """How far above the variable's own value the port is."""


@dataclass(frozen=True)
class Service:
    """A process of the stack."""

    name: str
    title: str
    address: str
    command: list[str]
    ports: list[Port]
    check: Callable[[Settings], None]
    """Raises UnreachableError unless the service does what it is for."""
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_within: int = 30
    """Seconds after which it is killed where it does not stop."""
    before: Callable[[Settings], None] | None = None
    """What has to be done before it starts."""
    after: Callable[[Settings], None] | None = None
    """What has to be done once it is healthy."""


def services(settings: Settings) -> list[Service]:
    """Each service after those that it depends on."""
    return [_s3(settings), _metastore(settings), _thrift(settings), _api(settings)]


def _s3(settings: Settings) -> Service:
    internal = [
        ("master", "S3_MASTER_PORT", settings.s3_master_port),
        ("volume", "S3_VOLUME_PORT", settings.s3_volume_port),
        ("filer", "S3_FILER_PORT", settings.s3_filer_port),
    ]
    grpc = 10000
    return Service(
        name="s3",
        title="S3 (SeaweedFS)",
        address=settings.s3_endpoint,
        command=[
            f"{sys.prefix}/bin/weed",
            "-logtostderr=true",
            "server",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-dir={settings.stack_dir}/s3",
            "-master.telemetry=false",
            # Its one master elects itself; the default lets a restart wait for twice 10 s.
            "-master.electionTimeout=1s",
            "-master.volumeSizeLimitMB=1024",
            "-volume.max=0",
            "-volume.preStopSeconds=0",
            *(f"-{name}.port={port}" for name, _, port in internal),
            *(f"-{name}.port.grpc={port + grpc}" for name, _, port in internal),
            "-s3",
            "-s3.iam=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.config={storage.identities_path(settings)}",
            f"-s3.port={settings.s3_port}",
            f"-s3.port.grpc={settings.s3_port + grpc}",
        ],
        ports=[
            Port(port + offset, variable, offset=offset)
            for variable, port in [
                ("S3_PORT", settings.s3_port),
                *((variable, port) for _, variable, port in internal),
            ]
            for offset in (0, grpc)
        ],
        check=s3.check,
        # It closes its volumes at once, then waits 15 s for its own idle streams.
        stop_within=3,
        before=storage.write_identities,
        after=storage.ensure_buckets,
    )


def _metastore(settings: Settings) -> Service:
    return Service(
        name="metastore",
        title="Hive metastore",
        address=settings.metastore_uri,
        command=metastore.command(settings),
        ports=[Port(settings.metastore_port, "METASTORE_PORT", settings.metastore_host)],
        check=metastore_client.check,
        environment={"METASTORE_HOME": str(settings.deps_dir / "metastore")},
        before=metastore.ensure_schema,
    )


def _thrift(settings: Settings) -> Service:
    master = spark_master(settings)
    options = driver_options(settings, master) | {"spark.ui.port": str(settings.spark_ui_port)}
    return Service(
        name="thrift",
        title="Spark Thrift Server",
        address=jdbc_url(settings),
        command=[
            str(spark_home() / "bin/spark-submit"),
            "--master",
            master,
            "--name",
            "malha-thrift",
            "--driver-memory",
            settings.thrift_memory,
            *(word for key, value in options.items() for word in ("--conf", f"{key}={value}")),
            "--class",
            "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2",
            "spark-internal",
        ],
        ports=[
            Port(settings.thrift_port, "THRIFT_PORT", settings.thrift_host),
            Port(settings.spark_ui_port, "SPARK_UI_PORT", settings.spark_local_ip),
        ],
        check=hive.check,
        environment=spark_environment(settings),
    )


def _api(settings: Settings) -> Service:
    return Service(
        name="api",
        title="API",
        address=settings.api_url,
        command=[sys.executable, "-m", "api"],
        ports=[Port(settings.api_port, "API_PORT", settings.api_host)],
        check=_check_api,
    )


def jdbc_url(settings: Settings) -> str:
    """The JDBC URL of the Thrift Server."""
    return f"jdbc:hive2://{settings.thrift_host}:{settings.thrift_port}/"


def _check_api(settings: Settings) -> None:
    try:
        answer = httpx.get(f"{settings.api_url}/health/ready", timeout=20)
    except httpx.HTTPError as error:
        raise UnreachableError(
            f"the API at {settings.api_url} does not answer ({error})"
        ) from error
    if answer.status_code != httpx.codes.OK:
        raise UnreachableError(f"{settings.api_url} is not ready: {answer.text}")
