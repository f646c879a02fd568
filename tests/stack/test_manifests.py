"""What the manifests for Kubernetes promise, as far as it can be seen without a cluster."""

import re
from collections.abc import Iterator
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from malha.settings import ROOT, Settings

_FOLDER = ROOT / "deploy/kubernetes"

# The oldest and the newest Kubernetes that the manifests are for.
_VERSIONS = ("1.29", "1.37")

# Variables of containers that are no settings; SPARK_EXTRA_CONF is made of the first three.
_NO_SETTINGS = {"POD_NAME", "POD_NAMESPACE", "EXECUTOR_IMAGE"}

_SECRETS = re.compile(r"SECRET|PASSWORD|ACCESS_KEY|TOKEN")

_NAME = "app.kubernetes.io/name"

Manifest = dict[str, Any]


def _documents() -> Iterator[tuple[str, Manifest]]:
    for path in sorted(_FOLDER.glob("*.yaml")):
        if path.name != "kustomization.yaml":
            for document in yaml.safe_load_all(path.read_text()):
                yield path.name, document


_MANIFESTS = [
    pytest.param(manifest, id=f"{file}-{manifest['kind']}-{manifest['metadata'].get('name')}")
    for file, manifest in _documents()
]


def _of(kind: str) -> dict[str, Manifest]:
    return {doc["metadata"]["name"]: doc for _, doc in _documents() if doc["kind"] == kind}


def _pod(manifest: Manifest) -> Manifest | None:
    """The pod of a manifest that makes pods: its metadata and its spec."""
    match manifest["kind"]:
        case "Pod":
            return manifest
        case "CronJob":
            template: Manifest = manifest["spec"]["jobTemplate"]["spec"]["template"]
        case "Deployment":
            template = manifest["spec"]["template"]
        case _:
            return None
    return template


_PODS = [
    pytest.param(pod, id=f"{file}-{manifest['kind']}")
    for file, manifest in _documents()
    if (pod := _pod(manifest)) is not None
]


