"""The seconds and the progress that a run shows, and what it prints for programs."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ingest import runs
from ingest.outcomes import Outcome
from ingest.stream import SourceRun
from malha.manifest import Landing, Source
from malha.settings import Settings
from tests.mesh import Mesh, ok

PEDIDO = Source(
    name="pedido",
    schema_name="bronze",
    table="pedido",
    landing=Landing(path="pedidos/pedido", format="csv"),
    columns=("pedido_id", "cliente_id", "valor"),
)


class SlowAtFirst:
    """A Spark that takes its time for whatever it is asked first."""

    def __init__(self) -> None:
        self._cold = True

    def sql(self, _: str) -> Any:
        time.sleep(self._cold * 0.5)
        self._cold = False
        return SimpleNamespace(collect=list)


def test_seconds_of_a_source_have_none_of_the_start_of_spark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def slow_start(_: Settings) -> Iterator[SlowAtFirst]:
        time.sleep(0.5)
        yield SlowAtFirst()

    def work(spark: Any, _: Source, __: object) -> Outcome:
        spark.sql("select 1").collect()
        return Outcome()

    monkeypatch.setattr(runs, "spark_session", slow_start)
    results = runs.run_all([PEDIDO], work, Settings())
    _, seconds = results.outcomes["pedido"]
    assert seconds < 0.4
    assert results.start_seconds >= 1


def test_progress_rises_to_what_was_ingested(empty: Mesh) -> None:
    for name in ("a", "b"):
        rows = "".join(f"{number},1,2\n" for number in range(20_000))
        empty.put(f"pedidos/pedido/{name}.csv", f"pedido_id,cliente_id,valor\n{rows}")
    empty.ingest("--list")  # starts Spark
    spark = SparkSession.getActiveSession()
    assert spark is not None
    ticks: list[tuple[int, int, int]] = []
    outcome = SourceRun(spark, PEDIDO, empty.settings).run(lambda *tick: ticks.append(tick))
    assert ticks[-1] == (2, 2, 40_000) == (outcome.files, outcome.files, outcome.rows)
    for counts in zip(*ticks, strict=True):
        assert list(counts) == sorted(counts)


def test_run_prints_json_where_asked(empty: Mesh) -> None:
    empty.put("clientes/cliente/a.csv", "cliente_id,nome\n1,Alice\n2\n")
    empty.put("pedidos/pedido/a.csv", "pedido_id\n")
    result = empty.ingest("--json")
    assert result.returncode == 1
    shown = json.loads(result.stdout)
    assert shown["ingested"]["cliente"] | {"seconds": 0} == {
        "files": 1,
        "rows": 2,
        "corrupt_rows": 1,
        "seconds": 0,
    }
    assert list(shown["failures"]) == ["pedido"]
    assert "it lacks cliente_id, valor" in shown["failures"]["pedido"]


def test_sources_are_listed_as_json(mesh: Mesh) -> None:
    (cliente, _) = json.loads(ok(mesh.ingest("--list", "--json")))
    assert cliente == {
        "source": "cliente",
        "table": "bronze.cliente",
        "landing": "s3a://landing/clientes/cliente",
        "declared": {"path": "clientes/cliente", "format": "csv"},
        "columns": ["cliente_id", "nome"],
    }
