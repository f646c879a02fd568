"""The rules of the mesh in dbt-bouncer.yml, each broken on purpose."""

import copy
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from dbt_bouncer import run_bouncer

from malha.settings import ROOT
from tests.conftest import run_parse
from tests.mesh import ok

Json = dict[str, Any]
CONFIG = yaml.safe_load((ROOT / "dbt-bouncer.yml").read_text())

PRODUCT = "model.malha.cliente_pedido"
PEDIDO = "model.malha.prata_pedido"
CLIENTE = "model.malha.prata_cliente"
ENTREGAS = "model.malha.prata_cliente_entregas"
REJEITADOS = "model.malha.prata_cliente_rejeitados"
BRONZE_CLIENTE = "source.malha.bronze.cliente"
BRONZE_PEDIDO = "source.malha.bronze.pedido"


def failures_of(manifest: Json, folder: Path) -> dict[str, list[str]]:
    """The messages of each rule that a manifest breaks; none where dbt-bouncer passes it."""
    config = CONFIG | {
        "custom_checks_dir": str(ROOT / "governance"),
        "dbt_artifacts_dir": str(folder),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "dbt-bouncer.yml").write_text(yaml.safe_dump(config))
    report = folder / "report.json"
    code = _bounce(folder / "dbt-bouncer.yml", report)
    assert code in (0, 1)
    found: dict[str, list[str]] = {}
    for failure in json.loads(report.read_text()):
        name = failure["check_run_id"].split(":")[0]
        found.setdefault(name, []).append(failure["failure_message"])
    assert bool(found) == (code == 1)
    return found


def _bounce(config: Path, report: Path) -> int:
    """Run dbt-bouncer; what it changes of the log's settings is as before in the end."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        return run_bouncer(config_file=config, output_file=report, output_only_failures=True)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def test_project_keeps_all_rules(parsed_manifest: Json, tmp_path: Path) -> None:
    assert failures_of(parsed_manifest, tmp_path) == {}


def test_every_rule_is_broken_on_purpose_below() -> None:
    assert {check["name"] for check in CONFIG["manifest_checks"]} == {
        rule for rule, *_ in MANIFESTS + PROJECTS
    }


# --- Manifests with one thing changed ---------------------------------------------------------


def node(which: str, **changes: Any) -> Callable[[Json], None]:
    """Set keys of a model or source; a dot in a key leads into what it holds."""

    def change(manifest: Json) -> None:
        found = manifest["nodes"].get(which) or manifest["sources"][which]
        for path, value in changes.items():
            *parents, last = path.split("__")
            inner = found
            for parent in parents:
                inner = inner[parent]
            inner[last] = value

    return change


def owner(group: str, **fields: str | None) -> Callable[[Json], None]:
    return lambda manifest: manifest["groups"][f"group.malha.{group}"]["owner"].update(fields)


def data_tests(unique_id: str, name: str, **config: Any) -> Callable[[Json], None]:
    """Change the config of a model's tests of one kind; without any, take the tests away."""

    def change(manifest: Json) -> None:
        found = [
            key
            for key, test in manifest["nodes"].items()
            if test.get("attached_node") == unique_id and test["test_metadata"]["name"] == name
        ]
        assert found
        for key in found:
            if config:
                manifest["nodes"][key]["config"].update(config)
            else:
                del manifest["nodes"][key]

    return change


def without_column(unique_id: str, name: str) -> Callable[[Json], None]:
    return lambda manifest: manifest["sources"][unique_id]["columns"].pop(name)


def macro(unique_id: str, **changes: Any) -> Callable[[Json], None]:
    return lambda manifest: manifest["macros"][f"macro.malha.{unique_id}"].update(changes)


def bare_argument(manifest: Json) -> None:
    manifest["macros"]["macro.malha.generate_alias_name"]["arguments"][0]["description"] = ""


def exposure(**changes: Any) -> Callable[[Json], None]:
    """An exposure that keeps the rules, but for these changes."""
    good = {
        "name": "painel",
        "type": "dashboard",
        "unique_id": "exposure.malha.painel",
        "resource_type": "exposure",
        "package_name": "malha",
        "path": "painel.yml",
        "original_file_path": "models/painel.yml",
        "fqn": ["malha", "painel"],
        "owner": {"name": "Domínio Vendas", "email": "vendas@malha.example"},
        "description": "What is sold.",
        "depends_on": {"nodes": [PRODUCT], "macros": []},
    }
    return lambda manifest: manifest["exposures"].update({good["unique_id"]: good | changes})


