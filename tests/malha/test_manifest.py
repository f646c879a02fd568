import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from malha.errors import ManifestError
from malha.manifest import Manifest

Change = Callable[[dict[str, Any]], Any]

CLIENTE = "source.malha.bronze.cliente"
PRODUCT = "model.malha.cliente_pedido"


@pytest.fixture
def read(parsed_manifest: dict[str, Any], tmp_path: Path) -> Callable[..., Manifest]:
    """Read the project's manifest after a change."""

    def read(change: Change = lambda manifest: None) -> Manifest:
        manifest = copy.deepcopy(parsed_manifest)
        change(manifest)
        path = tmp_path / "manifest.json"
        path.write_text(json.dumps(manifest))
        return Manifest(path)

    return read


def test_source_with_a_landing_is_ingested(read: Callable[..., Manifest]) -> None:
    source = read().sources["cliente"]
    assert (source.schema_name, source.table) == ("bronze", "cliente")
    assert (source.landing.path, source.landing.format) == ("clientes/cliente", "csv")
    assert source.columns == ("cliente_id", "nome")


def test_models_that_become_tables_are_listed_and_views_and_ephemeral_ones_are_not(
    read: Callable[..., Manifest],
) -> None:
    tables = read().tables
    table = tables["prata_pedido_entregas"]
    assert (table.schema_name, table.table) == ("prata", "pedido_entregas")
    assert {"cliente_pedido", "prata_cliente_historia"} <= set(tables)
    assert "prata_pedido" not in tables


def test_versions_of_a_product_are_told_apart_by_their_tables(
    read: Callable[..., Manifest],
) -> None:
    def add_version(manifest: dict[str, Any]) -> None:
        second = copy.deepcopy(manifest["nodes"][PRODUCT])
        second |= {"unique_id": f"{PRODUCT}.v2", "version": 2, "alias": "cliente_pedido_v2"}
        manifest["nodes"][PRODUCT]["version"] = 1
        manifest["nodes"][f"{PRODUCT}.v2"] = second

    products = read(add_version).products
    assert {"cliente_pedido", "cliente_pedido_v2"} <= set(products)
    assert products["cliente_pedido_v2"].table == "cliente_pedido_v2"


def test_source_without_a_landing_is_not_ingested(read: Callable[..., Manifest]) -> None:
    manifest = read(lambda m: m["sources"][CLIENTE]["config"]["meta"].pop("landing"))
    assert list(manifest.sources) == ["pedido"]


def test_public_model_with_a_contract_is_a_product(read: Callable[..., Manifest]) -> None:
    product = read().products["cliente_pedido"]
    assert [column.name for column in product.columns] == [
        "pedido_id",
        "cliente_id",
        "nome",
        "valor",
    ]
    assert product.primary_key == ("pedido_id",)
    assert product.lookup is not None
    assert product.lookup.name == "cliente_id"
    assert product.owner == "Domínio Vendas"


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["nodes"][PRODUCT].update(access="protected"),
        lambda m: m["nodes"][PRODUCT]["contract"].update(enforced=False),
    ],
    ids=["not public", "no contract"],
)
def test_other_models_are_no_products(read: Callable[..., Manifest], change: Change) -> None:
    assert list(read(change).products) == ["resumo_cliente"]


def _landing(**landing: Any) -> Change:
    return lambda m: m["sources"][CLIENTE]["config"]["meta"].update(landing=landing)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_landing(path="x", format="xml"), r"cliente: landing\.format: .*'csv'.*\('xml'\)"),
        (
            _landing(path="x", format="json", encoding="iso-8859-1", separator=";"),
            r"encoding, separator is for format csv only",
        ),
        (_landing(path="x", format="csv", separator=";;"), r"landing\.separator: .*\(';;'\)"),
        (_landing(path="x", format="csv", encoding="cp1252"), r"landing\.encoding: .*'utf-8'"),
        (
            _landing(path="x", format="csv", decimal_comma=["nome", "preço"]),
            r"landing\.decimal_comma names preço, not a column",
        ),
        (_landing(format="csv"), r"landing\.path: Field required"),
        (_landing(path="../x y", format="csv"), r"landing\.path: String should match"),
        (_landing(path="x", format="csv", typo=1), r"landing\.typo: Extra inputs"),
        (lambda m: m["sources"][CLIENTE].update(columns={}), r"columns: Tuple should have"),
        (
            lambda m: m["nodes"][PRODUCT]["columns"]["nome"].update(data_type=None),
            r"cliente_pedido: data_type: Input should be a valid string",
        ),
        (
            lambda m: m["sources"]["source.malha.bronze.pedido"].update(name="cliente"),
            r"cliente is declared for bronze\.cliente and for bronze\.pedido",
        ),
        (
            lambda m: m["nodes"][PRODUCT]["config"]["meta"].update(api={"lookup": "idade"}),
            r"cliente_pedido\.sql: config\.meta\.api\.lookup .* 'idade', .*\(pedido_id, ",
        ),
    ],
)
def test_unusable_declaration_names_file_and_place(
    read: Callable[..., Manifest], change: Change, message: str
) -> None:
    with pytest.raises(ManifestError, match=message):
        read(change)


def test_missing_manifest_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="run `dbt parse`"):
        Manifest(tmp_path / "manifest.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"metadata": {}}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(ManifestError, match="cannot be read as dbt's manifest"):
        Manifest(path)
