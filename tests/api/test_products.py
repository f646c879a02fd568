"""Products over HTTP, on the real stack."""

import copy
import csv
import io
import json
import re
import secrets
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.api.conftest import NOT_BUILT, Apis, model
from tests.api.orders import (
    PATH,
    ROWS,
    ask_anew,
    await_memory,
    await_rows,
    create,
    drop,
    of_all,
    write_again,
)
from tests.api.running import Running, rows_of, running
from tests.mesh import Mesh, eventually, free_ports

Json = dict[str, Any]

_CLIENTS = 25_000


@pytest.fixture(scope="module")
def table(mesh: Mesh) -> Iterator[Mesh]:
    """The smallest case's product, one of many rows, and nothing else."""
    mesh.begin_empty()
    create(mesh)
    number = "cast(id / 4 as decimal(18,2))"
    mesh.query(
        "create table ouro.resumo_cliente using iceberg as select id as cliente_id, "
        f"concat('n', id) as nome, id % 7 as pedidos, {number} as total, "
        f"{number} as ticket_medio, {number} as maior_pedido from range({_CLIENTS})"
    )
    yield mesh
    drop(mesh)
    mesh.query("drop table ouro.resumo_cliente purge")


@pytest.fixture(scope="module", params=["tier", "thrift"])
def api(table: Mesh, apis: Apis, request: pytest.FixtureRequest) -> Running:
    """The API with products in memory, and with none."""
    found = apis(request.param)
    await_rows(found)
    return found


def test_product_is_served_row_by_row(api: Running) -> None:
    answer = api.get(PATH)
    assert rows_of(answer) == ROWS
    assert answer.headers["content-type"] == "application/json"
    assert '"valor":200.00}' in answer.text
    assert [list(row) for row in rows_of(answer)] == [list(ROWS[0])] * 3


def test_rows_of_one_client_are_looked_up(api: Running) -> None:
    assert rows_of(api.get(f"{PATH}/1")) == [ROWS[0], ROWS[2]]
    assert rows_of(api.get(f"{PATH}/99")) == []


