"""Rules of the dbt project that its manifest can be asked about."""

from typing import Any

import pytest


@pytest.mark.parametrize("table", ["cliente", "pedido"])
def test_every_reason_has_a_unit_test_with_a_row_inside_and_one_outside(
    parsed_manifest: dict[str, Any], table: str
) -> None:
    accepted = [
        set(node["test_metadata"]["kwargs"]["values"])
        for node in parsed_manifest["nodes"].values()
        if node["resource_type"] == "test"
        and node["test_metadata"]["name"] == "accepted_values"
        and node["attached_node"] == f"model.malha.prata_{table}_rejeitados"
    ]
    reasons_by_test = [
        {row["motivo"] for row in test["expect"]["rows"]}
        for test in parsed_manifest["unit_tests"].values()
        if test["model"] == f"prata_{table}_entregas"
    ]
    assert accepted == [set().union(*reasons_by_test) - {None}]
    assert all(None in reasons for reasons in reasons_by_test)
