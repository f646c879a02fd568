"""The same mesh on a Spark cluster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compose.containers import SERVICES, Containers, land, wait_for_line
from tests.compose.test_mesh import TABLES, rows
from tests.mesh import eventually, ok

CLUSTER = ("spark-master", "spark-worker", "spark-history")


@pytest.fixture(scope="module")
def cluster(loaded: Containers) -> Iterator[Containers]:
    """Two workers, and the Thrift Server moved to them."""
    two = ("--scale", "spark-worker=2")
    ok(loaded.compose("--profile", "cluster", "up", "--detach", "--wait", *two))
    # The Thrift Server, which ran by itself, moves without being told.
    eventually(lambda: applications(loaded) == ["malha-thrift"], seconds=120)
    loaded.wait_healthy(*SERVICES, *CLUSTER)
    yield loaded
    ok(loaded.compose("--profile", "cluster", "rm", "--stop", "--force", *CLUSTER))
    ok(loaded.compose("restart", "thrift"))
    loaded.wait_healthy()


def master(containers: Containers) -> dict[str, Any]:
    state: dict[str, Any] = httpx.get(containers.url("SPARK_MASTER_UI_PORT", "/json/")).json()
    return state


def applications(containers: Containers) -> list[str]:
    return [app["name"] for app in master(containers)["activeapps"]]


def tasks_by_host(containers: Containers) -> dict[str, int]:
    """How many tasks of the Thrift Server have ended well, by the address of their worker."""
    api = containers.url("SPARK_UI_PORT", "/api/v1/applications")
    identifier = httpx.get(api).json()[0]["id"]
    counts: dict[str, int] = {}
    for executor in httpx.get(f"{api}/{identifier}/allexecutors").json():
        if executor["id"] != "driver":
            host = executor["hostPort"].split(":")[0]
            counts[host] = counts.get(host, 0) + executor["completedTasks"]
    return counts


def test_build_runs_on_both_workers(cluster: Containers) -> None:
    workers = [worker for worker in master(cluster)["workers"] if worker["state"] == "ALIVE"]
    assert len(workers) == 2
    assert applications(cluster) == ["malha-thrift"]
    expected = {table: rows(cluster, table) for table in TABLES}
    ok(cluster.job("dbt", "--quiet", "build"))
    counts = tasks_by_host(cluster)
    assert len(counts) == 2
    assert min(counts.values()) > 0, counts
    for table in TABLES:
        assert rows(cluster, table) == expected[table], table


def test_ingest_runs_on_the_cluster_and_the_history_server_shows_it(
    cluster: Containers, tmp_path: Path
) -> None:
    land(cluster, tmp_path, "clientes/cliente/cluster.csv", "cliente_id,nome")
    ok(cluster.job("ingest"))
    names = {app["name"] for app in master(cluster)["completedapps"]}
    assert "malha-ingest" in names
    url = cluster.url("SPARK_HISTORY_PORT", "/api/v1/applications")
    eventually(lambda: "malha-ingest" in [app["name"] for app in httpx.get(url).json()], seconds=60)


def test_worker_killed_during_a_build_does_not_fail_it(cluster: Containers) -> None:
    expected = {table: rows(cluster, table) for table in TABLES}
    with cluster.job_in_background("dbt", "build", "--full-refresh") as build:
        said = wait_for_line(build, "START sql incremental model prata.pedido_entregas")
        victim = max(cluster.states()["spark-worker"], key=lambda state: str(state["Name"]))
        ok(cluster.run("docker", "kill", str(victim["Name"])))
        assert build.poll() is None, "the build had ended before"
        said += build.communicate(timeout=240)[0]
    assert build.returncode == 0, said
    assert "ERROR=0" in said
    states = sorted(worker["state"] for worker in master(cluster)["workers"])
    assert states == ["ALIVE", "DEAD"]
    for table in TABLES:
        assert rows(cluster, table) == expected[table], table
