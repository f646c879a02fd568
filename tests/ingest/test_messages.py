"""What `malha-ingest` says: of what is wrong around it, of its usage, of its sources."""

import re
import sys
from pathlib import Path

import pytest

from tests.mesh import Mesh, free_ports, ok, refused


def test_unknown_source_is_refused_with_the_known_ones(mesh: Mesh) -> None:
    message = refused(mesh.ingest("produto"))
    assert "unknown source: produto. Sources with a landing: cliente, pedido" in message


def test_unreachable_s3_is_named(mesh: Mesh) -> None:
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    message = refused(mesh.ingest(S3_ENDPOINT=endpoint, AWS_ACCESS_KEY_ID="a"))
    assert f"S3 at {endpoint} does not answer" in message


def test_refused_credentials_are_named(mesh: Mesh) -> None:
    settings = mesh.settings
    variables = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "guess"}
    message = refused(mesh.ingest(S3_ENDPOINT=settings.s3_endpoint, **variables))
    assert "does not answer a signed request" in message


def test_unreachable_metastore_is_named(mesh: Mesh) -> None:
    uri = f"thrift://127.0.0.1:{free_ports(1)[0]}"
    message = refused(mesh.ingest(METASTORE_URI=uri))
    assert f"the metastore at {uri} does not answer" in message


def test_missing_manifest_is_named_where_there_is_no_dbt(
    mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh.ingest("--list")  # starts Spark, which looks for its own files
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    message = refused(mesh.ingest(DBT_TARGET_PATH=str(tmp_path)))
    assert "run `dbt parse`" in message


def test_bad_setting_is_named(mesh: Mesh) -> None:
    assert "S3_PORT='many': " in refused(mesh.ingest(S3_PORT="many"))


def test_bad_usage_exits_with_2(mesh: Mesh) -> None:
    assert "No such option" in refused(mesh.ingest("--no-such-option"), code=2)


def test_list_shows_sources_and_where_their_files_land(mesh: Mesh) -> None:
    shown = ok(mesh.ingest("--list"))
    assert re.search(r"│ cliente │ csv +│ s3a://landing/clientes/cliente │ cliente_id, nome", shown)


def test_help_shows_examples(mesh: Mesh) -> None:
    assert "malha-ingest cliente pedido" in ok(mesh.ingest("--help"))
