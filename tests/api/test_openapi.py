"""The document that describes the API."""

import json
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI

from api.openapi import document
from api.registry import catalogue
from tests.api.support import TYPES, product

Json = dict[str, Any]


def made(**more: Any) -> Json:
    return document(FastAPI().routes, catalogue([product(**more)]), "Malha", "Products", "1")


def parameters(**more: Any) -> dict[str, Json]:
    found = made(**more)["paths"]["/api/thing"]["get"]["parameters"]
    return {parameter["name"]: parameter for parameter in found}


def test_document_is_valid() -> None:
    schemathesis.openapi.from_dict(json.loads(json.dumps(made(lookup="id")))).validate()


def test_each_column_has_a_filter_for_each_of_its_operators() -> None:
    found = parameters()
    for name, data_type in TYPES.items():
        assert f"{name}.eq" in found
        assert (f"{name}.like" in found) == (data_type == "string")
    assert found["id.in"]["schema"]["type"] == "array"
    assert (found["id.in"]["style"], found["id.in"]["explode"]) == ("form", False)


def test_row_has_the_columns_of_the_contract_with_their_types() -> None:
    row = made()["components"]["schemas"]["thing"]["properties"]
    assert list(row) == list(TYPES)
    assert row["money"]["description"] == "The money."
    assert {"type": "null"} in row["day"]["anyOf"]


def test_lookup_has_a_path_of_its_own() -> None:
    paths = made(lookup="whole")["paths"]
    (first, *_) = paths["/api/thing/{whole}"]["get"]["parameters"]
    assert (first["in"], first["required"], first["schema"]["maximum"]) == ("path", True, 2**31 - 1)
    assert "/api/thing/{whole}" not in made()["paths"]


def test_open_product_can_be_asked_without_a_credential() -> None:
    assert {} in made(open=True)["paths"]["/api/thing"]["get"]["security"]
    assert {} not in made()["paths"]["/api/thing"]["get"]["security"]


def test_sums_are_of_numbers_alone() -> None:
    functions = parameters()["aggregate"]["schema"]["items"]["enum"]
    assert "sum.money" in functions
    assert "max.name" in functions
    assert "sum.name" not in functions


@pytest.mark.parametrize(
    "status",
    ["200", "304", "401", "403", "406", "410", "413", "414", "422", "429", "431", "503", "504"],
)
def test_every_answer_is_described(status: str) -> None:
    assert status in made()["paths"]["/api/thing"]["get"]["responses"]
