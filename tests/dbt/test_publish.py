"""Write, audit, publish: what a build shows its readers, and when."""

import re

import pytest

from tests.dbt.project import Project
from tests.mesh import ok

MODEL = "{{ config(materialized='table') }} select id, valor from {{ source('bronze', 'venda') }}"
TESTS = """
models:
  - name: produto
    columns:
      - name: id
        data_tests: [unique, not_null]
      - name: valor
        data_tests:
          - at_most: {arguments: {value: 1000}}
"""
DOWNSTREAM = """
{{ config(materialized='table') }} select count(*) as produtos from {{ ref('produto') }}
"""
TWO = [(1, 10.0), (2, 20.0)]


@pytest.fixture
def shop(project: Project) -> Project:
    """A product, another that reads it, and both published."""
    project.write("models/ouro/produto.sql", MODEL)
    project.write("models/ouro/produto.yml", TESTS)
    project.write("models/ouro/total.sql", DOWNSTREAM)
    shown = project.build()
    assert "Published: ouro.produto, ouro.total" in shown
    return project


def deliver(project: Project, number: int, valor: int) -> None:
    project.mesh.query(f"insert into bronze.venda values ({number}, {valor}, date'2026-01-03')")


def products(project: Project) -> list[tuple[int, float]]:
    return [(number, float(valor)) for number, valor in project.rows()]


def test_what_failed_waits_with_the_query_that_shows_it_and_is_published_once_corrected(
    shop: Project,
) -> None:
    deliver(shop, 3, 5000)
    result = shop.dbt("build")
    assert result.returncode == 1
    assert "Published: nothing" in result.stdout
    assert "ouro.produto: at_most_produto_valor__1000 failed" in result.stdout
    assert "ouro.total: it reads produto, which stays behind" in result.stdout
    assert products(shop) == TWO
    assert shop.rows("ouro.total") == [(2,)]
    (branch,) = shop.branches()
    assert f"select * from ouro.produto version as of '{branch}'" in result.stdout

    shown = re.search(r"the rows that fail at_most_produto_valor__1000: (.*?); (.*)", result.stdout)
    assert shown is not None
    connection = shop.mesh.fetch_in_session(*shown.groups())
    assert [row[0] for row in connection] == [3]

    shop.mesh.query("delete from bronze.venda where id = 3")
    assert "Published: ouro.produto, ouro.total" in shop.build()
    assert products(shop) == TWO
    assert shop.branches() == []


def test_run_publishes_at_once_and_test_tests_main(shop: Project) -> None:
    deliver(shop, 3, 5000)
    ok(shop.dbt("run"))
    assert products(shop) == [*TWO, (3, 5000.0)]
    tested = shop.dbt("test")
    assert tested.returncode == 1
    assert "FAIL 1 at_most_produto_valor__1000" in tested.stdout


def test_table_whose_tests_did_not_run_is_held_back(shop: Project) -> None:
    deliver(shop, 3, 30)
    shown = shop.build("--exclude", "unique_produto_id", "total")
    assert "ouro.produto: unique_produto_id did not run" in shown
    assert products(shop) == TWO
    shop.build()
    assert products(shop) == [*TWO, (3, 30.0)]


def test_table_whose_test_stands_on_a_view_that_failed_is_held_back(shop: Project) -> None:
    view = "select id from {{ ref('produto') }} where valor > 0"
    shop.write("models/prata/positivo.sql", view)
    shop.write(
        "models/prata/positivo.yml",
        "models: [{name: positivo, columns: [{name: id, data_tests: [not_null]}]}]",
    )
    shop.build()
    deliver(shop, 3, 30)
    shop.write("models/prata/positivo.sql", view.replace("valor", "vallor"))
    result = shop.dbt("build")
    assert result.returncode == 1
    assert "ouro.produto: not_null_positivo_id did not run" in result.stdout
    assert products(shop) == TWO


def test_publication_that_was_cut_is_finished_by_the_next_build(shop: Project) -> None:
    deliver(shop, 3, 5000)
    assert shop.dbt("build").returncode == 1
    (branch,) = shop.branches()
    # As a build leaves it that is killed between its decision and the last fast-forward.
    shop.mesh.query(
        "alter table malha.publications set tblproperties "
        f"('malha.publishing.{branch}' = 'ouro.produto ouro.total')"
    )
    shop.build("--select", "total", "--exclude-resource-type", "test")
    assert products(shop) == [*TWO, (3, 5000.0)]
    assert shop.branches() == []
    properties = dict(shop.mesh.query("show tblproperties malha.publications"))
    assert not [name for name in properties if name.startswith("malha.publishing")]


def test_build_where_nothing_can_be_built_says_so_and_the_next_one_builds(shop: Project) -> None:
    shop.write("models/ouro/produto.sql", MODEL.replace("id, valor", "id, vallor"))
    result = shop.dbt("build", "--select", "produto")
    assert result.returncode == 1
    assert "ouro.produto: it could not be built" in result.stdout
    assert "interrupt" not in result.stdout
    assert "vallor" in result.stdout
    assert products(shop) == TWO
    shop.write("models/ouro/produto.sql", MODEL)
    deliver(shop, 3, 30)
    shop.build()
    assert products(shop) == [*TWO, (3, 30.0)]
