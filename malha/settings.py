"""Every setting of the mesh: one table of names, defaults and meanings.

The names are environment variables, the same embedded and in containers. `make docs` writes
docs/settings.md from this table.
"""

import os
import shlex
import socket
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from malha.access_settings import AccessSettings
from malha.errors import SettingError

ROOT = Path(__file__).resolve().parent.parent

AbsolutePath = Annotated[Path, AfterValidator(Path.absolute)]
S3Uri = Annotated[str, Field(pattern=r"^s3a://[^/]+(/.*)?$")]
ThriftUri = Annotated[str, Field(pattern=r"^thrift://[^/:,]+:\d+$")]
JavaSize = Annotated[str, Field(pattern=r"^\d+[kmg]$")]


def parse_spark_conf(text: str) -> dict[str, str]:
    """Read SPARK_EXTRA_CONF.

    Raises:
        ValueError: a quote is not closed, or a part is no option of Spark's.
    """
    options = {}
    for word in shlex.split(text):
        key, equals, value = word.partition("=")
        if not equals or not key.startswith("spark."):
            raise ValueError(f"{word!r} is not spark.<key>=<value>")
        options[key] = value
    return options


def _spark_conf(text: str) -> str:
    parse_spark_conf(text)
    return text


SparkConf = Annotated[str, AfterValidator(_spark_conf)]

# An AWS profile or session of the user's own must not mix with the stack's credentials.
_FOREIGN_AWS_VARIABLES = ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_REGION")