def _containers(pod: Manifest) -> list[Manifest]:
    spec = pod["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


@pytest.mark.parametrize("version", _VERSIONS)
@pytest.mark.parametrize("manifest", _MANIFESTS)
def test_manifest_follows_the_schema(manifest: Manifest, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_kustomization_has_every_file_but_the_secrets() -> None:
    kustomization = yaml.safe_load((_FOLDER / "kustomization.yaml").read_text())
    generated = [file for made in kustomization["configMapGenerator"] for file in made["files"]]
    assert sorted([*kustomization["resources"], *generated, "secret.example.yaml"]) == sorted(
        {file for file, _ in _documents()}
    )
    assert {
        file
        for file, manifest in _documents()
        if manifest["kind"] == "Secret" and file in kustomization["resources"]
    } == set()


def test_kustomization_can_set_every_image() -> None:
    kustomization = yaml.safe_load((_FOLDER / "kustomization.yaml").read_text())
    images = {
        container["image"].partition(":")[0]
        for manifest in (*_of("Deployment").values(), *_of("CronJob").values())
        for container in _containers(_pod(manifest) or {})
    }
    assert images == {image["name"] for image in kustomization["images"]}


@pytest.mark.parametrize("pod", _PODS)
def test_container_is_nobody_and_changes_nothing(pod: Manifest) -> None:
    spec = pod["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in _containers(pod):
        context = container["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == 10001
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "privileged" not in context
    volumes = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
    assert volumes <= {"emptyDir", "configMap", "secret"}


@pytest.mark.parametrize("pod", _PODS)
def test_only_the_thrift_server_speaks_to_the_api_of_the_cluster(pod: Manifest) -> None:
    driver = pod["metadata"]["labels"][_NAME] == "thrift"
    assert pod["spec"]["automountServiceAccountToken"] is driver
    assert pod["spec"]["serviceAccountName"] == ("thrift" if driver else "malha")
    assert {"thrift", "malha"} == set(_of("ServiceAccount"))


@pytest.mark.parametrize("pod", _PODS)
def test_variables_of_services_do_not_pass_for_settings(pod: Manifest) -> None:
    assert pod["spec"]["enableServiceLinks"] is False


def test_every_variable_is_a_setting() -> None:
    known = {name.upper() for name in Settings.model_fields}
    settings = _of("ConfigMap")["settings"]["data"]
    assert set(settings) <= known
    # Raises where a value cannot be used.
    Settings(**{name.lower(): value for name, value in settings.items()})
    for _, manifest in _documents():
        for container in _containers(_pod(manifest) or {"spec": {"containers": []}}):
            names = {variable["name"] for variable in container.get("env", [])}
            assert names <= known | _NO_SETTINGS


def test_references_are_to_what_is_there() -> None:
    config_maps = set(_of("ConfigMap")) | {"executor-pod"}
    secrets = {name: set(secret["stringData"]) for name, secret in _of("Secret").items()}
    for _, manifest in _documents():
        pod = _pod(manifest)
        if pod is None:
            continue
        mounted = {
            name["configMap"]["name"] for name in pod["spec"]["volumes"] if "configMap" in name
        }
        assert mounted <= config_maps | {"metastore-database-ca"}
        for container in _containers(pod):
            volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes
            for source in container.get("envFrom", []):
                (kind,) = source
                known = config_maps if kind == "configMapRef" else set(secrets)
                assert source[kind]["name"] in known
            for variable in container.get("env", []):
                if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                    assert reference["key"] in secrets[reference["name"]]


def test_no_file_has_a_secret() -> None:
    for secret in _of("Secret").values():
        assert "data" not in secret
        assert set(secret["stringData"].values()) == {"change me"}
    for config_map in _of("ConfigMap").values():
        assert [name for name in config_map["data"] if _SECRETS.search(name)] == []
    for _, manifest in _documents():
        for container in _containers(_pod(manifest) or {"spec": {"containers": []}}):
            for variable in container.get("env", []):
                assert "value" not in variable or not _SECRETS.search(variable["name"])
    for path in _FOLDER.iterdir():
        assert not re.search(r"(?i)password=|secret\.key=|://[^/\s]*:[^/\s]*@", path.read_text())


def test_extra_configuration_of_spark_is_keys_and_values() -> None:
    (container,) = _containers(_pod(_of("Deployment")["thrift"]) or {})
    variables = {variable["name"]: variable for variable in container["env"]}
    words = variables["SPARK_EXTRA_CONF"]["value"].split()
    assert all(re.fullmatch(r"spark\.[\w.]+=\S+", word) for word in words)
    options = dict(word.split("=", 1) for word in words)
    # The ports that the policies open
    assert options["spark.driver.port"] == "7078"
    assert options["spark.driver.blockManager.port"] == "7079"
    assert options["spark.blockManager.port"] == "7079"
    used = re.findall(r"\$\((\w+)\)", variables["SPARK_EXTRA_CONF"]["value"])
    # Kubernetes replaces $(NAME) by what stands before.
    before = list(variables)[: list(variables).index("SPARK_EXTRA_CONF")]
    assert set(used) <= set(before)


def _labels() -> list[dict[str, str]]:
    return [pod["metadata"]["labels"] for _, doc in _documents() if (pod := _pod(doc))]


@pytest.mark.parametrize("name", sorted(_of("Service")))
def test_service_finds_the_pods_of_one_deployment_and_a_port_of_theirs(name: str) -> None:
    spec = _of("Service")[name]["spec"]
    chosen = [
        pod
        for deployment in _of("Deployment").values()
        if (pod := _pod(deployment))
        and spec["selector"].items() <= pod["metadata"]["labels"].items()
    ]
    assert len(chosen) == 1
    ports = {port["name"] for container in _containers(chosen[0]) for port in container["ports"]}
    assert {port["targetPort"] for port in spec["ports"]} <= ports


@pytest.mark.parametrize("kind", ["Deployment", "PodDisruptionBudget"])
def test_selector_finds_pods(kind: str) -> None:
    for manifest in _of(kind).values():
        labels = manifest["spec"]["selector"]["matchLabels"]
        assert any(labels.items() <= pod.items() for pod in _labels())


def test_scaler_has_a_deployment_that_leaves_it_the_number_of_replicas() -> None:
    (scaler,) = _of("HorizontalPodAutoscaler").values()
    deployment = _of("Deployment")[scaler["spec"]["scaleTargetRef"]["name"]]
    assert "replicas" not in deployment["spec"]


def _parts(selector: Manifest) -> set[str]:
    """The parts that a selector by name means; all of them where it says nothing."""
    names = {labels[_NAME] for labels in _labels()}
    if _NAME in selector.get("matchLabels", {}):
        names &= {selector["matchLabels"][_NAME]}
    for expression in selector.get("matchExpressions", []):
        assert (expression["key"], expression["operator"]) == (_NAME, "In")
        assert set(expression["values"]) <= names
        names &= set(expression["values"])
    assert names
    return names


def _let_in() -> dict[tuple[str, int], set[str]]:
    """Who the policies let in, for each part and port."""
    allowed: dict[tuple[str, int], set[str]] = {}
    for policy in _of("NetworkPolicy").values():
        for rule in policy["spec"].get("ingress", []):
            sources = {
                name for source in rule.get("from", []) for name in _parts(source["podSelector"])
            } or {"anyone"}
            for part in _parts(policy["spec"]["podSelector"]):
                for port in rule["ports"]:
                    allowed.setdefault((part, port["port"]), set()).update(sources)
    return allowed


def test_policies_let_in_who_has_to_come_in_and_nobody_else() -> None:
    assert _of("NetworkPolicy")["nothing-else"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress"],
    }
    assert _let_in() == {
        ("metastore", 9083): {"api", "thrift", "ingest"},
        ("thrift", 10000): {"api", "dbt", "maintain"},
        ("thrift", 7078): {"executor"},
        ("thrift", 7079): {"executor"},
        ("executor", 7079): {"thrift", "executor"},
        ("api", 8000): {"anyone"},
    }


def test_jobs_do_not_overlap() -> None:
    assert {job["spec"]["concurrencyPolicy"] for job in _of("CronJob").values()} == {"Forbid"}
