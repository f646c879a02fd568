"""What becomes of a table whose query, contract or materialization changes: no value is lost."""

from collections.abc import Callable

import pytest

from tests.dbt.project import Project
from tests.mesh import Completed, ok

CONTRACT = """
models:
  - name: produto
    config: {{contract: {{enforced: true}}, access: public, group: vendas}}
    columns:
      - {{name: id, data_type: int, data_tests: [not_null]}}
      - {{name: valor, data_type: "{0}"}}
groups: [{{name: vendas, owner: {{name: Vendas}}}}]
"""


def model(columns: str, more: str = "") -> str:
    return (
        f"{{{{ config(materialized='table'{more}) }}}} select {columns} "
        "from {{ source('bronze', 'venda') }}"
    )


@pytest.fixture
def contracted(project: Project) -> Project:
    """A product under contract, published."""
    project.write("models/ouro/produto.sql", model("id, valor"))
    project.write("models/ouro/produto.yml", CONTRACT.format("decimal(18,2)"))
    project.build()
    return project


def readers_see(project: Project) -> tuple[list[tuple[object, ...]], int]:
    """Rows, and how many values of `valor` there are."""
    ((values,),) = project.mesh.query("select count(valor) from ouro.produto")
    return project.rows(), values


@pytest.mark.parametrize(
    ("query", "declared", "message"),
    [
        (
            "cast(valor as decimal(18,3)) as valor",
            "decimal(28,3)",
            "valor: the contract says decimal(28,3), the query gives decimal(18,3)",
        ),
        (
            "cast(valor as decimal(10,2)) as valor",
            "decimal(18,2)",
            "valor: the contract says decimal(18,2), the query gives decimal(10,2)",
        ),
        ("cast(valor as string) as valor", "decimal(18,2)", "the query gives string"),
        ("valor as preco", "decimal(18,2)", "valor: the contract has it, the query has not"),
        ("valor, dia", "decimal(18,2)", "dia: the query has it, the contract has not"),
    ],
)
def test_contract_that_does_not_hold_is_refused_before_anything_is_written(
    contracted: Project, query: str, declared: str, message: str
) -> None:
    before = readers_see(contracted)
    contracted.write("models/ouro/produto.sql", model(f"id, {query}"))
    contracted.write("models/ouro/produto.yml", CONTRACT.format(declared))
    result = contracted.dbt("build")
    assert result.returncode != 0
    if declared == "decimal(18,2)":
        assert message in result.stdout
    assert "nothing was written" in result.stdout
    assert readers_see(contracted) == before
    assert contracted.snapshots() == 1
    # Putting the file right is all that is needed.
    contracted.write("models/ouro/produto.sql", model("id, valor"))
    contracted.write("models/ouro/produto.yml", CONTRACT.format("decimal(18,2)"))
    contracted.build()
    assert readers_see(contracted) == before


def test_column_of_a_product_is_never_dropped(contracted: Project) -> None:
    before = readers_see(contracted)
    text = CONTRACT.format("decimal(18,2)").replace("name: valor", "name: preco")
    contracted.write("models/ouro/produto.yml", text)
    contracted.write("models/ouro/produto.sql", model("id, valor as preco"))
    result = contracted.dbt("build")
    assert result.returncode == 2
    assert "valor (decimal(18,2)) would be gone" in result.stdout
    assert "- v: 2" in result.stdout
    assert readers_see(contracted) == before


def test_failing_test_beside_a_wider_type_leaves_every_value(contracted: Project) -> None:
    contracted.write("models/ouro/produto.sql", model("id, cast(valor as decimal(28,2)) as valor"))
    contracted.write("models/ouro/produto.yml", CONTRACT.format("decimal(28,2)"))
    contracted.mesh.query("insert into bronze.venda values (null, 1, null)")
    result = contracted.dbt("build")
    assert result.returncode == 1
    assert "not_null_produto_id failed" in result.stdout
    rows, values = readers_see(contracted)
    assert [row[0] for row in rows] == [1, 2]
    assert values == 2
    contracted.mesh.query("delete from bronze.venda where id is null")
    contracted.build()
    rows, values = readers_see(contracted)
    assert ([row[0] for row in rows], values) == ([1, 2], 2)


def again(project: Project, columns: str) -> Completed:
    project.write("models/ouro/produto.sql", model(columns))
    return project.dbt("build")


@pytest.mark.parametrize(
    ("before", "after", "data_type"),
    [
        ("1 as a", "cast(1 as bigint) as a", "bigint"),
        ("cast(1 as float) as a", "cast(1 as double) as a", "double"),
        ("cast(1 as decimal(4,2)) as a", "cast(1 as decimal(9,2)) as a", "decimal(9,2)"),
        (
            "named_struct('x', 1) as a",
            "named_struct('x', 1, 'y', 'b') as a",
            "struct<x:int,y:string>",
        ),
        (
            "array(named_struct('x', 1)) as a",
            "array(named_struct('x', cast(1 as bigint))) as a",
            "array<struct<x:bigint>>",
        ),
        ("map('k', 1) as a", "map('k', cast(1 as bigint)) as a", "map<string,bigint>"),
        ("cast(1 as bigint) as a", "1 as a", "bigint"),
    ],
)
def test_type_that_loses_nothing_is_taken_in_place(
    project: Project, before: str, after: str, data_type: str
) -> None:
    ok(again(project, f"id, {before}"))
    # Even where the build fails after it, no value is gone.
    project.write("tests/never.sql", "select * from {{ ref('produto') }}")
    assert again(project, f"id, {after}").returncode == 1
    assert project.mesh.count("ouro.produto where a is not null") == 2
    project.remove("tests/never.sql")
    ok(again(project, f"id, {after}"))
    assert dict(row[:2] for row in project.mesh.query("describe ouro.produto"))["a"] == data_type
    assert project.mesh.count("ouro.produto where a is not null") == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1 as a", "'1' as a"),
        ("cast(1 as decimal(9,2)) as a", "cast(1 as decimal(9,3)) as a"),
        ("named_struct('x', 1, 'y', 2) as a", "named_struct('x', 1) as a"),
        ("date'2026-01-01' as a", "timestamp'2026-01-01 00:00:00' as a"),
    ],
)
def test_type_that_would_lose_values_is_refused(project: Project, before: str, after: str) -> None:
    ok(again(project, f"id, {before}"))
    rows = project.rows()
    result = again(project, f"id, {after}")
    assert result.returncode == 1
    assert "a would change from" in result.stdout
    assert "nothing was written" in result.stdout
    assert project.rows() == rows
    ok(again(project, f"id, {before}"))


