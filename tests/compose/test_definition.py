"""What docker-compose.yml and the images are, before anything runs."""

import hashlib
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from malha.settings import ROOT, Settings
from tests.compose.containers import PUBLISHED, Containers
from tests.mesh import ok, refused

pytestmark = pytest.mark.smoke

GIB = 2**30

# Variables of programs that are not the mesh's own.
OF_OTHERS = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "DATA_SOURCE_PASS",
    "DATA_SOURCE_URI",
    "DATA_SOURCE_USER",
    "GOMEMLIMIT",
    "MINIO_BROWSER_REDIRECT",
    "MINIO_PROMETHEUS_AUTH_TYPE",
    "MINIO_ROOT_PASSWORD",
    "MINIO_ROOT_USER",
    "POSTGRES_DB",
    "POSTGRES_PASSWORD",
    "POSTGRES_USER",
    "READER_ACCESS_KEY",
    "READER_SECRET_KEY",
    "SPARK_DAEMON_MEMORY",
    "SPARK_HISTORY_OPTS",
    "SPARK_WORKER_CORES",
    "SPARK_WORKER_DIR",
    "SPARK_WORKER_MEMORY",
    "WRITER_ACCESS_KEY",
    "WRITER_SECRET_KEY",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Containers:
    """A project with secrets, of which nothing is started."""
    project = Containers(tmp_path_factory.mktemp("project"), dict.fromkeys(PUBLISHED, 20000))
    ok(project.run("sh", "stack/compose-env.sh"))
    return project


@pytest.fixture(scope="module")
def definition(project: Containers) -> dict[str, Any]:
    result = project.compose("--profile", "*", "config", "--format", "json")
    assert result.stderr == ""
    parsed: dict[str, Any] = json.loads(ok(result))
    return parsed


def test_without_secrets_it_says_what_to_do(tmp_path: Path) -> None:
    empty = Containers(tmp_path, {})
    (tmp_path / ".env").touch()
    assert "run `make compose-env`" in refused(empty.compose("config"), code=15)


def test_secrets_are_random_private_and_stay(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        project = Containers(tmp_path / name, {})
        env = tmp_path / name / ".env"
        ok(project.run("sh", "stack/compose-env.sh"))
        assert stat.S_IMODE(env.stat().st_mode) == 0o600
        text = env.read_text()
        ok(project.run("sh", "stack/compose-env.sh"))
        assert env.read_text() == text
        texts.append(text)
    secrets = [re.findall(r"^\w+=(\w{40})$", text, re.M) for text in texts]
    assert [len(found) for found in secrets] == [4, 4]
    assert len({*secrets[0], *secrets[1]}) == 8


def test_only_variables_differ(definition: dict[str, Any]) -> None:
    assert not definition.get("configs")
    known = {name.upper() for name in Settings.model_fields}
    for name, service in definition["services"].items():
        unknown = (service.get("environment") or {}).keys() - known - OF_OTHERS
        assert not unknown, name
        mounts = {mount["type"] for mount in service.get("volumes", [])}
        assert mounts <= {"volume"}, name


def test_images_hold_the_same_configuration(containers: Containers) -> None:
    def sums(service: str, *paths: str) -> dict[str, str]:
        made = ["-not", "-path", "*/target/*", "-not", "-path", "*/__pycache__/*"]
        find = ["find", *paths, "-type", "f", *made]
        command = ["--entrypoint", find[0], service, *find[1:], "-exec", "sha256sum", "{}", "+"]
        lines = ok(containers.compose("run", "--rm", "--no-deps", "--no-TTY", *command))
        return dict(reversed(line.split()) for line in lines.splitlines())  # type: ignore[misc]

    def expected(*paths: str) -> dict[str, str]:
        files = [
            file
            for path in paths
            for file in [ROOT / path, *(ROOT / path).rglob("*")]
            if file.is_file() and not {"target", "logs", "__pycache__"} & set(file.parts)
        ]
        return {
            str(file.relative_to(ROOT)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in files
        }

    assert sums("thrift", "thrift/conf") == expected("thrift/conf")
    assert sums("ingest", "thrift/conf") == expected("thrift/conf")
    assert sums("dbt", "profiles.yml", "dbt_project") == expected("profiles.yml", "dbt_project")


def test_nothing_else_is_published(definition: dict[str, Any]) -> None:
    published = {
        (name, port["target"], port["host_ip"])
        for name, service in definition["services"].items()
        for port in service.get("ports", [])
    }
    assert published == {(name, port, "127.0.0.1") for name, port in PUBLISHED.values()}
    assert not any("network_mode" in service for service in definition["services"].values())


def test_bind_address_moves_what_is_published(project: Containers) -> None:
    text = ok(project.compose("config", "--format", "json", BIND_ADDRESS="192.0.2.1"))
    hosts = {
        port["host_ip"]
        for service in json.loads(text)["services"].values()
        for port in service.get("ports", [])
    }
    assert hosts == {"192.0.2.1"}


def test_limits_fit_8_gib(project: Containers) -> None:
    text = ok(project.compose("--profile", "jobs", "config", "--format", "json"))
    limits = [int(service["mem_limit"]) for service in json.loads(text)["services"].values()]
    assert sum(limits) <= 8 * GIB


def test_every_service_is_limited_logged_and_locked_down(definition: dict[str, Any]) -> None:
    for name, service in definition["services"].items():
        assert int(service["mem_limit"]) > 0, name
        options = service["logging"].get("options")
        assert options == {"max-size": "10m", "max-file": "3"} or name == "tools", name
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("read_only") or name == "postgres", name
        one_shot = name in ("minio-init", "ingest", "dbt", "tools")
        assert one_shot or "healthcheck" in service, name
        assert one_shot or service["restart"] == "unless-stopped", name


def test_images_have_labels_no_compiler_and_no_root(
    containers: Containers, definition: dict[str, Any]
) -> None:
    images = {
        service["image"]: name
        for name, service in definition["services"].items()
        if service["image"].startswith("malha/") and "prometheus" not in service["image"]
    }
    assert len(images) == 9
    for image, name in images.items():
        config = json.loads(ok(containers.run("docker", "image", "inspect", image)))[0]["Config"]
        assert config["User"] == "malha", image
        assert config["Labels"]["org.opencontainers.image.title"] == image.partition(":")[0]
        probe = "! command -v gcc cc go javac pip uv git"
        command = ["--entrypoint", "sh", name, "-c", probe]
        ok(containers.compose("run", "--rm", "--no-deps", "--no-TTY", *command))
