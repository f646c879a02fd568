"""The catalogue follows dbt's manifest."""

import copy
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from api.registry import Catalogue, Registry, catalogue
from tests.api.support import product
from tests.mesh import eventually

Json = dict[str, Any]
CLIENTE_PEDIDO = "model.malha.cliente_pedido"


@pytest.fixture
def manifest(parsed_manifest: Json) -> Json:
    return copy.deepcopy(parsed_manifest)


@pytest.fixture
def path(tmp_path: Path, manifest: Json) -> Path:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    return path


@pytest.fixture
def seen() -> list[Catalogue]:
    return []


@pytest.fixture
def registry(path: Path, seen: list[Catalogue]) -> Registry:
    return Registry(path, seen.append)


def another(manifest: Json) -> Json:
    """The manifest with one more product."""
    node = copy.deepcopy(manifest["nodes"][CLIENTE_PEDIDO])
    node |= {"name": "novo_produto", "alias": "novo_produto", "unique_id": "model.malha.novo"}
    manifest["nodes"]["model.malha.novo"] = node
    return manifest


def test_products_of_the_project_are_served(registry: Registry) -> None:
    paths = list(registry.catalogue.by_path)
    assert "/api/cliente-pedido" in paths
    assert registry.problem is None


def test_new_product_appears(
    registry: Registry, path: Path, manifest: Json, seen: list[Catalogue]
) -> None:
    assert registry.catalogue.find("/api/novo-produto") is None
    path.write_text(json.dumps(another(manifest)))
    registry.refresh()
    assert registry.catalogue.find("/api/novo-produto")
    assert seen[-1] is registry.catalogue
    assert len(seen) == 2


def test_new_product_appears_by_itself(
    registry: Registry, path: Path, manifest: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.worker, "_every", 0.01)
    registry.worker.start()
    try:
        path.write_text(json.dumps(another(manifest)))
        eventually(lambda: "/api/novo-produto" in registry.catalogue.by_path, seconds=30)
    finally:
        registry.worker.close()


