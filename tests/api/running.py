"""APIs of the tests' own beside the mesh's: other settings, other products, keys as needed."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import httpx

from api.key_file import changing, new_key
from malha.settings import ROOT
from tests.mesh import Mesh, answers, eventually, free_ports

_Asked = TypeVar("_Asked")
_Found = TypeVar("_Found")


@dataclass
class Running:
    """An API that answers, and a key to all of it."""

    folder: Path
    url: str
    key: str = field(repr=False)
    settings: dict[str, str]
    """That it was given."""
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.key}"}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=60)

    @property
    def manifest(self) -> Path:
        """What it serves; it may be written again."""
        return self.folder / "target/manifest.json"

    @property
    def in_memory(self) -> bool:
        """Whether it has products in memory at all."""
        return self.settings.get("API_TIER_ROWS") != "0"

    def get(self, path: str, headers: dict[str, str] | None = None, **parameters: Any) -> Any:
        """An answer; `double_underscore` in a parameter's name stands for its point."""
        named = {name.replace("__", "."): value for name, value in parameters.items()}
        return self.client.get(path, params=named or None, headers=headers)

    def get_all(self, paths: Sequence[str]) -> list[httpx.Response]:
        """The answers to many requests, in their order."""
        return self.each(self.client.get, paths)

    def each(self, ask: Callable[[_Asked], _Found], many: Sequence[_Asked]) -> list[_Found]:
        """What many requests find, some at a time, in their order."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(ask, many))

    def key_of(self, *scopes: str) -> str:
        """A new key with these scopes, which is good at once or a second later."""
        return add_key(self.folder / "keys.json", *scopes)


def rows_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """The rows of an answer, its decimals with all digits."""
    assert answer.status_code == httpx.codes.OK, answer.text
    rows: list[dict[str, Any]] = json.loads(answer.text, parse_float=Decimal)
    return rows


def add_key(path: Path, *scopes: str) -> str:
    """Make a key without a limit of requests."""
    stored, text = new_key("tests", scopes, rate=0)
    with changing(path) as keys:
        keys[stored.id] = stored
    return text


@contextmanager
def running(
    mesh: Mesh, folder: Path, manifest: dict[str, Any], **settings: str
) -> Iterator[Running]:
    """Serve a manifest from a folder of its own, against the mesh's services."""
    (port,) = free_ports(1)
    (folder / "target").mkdir(parents=True)
    (folder / "target/manifest.json").write_text(json.dumps(manifest))
    key = add_key(folder / "keys.json", "*")
    environment = mesh.environment(
        **{
            "DBT_TARGET_PATH": str(folder / "target"),
            "API_KEYS_FILE": str(folder / "keys.json"),
            "API_AUDIT_LOG": str(folder / "audit.log"),
            "API_PORT": str(port),
            "API_RATE_LIMIT": "0",
            "API_AUTH_FAILURE_LIMIT": "0",
            **settings,
        }
    )
    url = f"http://{mesh.settings.api_host}:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "api"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            health = settings.get("API_HEALTH_PORT", str(port))
            ready = f"http://{mesh.settings.api_host}:{health}/health/ready"
            eventually(lambda: answers(ready), seconds=60)
            found = Running(folder, url, key, settings)
            with found.client:
                yield found
        finally:
            process.terminate()
            process.wait(timeout=30)