@pytest.mark.parametrize(
    ("path", "parameter", "location"),
    [
        (f"{PATH}/x", "cliente_id", "path"),
        (f"{PATH}/1.5", "cliente_id", "path"),
        (f"{PATH}/9223372036854775808", "cliente_id", "path"),
        (f"{PATH}/1%27%20or%201=1", "cliente_id", "path"),
        (f"{PATH}?limit=0", "limit", "query"),
        (f"{PATH}?limite=5", "limite", "query"),
        (f"{PATH}?valor=x", "valor", "query"),
        (f"{PATH}?nome=%FF", "", "query"),
    ],
)
def test_bad_request_is_answered_with_problem_details(
    api: Running, path: str, parameter: str, location: str
) -> None:
    answer = api.get(path)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert unquote(problem["instance"]) == unquote(path.partition("?")[0])
    (error,) = problem["errors"]
    assert (error["parameter"], error["location"]) == (parameter, location)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/produto", 404),
        ("/api/cliente_pedido", 404),
        (f"{PATH}/", 404),
        (f"{PATH}/1/2", 404),
        ("/api/%00", 404),
        ("/api/..%2F..%2Fetc%2Fpasswd", 404),
    ],
)
def test_path_of_no_product_is_a_problem(api: Running, path: str, status: int) -> None:
    answer = api.get(path)
    assert answer.status_code == status
    assert "/api lists the products" in answer.json()["detail"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_method_that_is_not_offered_is_a_problem_too(api: Running, method: str) -> None:
    answer = api.client.request(method, PATH)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.headers["content-type"] == "application/problem+json"


def test_head_has_the_headers_of_get_and_no_body(api: Running) -> None:
    got, head = api.get(PATH), api.client.head(PATH)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("etag", "content-type", "content-length", "vary"):
        assert head.headers[name] == got.headers[name]


def test_product_that_is_not_built_says_how_to(api: Running) -> None:
    answer = api.get(f"/api/{NOT_BUILT.replace('_', '-')}")
    assert answer.status_code == 503
    assert "run `dbt build`" in answer.json()["detail"]
    assert answer.headers["retry-after"] == "30"


def test_without_a_key_nothing_is_read(api: Running) -> None:
    assert httpx.get(f"{api.url}{PATH}").status_code == 401


@pytest.mark.parametrize(
    ("parameters", "ids"),
    [
        ({"nome": "Alice"}, [1, 3]),
        ({"nome__like": "%o%"}, [2]),
        ({"valor__gt": "150"}, [1, 3]),
        ({"pedido_id__in": "3,1"}, [1, 3]),
        ({"sort": "-valor"}, [3, 1, 2]),
        ({"sort": "nome,-pedido_id"}, [3, 1, 2]),
        ({"nome__is": "null"}, []),
        ({"limit": 1}, [1]),
        ({"limit": "all"}, [1, 2, 3]),
    ],
)
def test_rows_are_chosen_and_sorted(api: Running, parameters: Json, ids: list[int]) -> None:
    assert [row["pedido_id"] for row in rows_of(api.get(PATH, **parameters))] == ids


def test_groups_are_summed(api: Running) -> None:
    answer = api.get(
        PATH, group_by="nome", aggregate="count,sum.valor,avg.valor", sort="-sum_valor"
    )
    assert rows_of(answer) == [
        {"nome": "Alice", "count": 2, "sum_valor": Decimal("550.00"), "avg_valor": 275},
        {"nome": "Bob", "count": 1, "sum_valor": Decimal("150.00"), "avg_valor": 150},
    ]


@pytest.mark.parametrize(
    ("parameters", "total"),
    [
        ({"limit": 1}, 3),
        ({"nome": "Alice"}, 2),
        ({"group_by": "nome"}, 2),
        ({"aggregate": "count"}, 1),
    ],
)
def test_rows_of_all_pages_are_counted(api: Running, parameters: Json, total: int) -> None:
    assert api.get(PATH, count="exact", **parameters).headers["total-count"] == str(total)


@pytest.mark.parametrize("how", ["format", "accept"])
def test_each_form_has_the_same_rows(api: Running, how: str) -> None:
    def body(name: str, media_type: str) -> bytes:
        for limit in ("10", "all"):
            if how == "format":
                answer = api.get(PATH, format=name, limit=limit)
            else:
                answer = api.get(PATH, limit=limit, headers={"accept": media_type})
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith(media_type)
        return bytes(answer.content)

    lines = body("ndjson", "application/x-ndjson").decode().splitlines()
    assert [json.loads(line, parse_float=Decimal) for line in lines] == ROWS
    arrow = body("arrow", "application/vnd.apache.arrow.stream")
    assert pa.ipc.open_stream(arrow).read_all().to_pylist() == ROWS
    parquet = body("parquet", "application/vnd.apache.parquet")
    assert pa.parquet.read_table(io.BytesIO(parquet)).to_pylist() == ROWS
    table = list(csv.DictReader(io.StringIO(body("csv", "text/csv").decode())))
    assert [row["valor"] for row in table] == ["200.00", "150.00", "350.00"]


def test_form_that_there_is_not_is_refused(api: Running) -> None:
    answer = api.get(PATH, headers={"accept": "text/html"})
    assert answer.status_code == 406
    assert "text/csv" in answer.json()["detail"]


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_long_answer_is_compressed_as_asked(api: Running, encoding: str) -> None:
    answer = api.get(PATH, limit="all", headers={"accept-encoding": encoding})
    assert answer.headers["content-encoding"] == encoding
    assert rows_of(answer) == ROWS


def test_unchanged_answer_is_not_sent_again(api: Running) -> None:
    first = api.get(PATH)
    for limit, tag in (
        ("10", first.headers["etag"]),
        ("10", "*"),
        ("10", f'"x", W/{first.headers["etag"]}'),
    ):
        again = api.get(PATH, headers={"if-none-match": tag}, limit=limit)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    assert api.get(PATH, headers={"if-none-match": '"other"'}).status_code == 200
    whole = api.get(PATH, limit="all")
    tag = {"if-none-match": whole.headers["etag"]}
    assert api.get(PATH, limit="all", headers=tag).status_code == 304


def pages(api: Running, between: Any = lambda: None, **parameters: Any) -> list[Json]:
    """All rows, page by page, by the links."""
    answer = api.get(PATH, **parameters)
    found = rows_of(answer)
    while link := answer.links.get("next"):
        between()
        answer = api.client.get(link["url"])
        found += rows_of(answer)
        assert ("next-cursor" in answer.headers) == ("next" in answer.links)
    return found


@pytest.mark.parametrize("sort", ["pedido_id", "-valor", "nome", "-nome,valor"])
def test_pages_have_each_row_once(api: Running, sort: str) -> None:
    assert pages(api, limit=1, sort=sort) == rows_of(api.get(PATH, sort=sort))
    assert pages(api, limit=2, sort=sort, select="valor") == rows_of(
        api.get(PATH, sort=sort, select="valor")
    )


def test_cursor_of_another_query_is_refused(api: Running) -> None:
    cursor = api.get(PATH, limit=1).headers["next-cursor"]
    assert api.get(PATH, cursor=cursor, sort="-nome").status_code == 422
    assert api.get(PATH, cursor=cursor[:-3] + "AAA").status_code == 422


def test_pages_that_were_begun_stay_as_they_were_and_a_publish_is_seen(
    api: Running, table: Mesh
) -> None:
    changed = iter(
        [
            "delete from ouro.cliente_pedido where pedido_id = 2",
            "insert into ouro.cliente_pedido values (0, 9, 'Zoe', 1.00), (9, 9, 'Zoe', 1.00)",
            "insert overwrite ouro.cliente_pedido values (1, 1, 'Rebuilt', 1.00)",
        ]
    )

    def change() -> None:
        if statement := next(changed, None):
            table.query(statement)

    try:
        assert pages(api, change, limit=1) == ROWS
        change()
        expected = ROWS[0] | {"nome": "Rebuilt", "valor": Decimal("1.00")}
        eventually(lambda: rows_of(api.get(PATH)) == [expected], seconds=30)
    finally:
        write_again(table)
        await_rows(api)


def test_cursor_on_a_table_that_was_made_anew_says_so(api: Running, table: Mesh) -> None:
    # Pages that were read before may still be in the cache.
    asked: Json = {"limit": 1, **of_all()}
    before = api.get(PATH, **asked)
    cursor, tag = before.headers["next-cursor"], before.headers["etag"]
    create(table)
    try:
        # While it is empty, it has no snapshot and no tag.
        eventually(lambda: api.get(PATH, **asked).headers.get("etag", tag) != tag, seconds=30)
        answer = api.get(PATH, cursor=cursor, **asked)
        if api.in_memory:
            # The two newest snapshots stay there.
            assert rows_of(answer) == [ROWS[1]]
        else:
            assert answer.status_code == 410
            assert "begin again" in answer.json()["detail"]
    finally:
        await_rows(api)


def test_request_is_named_in_the_answer(api: Running) -> None:
    given = api.get(PATH, headers={"x-request-id": "abc-1.2_3"})
    assert given.headers["x-request-id"] == "abc-1.2_3"
    for bad in (b"a b", b"*/ drop table x", b"x" * 65, "é".encode()):
        made = api.client.get(PATH, headers={b"x-request-id": bad})
        assert len(made.headers["x-request-id"]) == 16


def test_export_is_the_table(api: Running) -> None:
    eventually(lambda: api.get("/api/resumo-cliente").status_code == 200, seconds=30)
    whole = api.get("/api/resumo-cliente", limit="all", format="arrow")
    found = pa.ipc.open_stream(whole.content).read_all()
    quarters = [Decimal(number) / 4 for number in range(_CLIENTS)]
    assert found.to_pydict() == {
        "cliente_id": list(range(_CLIENTS)),
        "nome": [f"n{number}" for number in range(_CLIENTS)],
        "pedidos": [number % 7 for number in range(_CLIENTS)],
        "total": quarters,
        "ticket_medio": quarters,
        "maior_pedido": quarters,
    }


def test_many_who_ask_at_once_are_all_answered(api: Running) -> None:
    found: list[int] = []

    def ask(number: int) -> None:
        answer = httpx.get(
            f"{api.url}{PATH}",
            params={"pedido_id.gt": -(number % 5)},
            headers={"Authorization": f"Bearer {api.key}"},
            timeout=60,
        )
        found.append(len(answer.json()) if answer.status_code == 200 else answer.status_code)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3] * 30