MANIFESTS: list[tuple[str, str, Callable[[Json], None]]] = [
    # products
    ("check_product_has_owner", "cliente_pedido", node(PRODUCT, config__group=None)),
    ("check_product_has_owner", "no email", owner("vendas", email=None)),
    ("check_product_has_owner", "no name", owner("vendas", name="")),
    ("check_product_has_key_test", "cliente_pedido", data_tests(PRODUCT, "unique")),
    ("check_product_has_key_test", "cliente_pedido", data_tests(PRODUCT, "not_null")),
    (
        "check_product_has_key_test",
        "as errors",
        data_tests(PRODUCT, "unique", severity="warn"),
    ),
    (
        "check_product_has_key_test",
        "over all rows",
        data_tests(PRODUCT, "not_null", where="pedido_id > 1"),
    ),
    (
        "check_product_can_be_served",
        "which is none of its columns",
        node(PRODUCT, config__meta__api={"masks": {"nope": {"unless": "pii"}}}),
    ),
    (
        "check_product_can_be_served",
        "has RAND()",
        node(PRODUCT, config__meta__api={"rows": [{"unless": "x", "where": "rand() < 1"}]}),
    ),
    ("check_product_has_freshness", "bronze.pedido", node(BRONZE_PEDIDO, freshness=None)),
    ("check_product_has_freshness", "bronze.cliente", node(BRONZE_CLIENTE, loaded_at_field=None)),
    (
        "check_model_property_file_location",
        "cliente_pedido",
        node(PRODUCT, patch_path="malha://models/ouro/vendas/produtos.yml"),
    ),
    (
        "check_model_documented_in_same_directory",
        "cliente_pedido",
        node(PRODUCT, patch_path="malha://models/ouro/cliente_pedido.yml"),
    ),
    # documentation
    (
        "check_model_description_contains_regexp_pattern",
        "prata_pedido",
        node(PEDIDO, description="Orders. One row per order."),
    ),
    (
        "check_model_column_description_populated",
        "valor",
        node(PRODUCT, columns__valor__description=""),
    ),
    (
        "check_macro_description_populated",
        "generate_schema_name",
        macro("generate_schema_name", description=""),
    ),
    ("check_macro_arguments_description_populated", "generate_alias_name", bare_argument),
    (
        "check_exposure_has_owner",
        "painel",
        exposure(owner={"name": "Domínio Vendas", "email": None}),
    ),
    (
        "check_exposure_based_on_non_public_models",
        "prata_pedido",
        exposure(depends_on={"nodes": [PEDIDO], "macros": []}),
    ),
    # sources
    (
        "check_source_description_states_grain",
        "bronze.cliente",
        node(BRONZE_CLIENTE, description="Clients."),
    ),
    (
        "check_source_columns_described",
        "nome",
        node(BRONZE_CLIENTE, columns__nome__description=" "),
    ),
    ("check_source_columns_described", "_batch_id", without_column(BRONZE_CLIENTE, "_batch_id")),
    (
        "check_source_has_owner_and_landing",
        "nobody",
        node(BRONZE_CLIENTE, config__meta__owner="nobody"),
    ),
    (
        "check_source_has_owner_and_landing",
        "format",
        node(BRONZE_CLIENTE, config__meta__landing={"path": "clientes/cliente"}),
    ),
    (
        "check_source_freshness_populated",
        "bronze.cliente",
        node(BRONZE_CLIENTE, freshness={"warn_after": {"count": None, "period": None}}),
    ),
    # domains
    (
        "check_model_lies_in_folder_of_its_domain",
        "prata_cliente",
        node(CLIENTE, config__group="pedidos"),
    ),
    (
        "check_model_lies_in_folder_of_its_domain",
        "models/prata/prata_cliente.sql",
        node(CLIENTE, original_file_path="models/prata/prata_cliente.sql"),
    ),
    ("check_model_access_follows_role", "rejeitados", node(REJEITADOS, access="protected")),
    ("check_model_access_follows_role", "entregas", node(ENTREGAS, access="private")),
    ("check_model_access_follows_role", "protected", node(CLIENTE, access="public")),
    (
        "check_domain_reads_what_others_share",
        "bronze.cliente",
        node("model.malha.prata_pedido_entregas", depends_on__nodes=[BRONZE_CLIENTE]),
    ),
    (
        "check_domain_reads_what_others_share",
        "prata_cliente_rejeitados",
        node(PEDIDO, depends_on__nodes=[REJEITADOS]),
    ),
    # layers
    (
        "check_lineage_source_cannot_be_used",
        "cliente_pedido",
        node(PRODUCT, depends_on__nodes=[BRONZE_PEDIDO]),
    ),
    (
        "check_lineage_permitted_upstream_models",
        "cliente_pedido",
        node(PEDIDO, depends_on__nodes=[PRODUCT]),
    ),
    (
        "check_model_hard_coded_references",
        "prata.pedido",
        node(PRODUCT, raw_code="select * from prata.pedido"),
    ),
    # names
    (
        "check_model_names",
        "stg_pedido",
        node(PEDIDO, unique_id="model.malha.stg_pedido", name="stg_pedido"),
    ),
    (
        "check_model_names",
        "ouro_pedido",
        node(PRODUCT, unique_id="model.malha.ouro_pedido", name="ouro_pedido"),
    ),
]


@pytest.mark.parametrize(
    ("rule", "message", "change"), MANIFESTS, ids=[f"{rule}-{text}" for rule, text, _ in MANIFESTS]
)
def test_broken_rule_is_named_with_what_broke_it(
    parsed_manifest: Json,
    tmp_path: Path,
    rule: str,
    message: str,
    change: Callable[[Json], None],
) -> None:
    manifest = copy.deepcopy(parsed_manifest)
    change(manifest)
    found = failures_of(manifest, tmp_path)
    assert any(message in text for text in found.get(rule, [])), found