@pytest.mark.parametrize("fails", [False, True], ids=["tests pass", "tests fail"])
def test_view_that_becomes_a_table_is_readable_throughout(project: Project, fails: bool) -> None:
    view = "{{ config(materialized='view') }} select id from {{ source('bronze', 'venda') }}"
    project.write("models/ouro/produto.sql", view)
    project.build()
    assert project.rows() == [(1,), (2,)]
    project.mesh.query("insert into bronze.venda values (3, 1, null)")
    if fails:
        project.write("tests/never.sql", "select * from {{ ref('produto') }}")
    result = again(project, "id")
    assert result.returncode == int(fails)
    # The view had the third row at once.
    assert project.rows() == [(1,), (2,), (3,)]


def test_table_becomes_a_view_only_where_its_history_may_go(project: Project) -> None:
    ok(again(project, "id"))
    view = "{{ config(materialized='view') }} select id from {{ source('bronze', 'venda') }}"
    project.write("models/ouro/produto.sql", view)
    result = project.dbt("build")
    assert result.returncode == 1
    assert "would take its rows and their history away" in result.stdout
    assert project.snapshots() == 1
    project.build("--full-refresh")
    assert ("ouro", "produto", False) in project.mesh.query("show views in ouro")


def test_table_is_replaced_without_being_dropped(project: Project) -> None:
    for _ in range(2):
        ok(again(project, "id"))
    assert project.snapshots() == 2


def test_view_keeps_up_with_its_definition_and_with_macros(project: Project) -> None:
    project.write("macros/limite.sql", "{% macro limite() %}10{% endmacro %}")
    project.write(
        "models/prata/caro.sql",
        "{{ config(materialized='view') }} "
        "select id, valor from {{ source('bronze', 'venda') }} where valor > {{ limite() }}",
    )
    project.build()
    assert [row[0] for row in project.rows("prata.caro")] == [2]
    project.write("macros/limite.sql", "{% macro limite() %}1{% endmacro %}")
    project.build()
    assert [row[0] for row in project.rows("prata.caro")] == [1, 2]


READS = """
{{ config(
    materialized='incremental', unique_key='id', meta={'reads': {'bronze.venda': '_batch_id'}}
) }}
{% set read = read_up_to() %}
select id, valor from {{ ref('caro') }}
{% if read %} where _batch_id > {{ read['bronze.venda'] }} {% endif %}
-- depends_on: {{ source('bronze', 'venda') }}
"""


def _filter(project: Project, limit: str) -> None:
    project.write(
        "models/prata/caro.sql",
        "{{ config(materialized='view') }} select id, valor, _batch_id "
        f"from {{{{ source('bronze', 'venda') }}}} where valor > {limit}",
    )


def _batch(project: Project, *values: tuple[int, int, int]) -> None:
    rows = ", ".join(str(value) for value in values)
    project.mesh.query(f"insert into bronze.venda (id, valor, _batch_id) values {rows}")


@pytest.fixture
def reading(project: Project) -> Project:
    """An incremental table over a view over batches of bronze."""
    project.mesh.execute(
        "drop table bronze.venda purge",
        "create table bronze.venda (id int, valor decimal(18,2), _batch_id bigint) using iceberg",
    )
    _batch(project, (1, 10, 1), (2, 20, 1))
    _filter(project, "10")
    project.write("models/ouro/produto.sql", READS)
    project.build()
    assert [row[0] for row in project.rows()] == [2]
    return project


def test_filter_of_an_upstream_view_that_changes_makes_its_tables_anew(reading: Project) -> None:
    assert "nothing new" in reading.build()
    _filter(reading, "5")
    reading.build()
    assert [row[0] for row in reading.rows()] == [1, 2]


def _deleted(project: Project) -> None:
    project.mesh.query("delete from bronze.venda where id = 2")


def _made_again(project: Project) -> None:
    project.mesh.execute(
        "drop table bronze.venda purge",
        "create table bronze.venda (id int, valor decimal(18,2), _batch_id bigint) using iceberg",
    )
    _batch(project, (4, 40, 1))


@pytest.mark.parametrize(
    ("change", "expected"),
    [(_deleted, []), (_made_again, [4])],
    ids=["rows deleted", "table made again with the same batch number"],
)
def test_bronze_that_changed_otherwise_than_by_new_batches_is_read_whole(
    reading: Project, change: Callable[[Project], None], expected: list[int]
) -> None:
    change(reading)
    reading.build()
    assert [row[0] for row in reading.rows()] == expected


def test_compaction_of_bronze_is_nothing_new(reading: Project) -> None:
    _batch(reading, (3, 30, 2))
    reading.build()
    reading.mesh.query(
        "call lake.system.rewrite_data_files(table => 'bronze.venda', "
        "options => map('rewrite-all', 'true'))"
    )
    assert "nothing new" in reading.build()
    assert [row[0] for row in reading.rows()] == [2, 3]
