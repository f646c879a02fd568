import json
from pathlib import Path

import pytest

from ingest.errors import UnknownSourceError
from ingest.sources import landing_uri, select
from malha.manifest import Manifest
from malha.settings import Settings


@pytest.fixture
def manifest(parsed_manifest: object, tmp_path: Path) -> Manifest:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(parsed_manifest))
    return Manifest(path)


def test_no_name_means_every_source(manifest: Manifest) -> None:
    assert [source.name for source in select(manifest, [])] == ["cliente", "pedido"]


def test_a_name_given_twice_counts_once(manifest: Manifest) -> None:
    assert [source.name for source in select(manifest, ["pedido", "pedido"])] == ["pedido"]


def test_unknown_name_is_refused_with_the_known_ones(manifest: Manifest) -> None:
    with pytest.raises(UnknownSourceError, match=r"unknown source: produto\. .*: cliente, pedido"):
        select(manifest, ["cliente", "produto"])


def test_landing_uri_is_below_the_landing_area(manifest: Manifest) -> None:
    settings = Settings(landing_uri="s3a://landing/")
    assert landing_uri(manifest.sources["cliente"], settings) == "s3a://landing/clientes/cliente"
