"""The catalogue: what dbt's manifest says is served, read again when it changes."""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cachetools import LRUCache

from api import columns
from api.metrics import MANIFEST_OK
from malha.errors import ManifestError
from malha.manifest import Manifest, Product

log = logging.getLogger("malha.api")

_POLL_SECONDS = 1.0
_PARSED = 2048


@dataclass(frozen=True, eq=False)
class Served:
    """A product at its path."""

    product: Product
    path: str
    """`/api/cliente-pedido`, `/api/v2/cliente-pedido`."""
    successor: str | None = None
    """The path of the version that takes its place."""
    parsed: LRUCache[Any, Any] = field(default_factory=lambda: LRUCache(_PARSED))
    """Requests by their text; the event loop's alone."""


@dataclass(frozen=True)
class Catalogue:
    """What is served, all at once: a new manifest makes a new one."""

    by_path: dict[str, Served]

    @property
    def products(self) -> list[Served]:
        """In the order of their paths."""
        return [self.by_path[path] for path in sorted(self.by_path)]

    def find(self, path: str) -> tuple[Served, str | None] | None:
        """The product at a path, and the text behind it where it has a lookup column."""
        served = self.by_path.get(path)
        if served:
            return served, None
        parent, slash, key = path.rpartition("/")
        served = self.by_path.get(parent) if slash and key else None
        return (served, key) if served and served.product.lookup else None


def catalogue(products: Iterable[Product]) -> Catalogue:
    """The catalogue of these products; one that cannot be served does not take others with it."""
    found: dict[str, Served] = {}
    servable = []
    for product in products:
        try:
            columns.check(product)
            servable.append(product)
        except ManifestError as error:
            log.error("%s is not served: %s", product.name, error)
    for product in servable:
        path = _path(product)
        latest = _kebab(product.base_name)
        newer = product.latest_version is not None and product.version != product.latest_version
        served = Served(product, path, f"/api/{latest}" if newer else None)
        found[path] = served
        if product.version is not None and not newer:
            # The latest version is also the product without a version.
            found.setdefault(f"/api/{latest}", Served(product, f"/api/{latest}"))
    return Catalogue(found)


def _path(product: Product) -> str:
    name = _kebab(product.base_name)
    return f"/api/{name}" if product.version is None else f"/api/v{product.version}/{name}"


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class Registry:
    """The catalogue as it is now.

    Args:
        changed: called after a new one has taken the place of the old.
    """

    def __init__(self, path: Path, changed: Callable[[Catalogue], None]) -> None:
        self._path = path
        self._changed = changed
        self._seen: Any = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="registry", daemon=True)
        self.catalogue = Catalogue({})
        self.problem: str | None = "dbt's manifest has not been read yet"
        """What is wrong with the manifest as it is; the catalogue is then of the one before."""
        self.refresh()

    def start(self) -> None:
        """Begin to watch the manifest."""
        self._thread.start()

    def close(self) -> None:
        """Watch it no more."""
        self._ended.set()

    def refresh(self) -> None:
        """Read the manifest, where it is another than was read last."""
        seen = self._state()
        if seen == self._seen and seen is not None:
            return
        try:
            found = catalogue(Manifest(self._path).products.values())
        except ManifestError as error:
            if self.problem != str(error):
                log.error("%s", error)
            self.problem = str(error)
        else:
            self.problem, self.catalogue = None, found
            log.info("%d paths are served", len(found.by_path))
            self._changed(found)
        self._seen = seen
        MANIFEST_OK.set(self.problem is None)

    def _state(self) -> Any:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _watch(self) -> None:
        while not self._ended.wait(_POLL_SECONDS):
            self.refresh()
