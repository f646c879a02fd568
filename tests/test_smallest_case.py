"""Three clients and three orders, from files to JDBC and REST."""

import json
import re
from decimal import Decimal

import pytest
from TCLIService import ttypes

from malha import hive
from malha.settings import ROOT
from tests.mesh import Mesh, ok

CLIENTE_PEDIDO = [
    {"pedido_id": 1, "cliente_id": 1, "nome": "Alice", "valor": 200},
    {"pedido_id": 2, "cliente_id": 2, "nome": "Bob", "valor": 150},
    {"pedido_id": 3, "cliente_id": 1, "nome": "Alice", "valor": 350},
]


@pytest.fixture(scope="module")
def demo(fresh: Mesh) -> str:
    """What `make demo` prints."""
    return ok(fresh.tour("demo"))


@pytest.fixture(scope="module")
def minimo(fresh: Mesh, demo: str) -> Mesh:
    """The mesh with the smallest case in it."""
    return fresh


def test_bronze_is_as_delivered_and_says_where_it_came_from(minimo: Mesh) -> None:
    rows = minimo.query("select * from bronze.pedido order by pedido_id")
    assert [row[:3] for row in rows] == [("1", "1", "200"), ("2", "2", "150"), ("3", "1", "350")]
    types = {row[0]: row[1] for row in minimo.query("describe bronze.pedido")}
    assert types == {
        "pedido_id": "string",
        "cliente_id": "string",
        "valor": "string",
        "_extra": "map<string,string>",
        "_ingested_at": "timestamp",
        "_source_file": "string",
        "_batch_id": "bigint",
        "_corrupt": "string",
        "_position": "bigint",
        "_order_key": "string",
    }
    assert {row[3] for row in rows} == {None}
    assert {row[5] for row in rows} == {"s3a://landing/pedidos/pedido/pedido.csv"}
    assert {row[6:8] for row in rows} == {(1, None)}
    assert [row[8:] for row in rows] == [(0, None), (1, None), (2, None)]


def test_prata_keeps_all_and_rejects_none(minimo: Mesh) -> None:
    assert minimo.query("select cliente_id, nome from prata.cliente order by 1") == [
        (1, "Alice"),
        (2, "Bob"),
        (3, "Carol"),
    ]
    assert minimo.count("prata.pedido") == 3
    assert minimo.count("prata.cliente_rejeitados") == 0
    assert minimo.count("prata.pedido_rejeitados") == 0


def test_ouro_cliente_pedido_is_the_join(minimo: Mesh) -> None:
    assert minimo.query("select * from ouro.cliente_pedido order by pedido_id") == [
        (1, 1, "Alice", Decimal("200.00")),
        (2, 2, "Bob", Decimal("150.00")),
        (3, 1, "Alice", Decimal("350.00")),
    ]
    types = dict(row[:2] for row in minimo.query("describe ouro.cliente_pedido"))
    assert types["valor"] == "decimal(18,2)"


def test_ouro_resumo_cliente_has_every_client(minimo: Mesh) -> None:
    assert minimo.query("select * from ouro.resumo_cliente order by cliente_id") == [
        (1, "Alice", 2, Decimal("550.00"), Decimal("275.00"), Decimal("350.00")),
        (2, "Bob", 1, Decimal("150.00"), Decimal("150.00"), Decimal("150.00")),
        (3, "Carol", 0, Decimal("0.00"), Decimal("0.00"), Decimal("0.00")),
    ]


def test_rest_serves_the_product(minimo: Mesh) -> None:
    answer = minimo.get("/api/cliente-pedido")
    assert answer.status_code == 200
    assert answer.json() == CLIENTE_PEDIDO
    assert [list(row) for row in answer.json()] == [
        ["pedido_id", "cliente_id", "nome", "valor"]
    ] * 3


def test_rest_serves_one_client(minimo: Mesh) -> None:
    assert minimo.get("/api/cliente-pedido/1").json() == [CLIENTE_PEDIDO[0], CLIENTE_PEDIDO[2]]


def test_client_without_rows_is_an_empty_list(minimo: Mesh) -> None:
    answer = minimo.get("/api/cliente-pedido/99")
    assert (answer.status_code, answer.json()) == (200, [])


def test_limit_cuts_the_answer(minimo: Mesh) -> None:
    assert minimo.get("/api/cliente-pedido", limit=2).json() == CLIENTE_PEDIDO[:2]
    assert minimo.get("/api/cliente-pedido/1", limit=1).json() == CLIENTE_PEDIDO[:1]