# --- Projects with one thing changed, as dbt reads them ---------------------------------------


def replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    def change(project: Path) -> None:
        text = (project / file).read_text()
        assert old in text
        (project / file).write_text(text.replace(old, new))

    return change


def written(file: str, text: str) -> Callable[[Path], None]:
    def change(project: Path) -> None:
        (project / file).parent.mkdir(parents=True, exist_ok=True)
        (project / file).write_text(text)

    return change


def snapshot(name: str, config: str, relation: str, description: str) -> Callable[[Path], None]:
    declared = f"name: {name}, relation: \"{relation}\", description: '{description}'"
    history = f"strategy: check, check_cols: all, unique_key: cliente_id, {config}"
    return written(f"snapshots/{name}.yml", f"snapshots: [{{{declared}, config: {{{history}}}}}]")


GRAIN = "One row per client and state."
PROJECTS: list[tuple[str, str, Callable[[Path], None]]] = [
    (
        "check_model_contract_enforced_for_public_model",
        "cliente_pedido",
        replaced("models/ouro/vendas/cliente_pedido.yml", "contract: {enforced: true}", "tags: []"),
    ),
    (
        "check_model_description_contains_regexp_pattern",
        "vista",
        written("models/ouro/vendas/vista.sql", "select * from {{ ref('prata_pedido') }}"),
    ),
    (
        "check_lineage_source_cannot_be_used",
        "vista",
        written("models/ouro/vendas/vista.sql", "select * from {{ source('bronze', 'pedido') }}"),
    ),
    (
        "check_lineage_permitted_upstream_models",
        "prata_vista",
        written(
            "models/prata/pedidos/prata_vista.sql", "select * from {{ ref('cliente_pedido') }}"
        ),
    ),
    (
        "check_snapshot_names",
        "historia",
        snapshot("historia", "group: clientes", "ref('prata_cliente')", GRAIN),
    ),
    (
        "check_snapshot_description_populated",
        "prata_historia",
        snapshot("prata_historia", "group: clientes", "ref('prata_cliente')", ""),
    ),
    (
        "check_snapshot_reads_prata",
        "source.malha.bronze.cliente",
        snapshot("prata_historia", "group: clientes", "source('bronze', 'cliente')", GRAIN),
    ),
    (
        "check_snapshot_reads_prata",
        "no group",
        snapshot("prata_historia", "tags: []", "ref('prata_cliente')", GRAIN),
    ),
]


@pytest.fixture
def project(tmp_path: Path, parsed: Path) -> Path:
    """A copy of the project, of which dbt parses again what is changed."""
    copied = tmp_path / "dbt_project"
    shutil.copytree(ROOT / "dbt_project", copied, ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copytree(parsed, copied / "target")
    return copied


@pytest.mark.parametrize(
    ("rule", "message", "change"), PROJECTS, ids=[f"{rule}-{text}" for rule, text, _ in PROJECTS]
)
def test_project_that_breaks_a_rule_is_refused(
    project: Path, tmp_path: Path, rule: str, message: str, change: Callable[[Path], None]
) -> None:
    change(project)
    ok(run_parse(project, project / "target"))
    found = failures_of(json.loads((project / "target/manifest.json").read_text()), tmp_path)
    assert any(message in text for text in found.get(rule, [])), found


def test_snapshot_and_product_on_it_keep_the_rules(project: Path, tmp_path: Path) -> None:
    snapshot("prata_historia", "group: clientes", "ref('prata_cliente')", GRAIN)(project)
    written(
        "models/ouro/clientes/mudanca_cliente.sql", "select * from {{ ref('prata_historia') }}"
    )(project)
    written(
        "models/ouro/clientes/mudanca_cliente.yml",
        f"models: [{{name: mudanca_cliente, description: {GRAIN}}}]",
    )(project)
    ok(run_parse(project, project / "target"))
    manifest = json.loads((project / "target/manifest.json").read_text())
    assert failures_of(manifest, tmp_path) == {}


def test_dbt_refuses_what_another_domain_keeps_private(project: Path) -> None:
    written("models/ouro/vendas/vista.sql", "select * from {{ ref('prata_pedido_rejeitados') }}")(
        project
    )
    result = run_parse(project, project / "target")
    assert result.returncode == 2, result.stdout
    assert "prata_pedido_rejeitados" in result.stdout
    assert "not allowed because the referenced node is private" in result.stdout


def test_owner_of_a_group_reviews_the_folders_of_its_domain(parsed_manifest: Json) -> None:
    lines = (ROOT / "CODEOWNERS").read_text().splitlines()
    owners = dict(line.split() for line in lines if line and not line.startswith("#"))
    for group in parsed_manifest["groups"].values():
        folder = f"/dbt_project/models/*/{group['name']}/"
        assert owners[folder] == group["owner"]["email"]
