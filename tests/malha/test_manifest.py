import copy
import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
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
        (
            _landing(path="x", format="csv", order_by=["_source_file", "quando"]),
            r"landing\.order_by names quando, not a column",
        ),
        (_landing(path="_refused/x", format="csv"), r"_refused is for files that were set aside"),
        (_landing(format="csv"), r"landing\.path: Field required"),
        (_landing(path="../x y", format="csv"), r"landing\.path: String should match"),
        (_landing(path="x", format="csv", typo=1), r"landing\.typo: Extra inputs"),
        (lambda m: m["sources"][CLIENTE].update(columns={}), r"columns: Tuple should have"),
        (
            lambda m: m["sources"]["source.malha.bronze.pedido"].update(name="cliente"),
            r"cliente is declared for bronze\.cliente and for bronze\.pedido",
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


def test_manifest_of_another_version_is_refused_by_its_name(read: Callable[..., Manifest]) -> None:
    def aged(manifest: dict[str, Any]) -> None:
        manifest["metadata"]["dbt_schema_version"] = "https://example.org/manifest/v11.json"

    with pytest.raises(ManifestError, match=r"v11\.json, not manifest/v12\.json"):
        read(aged)


def _api(**api: Any) -> Change:
    return lambda m: m["nodes"][PRODUCT]["config"]["meta"].update(api=api)


def test_product_has_the_domain_of_its_group_and_is_closed_unless_it_says_open(
    read: Callable[..., Manifest],
) -> None:
    product = read().products["cliente_pedido"]
    assert (product.domain, product.base_name, product.open) == ("vendas", "cliente_pedido", False)
    assert read(_api(open=True)).products["cliente_pedido"].open


def test_masks_and_row_filters_are_read_with_their_scopes(read: Callable[..., Manifest]) -> None:
    declared = _api(
        masks={"nome": {"unless": "pii", "show": "***"}, "valor": {"unless": "domain:vendas"}},
        rows=[{"unless": "nacional", "where": "valor < 1000 and nome rlike '^A'"}],
    )
    product = read(declared).products["cliente_pedido"]
    assert [(mask.column, mask.unless, mask.show) for mask in product.masks] == [
        ("nome", "pii", "***"),
        ("valor", "domain:vendas", None),
    ]
    (rule,) = product.row_filters
    assert (rule.unless, rule.where) == ("nacional", "valor < 1000 and nome rlike '^A'")
    assert hash(product.masks) == hash(read(declared).products["cliente_pedido"].masks)


def test_version_and_end_of_a_product_are_known(read: Callable[..., Manifest]) -> None:
    def versioned(manifest: dict[str, Any]) -> None:
        manifest["nodes"][PRODUCT] |= {
            "version": 1,
            "latest_version": 2,
            "alias": "cliente_pedido_v1",
            "deprecation_date": "2026-12-31T00:00:00",
        }

    product = read(versioned).products["cliente_pedido_v1"]
    assert (product.base_name, product.version, product.latest_version) == ("cliente_pedido", 1, 2)
    assert product.deprecation_date == datetime(2026, 12, 31, tzinfo=UTC)
    assert read().products["cliente_pedido"].version is None


def _where(where: str) -> Change:
    return _api(rows=[{"unless": "x", "where": where}])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: m["nodes"][PRODUCT]["columns"]["nome"].update(data_type=None),
            r"cliente_pedido: data_type: Input should be a valid string",
        ),
        (
            lambda m: m["nodes"][PRODUCT]["config"]["meta"].update(api={"lookup": "idade"}),
            r"config\.meta\.api\.lookup .* 'idade', .*\(pedido_id, ",
        ),
        (_api(masks={"cpf": {"unless": "pii"}}), r"masks of cliente_pedido names 'cpf', .*valor\)"),
        (
            _api(masks={"pedido_id": {"unless": "pii"}}),
            r"'pedido_id', which is in the primary key: whoever asks by its value",
        ),
        (
            _api(lookup="cliente_id", masks={"cliente_id": {"unless": "pii"}}),
            r"'cliente_id', which is the lookup column",
        ),
        (
            _api(masks={"valor": {"unless": "pii", "show": "***"}}),
            r"masks\.valor\.show of .* a decimal\(18,2\) cannot show a text: leave `show` out",
        ),
        (_api(masks={"nome": {"show": "***"}}), r"masks\.nome\.unless: Field required"),
        (_api(masks={"nome": {"unless": "p i"}}), r"masks\.nome\.unless: .* is not a scope"),
        (_api(masks={"nome": {"unless": "pii", "typo": 1}}), r"typo: Extra inputs"),
        (_where("cpf = '1'"), r"rows\[0\]\.where of cliente_pedido names cpf, .*\(pedido_id, "),
        (_where("t.valor > 1"), r"names t\.valor, which is none"),
        (_where("valor >"), r"is not SQL of Spark's .*: write one condition"),
        (_where("valor > 1; select 1"), r"has 2 statements"),
        (_where(" "), r"is empty"),
        (_where("valor"), r"is not true or false"),
        (_where("upper(nome)"), r"is not true or false"),
        (_where("valor in (select 1)"), r"has a subquery"),
        (_where("exists(select 1)"), r"has a subquery"),
        (_where("sum(valor) > 1"), r"aggregates"),
        (_where("row_number() over (order by valor) = 1"), r"has a window"),
        (_where("nome = ${env:HOME}"), r"where "),
        (_where("rand() < 0.5"), r"has RAND\(\): a filter is made of columns, .*, year"),
        (_where("uuid() = nome"), r"has UUID\(\)"),
        (_where("nome = current_user()"), r"has CURRENT_USER"),
        (_where("hash(nome) = 1"), r"has HASH"),
        (_where("java_method('java.lang.System', 'getenv') = nome"), r"has JAVA_METHOD"),
        (_where("reflect('a', 'b') = nome"), r"has REFLECT"),
        (_where("secret('a', 'b') = nome"), r"has SECRET"),
        (_where("valor > 0 and now() is not null"), r"has NOW\(\)"),
        (_where("date'2026-01-01' < current_date"), r"has CURRENT_DATE"),
        (_where("to_date('Today ') = to_date(nome)"), r"has 'Today ', which Spark may take for"),
        (_where("input_file_name() = nome"), r"has INPUT_FILE_NAME"),
        (_where("(" * 3000 + "valor > 1" + ")" * 3000), r"cliente_pedido"),
        (_where("drop table x"), r"where "),
        (
            lambda m: m["nodes"][PRODUCT].update(version="gold"),
            r"cliente_pedido: version: Input should be a valid integer",
        ),
    ],
)
def test_unusable_rule_of_access_names_file_model_and_fix(
    read: Callable[..., Manifest], change: Change, message: str
) -> None:
    manifest = read(change)
    (refused,) = manifest.refused
    assert re.search(r"cliente_pedido\.(sql|yml): .*" + message, refused.reason)
    assert (refused.name, refused.base_name) == ("cliente_pedido", "cliente_pedido")
    # The others are as they were.
    assert list(manifest.products) == ["resumo_cliente"]
    assert "cliente" in manifest.sources


def test_predicate_is_not_checked_where_there_is_no_sqlglot(
    read: Callable[..., Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert read(_where("valor < 10")).products["cliente_pedido"].row_filters
