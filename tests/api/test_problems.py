"""What the running API answers to requests that it cannot serve."""

from urllib.parse import unquote

import httpx
import pytest

from tests.mesh import Mesh


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/api/cliente-pedido/x", 422, "cliente_id: Input should be a valid integer"),
        ("/api/cliente-pedido/1.5", 422, "cliente_id: Input should be a valid integer"),
        (
            "/api/cliente-pedido/9223372036854775808",
            422,
            "should be less than or equal to 92233720",
        ),
        ("/api/cliente-pedido/1%27%20or%201=1", 422, "cliente_id: Input should be a valid integer"),
        ("/api/cliente-pedido?limit=0", 422, "limit: Input should be greater than or equal to 1"),
        (
            "/api/cliente-pedido?limit=10001",
            422,
            "limit: Input should be less than",
        ),
        ("/api/cliente-pedido?limit=dez", 422, "limit: Input should be a valid integer"),
        ("/api/cliente-pedido?limite=5", 422, "limite: There is no such parameter"),
        ("/api/produto", 404, "There is nothing at /api/produto; /api lists the products"),
        ("/api/cliente_pedido", 404, "There is nothing at /api/cliente_pedido"),
    ],
)
def test_bad_request_is_answered_with_problem_details(
    mesh: Mesh, path: str, status: int, detail: str
) -> None:
    answer = mesh.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert unquote(problem["instance"]) == unquote(path.split("?")[0])
    assert " " not in problem["instance"]
    assert detail in problem["detail"]
    assert {"type", "title"} <= problem.keys()


def test_method_that_is_not_offered_is_a_problem_too(mesh: Mesh) -> None:
    answer = httpx.delete(f"{mesh.settings.api_url}/api/cliente-pedido")
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["allow"] == "GET"


def test_product_without_a_table_says_how_to_build_it(fresh: Mesh) -> None:
    answer = fresh.get("/api/cliente-pedido")
    assert answer.status_code == 503
    assert "run `dbt build`" in answer.json()["detail"]
    assert answer.headers["retry-after"] == "30"


def test_catalogue_lists_products_with_owner_and_columns(mesh: Mesh) -> None:
    products = {product["name"]: product for product in mesh.get("/api").json()}
    assert products.keys() == {"cliente_pedido", "resumo_cliente"}
    assert products["cliente_pedido"]["owner"] == "Domínio Vendas"
    assert products["cliente_pedido"]["columns"]["valor"] == "decimal(18,2)"


def test_openapi_describes_each_product_from_its_contract(mesh: Mesh) -> None:
    document = mesh.get("/openapi.json").json()
    assert {"/api", "/api/cliente-pedido", "/api/cliente-pedido/{cliente_id}"} <= set(
        document["paths"]
    )
    row = document["components"]["schemas"]["cliente_pedido"]["properties"]
    assert row["nome"]["description"] == "The client's name."
    assert mesh.get("/docs").status_code == 200


def test_health_says_what_is_checked(mesh: Mesh) -> None:
    assert mesh.get("/health/live").json()["status"] == "ok"
    assert mesh.get("/health/ready").json()["checks"] == {"registry": "ok", "thrift": "ok"}
