"""About a thousand clients and five thousand orders with the faults of real data.

The numbers are those that data/samples/make_varejo.py was told to make.
"""

import json
from decimal import Decimal

import pytest

from malha.settings import ROOT
from tests.mesh import WITHOUT_UNIT_TESTS, Mesh, ok


@pytest.fixture(scope="module")
def varejo(fresh: Mesh) -> Mesh:
    ok(fresh.stack("land", str(ROOT / "data/samples/varejo")))
    ok(fresh.ingest())
    ok(fresh.dbt("--quiet", "build", *WITHOUT_UNIT_TESTS))
    return fresh


def test_every_row_arrives_in_bronze(varejo: Mesh) -> None:
    assert varejo.count("bronze.cliente") == 801 + 223
    assert varejo.count("bronze.pedido") == 2502 + 2540
    assert varejo.count("bronze.cliente where _corrupt is not null") == 1
    assert varejo.count("bronze.pedido where _corrupt is not null") == 2


def test_rejected_clients_by_reason(varejo: Mesh) -> None:
    query = "select motivo, count(*) from prata.cliente_rejeitados group by motivo"
    assert dict(varejo.query(query)) == {
        "nome_ausente": 12,
        "chave_ausente": 4,
        "chave_invalida": 2,
        "linha_corrompida": 1,
    }


def test_rejected_orders_by_reason(varejo: Mesh) -> None:
    query = "select motivo, count(*) from prata.pedido_rejeitados group by motivo"
    assert dict(varejo.query(query)) == {
        "valor_nao_positivo": 10 + 15,
        "valor_invalido": 20,
        "valor_ausente": 5,
        "chave_ausente": 3,
        "linha_corrompida": 2,
    }


def test_no_row_disappears(varejo: Mesh) -> None:
    superseded = {"cliente": 20 + 3, "pedido": 40}
    for table, earlier_deliveries in superseded.items():
        assert varejo.count(f"bronze.{table}") == (
            varejo.count(f"prata.{table}")
            + varejo.count(f"prata.{table}_rejeitados")
            + earlier_deliveries
        )


def test_later_delivery_corrects_the_earlier(varejo: Mesh) -> None:
    query = """
        select prata.nome = bronze.nome
        from prata.cliente as prata
        join bronze.cliente as bronze on cast(prata.cliente_id as string) = bronze.cliente_id
        where prata.cliente_id between 1501 and 1520 and bronze._source_file like '%2026-01-06.csv'
    """
    assert varejo.query(query) == [(True,)] * 20


def test_names_keep_accents_quotes_and_commas(varejo: Mesh) -> None:
    query = (
        "select nome from prata.cliente where cliente_id between 1051 and 1054 order by cliente_id"
    )
    assert [row[0] for row in varejo.query(query)] == [
        'Ana "Nina" D\'Ávila',
        "José, o Breve",
        "Ñandú Müller",
        "Íris Conceição",
    ]


def test_every_order_of_a_known_client_is_in_ouro(varejo: Mesh) -> None:
    unknown = 8 + 6
    assert varejo.count("ouro.cliente_pedido") == varejo.count("prata.pedido") - unknown
    known = "cliente_id in (select cliente_id from prata.cliente)"
    assert varejo.count(f"prata.pedido where not {known}") == unknown
    total = f"select sum(valor) from prata.pedido where {known}"
    assert varejo.query("select sum(total) from ouro.resumo_cliente") == varejo.query(total)


def test_rest_answers_with_ten_rows_unless_asked_for_more(varejo: Mesh) -> None:
    assert len(varejo.get("/api/cliente-pedido").json()) == 10
    rows = json.loads(varejo.get("/api/cliente-pedido", limit=10_000).text, parse_float=Decimal)
    query = "select * from ouro.cliente_pedido order by pedido_id"
    assert [tuple(row.values()) for row in rows] == varejo.query(query)


def test_corrupt_line_is_kept_as_delivered(varejo: Mesh) -> None:
    query = "select _corrupt from prata.pedido_rejeitados where motivo = 'linha_corrompida'"
    assert sorted(varejo.query(query)) == [("2500,1500",), ("2501;1501;99.90",)]
