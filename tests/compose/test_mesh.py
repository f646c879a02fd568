"""The mesh in containers gives what the embedded stack gives."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from malha.settings import ROOT
from tests.compose.containers import SERVICES, Containers
from tests.mesh import WITHOUT_UNIT_TESTS, Mesh, eventually, ok
from tests.test_smallest_case import CLIENTE_PEDIDO

TABLES = (
    "bronze.cliente",
    "bronze.pedido",
    "prata.cliente",
    "prata.cliente_entregas",
    "prata.cliente_rejeitados",
    "prata.pedido",
    "prata.pedido_entregas",
    "prata.pedido_rejeitados",
    "ouro.cliente_pedido",
    "ouro.resumo_cliente",
)


def rows(stack: Containers | Mesh, table: str) -> list[tuple[object, ...]]:
    """A table's rows in an order of their own, without what tells one run from another."""
    columns = [row[0] for row in stack.query(f"describe {table}")]
    left_out = ("_ingested_at", "_batch_id", "_position", "_versao")
    kept = ", ".join(name for name in columns if name not in left_out)
    return sorted(stack.query(f"select {kept} from {table}"), key=repr)


@pytest.mark.smoke
def test_demo_prints_the_counts_and_answers_of_the_embedded_one(demo: str) -> None:
    readme = (ROOT / "README.md").read_text()
    shown = re.search(r"<!-- demo -->\n```console\n(.*?)```", readme, re.S)
    assert shown is not None
    built = re.search(r"^built and passed: .*$", shown[1], re.M)
    assert built is not None
    assert built[0] in demo
    table = r"^│ (\w+) +│ (\w+) +│ +(\d+) │$"
    assert re.findall(table, demo, re.M) == re.findall(table, shown[1], re.M)
    answers = shown[1][shown[1].index('[{"pedido_id"') :]
    for line in answers.splitlines():
        if not line.startswith("──"):
            assert line in demo


@pytest.mark.smoke
def test_all_is_healthy_and_nothing_runs_as_root(minimo: Containers) -> None:
    assert minimo.healthy(*SERVICES)
    names = [state["Name"] for states in minimo.states().values() for state in states]
    for name in names:
        if name.endswith("minio-init-1"):
            continue
        top = ok(minimo.run("docker", "top", name, "-eo", "pid,uid,comm")).splitlines()[1:]
        assert top, name
        assert not [line for line in top if line.split()[1] == "0"], name


@pytest.mark.smoke
def test_rest_answers_on_the_published_port(minimo: Containers) -> None:
    assert minimo.get("/api/cliente-pedido?limit=3").json() == CLIENTE_PEDIDO
    assert minimo.get("/api/cliente-pedido/1").json() == [CLIENTE_PEDIDO[0], CLIENTE_PEDIDO[2]]
    assert minimo.get("/api/cliente-pedido/99").json() == []
    assert minimo.get("/api/cliente-pedido/x").status_code == 422


def test_rest_gives_ten_rows_unless_asked_for_more(loaded: Containers) -> None:
    assert len(loaded.get("/api/cliente-pedido").json()) == 10


def test_rows_and_answers_equal_the_embedded_stacks(loaded: Containers, mesh: Mesh) -> None:
    # Both from the same files, whatever other tests have landed by now.
    ok(loaded.job("ingest"))
    ok(loaded.job("dbt", "--quiet", "build"))
    mesh.begin_empty()
    for folder in loaded.landed:
        ok(mesh.stack("land", str(folder)))
        ok(mesh.ingest())
    ok(mesh.dbt("--quiet", "build", *WITHOUT_UNIT_TESTS))
    for table in TABLES:
        expected = rows(mesh, table)
        assert rows(loaded, table) == expected, table
        assert expected, table
    for path in ("/api", "/api/cliente-pedido?limit=10000", "/api/resumo-cliente/1"):
        assert loaded.get(path).text == mesh.get(path).text


def test_docs_are_served_and_nothing_else_of_dbt(loaded: Containers) -> None:
    def get(path: str) -> httpx.Response:
        return httpx.get(loaded.url("DOCS_PORT", path))

    ok(loaded.job("dbt", "--quiet", "docs", "generate"))
    assert "<title>dbt Docs</title>" in get("/").text
    catalog = json.loads(get("/catalog.json").text)
    assert "model.malha.cliente_pedido" in catalog["nodes"]
    assert get("/run_results.json").status_code == 404
    assert get("/compiled/").status_code == 404


