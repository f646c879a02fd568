"""Services that restart and vanish, while the mesh is used. They land orders of their own."""

import subprocess
import time

import pytest

from tests.compose.containers import SERVICES, Containers, wait_for_line
from tests.compose.test_mesh import TABLES, rows
from tests.mesh import eventually, ok

QUESTION = "/api/cliente-pedido/1"


@pytest.mark.parametrize(
    "service",
    [pytest.param(name, marks=pytest.mark.smoke if name == "thrift" else ()) for name in SERVICES],
)
def test_restart_under_load_gives_no_wrong_answer(minimo: Containers, service: str) -> None:
    expected = f"200 {minimo.get(QUESTION).text}"
    with minimo.load(QUESTION) as seen:
        eventually(lambda: seen[expected] >= 5, seconds=30)
        ok(minimo.compose("restart", service))
        minimo.wait_healthy()
        before = seen[expected]
        eventually(lambda: seen[expected] >= before + 5, seconds=60)
    allowed = {expected, "503", "504"} | ({"refused"} if service == "api" else set())
    assert seen.keys() <= allowed, dict(seen)


def land_orders(loaded: Containers, first: int, files: int, rows_each: int) -> None:
    """Land files of orders, of clients that there are, with numbers of their own."""
    folder = loaded.folder / f"orders-{first}" / "pedidos/pedido"
    folder.mkdir(parents=True)
    number = first
    for name in range(files):
        lines = ["pedido_id,cliente_id,valor"]
        for _ in range(rows_each):
            lines.append(f"{number},{number % 900 + 1001},{number % 500 + 1}")
            number += 1
        (folder / f"load-{first}-{name:03}.csv").write_text("\n".join(lines) + "\n")
    loaded.land(folder.parent.parent)


def lose_minio(loaded: Containers, job: "subprocess.Popen[str]", *, seconds: float) -> None:
    """Kill MinIO in the middle of a job, and bring it back."""
    ok(loaded.compose("kill", "minio"))
    assert job.poll() is None, "the job had ended before"
    time.sleep(seconds)
    ok(loaded.compose("start", "minio"))
    loaded.wait_healthy()


@pytest.mark.parametrize(("first", "after"), [(100_000, 3.0), (200_000, 8.0)])
def test_minio_killed_during_ingest_loses_and_doubles_nothing(
    loaded: Containers, first: int, after: float
) -> None:
    files, each = 20, 500
    land_orders(loaded, first, files, each)
    ours = (
        "bronze.pedido where try_cast(pedido_id as bigint) "
        f"between {first} and {first + files * each - 1}"
    )
    with loaded.job_in_background("ingest", "pedido") as job:
        eventually(lambda: "ingest" in loaded.states(), seconds=60)
        time.sleep(after)
        lose_minio(loaded, job, seconds=5)
        said, _ = job.communicate(timeout=240)
        assert "Traceback" not in said
    ok(loaded.job("ingest", "pedido"))
    counts = loaded.query(f"select count(*), count(distinct pedido_id) from {ours}")
    assert counts == [(files * each, files * each)]


def test_minio_killed_during_a_build_is_made_good_by_the_next(loaded: Containers) -> None:
    ok(loaded.job("dbt", "--quiet", "build"))
    expected = {table: rows(loaded, table) for table in TABLES}
    with loaded.job_in_background("dbt", "build", "--full-refresh") as job:
        wait_for_line(job, "START sql incremental model prata.pedido_entregas")
        lose_minio(loaded, job, seconds=5)
        job.communicate(timeout=240)
    ok(loaded.job("dbt", "--quiet", "build"))
    for table in TABLES:
        assert rows(loaded, table) == expected[table], table
