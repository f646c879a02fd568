"""The catalogue: what dbt's manifest says is served, read again when it changes."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from api import columns
from api.metrics import MANIFEST_OK, NOT_SERVED
from api.workers import Worker
from malha.errors import ManifestError
from malha.manifest import Manifest, Product, Refused

log = logging.getLogger("malha.api")

_POLL_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class Served:
    """A product at its path."""

    product: Product
    path: str
    """`/api/cliente-pedido`, `/api/v2/cliente-pedido`."""
    successor: str | None = None
    """The path of the version that takes its place."""


@dataclass(frozen=True)
class Catalogue:
    """What is served, all at once: a new manifest makes a new one."""

    by_path: dict[str, Served]
    refused: dict[str, Refused] = field(default_factory=dict)
    """What cannot be served as it is declared, by the path at which it would be."""

    def refusal(self, path: str) -> Refused | None:
        """Why what is asked for at a path is not served, where it is declared."""
        parent = path.rpartition("/")[0]
        return self.refused.get(path) or self.refused.get(parent)

    @property
    def products(self) -> list[Served]:
        """In the order of their paths."""
        return [self.by_path[path] for path in sorted(self.by_path)]

    def find(self, path: str) -> tuple[Served, str | None] | None:
        """The product at a path, and the text behind it where it has a lookup column.

        Args:
            path: as it is in the URL, where a value's own `/` is `%2F`.
        """
        served = self.by_path.get(unquote(path))
        if served:
            return served, None
        parent, slash, key = path.rpartition("/")
        served = self.by_path.get(unquote(parent)) if slash and key else None
        return (served, unquote(key)) if served and served.product.lookup else None


def catalogue(products: Iterable[Product], refused: Iterable[Refused] = ()) -> Catalogue:
    """The catalogue of these products; one that cannot be served does not take others with it."""
    found: dict[str, Served] = {}
    out = list(refused)
    servable = []
    for product in products:
        if problem := columns.problem_of(product):
            named = product.model_dump(include={"name", "base_name", "version"})
            out.append(Refused(**named, reason=problem))
        else:
            servable.append(product)
    for one in out:
        log.error("%s is not served: %s", one.name, one.reason)
    for product in servable:
        path = _path(product)
        latest = _kebab(product.base_name)
        newer = product.latest_version is not None and product.version != product.latest_version
        served = Served(product, path, f"/api/{latest}" if newer else None)
        found[path] = served
        if product.version is not None and not newer:
            # The latest version is also the product without a version.
            found.setdefault(f"/api/{latest}", Served(product, f"/api/{latest}"))
    return Catalogue(found, {_path(one): one for one in out})


def _path(product: Product | Refused) -> str:
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
        self.worker = Worker("registry", self.refresh, every=_POLL_SECONDS)
        self.catalogue = Catalogue({})
        self.problem: str | None = "dbt's manifest has not been read yet"
        """What is wrong with the manifest as it is; the catalogue is then of the one before."""
        self.refresh()

    def refresh(self) -> None:
        """Read the manifest, where it is another than was read last."""
        seen = self._state()
        if seen == self._seen and seen is not None:
            return
        try:
            manifest = Manifest(self._path)
            found = catalogue(manifest.products.values(), manifest.refused)
        except ManifestError as error:
            if self.problem != str(error):
                log.error("%s", error)
            self.problem = str(error)
            if isinstance(error.__cause__, OSError):
                seen = None  # who may read it can change without a change of the file
        else:
            self.problem, self.catalogue = None, found
            log.info("%d paths are served", len(found.by_path))
            self._changed(found)
        self._seen = seen
        MANIFEST_OK.set(self.problem is None and not self.catalogue.refused)
        NOT_SERVED.set(len(self.catalogue.refused))

    def _state(self) -> Any:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
