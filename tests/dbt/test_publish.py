"""Write, audit, publish: what readers see of a build, and when."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from malha.settings import ROOT
from tests.mesh import Mesh, ok

PRODUCT = "select pedido_id, valor from ouro.cliente_pedido order by pedido_id"
DATA = "--exclude-resource-type", "unit_test"


@pytest.fixture(scope="module")
def built(fresh: Mesh) -> Mesh:
    """The mesh with the smallest case built and published."""
    ok(fresh.stack("land", "data/samples/minimo"))
    ok(fresh.ingest())
    ok(fresh.dbt("build"))
    return fresh


def deliver(mesh: Mesh, name: str, pedidos: str) -> None:
    mesh.put(f"pedidos/pedido/{name}.csv", f"pedido_id,cliente_id,valor\n{pedidos}\n")
    ok(mesh.ingest("pedido"))


def orders(mesh: Mesh) -> dict[int, float]:
    return {pedido_id: float(valor) for pedido_id, valor in mesh.query(PRODUCT)}


def branches(mesh: Mesh, table: str) -> list[str]:
    return [row[0] for row in mesh.query(f"select name from {table}.refs where name != 'main'")]


def heads(mesh: Mesh) -> dict[str, Any]:
    tables = ("prata.cliente_entregas", "prata.pedido_entregas", "ouro.cliente_pedido")
    return {
        table: mesh.query(f"select snapshot_id from {table}.refs where name = 'main'")
        for table in tables
    }


@contextmanager
def watching(mesh: Mesh, seen: set[frozenset[tuple[int, float]]]) -> Iterator[None]:
    """Read the product over REST and JDBC in turns, for as long as the block runs."""
    done = threading.Event()
    failures: list[BaseException] = []

    def watch() -> None:
        try:
            while not done.is_set():
                answer = mesh.get("/api/cliente-pedido", limit=100).json()
                seen.add(frozenset((row["pedido_id"], row["valor"]) for row in answer))
                seen.add(frozenset(orders(mesh).items()))
        except BaseException as error:
            failures.append(error)

    reader = threading.Thread(target=watch)
    reader.start()
    try:
        yield
    finally:
        done.set()
        reader.join(timeout=60)
    assert not failures


def test_readers_never_see_what_failed_and_all_is_published_once_corrected(built: Mesh) -> None:
    before = orders(built)
    deliver(built, "2", "4,2,99999999\n5,3,70")

    seen: set[frozenset[tuple[int, float]]] = set()
    with watching(built, seen):
        result = built.dbt("build", *DATA)
    assert result.returncode == 1
    assert seen == {frozenset(before.items())}
    assert "ouro.cliente_pedido: at_most_cliente_pedido_valor__1000000 failed" in result.stdout
    assert "ouro.resumo_cliente: it reads cliente_pedido, which stays behind" in result.stdout

    [branch] = branches(built, "ouro.cliente_pedido")
    look = f"select pedido_id from ouro.cliente_pedido version as of '{branch}'"
    assert (4,) in built.query(look)
    assert look.replace("pedido_id", "*") in result.stdout
    status = ok(built.lake("status"))
    assert "at_most_cliente_pedido_valor__1000000" in status
    assert branch in status

    deliver(built, "3", "4,2,90")
    ok(built.dbt("build", *DATA))
    assert orders(built) == before | {4: 90.0, 5: 70.0}
    assert branches(built, "ouro.cliente_pedido") == []


def test_table_whose_tests_passed_is_published_beside_one_that_stays_behind(built: Mesh) -> None:
    deliver(built, "4", "6,1,99999999\nx,1,1")
    assert built.dbt("build", *DATA).returncode == 1
    retried = built.dbt("retry")
    assert retried.returncode == 2
    assert "dbt retry cannot go on" in retried.stdout
    assert 6 not in orders(built)
    assert built.query("select valor from prata.pedido where pedido_id = 6")
    failed = built.query(
        "select tabela, falhas from ouro.qualidade_regra where resultado = 'fail' "
        "order by verificada_em desc limit 1"
    )
    assert failed == [("ouro.cliente_pedido", 1)]
    rejected = built.query("select fonte, motivo, registros from ouro.qualidade_rejeicao")
    assert rejected == [("pedido", "chave_invalida", 1)]
    report = ok(built.lake("quality"))
    assert "at_most_cliente_pedido_valor__1000000 (1)" in report
    assert "chave_invalida" in report
    assert "chave_invalida" in (built.settings.dbt_target_path / "quality.html").read_text()
    deliver(built, "5", "6,1,60")
    ok(built.dbt("build", *DATA))
    assert orders(built)[6] == 60.0


def test_build_adds_to_the_files_that_are_there(built: Mesh) -> None:
    def data_files() -> set[tuple[str, ...]]:
        return set(built.query("select file_path from ouro.cliente_pedido.data_files"))

    before = data_files()
    deliver(built, "6", "7,1,10\n1,1,201")
    ok(built.dbt("build", *DATA))
    assert before < data_files()
    assert orders(built)[1] == 201.0


def test_build_without_anything_new_writes_nothing(built: Mesh) -> None:
    before = heads(built)
    assert "nothing new" in ok(built.dbt("build", *DATA))
    assert heads(built) == before


def test_run_publishes_at_once_and_test_tests_main(built: Mesh) -> None:
    deliver(built, "7", "8,1,99999999")
    ok(built.dbt("run"))
    assert orders(built)[8] == 99999999.0
    tested = built.dbt("test", "--select", "cliente_pedido", "--exclude", "test_type:unit")
    assert tested.returncode == 1
    assert "FAIL 1 at_most_cliente_pedido_valor__1000000" in tested.stdout
    deliver(built, "8", "8,1,80")
    ok(built.dbt("build", *DATA))


def test_of_two_builds_at_once_the_second_fails_clearly(built: Mesh, tmp_path: Path) -> None:
    deliver(built, "9", "9,1,90")
    builds = [
        subprocess.Popen(
            [f"{sys.prefix}/bin/dbt", "build", *DATA, "--target-path", str(tmp_path / str(number))],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    shown = [build.communicate(timeout=300)[0] for build in builds]
    assert sorted(build.returncode for build in builds) == [0, 2], shown
    second = shown[[build.returncode for build in builds].index(2)]
    assert "another dbt build" in second
    assert "nothing was written" in second
    assert orders(built)[9] == 90.0
    ok(built.dbt("build", *DATA))
    assert branches(built, "ouro.cliente_pedido") == []


def test_build_that_was_killed_is_forgotten_on_request(built: Mesh) -> None:
    built.query(
        "create table malha.build_lock (nothing int) using iceberg tblproperties "
        "('build' = 'dead-build', 'since' = '9999-01-01T00:00:00+00:00')"
    )
    refused = built.dbt("build", *DATA)
    assert refused.returncode == 2
    assert "dbt run-operation forget_build" in refused.stdout
    ok(built.dbt("run-operation", "forget_build"))
    ok(built.dbt("build", *DATA))


def test_what_moved_main_during_a_build_is_not_overwritten(built: Mesh) -> None:
    deliver(built, "moved", "9,2,91")
    build = subprocess.Popen(
        [f"{sys.prefix}/bin/dbt", "--no-use-colors", "build", *DATA],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert build.stdout is not None
    shown = ""
    while "incremental model ouro.cliente_pedido" not in shown or " OK " not in shown:
        shown = build.stdout.readline()
        assert shown, "the build ended before"
    built.query("delete from ouro.cliente_pedido where pedido_id = 3")
    shown = build.communicate(timeout=300)[0]
    assert build.returncode == 2
    assert "another build has published it meanwhile: run dbt build again" in shown
    assert orders(built)[9] == 90.0
    assert 3 not in orders(built)
    ok(built.dbt("build", "--full-refresh", *DATA))
    assert orders(built)[9] == 91.0
    assert orders(built)[3] == 350.0


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ("data_type: decimal(18,2)", "data_type: string", "valor would change from decimal(18,2)"),
        ("- name: nome", "- name: apelido", "nome (string) would be gone"),
    ],
)
def test_change_that_breaks_a_contract_is_refused_before_anything_is_written(
    built: Mesh, tmp_path: Path, wrong: str, right: str, message: str
) -> None:
    deliver(built, f"10-{right.split()[-1]}", "10,1,100")
    project = tmp_path / "dbt_project"
    shutil.copytree(ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
    contract = project / "models/ouro/vendas/cliente_pedido.yml"
    contract.write_text(contract.read_text().replace(wrong, right, 1))

    before = heads(built)
    options = ("--project-dir", str(project), "--target-path", str(tmp_path / "target"))
    result = built.dbt("build", *DATA, *options)
    assert result.returncode != 0
    assert message in result.stdout
    assert "nothing was written" in result.stdout
    assert "- v: 2" in result.stdout
    assert heads(built) == before
    assert branches(built, "prata.pedido_entregas") == []


def test_client_is_known_as_of_a_moment(built: Mesh) -> None:
    [(before,)] = built.query("select cast(current_timestamp() as string)")
    built.put("clientes/cliente/2.csv", "cliente_id,nome\n2,Beto\n3,\n")
    ok(built.ingest("cliente"))
    ok(built.dbt("build", *DATA))

    def names(moment: str) -> list[tuple[Any, ...]]:
        return built.query(
            "select cliente_id, nome from prata.cliente_historia "
            f"where dbt_valid_from <= {moment} and {moment} < dbt_valid_to order by cliente_id"
        )

    assert names(f"timestamp '{before}'") == [(1, "Alice"), (2, "Bob"), (3, "Carol")]
    assert names("current_timestamp()") == [(1, "Alice"), (2, "Beto")]
    assert 5 not in orders(built), "an order of a client who lost the name is no product"
