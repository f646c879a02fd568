"""Columns are traced through joins, stars, counts and views, back to the sources."""

from typing import Any

import pytest

from governance.lineage import Lineage, Origin, describe
from malha.errors import ManifestError


def node(kind: str, schema: str, name: str, sql: str | None, *columns: str) -> dict[str, Any]:
    return {
        "resource_type": kind,
        "name": name,
        "schema": schema,
        "alias": name,
        "compiled_code": sql,
        "columns": {
            column: {"description": f"The {column}.", "data_type": None} for column in columns
        },
    }


def manifest(**models: dict[str, Any]) -> dict[str, Any]:
    source = node("source", "bronze", "pedido", None, "id", "valor") | {"identifier": "pedido"}
    del source["alias"]
    return {"nodes": models, "sources": {"pedido": source}}


PEDIDO = node(
    "model",
    "prata",
    "pedido",
    "with entrega as (select cast(id as bigint) as id, valor * 2 as valor from bronze.pedido) "
    "select * from entrega",
    "id",
    "valor",
)
RESUMO = node(
    "model",
    "ouro",
    "resumo",
    "select p.id, count(*) as pedidos, max(p.valor) as maior from prata.pedido p group by p.id",
    "id",
    "pedidos",
    "maior",
)


def test_column_is_traced_to_its_parents_and_to_the_beginning() -> None:
    traced = Lineage(manifest(pedido=PEDIDO, resumo=RESUMO))
    maior = Origin("ouro.resumo", "maior")
    assert traced.parents(maior) == (Origin("prata.pedido", "valor"),)
    assert traced.sources(maior) == (Origin("bronze.pedido", "valor"),)


def test_count_comes_from_no_column() -> None:
    traced = Lineage(manifest(pedido=PEDIDO, resumo=RESUMO))
    assert traced.sources(Origin("ouro.resumo", "pedidos")) == ()


def test_columns_that_dbt_adds_to_a_snapshot_are_left_out() -> None:
    historia = node(
        "snapshot", "prata", "historia", "select id from bronze.pedido", "id", "dbt_scd_id"
    )
    traced = Lineage(manifest(historia=historia))
    assert traced.columns("prata.historia") == [Origin("prata.historia", "id")]


def test_descriptions_say_where_columns_come_from() -> None:
    described = manifest(pedido=PEDIDO, resumo=RESUMO)
    assert describe(described) == 5
    columns = described["nodes"]["resumo"]["columns"]
    assert columns["maior"]["description"] == (
        "The maior.\n\nFrom `prata.pedido.valor`. At the beginning: `bronze.pedido.valor`."
    )
    assert columns["pedidos"]["description"].endswith("From no column: a count or a constant.")
    assert described["nodes"]["pedido"]["columns"]["id"]["description"].endswith(
        "From `bronze.pedido.id`."
    )


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (None, "pedido is not compiled: run `dbt compile` first"),
        ("select id from bronze.pedido", "pedido: valor cannot be traced"),
        ("select from where", "pedido: id cannot be traced"),
    ],
)
def test_what_cannot_be_traced_is_an_error(sql: str | None, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        Lineage(manifest(pedido=node("model", "prata", "pedido", sql, "id", "valor")))
