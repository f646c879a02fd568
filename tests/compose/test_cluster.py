"""The same mesh on a Spark cluster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.compose.containers import SERVICES, Containers, wait_for_line
from tests.compose.test_mesh import TABLES, rows
from tests.mesh import eventually, ok

CLUSTER = ("spark-master", "spark-worker", "spark-history")


@pytest.fixture(scope="module")
def moved(loaded: Containers) -> Iterator[Containers]:
    """The Thrift Server on a cluster, once for the module."""
    try:
        start(loaded)
        # The Thrift Server, which ran by itself, moves without being told.
        eventually(lambda: applications(loaded) == ["malha-thrift"], seconds=120)
        yield loaded
    finally:
        ok(loaded.compose("--profile", "cluster", "rm", "--stop", "--force", *CLUSTER))
        ok(loaded.compose("restart", "thrift"))
        loaded.wait_healthy()


@pytest.fixture
def cluster(moved: Containers) -> Containers:
    """Two workers; one that an earlier test has killed is started again."""
    if len(living_workers(moved)) != 2:
        start(moved)
        eventually(lambda: len(living_workers(moved)) == 2, seconds=60)
    moved.wait_healthy(*SERVICES, *CLUSTER)
    return moved


def start(containers: Containers) -> None:
    """Start what is missing of a cluster with two workers."""
    two = ("--scale", "spark-worker=2")
    ok(containers.compose("--profile", "cluster", "up", "--detach", "--wait", *two))


def master(containers: Containers) -> dict[str, Any]:
    state: dict[str, Any] = httpx.get(containers.url("SPARK_MASTER_UI_PORT", "/json/")).json()
    return state


def living_workers(containers: Containers) -> list[str]:
    return [one["id"] for one in master(containers)["workers"] if one["state"] == "ALIVE"]


def applications(containers: Containers) -> list[str]:
    return [app["name"] for app in master(containers)["activeapps"]]


def completed_ingests(containers: Containers) -> set[str]:
    """The identifiers of the ingests that have run on the cluster."""
    apps = master(containers)["completedapps"]
    return {app["id"] for app in apps if app["name"] == "malha-ingest"}


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
    assert applications(cluster) == ["malha-thrift"]
    expected = {table: rows(cluster, table) for table in TABLES}
    before = tasks_by_host(cluster)
    ok(cluster.job("dbt", "--quiet", "build"))
    after = tasks_by_host(cluster)
    assert len([host for host in after if after[host] > before.get(host, 0)]) == 2, (before, after)
    for table in TABLES:
        assert rows(cluster, table) == expected[table], table


def test_ingest_runs_on_the_cluster_and_the_history_server_shows_it(
    cluster: Containers, tmp_path: Path
) -> None:
    before = completed_ingests(cluster)
    cluster.land_line(tmp_path, "clientes/cliente/cluster.csv", "cliente_id,nome")
    ok(cluster.job("ingest"))
    (ours,) = completed_ingests(cluster) - before
    url = cluster.url("SPARK_HISTORY_PORT", "/api/v1/applications")
    eventually(lambda: ours in [app["id"] for app in httpx.get(url).json()], seconds=60)


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
    assert len(living_workers(cluster)) == 1
    for table in TABLES:
        assert rows(cluster, table) == expected[table], table
