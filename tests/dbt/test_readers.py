"""What readers see over REST and JDBC while the mesh's own products are built."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.project import Project
from tests.mesh import WITHOUT_UNIT_TESTS, Mesh, ok

PRODUCT = "select pedido_id, valor from ouro.cliente_pedido order by pedido_id"


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

    def watch() -> None:
        while not done.is_set():
            answer = mesh.get("/api/cliente-pedido", limit=100).json()
            seen.add(frozenset((row["pedido_id"], row["valor"]) for row in answer))
            seen.add(frozenset(orders(mesh).items()))

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(watch)
        try:
            yield
        finally:
            done.set()
    reader.result()


def test_readers_never_see_what_failed_and_all_is_published_once_corrected(built: Mesh) -> None:
    before = orders(built)
    built.deliver("pedido", ("4", "2", "99999999"), ("5", "3", "70"), ("x", "1", "1"))

    seen: set[frozenset[tuple[int, float]]] = set()
    with watching(built, seen):
        result = built.dbt("build", *WITHOUT_UNIT_TESTS)
    assert result.returncode == 1
    assert seen == {frozenset(before.items())}
    assert "ouro.cliente_pedido: at_most_cliente_pedido_valor__1000000 failed" in result.stdout
    assert "ouro.resumo_cliente: it reads cliente_pedido, which stays behind" in result.stdout
    # What passed is published beside what stays behind.
    assert built.query("select valor from prata.pedido where pedido_id = 5")

    [branch] = branches(built, "ouro.cliente_pedido")
    look = f"select pedido_id from ouro.cliente_pedido version as of '{branch}'"
    assert (4,) in built.query(look)
    assert look.replace("pedido_id", "*") in result.stdout
    status = ok(built.lake("status"))
    assert "at_most_cliente_pedido_valor__1000000" in status
    assert branch in status

    retried = built.dbt("retry")
    assert retried.returncode == 2
    assert "dbt retry cannot go on" in retried.stdout
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

    built.deliver("pedido", ("4", "2", "90"))
    ok(built.dbt("build", *WITHOUT_UNIT_TESTS))
    assert orders(built) == before | {4: 90.0, 5: 70.0}
    assert branches(built, "ouro.cliente_pedido") == []


def test_build_adds_to_the_files_that_are_there_and_then_has_nothing_new(built: Mesh) -> None:
    def data_files() -> set[tuple[str, ...]]:
        return set(built.query("select file_path from ouro.cliente_pedido.data_files"))

    before = data_files()
    built.deliver("pedido", ("7", "1", "10"), ("1", "1", "201"))
    ok(built.dbt("build", *WITHOUT_UNIT_TESTS))
    assert before < data_files()
    assert orders(built)[1] == 201.0

    published = heads(built)
    shown = ok(built.dbt("build", *WITHOUT_UNIT_TESTS))
    assert "Published: nothing; 5 tables had nothing new" in shown
    assert heads(built) == published


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
    built.deliver("pedido", ("10", "1", "100"))
    project = Project.copy(built, tmp_path / "dbt_project")
    project.replace("models/ouro/vendas/cliente_pedido.yml", wrong, right)

    before = heads(built)
    result = project.dbt("build", *WITHOUT_UNIT_TESTS)
    assert result.returncode != 0
    assert message in result.stdout
    assert "nothing was written" in result.stdout
    assert "- v: 2" in result.stdout
    assert heads(built) == before
    assert branches(built, "prata.pedido_entregas") == []


def test_client_is_known_as_of_a_moment(built: Mesh) -> None:
    [(before,)] = built.query("select cast(current_timestamp() as string)")
    built.deliver("cliente", ("2", "Beto"), ("3", None))
    ok(built.dbt("build", *WITHOUT_UNIT_TESTS))

    def names(moment: str) -> list[tuple[Any, ...]]:
        return built.query(
            "select cliente_id, nome from prata.cliente_historia "
            f"where dbt_valid_from <= {moment} and {moment} < dbt_valid_to order by cliente_id"
        )

    assert names(f"timestamp '{before}'") == [(1, "Alice"), (2, "Bob"), (3, "Carol")]
    assert names("current_timestamp()") == [(1, "Alice"), (2, "Beto")]


def test_rows_of_a_delivery_after_a_rollback_of_prata_arrive_in_ouro(built: Mesh) -> None:
    built.deliver("pedido", ("1", "1", "201"))
    ok(built.dbt("build", *WITHOUT_UNIT_TESTS))
    ok(built.lake("rollback", "prata.pedido_entregas", "previous"))
    built.deliver("pedido", ("8", "3", "80"))
    ok(built.dbt("build", *WITHOUT_UNIT_TESTS))
    assert orders(built) == {1: 201.0, 2: 150.0, 3: 350.0, 8: 80.0}