_S3_AS_READER = """
import sys, boto3, botocore.exceptions as e
from malha.settings import load
settings = load()
s3 = boto3.client("s3", endpoint_url=settings.s3_endpoint, region_name=settings.aws_region)
def attempt(call, **arguments):
    try:
        return len(getattr(s3, call)(Bucket="lake", **arguments).get("Contents", [0]))
    except e.ClientError as error:
        return error.response["Error"]["Code"]
ouro = "warehouse/ouro.db/"
key = s3.list_objects_v2(Bucket="lake", Prefix=ouro)["Contents"][0]["Key"]
print(attempt("get_object", Key=key))
print(attempt("put_object", Key=ouro + "mine", Body=b"x"))
print(attempt("delete_object", Key=key))
print(attempt("list_objects_v2", Prefix="warehouse/prata.db/"))
print(attempt("list_objects_v2"))
print(attempt("get_object", Key=sys.argv[1]))
try:
    s3.list_objects_v2(Bucket="landing")
except e.ClientError as error:
    print(error.response["Error"]["Code"])
"""


@pytest.mark.smoke
def test_reader_reads_ouro_and_nothing_else(minimo: Containers) -> None:
    of_prata = minimo.query("select file_path from prata.cliente_entregas.files")[0][0]
    env = (minimo.folder / ".env").read_text()
    secret = re.search(r"^READER_SECRET_KEY=(\w+)$", env, re.M)
    assert secret is not None
    said = ok(
        minimo.job(
            *("-e", "AWS_ACCESS_KEY_ID=malha-reader", "-e", f"AWS_SECRET_ACCESS_KEY={secret[1]}"),
            *("--entrypoint", "python", "tools", "-c", _S3_AS_READER),
            of_prata.removeprefix("s3a://lake/"),
        )
    )
    assert said.split() == ["1", *["AccessDenied"] * 6]


@pytest.mark.smoke
def test_wrong_secret_of_the_store_is_a_message(minimo: Containers) -> None:
    result = minimo.job("-e", "AWS_SECRET_ACCESS_KEY=wrong-secret", "ingest")
    assert result.returncode == 1
    assert "does not answer a signed request" in result.stderr
    assert "Traceback" not in result.stderr + result.stdout


def test_second_ingest_of_a_source_is_told_who_has_it(minimo: Containers, tmp_path: Path) -> None:
    minimo.land_line(tmp_path, "pedidos/pedido/locked.csv", "pedido_id,cliente_id,valor")
    hold = (
        "from ingest.lock import exclusive; from malha.manifest import Manifest;"
        "from malha.settings import load; import sys\n"
        "settings = load()\n"
        "with exclusive(Manifest(settings.manifest_path).sources['pedido'], settings):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    command = ["--no-deps", "--entrypoint", "python", "ingest", "-c", hold]
    with minimo.job_in_background(*command) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        result = minimo.job("ingest", "pedido")
        # Ended like this it gives the lock back, for which others would wait otherwise.
        holder.communicate(timeout=60)
        assert holder.returncode == 0
    assert result.returncode == 1
    assert "source pedido is being ingested by process" in result.stderr


@pytest.fixture
def metered(minimo: Containers) -> Iterator[Containers]:
    """The containers with Prometheus beside them."""
    extra = ("prometheus", "postgres-exporter")
    try:
        minimo.up(*extra)
        yield minimo
    finally:
        ok(minimo.compose("rm", "--stop", "--force", *extra))


def test_metrics_of_every_part_are_scraped(metered: Containers) -> None:
    def value(expression: str) -> list[dict[str, object]]:
        answer = httpx.get(
            metered.url("PROMETHEUS_PORT", "/api/v1/query"), params={"query": expression}
        ).json()
        assert answer["status"] == "success", answer
        result: list[dict[str, object]] = answer["data"]["result"]
        return result

    dashboard = json.loads((ROOT / "deploy/grafana/malha.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(expressions) == 13
    with metered.load("/api/cliente-pedido/1"):
        eventually(lambda: len(value("up == 1")) == 5, seconds=90)
        # Two scrapes make a rate, and errors have no series until there is one.
        wanted = [expression for expression in expressions if "errors" not in expression]
        deadline = time.monotonic() + 180
        while empty := [expression for expression in wanted if not value(expression)]:
            assert time.monotonic() < deadline, empty
            time.sleep(3)