@pytest.mark.parametrize("api", ["thrift"], indirect=True)
def test_request_is_named_in_the_statement_that_spark_runs(table: Mesh, api: Running) -> None:
    name = f"find-me-{secrets.token_hex(8)}"
    ask_anew(api, name)
    ui = f"http://127.0.0.1:{table.settings.spark_ui_port}"
    eventually(lambda: f"request {name}" in _statements(ui), seconds=30)


def _statements(ui: str) -> str:
    """All that Spark's page of JDBC statements has."""
    return unquote(httpx.get(f"{ui}/sqlserver/", timeout=20).text)


@pytest.fixture
def guarded(api: Running, served_manifest: Json) -> Iterator[Running]:
    """The product with a mask and a row filter, and who sees through neither."""
    manifest = copy.deepcopy(served_manifest)
    declared = model(manifest, "cliente_pedido")["config"]["meta"]["api"]
    declared["masks"] = {
        "nome": {"unless": "pii.nome", "show": "***"},
        "valor": {"unless": "pii.valor"},
    }
    declared["rows"] = [{"unless": "all-rows", "where": "valor < 300 and nome <> 'Zoe'"}]
    api.manifest.write_text(json.dumps(manifest))
    expected = [row | {"nome": "***", "valor": None} for row in ROWS[:2]]
    try:
        eventually(lambda: api.get(PATH).text.count("***") == 2, seconds=30)
        if api.in_memory:
            await_memory(api)
        assert rows_of(api.get(PATH)) == expected
        yield api
    finally:
        api.manifest.write_text(json.dumps(served_manifest))
        await_rows(api)


