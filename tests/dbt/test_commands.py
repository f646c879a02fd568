"""Plain dbt commands from the repository's root, as the README has them."""

import json
import re
from pathlib import Path

import httpx
import pytest

from governance.lineage import Lineage, Origin, relation_of
from tests.dbt.project import Project
from tests.mesh import (
    DBT,
    WITHOUT_UNIT_TESTS,
    Completed,
    Mesh,
    answers,
    eventually,
    free_ports,
    ok,
    refused,
)


def test_run_builds_and_test_tests(ingested: Mesh) -> None:
    assert "WARN=0 ERROR=0 SKIP=0" in ok(ingested.dbt("run"))
    assert ingested.count("ouro.cliente_pedido") == 3
    ok(ingested.dbt("snapshot"))
    assert "WARN=0 ERROR=0" in ok(ingested.dbt("test", "--exclude", "test_type:unit"))


@pytest.fixture(scope="module")
def landed(mesh: Mesh) -> Mesh:
    """The mesh with the smallest case built, which the tests below do not change."""
    mesh.begin_built()
    return mesh


def test_freshness_is_checked(landed: Mesh) -> None:
    shown = ok(landed.dbt("source", "freshness"))
    assert "PASS freshness of bronze.cliente" in shown
    assert "PASS freshness of bronze.pedido" in shown


def test_docs_have_every_table_with_its_columns(landed: Mesh) -> None:
    ok(landed.dbt("docs", "generate"))
    catalog = json.loads((landed.settings.dbt_target_path / "catalog.json").read_text())
    tables = catalog["sources"] | catalog["nodes"]
    assert {name.split(".", 2)[2] for name in tables} == {
        "bronze.cliente",
        "bronze.pedido",
        "malha.publications",
        "malha.rejections",
        "prata_cliente",
        "prata_cliente_entregas",
        "prata_cliente_historia",
        "prata_cliente_rejeitados",
        "prata_pedido",
        "prata_pedido_entregas",
        "prata_pedido_rejeitados",
        "cliente_pedido",
        "qualidade_regra",
        "qualidade_rejeicao",
        "resumo_cliente",
    }
    assert all(table["columns"] for table in tables.values())


def test_docs_say_of_every_column_where_it_comes_from(landed: Mesh, tmp_path: Path) -> None:
    ok(landed.dbt("docs", "generate", "--target-path", str(tmp_path)))
    manifest = tmp_path / "manifest.json"
    traced = Lineage(json.loads(manifest.read_text()))
    shown = ok(landed.governance("describe", str(tmp_path)))
    assert re.search(r"^[1-9]\d* columns say where they come from", shown)
    for node in json.loads(manifest.read_text())["nodes"].values():
        if node["resource_type"] in ("model", "snapshot"):
            for origin in traced.columns(relation_of(node)):
                assert "\n\nFrom " in node["columns"][origin.column]["description"]
                beginnings = {one.relation for one in traced.sources(origin)}
                assert beginnings <= {
                    "bronze.cliente",
                    "bronze.pedido",
                    "malha.publications",
                    "malha.rejections",
                }
    total = Origin("ouro.resumo_cliente", "total")
    assert traced.sources(total) == (Origin("bronze.pedido", "valor"),)


def test_lineage_of_a_column_is_shown(landed: Mesh) -> None:
    def show(*arguments: str) -> Completed:
        return landed.governance("show", *arguments)

    ok(landed.dbt("compile"))
    shown = ok(show("resumo_cliente", "total"))
    assert [line.strip("│└├─ ") for line in shown.splitlines()] == [
        "ouro.resumo_cliente.total",
        "ouro.cliente_pedido.valor",
        "prata.pedido.valor",
        "prata.pedido_entregas.valor",
        "bronze.pedido.valor",
    ]
    assert "it has cliente_id, nome" in refused(show("resumo_cliente", "totals"))
    assert "there is no model resumo: there are cliente_pedido" in refused(show("resumo"))


def test_docs_are_served(landed: Mesh) -> None:
    ok(landed.dbt("docs", "generate"))
    port = free_ports(1)[0]
    serve = ("docs", "serve", "--host", "127.0.0.1", "--port", str(port), "--no-browser")
    server = landed.start(DBT, *serve)
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: answers(f"{url}/catalog.json"), seconds=30)
        assert "dbt Docs" in httpx.get(url).text
    finally:
        server.terminate()
        server.wait(timeout=10)


@pytest.mark.parametrize(
    "model",
    ["clientes/prata_cliente_entregas", "pedidos/prata_pedido_entregas"],
)
def test_rule_that_drops_rows_silently_fails_a_test(
    built: Mesh, tmp_path: Path, model: str
) -> None:
    project = Project.copy(built, tmp_path / "dbt_project")
    rule = "where chave is null or ordem = 1"
    project.replace(f"models/prata/{model}.sql", rule, "where ordem = 1 and chave <> 3")

    name = Path(model).name
    result = project.dbt("build", "--select", name, *WITHOUT_UNIT_TESTS)
    assert result.returncode == 1, result.stdout
    assert f"FAIL 1 rows_are_conserved_{name}" in result.stdout


def test_unit_tests_pass(landed: Mesh) -> None:
    shown = ok(landed.dbt("test", "--select", "test_type:unit"))
    assert shown.count("[PASS in") == 16
    assert "WARN=0 ERROR=0" in shown
