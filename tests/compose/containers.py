"""The mesh in containers that the tests run on, and what they do to it."""

import hashlib
import json
import os
import re
import subprocess
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from malha.settings import ROOT, Settings
from tests.mesh import Completed, eventually, fetch, free_ports, ok

PUBLISHED = {
    "API_PORT": ("api", 8000),
    "THRIFT_PORT": ("thrift", 10000),
    "SPARK_UI_PORT": ("thrift", 4040),
    "DOCS_PORT": ("docs", 8081),
    "MINIO_CONSOLE_PORT": ("minio", 9001),
    "SPARK_MASTER_UI_PORT": ("spark-master", 8080),
    "SPARK_HISTORY_PORT": ("spark-history", 18080),
    "PROMETHEUS_PORT": ("prometheus", 9090),
}
"""All that is published: the variable that moves it, the service, and its port in there."""

SERVICES = ("minio", "postgres", "metastore", "thrift", "api", "docs")
"""What runs by default."""

PROJECT = f"malha-test-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]}"
"""The project of this checkout's tests: another checkout's have containers of their own."""
VERSION = PROJECT.removeprefix("malha-")
"""The tag of its images."""


def _interpolated() -> set[str]:
    """The variables that docker-compose.yml takes from whoever calls it."""
    text = (ROOT / "docker-compose.yml").read_text()
    return {*re.findall(r"\$\{(\w+)", text), *re.findall(r"^ +([A-Z_]+):$", text, re.M)}


def missing_engine() -> str | None:
    """Why there can be no containers, if so."""
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=30)
        except FileNotFoundError:
            return "docker is not installed"
        if result.returncode:
            return f"`{' '.join(command)}` fails: {result.stderr.strip().splitlines()[-1:]}"
    return None


def wait_for_line(job: "subprocess.Popen[str]", text: str) -> str:
    """Read what a job says until it says this; return all of it."""
    assert job.stdout is not None
    said = ""
    for line in job.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(f"it ended and never said {text!r}: {said}")


@dataclass
class Containers:
    """A project of Compose's of the tests' own. Commands run as a user would run them."""

    folder: Path
    ports: dict[str, int]
    landed: list[Path] = field(default_factory=list)
    """The folders whose files are in the landing area, in the order of their landing."""

    @classmethod
    def make(cls, folder: Path) -> "Containers":
        return cls(folder, dict(zip(PUBLISHED, free_ports(len(PUBLISHED)), strict=True)))

    @property
    def environment(self) -> dict[str, str]:
        """The caller's environment, without what would change the containers."""
        left_out = _interpolated()
        return {
            **{
                name: value
                for name, value in os.environ.items()
                if name not in left_out and not name.startswith("COMPOSE_")
            },
            "COMPOSE_PROJECT_NAME": PROJECT,
            "COMPOSE_ENV_FILES": str(self.folder / ".env"),
            "COMPOSE_PROGRESS": "quiet",
            "MALHA_VERSION": VERSION,
            "COLUMNS": "200",
            **{name: str(port) for name, port in self.ports.items()},
        }

    def run(self, *command: str, timeout: float = 300, **variables: str) -> Completed:
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
        )

    def compose(self, *arguments: str, timeout: float = 300, **variables: str) -> Completed:
        return self.run("docker", "compose", *arguments, timeout=timeout, **variables)

    def task(self, *arguments: str, timeout: float = 300, **variables: str) -> Completed:
        return self.run("sh", "stack/compose.sh", *arguments, timeout=timeout, **variables)

    def job(self, *arguments: str, timeout: float = 300) -> Completed:
        return self.compose("run", "--rm", "--no-TTY", *arguments, timeout=timeout)

    @contextmanager
    def job_in_background(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A job that is gone at the end, its container with it.

        Its input stays open until `communicate`.
        """
        name = f"{PROJECT}-job-{uuid.uuid4().hex[:8]}"
        process = subprocess.Popen(
            ["docker", "compose", "run", "--rm", "--no-TTY", "--name", name, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            # The client alone would leave its container at work.
            self.run("docker", "rm", "--force", name)
            process.kill()
            process.wait()

    def land(self, folder: Path) -> None:
        """Land a folder's files."""
        ok(self.task("land", str(folder)))
        self.landed.append(folder)

    def land_line(self, folder: Path, key: str, line: str) -> None:
        """Land a file of one line, which is written into the folder first."""
        path = folder / key
        path.parent.mkdir(parents=True)
        path.write_text(f"{line}\n")
        folder.chmod(0o755)  # the container's user is another
        self.land(folder)

    def up(self, *services: str) -> None:
        ok(self.compose("up", "--detach", "--wait", *services))

    def remove(self) -> None:
        ok(self.compose("--profile", "*", "down", "--volumes", "--remove-orphans"))
        self.__dict__.pop("key", None)  # gone with its volume

    def states(self) -> dict[str, list[dict[str, Any]]]:
        """What `docker compose ps` says, by service."""
        lines = ok(self.compose("--profile", "*", "ps", "--all", "--format", "json")).splitlines()
        found: dict[str, list[dict[str, Any]]] = {}
        for line in lines:
            state = json.loads(line)
            found.setdefault(state["Service"], []).append(state)
        return found

    def healthy(self, *services: str) -> bool:
        """Whether all containers of these services, or of the default ones, are healthy."""
        # Asked again and again, and much cheaper than `docker compose ps`.
        label = "com.docker.compose"
        ours = ("--filter", f"label={label}.project={PROJECT}")
        lasting = ("--filter", f"label={label}.oneoff=False")
        shown = ("--format", f'{{{{.Label "{label}.service"}}}} {{{{.Status}}}}')
        found: dict[str, list[bool]] = {}
        for line in ok(self.run("docker", "ps", "--all", *ours, *lasting, *shown)).splitlines():
            name, _, status = line.partition(" ")
            found.setdefault(name, []).append(status.endswith("(healthy)"))
        return all(all(found.get(name, [False])) for name in services or SERVICES)

    def wait_healthy(self, *services: str) -> None:
        eventually(lambda: self.healthy(*services), seconds=180)

    @property
    def settings(self) -> Settings:
        return Settings(thrift_port=self.ports["THRIFT_PORT"], api_port=self.ports["API_PORT"])

    def url(self, variable: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[variable]}{path}"

    @cached_property
    def key(self) -> str:
        """A key to the API, that may ask as often as it likes."""
        create = ("python", "-m", "api", "keys", "create", "tests", "--scope", "*")
        exec_ = ("exec", "--no-TTY", "api", *create, "--rate", "1000000", "--quiet")
        return ok(self.compose(*exec_)).strip()

    def get(self, path: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.get(self.url("API_PORT", path), headers=headers, timeout=60)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows through the published port."""
        return fetch(self.settings, sql)

    @contextmanager
    def load(self, path: str) -> Iterator[Counter[str]]:
        """Ask the API for a path, again and again, and count its answers by status and text.

        A request that finds no server counts as `refused`.
        """
        seen: Counter[str] = Counter()
        done = threading.Event()
        assert self.key  # made while the API is there

        def ask() -> None:
            while not done.is_set():
                try:
                    answer = self.get(path)
                    rows = answer.text if answer.is_success else ""
                    seen[f"{answer.status_code} {rows}".strip()] += 1
                except httpx.TransportError:
                    seen["refused"] += 1
                time.sleep(0.05)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield seen
        finally:
            done.set()
            for thread in threads:
                thread.join()