def test_manifest_that_did_not_change_is_not_read_again(
    registry: Registry, seen: list[Catalogue]
) -> None:
    before = registry.catalogue
    registry.refresh()
    assert registry.catalogue is before
    assert len(seen) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda _: "{",
        lambda _: "null",
        lambda _: "1",
        lambda _: "[]",
        lambda _: "{}",
        lambda manifest: json.dumps(manifest)[:-100],
    ],
    ids=["empty", "brace", "null", "number", "list", "object", "half"],
)
def test_broken_manifest_keeps_the_products_and_says_so(
    registry: Registry,
    path: Path,
    manifest: Json,
    damage: Callable[[Json], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = registry.catalogue
    whole = json.dumps(manifest)
    with caplog.at_level(logging.ERROR, "malha.api"):
        path.write_text(damage(manifest))
        registry.refresh()
    assert registry.problem
    assert registry.problem in caplog.text
    assert registry.catalogue is before
    path.write_text(whole)
    registry.refresh()
    assert registry.problem is None


def _change(place: str, value: Any) -> Callable[[Json], None]:
    def change(node: Json) -> None:
        *folders, name = place.split("/")
        for folder in folders:
            node = node[folder]
        node[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_change("config/meta/api/lookup", "nope"), "lookup of cliente_pedido names 'nope'"),
        (_change("config/meta/api/masks", {"nope": {"unless": "pii"}}), "names 'nope'"),
        (_change("config/meta/api/rows", [{"unless": "x", "where": "rand() > 0"}]), "has RAND()"),
        (_change("config/meta/api", "open"), "cliente_pedido"),
        (_change("config/meta/api/opne", True), "opne"),
        (_change("columns/valor/data_type", "decimal(50,2)"), "the type decimal(50,2); a decimal"),
        (_change("columns/valor/data_type", "decimal(2,50)"), "a decimal has up to 38 digits"),
        (_change("columns/valor/data_type", "decimal(a)"), "a decimal has up to 38 digits"),
        (_change("columns/valor/data_type", "array<int>"), "the API serves boolean"),
        (_change("columns/valor/data_type", ""), "the API serves boolean"),
        (_change("columns/valor/data_type", "'"), "the API serves boolean"),
        (_change("columns/valor/data_type", "<" * 5000), "the API serves boolean"),
    ],
)
def test_fault_of_one_product_is_its_alone_and_is_told(
    registry: Registry,
    path: Path,
    manifest: Json,
    change: Callable[[Json], None],
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = json.dumps(manifest)
    others = set(registry.catalogue.by_path) - {"/api/cliente-pedido"}
    change(manifest["nodes"][CLIENTE_PEDIDO])
    with caplog.at_level(logging.ERROR, "malha.api"):
        path.write_text(json.dumps(manifest))
        registry.refresh()
    assert registry.problem is None
    assert set(registry.catalogue.by_path) == others
    refused = registry.catalogue.refusal("/api/cliente-pedido/7")
    assert refused is not None
    assert reason in refused.reason
    assert f"cliente_pedido is not served: {refused.reason}" in caplog.text
    assert REGISTRY.get_sample_value("malha_api_products_not_served") == 1
    assert REGISTRY.get_sample_value("malha_api_manifest_ok") == 0
    path.write_text(whole)
    registry.refresh()
    assert registry.catalogue.refusal("/api/cliente-pedido") is None
    assert "/api/cliente-pedido" in registry.catalogue.by_path
    assert REGISTRY.get_sample_value("malha_api_manifest_ok") == 1


def test_api_that_starts_with_a_product_that_cannot_be_served_serves_the_others(
    path: Path, manifest: Json, seen: list[Catalogue]
) -> None:
    manifest["nodes"][CLIENTE_PEDIDO]["columns"]["valor"]["data_type"] = "decimal(50,2)"
    path.write_text(json.dumps(manifest))
    registry = Registry(path, seen.append)
    assert "/api/resumo-cliente" in registry.catalogue.by_path
    assert registry.catalogue.refusal("/api/cliente-pedido")


def test_manifest_that_is_gone_keeps_the_products(registry: Registry, path: Path) -> None:
    before = registry.catalogue
    path.unlink()
    registry.refresh()
    assert registry.catalogue is before
    assert registry.problem is not None
    assert "run `dbt parse`" in registry.problem


def test_without_a_manifest_nothing_is_served_and_one_that_comes_is(
    tmp_path: Path, manifest: Json, seen: list[Catalogue]
) -> None:
    path = tmp_path / "manifest.json"
    registry = Registry(path, seen.append)
    assert registry.catalogue.products == []
    assert registry.problem
    path.write_text(json.dumps(manifest))
    registry.refresh()
    assert registry.catalogue.products


def versions(latest: int) -> Catalogue:
    return catalogue(
        product(
            name=f"thing_v{number}",
            table=f"thing_v{number}",
            version=number,
            latest_version=latest,
            lookup="id",
        )
        for number in (1, 2)
    )


def test_each_version_has_a_path_and_the_latest_has_one_without_a_number() -> None:
    found = versions(latest=2)
    assert list(found.by_path) == ["/api/v1/thing", "/api/v2/thing", "/api/thing"]
    assert found.by_path["/api/thing"].product.version == 2


def test_version_that_is_not_the_latest_names_what_takes_its_place() -> None:
    found = versions(latest=2)
    assert found.by_path["/api/v1/thing"].successor == "/api/thing"
    assert found.by_path["/api/v2/thing"].successor is None
    assert versions(latest=1).by_path["/api/thing"].product.version == 1


def test_product_that_cannot_be_served_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    bad = product({"id": "bigint", "tags": "array<string>"}, name="bad", base_name="bad")
    found = catalogue([bad, product()])
    assert list(found.by_path) == ["/api/thing"]
    assert "bad is not served: column tags has the type array<string>" in caplog.text


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/api/thing", None),
        ("/api/thing/7", "7"),
        ("/api/v2/thing/7", "7"),
        ("/api/thing/a%2Fb", "a/b"),
        ("/api/th%69ng", None),
        ("/api/thing/' or 1=1", "' or 1=1"),
    ],
)
def test_path_finds_the_product_and_the_text_behind_it(path: str, key: str | None) -> None:
    found = versions(latest=2).find(path)
    assert found is not None
    assert found[1] == key


@pytest.mark.parametrize(
    "path",
    ["/api/", "/api/thing/", "/api/thing/7/8", "/api/THING", "/api/v3/thing", "/api/../thing", "/"],
)
def test_path_of_no_product_finds_none(path: str) -> None:
    assert versions(latest=2).find(path) is None


def test_product_without_a_lookup_has_nothing_behind_it() -> None:
    assert catalogue([product()]).find("/api/thing/7") is None
