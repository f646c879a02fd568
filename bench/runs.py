"""One measurement on a stack of its own: the plain script, the pipeline in full, an increment."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.data import Delivery
from bench.memory import PeakMemory
from bench.own_stack import BUILD, INGEST, Report, check_ouro, own_stack, timed
from malha.settings import ROOT, Settings, child_environment
from malha.spark import driver_options, spark_environment, spark_master
from stack.demo import land
from stack.supervision import Supervisor

_PLAIN_URI = "s3a://lake/plain"


@dataclass(frozen=True)
class Measurement:
    """Seconds of wall clock of whole processes, from their start to their end."""

    plain_s: float
    ingest_s: float
    build_s: float
    increment_s: float
    """Ingest and `dbt build` together, after one per cent more rows."""
    tests_run: int
    """Data tests and unit tests of the first build."""
    thrift_peak_mib: int
    """Largest resident memory of the Thrift Server and its children."""

    @property
    def full_s(self) -> float:
        """Ingest and `dbt build` together."""
        return self.ingest_s + self.build_s


def measure(base: Delivery, increment: Delivery, report: Report) -> Measurement:
    """Run all three once, on a fresh stack, and check what each has made.

    Raises:
        BenchmarkError: a command failed, or ouro is not what it has to be.
    """
    # The API's copies of products would be loaded beside the step that follows a build.
    with own_stack(report, {"API_TIER_MB": "0"}) as settings:
        land(base.folder, settings)
        mesh = child_environment(settings) | spark_environment(settings)
        plain_s = timed("plain script", _plain(settings), report, mesh)
        check_ouro(
            "the plain script", f"parquet.`{_PLAIN_URI}/ouro/cliente_pedido`", base, settings
        )

        with PeakMemory(Supervisor(settings).states()["thrift"].pid) as memory:
            ingest_s = timed("ingest", INGEST, report)
            build_s = timed("dbt build", BUILD, report)
            tests_run = _tests_run(settings.dbt_target_path / "run_results.json")
            check_ouro("the pipeline", "ouro.cliente_pedido", base, settings)

            land(increment.folder, settings)
            increment_s = timed("ingest of 1 % more", INGEST, report)
            increment_s += timed("dbt build of 1 % more", BUILD, report)
            check_ouro("the increment", "ouro.cliente_pedido", increment, settings)
    return Measurement(plain_s, ingest_s, build_s, increment_s, tests_run, memory.mib)


def _plain(settings: Settings) -> tuple[str, ...]:
    """The plain script with the driver, store and memory that the ingest has."""
    options = driver_options(settings, spark_master(settings))
    return (
        f"{sys.prefix}/bin/spark-submit",
        "--master",
        spark_master(settings),
        "--driver-memory",
        settings.ingest_memory,
        *(part for key, value in options.items() for part in ("--conf", f"{key}={value}")),
        str(ROOT / "bench/plain.py"),
        settings.landing_uri,
        _PLAIN_URI,
    )


def _tests_run(run_results: Path) -> int:
    results = json.loads(run_results.read_text("utf-8"))["results"]
    return sum(result["unique_id"].startswith(("test.", "unit_test.")) for result in results)