def test_rest_and_jdbc_agree_row_for_row(minimo: Mesh) -> None:
    for product in ("cliente_pedido", "resumo_cliente"):
        served = json.loads(
            minimo.get(f"/api/{product.replace('_', '-')}").text, parse_float=Decimal
        )
        rows = minimo.query(f"select * from ouro.{product} order by 1")
        assert [tuple(row.values()) for row in served] == rows


def test_beeline_shows_the_rows(minimo: Mesh) -> None:
    query = "select * from ouro.cliente_pedido order by pedido_id"
    shown = ok(minimo.tour("beeline", "--execute", query))
    assert re.search(r"\| 1 +\| 1 +\| Alice +\| 200\.00 +\|", shown)


def test_demo_shows_counts_rest_and_jdbc(demo: str) -> None:
    for table in ("bronze │ cliente ", "prata  │ pedido ", "ouro   │ cliente_pedido "):
        assert re.search(rf"│ {table} +│ +3 │", demo), table
    assert '{"pedido_id":1,"cliente_id":1,"nome":"Alice","valor":200.00}' in demo
    assert re.search(r"\| 3 +\| 1 +\| Alice +\| 350\.00 +\|", demo)


def test_readme_shows_what_the_demo_prints(demo: str) -> None:
    readme = (ROOT / "README.md").read_text()
    shown = re.search(r"<!-- demo -->\n```console\n(.*?)```", readme, re.DOTALL)
    assert shown is not None
    printed = demo.splitlines()
    for line in shown[1].splitlines():
        # Rules are as wide as the terminal, ports and folders the tests' own; set-up and start are
        # not the demo's.
        if line and not line.startswith(("$", "──", "setup:", "✓", "a key to", "curl ")):
            assert any(_without_seconds(line) == _without_seconds(p) for p in printed), line


def test_readme_shows_what_rest_answers(minimo: Mesh) -> None:
    readme = (ROOT / "README.md").read_text()
    shown = re.findall(
        r"^\$ curl -H \"\$KEY\" http://127.0.0.1:8000(/\S+)\n(\[.*\])$", readme, re.M
    )
    of_the_smallest_case = [(path, answer) for path, answer in shown if "preco" not in path]
    assert len(of_the_smallest_case) == 3
    for path, answer in of_the_smallest_case:
        assert minimo.get(path).text == answer


def _without_seconds(line: str) -> str:
    return re.sub(r"[\d.]+ (│$|s\b)", r"\1", " ".join(line.split()))


def test_ingest_again_adds_nothing(minimo: Mesh) -> None:
    shown = ok(minimo.ingest())
    assert re.search(r"│ cliente │ +0 │ +0 │ +0 │", shown)
    assert minimo.count("bronze.cliente") == 3
    assert minimo.count("bronze.pedido") == 3


def test_jdbc_catalogue_lists_schemas_tables_and_columns(minimo: Mesh) -> None:
    connection = hive.connect(minimo.settings)
    client, session = connection.client, connection.sessionHandle

    def names(response: ttypes.TGetTablesResp, column: int) -> set[str]:
        request = ttypes.TFetchResultsReq(
            response.operationHandle, ttypes.TFetchOrientation.FETCH_NEXT, 1000
        )
        return set(client.FetchResults(request).results.columns[column].stringVal.values)

    with connection:
        schemas = names(client.GetSchemas(ttypes.TGetSchemasReq(session)), 0)
        assert {"bronze", "prata", "ouro"} <= schemas
        tables = ttypes.TGetTablesReq(session, schemaName="prata", tableName="%")
        assert names(client.GetTables(tables), 2) == {
            "cliente",
            "cliente_entregas",
            "cliente_historia",
            "cliente_rejeitados",
            "pedido",
            "pedido_entregas",
            "pedido_rejeitados",
        }
        columns = ttypes.TGetColumnsReq(session, schemaName="ouro", tableName="cliente_pedido")
        assert names(client.GetColumns(columns), 3) == {"pedido_id", "cliente_id", "nome", "valor"}


def test_down_and_up_keep_every_row(minimo: Mesh) -> None:
    ok(minimo.stack("down"))
    minimo.up()
    assert minimo.get("/api/cliente-pedido").json() == CLIENTE_PEDIDO
    assert minimo.count("bronze.pedido") == 3