def test_what_is_masked_or_filtered_cannot_be_probed(
    guarded: Running,
) -> None:
    api = guarded
    hidden = ROWS[2]["pedido_id"]

    def ids(**asked: Any) -> list[int]:
        return [row["pedido_id"] for row in rows_of(api.get(PATH, **asked))]

    # By filter: the values behind the mask find nothing, what it shows finds all.
    assert ids(nome="Alice") == []
    assert ids(nome__like="A%") == []
    assert ids(nome__in="Alice,Bob") == []
    assert ids(nome__ne="Alice") == [1, 2]
    assert ids(nome="***") == [1, 2]
    assert ids(valor="200") == []
    assert ids(valor__gt="0") == []
    assert ids(valor__is="not_null") == []
    assert ids(valor__is="null") == [1, 2]
    assert ids(pedido_id=hidden) == []
    assert ids(limit="all") == [1, 2]
    assert [row["pedido_id"] for row in rows_of(api.get(f"{PATH}/1"))] == [1]
    # By order: that of the key is left.
    for sort in ("nome", "-nome", "valor", "-valor"):
        assert ids(sort=sort) == [1, 2]
    # By cursor: it says what is shown.
    first = api.get(PATH, sort="-valor", limit=1)
    assert pages(api, sort="-valor", limit=1) == rows_of(api.get(PATH))
    assert "200" not in unquote(first.headers["link"]).partition("cursor=")[0]
    # By aggregate.
    (row,) = rows_of(api.get(PATH, aggregate="count,min.nome,max.nome,sum.valor,max.valor"))
    assert row == {
        "count": 2,
        "min_nome": "***",
        "max_nome": "***",
        "sum_valor": None,
        "max_valor": None,
    }
    assert rows_of(api.get(PATH, group_by="nome")) == [{"nome": "***", "count": 2}]
    assert rows_of(api.get(PATH, group_by="valor")) == [{"valor": None, "count": 2}]
    assert api.get(PATH, count="exact", limit=1).headers["total-count"] == "2"
    for form in ("csv", "ndjson", "json"):
        for limit in ("10", "all"):
            text = api.get(PATH, format=form, limit=limit).text
            assert "Alice" not in text
            assert "350" not in text


def test_who_has_the_scopes_sees_all_and_nobody_gets_anothers_answer(
    guarded: Running,
) -> None:
    api = guarded
    key = api.key_of("*", "pii.nome", "pii.valor", "all-rows")
    more = {"Authorization": f"Bearer {key}"}
    eventually(lambda: api.get(PATH, headers=more).status_code == 200, seconds=30)
    full = api.get(PATH, headers=more)
    assert rows_of(full) == ROWS
    masked = api.get(PATH)
    assert len(rows_of(masked)) == 2
    assert masked.headers["etag"] != full.headers["etag"]
    crossed = api.get(PATH, headers={"if-none-match": full.headers["etag"]})
    assert crossed.status_code == 200
    cursor = api.get(PATH, headers=more, limit=1).headers["next-cursor"]
    assert api.get(PATH, limit=1, cursor=cursor).status_code == 422