class Settings(AccessSettings):
    """The settings in force; see each field's description. Ports and sizes are validated."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    stack_dir: AbsolutePath = Field(
        ROOT / ".stack", description="Where the embedded stack keeps its data"
    )
    deps_dir: AbsolutePath = Field(ROOT / ".deps", description="Where `make setup` puts jars")
    dbt_target_path: AbsolutePath = Field(
        ROOT / "dbt_project/target",
        description="Where dbt writes manifest.json, the registry of sources and products "
        "(an absolute path)",
    )

    s3_port: int = Field(8333, gt=0, lt=65536, description="Port of the embedded S3 server")
    s3_master_port: int = Field(
        9333, gt=0, lt=55536, description="SeaweedFS master (and 10000 more for gRPC)"
    )
    s3_volume_port: int = Field(
        9334, gt=0, lt=55536, description="SeaweedFS volume server (and 10000 more for gRPC)"
    )
    s3_filer_port: int = Field(
        9335, gt=0, lt=55536, description="SeaweedFS filer (and 10000 more for gRPC)"
    )
    s3_endpoint: str = Field(
        "http://127.0.0.1:8333",
        description="URL of the object store. Set it to use one outside the embedded stack, "
        "with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Default: follows S3_PORT",
    )
    aws_access_key_id: str = Field(
        "", description="S3 access key. Embedded: generated into STACK_DIR on first start"
    )
    aws_secret_access_key: str = Field(
        "", repr=False, description="S3 secret key. Embedded: generated into STACK_DIR"
    )
    aws_region: str = Field("us-east-1", description="S3 region")
    lake_uri: S3Uri = Field("s3a://lake/warehouse", description="Where the tables live")
    landing_uri: S3Uri = Field("s3a://landing", description="Where domains drop their files")
    checkpoint_uri: S3Uri = Field(
        "s3a://lake/checkpoints", description="Where the ingest remembers which files it has read"
    )

    metastore_host: str = Field("127.0.0.1", description="Address that the metastore listens on")
    metastore_port: int = Field(9083, gt=0, lt=65536, description="Port of the metastore")
    metastore_uri: ThriftUri = Field(
        "thrift://127.0.0.1:9083",
        description="Where the metastore answers. Default: follows METASTORE_HOST and _PORT",
    )
    metastore_jdbc_url: str = Field(
        "", description="The metastore's database. Default: Derby in STACK_DIR"
    )
    metastore_jdbc_driver: str = Field(
        "org.apache.derby.jdbc.EmbeddedDriver", description="JDBC driver of that database"
    )
    metastore_jdbc_user: str = Field("APP", description="User of that database")
    metastore_jdbc_password: str = Field(
        "unused", repr=False, description="Password of that database (Derby ignores it)"
    )
    metastore_memory: JavaSize = Field("512m", description="Java heap of the metastore")

    thrift_host: str = Field("127.0.0.1", description="Host of the Spark Thrift Server")
    thrift_port: int = Field(10000, gt=0, lt=65536, description="Port of the Spark Thrift Server")
    thrift_memory: JavaSize = Field("1g", description="Java heap of the Spark Thrift Server")
    spark_master: str = Field(
        "local[*]",
        description="Spark master of Thrift Server and ingest: `local[*]`, `spark://host:7077`, "
        "`k8s://…`, or `auto` for the cluster at `spark-master:7077` where that name is known and "
        "`local[*]` elsewhere",
    )
    spark_local_ip: str = Field("127.0.0.1", description="Address that Spark's own ports bind to")
    spark_driver_host: str = Field(
        "",
        description="Name by which a cluster's executors reach the driver. Default: "
        "SPARK_LOCAL_IP, or this machine's name where that is 0.0.0.0",
    )
    spark_executor_memory: JavaSize = Field("512m", description="Java heap of an executor")
    spark_extra_conf: SparkConf = Field(
        "",
        description="More options for the driver: `key=value`, separated by blanks or line ends, "
        "quoted as in a shell where a value has blanks",
    )
    spark_event_log_uri: str = Field(
        "",
        pattern=r"^(s3a://[^/]+(/.*)?)?$",
        description="Where applications on a cluster log what the history server shows; nowhere "
        "by default",
    )
    spark_ui_port: int = Field(
        4040, gt=0, lt=65536, description="Port of the Thrift Server's Spark UI"
    )
    ingest_memory: JavaSize = Field("1g", description="Java heap of the ingest")

    api_host: str = Field("127.0.0.1", description="Address that the API listens on")
    api_port: int = Field(8000, gt=0, lt=65536, description="Port of the API")
    api_health_port: int = Field(
        0,
        ge=0,
        lt=65536,
        description="Port of `/health` and `/metrics`, and of nothing else, on API_HEALTH_HOST; 0: "
        "they are on the API's own port",
    )
    api_health_host: str = Field(
        "127.0.0.1", description="Address that they listen on, where they have a port of their own"
    )
    api_pool_size: int = Field(
        8,
        gt=0,
        le=256,
        description="Connections to the Thrift Server: API_EXPORTS for whole products, one for "
        "copies to memory, the others for queries",
    )
    api_pool_timeout: float = Field(
        10, gt=0, description="Seconds that a request waits for a free connection before 503"
    )
    api_query_timeout: float = Field(
        30, gt=0, description="Seconds after which a query is cancelled and answered with 504"
    )

    api_queue: int = Field(
        4, ge=0, description="Queries that wait for Spark before the next is answered 503"
    )
    api_tier_queue: int = Field(
        64, ge=0, description="Queries that wait for memory before the next is answered 503"
    )
    api_stall_seconds: float = Field(
        30,
        gt=0,
        description="Seconds for which a client may take to send the head of a request, or read "
        "nothing of its answer, before the connection is broken off",
    )
    api_line: int = Field(
        8,
        ge=0,
        description="Requests that may stand in line for the API's process; while the line is "
        "longer and stays so, those beyond are answered 503; 0: there is no such limit",
    )
    api_exports: int = Field(
        4, gt=0, description="Whole products (`limit=all`) that are sent at a time"
    )
    api_cache_mb: int = Field(64, ge=0, description="Memory for answers, in MB; 0: none is kept")
    api_tier_rows: int = Field(
        2_000_000,
        ge=0,
        description="Rows up to which a product is kept in the API's memory; 0: every query goes "
        "to Spark",
    )
    api_tier_mb: int = Field(
        512, ge=0, description="Memory, in MB, that the products kept there have together"
    )
    api_cors_origins: str = Field(
        "", description="Origins, separated by blanks, whose pages may read answers; `*` for all"
    )
    api_tls_certificate: str = Field(
        "", description="Certificate file (PEM) with which the API speaks TLS; HTTP without"
    )
    api_tls_key: str = Field("", description="Key file of that certificate")
    api_log_format: Literal["text", "json"] = Field("text", description="Form of the API's log")
    api_traces_url: str = Field(
        "",
        description="Where OpenTelemetry traces go by OTLP over HTTP, such as "
        "`http://127.0.0.1:4318/v1/traces`; nowhere by default",
    )
    api_cursor_key_file: str = Field(
        "",
        description="What cursors are signed with, the same in all processes of the API. Default: "
        "api/cursor.key in STACK_DIR, made where it is missing",
    )
    api_cursor_minutes: float = Field(
        60, gt=0, description="Minutes for which a page's cursor can be used"
    )

    maintain_snapshot_days: float = Field(
        7, ge=0, description="Days for which each state that a table was in stays readable"
    )
    maintain_branch_days: float = Field(
        7, ge=0, description="Days after which a branch that a build left behind is dropped"
    )
    maintain_orphan_days: float = Field(
        3,
        ge=0,
        description="Age in days from which a file that no snapshot knows is removed; less than 1 "
        "only with `--force`",
    )
    maintain_target_file_mb: int = Field(
        128,
        ge=4,
        description="Size in MiB of the data files that small ones are rewritten to; a file of "
        "less than three quarters of it is small",
    )
    maintain_min_files: int = Field(
        2, gt=1, description="Number of small files in a partition from which they are rewritten"
    )
    maintain_delete_files: int = Field(
        1, gt=0, description="Number of delete files from which a data file is rewritten"
    )

    @field_validator("api_health_port")
    @classmethod
    def _apart(cls, value: int, info: ValidationInfo) -> int:
        if value and value == info.data.get("api_port"):
            raise ValueError("is API_PORT: choose another one, or 0")
        return value

    @model_validator(mode="before")
    @classmethod
    def _follow(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fill in the defaults that follow from other settings."""
        host = values.get("metastore_host", "127.0.0.1")
        values.setdefault("s3_endpoint", f"http://127.0.0.1:{values.get('s3_port', 8333)}")
        values.setdefault("metastore_uri", f"thrift://{host}:{values.get('metastore_port', 9083)}")
        derby = Path(values.get("stack_dir", ROOT / ".stack")).absolute() / "metastore/derby"
        if values.get("spark_local_ip") == "0.0.0.0":  # noqa: S104
            values.setdefault("spark_driver_host", socket.gethostname())
        else:
            values.setdefault("spark_driver_host", values.get("spark_local_ip", "127.0.0.1"))
        values.setdefault("metastore_jdbc_url", f"jdbc:derby:;databaseName={derby};create=true")
        return values

    @property
    def manifest_path(self) -> Path:
        """dbt's manifest."""
        return self.dbt_target_path / "manifest.json"

    @property
    def credentials_path(self) -> Path:
        """The embedded stack's S3 credentials, a dotenv file of mode 600."""
        return self.stack_dir / "credentials.env"

    @property
    def keys_path(self) -> Path:
        """The API's keys, hashed."""
        given = self.api_keys_file
        return Path(given).absolute() if given else self.stack_dir / "api/keys.json"

    @property
    def demo_key_path(self) -> Path:
        """The embedded stack's own key to its API, of mode 600."""
        return self.stack_dir / "api/demo.key"

    @property
    def audit_log_path(self) -> Path | None:
        """Where accesses are noted; None is standard output."""
        if self.api_audit_log == "-":
            return None
        given = self.api_audit_log
        return Path(given).absolute() if given else self.stack_dir / "logs/api-audit.log"

    @property
    def cursor_key_path(self) -> Path:
        """What cursors are signed with."""
        return Path(self.api_cursor_key_file or self.stack_dir / "api/cursor.key")

    @property
    def api_url(self) -> str:
        """Where the API answers, as seen from this machine."""
        return f"http://{self.api_host}:{self.api_port}"

    def environment(self) -> dict[str, str]:
        """The settings as variables, for the environment of a child process."""
        return {name.upper(): str(value) for name, value in self.model_dump().items()}


def load() -> Settings:
    """Read the settings from the environment.

    Unless S3_ENDPOINT names a store outside the embedded stack, the stack's generated
    credentials win over any AWS keys, profile or session of the user's own. A proxy of the user's
    is not for what listens on this machine.

    Raises:
        SettingError: a variable has a value that cannot be used.
    """
    unproxied = [*os.environ.get("NO_PROXY", "").split(","), "127.0.0.1", "localhost"]
    os.environ["NO_PROXY"] = ",".join(dict.fromkeys(filter(None, unproxied)))
    embedded = "S3_ENDPOINT" not in os.environ
    if embedded:
        for name in _FOREIGN_AWS_VARIABLES:
            os.environ.pop(name, None)
    try:
        settings = Settings()
        if embedded and settings.credentials_path.exists():
            keys = dotenv_values(settings.credentials_path)
            settings = Settings(**{name.lower(): value for name, value in keys.items()})  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [
            f"{str(problem['loc'][0]).upper()}={problem['input']!r}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise SettingError("; ".join(lines)) from None
    return settings


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment of a child process: the user's, and the settings over it."""
    return os.environ | settings.environment()