def test_broken_manifest_leaves_the_products_and_is_told(
    api: Running, served_manifest: Json
) -> None:
    try:
        api.manifest.write_text("{")
        eventually(lambda: api.client.get("/health/ready").status_code == 503, seconds=30)
        assert api.client.get("/health/ready").json()["checks"]["registry"] == "cannot be read"
        assert rows_of(api.get(PATH)) == ROWS
    finally:
        api.manifest.write_text(json.dumps(served_manifest))
        eventually(lambda: api.client.get("/health/ready").status_code == 200, seconds=30)


def test_catalogue_lists_products_with_owner_and_columns(api: Running) -> None:
    products = {product["name"]: product for product in api.client.get("/api").json()}
    assert {"cliente_pedido", "resumo_cliente"} <= products.keys()
    assert products["cliente_pedido"]["owner"] == "Domínio Vendas"
    assert products["cliente_pedido"]["columns"]["valor"] == "decimal(18,2)"
    assert api.client.get("/docs").status_code == 200
    assert PATH in api.client.get("/openapi.json").json()["paths"]


def test_health_and_metrics_are_at_an_address_of_their_own_where_one_is_set(
    mesh: Mesh, served_manifest: Json, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    with running(mesh, tmp_path / "apart", served_manifest, API_HEALTH_PORT=str(port)) as apart:
        health = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{health}/health/ready", timeout=60).json()["status"] == "ok"
        assert "malha_api_requests" in httpx.get(f"{health}/metrics", timeout=60).text
        for path in ("/health/ready", "/metrics"):
            assert apart.client.get(path).status_code == 404
        for path in ("/api", "/docs", "/openapi.json", PATH):
            assert httpx.get(health + path, timeout=60).status_code == 404


def test_docs_load_nothing_from_elsewhere(api: Running) -> None:
    page = api.client.get("/docs")
    assert "content-security-policy" in page.headers
    assert "https://" not in page.text
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        asset = api.client.get(path)
        assert asset.status_code == 200
        assert len(asset.content) > 1000
    assert api.client.get("/docs/", follow_redirects=False).status_code == 200
    assert api.client.get("/redoc").status_code == 404


def test_root_and_catalogue_answer_programs_and_people(api: Running) -> None:
    assert api.client.get("/", headers={"Accept": "*/*"}).json()["catalogue"] == "/api"
    page = api.client.get("/", headers={"Accept": "text/html"}, follow_redirects=False)
    assert page.headers["location"] == "/docs"
    assert api.client.get("/api/").json() == api.client.get("/api").json()
    for path in ("/", "/api", "/api/", "/docs", "/health/live", "/health/ready"):
        assert api.client.head(path, follow_redirects=False).status_code in (200, 307)
    odd = httpx.Request("GET", f"{api.url}/docs/x", headers={"Host": "evil.example"})
    assert "location" not in api.client.send(odd).headers


def test_groups_that_are_cut_off_are_told(api: Running) -> None:
    cut = api.get(PATH, group_by="pedido_id", limit=2)
    whole = api.get(PATH, group_by="pedido_id", limit=3)
    assert (len(rows_of(cut)), cut.headers.get("truncated")) == (2, "true")
    assert (len(rows_of(whole)), whole.headers.get("truncated")) == (3, None)


def test_audit_names_every_column_that_the_answer_depends_on(api: Running) -> None:
    api.get(PATH, {"x-request-id": "columns"}, select="pedido_id", nome__ne="x", sort="-valor")
    api.client.head(PATH, headers={"x-request-id": "head"})
    log = api.folder / "audit.log"
    # A line is written once its answer is sent.
    eventually(lambda: '"request_id":"head"' in log.read_text(), seconds=10)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    by_id = {line["request_id"]: line for line in lines}
    assert by_id["columns"]["columns"] == ["pedido_id", "nome", "valor"]
    assert by_id["head"]["rows"] == 0
