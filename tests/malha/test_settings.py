from pathlib import Path

import pytest

from malha.errors import SettingError
from malha.settings import Settings, child_environment, load
from malha.settings_page import PAGE, page


@pytest.fixture(autouse=True)
def _no_settings_of_the_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("STACK_DIR", str(tmp_path))


def test_addresses_follow_their_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_PORT", "18333")
    monkeypatch.setenv("METASTORE_PORT", "19083")
    settings = load()
    assert settings.s3_endpoint == "http://127.0.0.1:18333"
    assert settings.metastore_uri == "thrift://127.0.0.1:19083"


def test_derby_follows_the_stack_folder(tmp_path: Path) -> None:
    assert f"{tmp_path}/metastore/derby" in load().metastore_jdbc_url


def test_generated_credentials_win_over_keys_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-user")
    (tmp_path / "credentials.env").write_text(
        "AWS_ACCESS_KEY_ID=generated\nAWS_SECRET_ACCESS_KEY=secret\n"
    )
    assert load().aws_access_key_id == "generated"


def test_keys_of_the_user_go_with_a_store_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-user")
    monkeypatch.setenv("S3_ENDPOINT", "https://s3.example")
    (tmp_path / "credentials.env").write_text("AWS_ACCESS_KEY_ID=generated\n")
    assert load().aws_access_key_id == "from-the-user"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("API_PORT", "eight thousand"),
        ("API_PORT", "0"),
        ("THRIFT_PORT", "65536"),
        ("S3_MASTER_PORT", "60000"),  # its gRPC port would be 70000
        ("API_QUERY_TIMEOUT", "-1"),
        ("METASTORE_URI", "127.0.0.1:9083"),
        ("METASTORE_URI", "thrift://a:9083,thrift://b:9083"),
        ("LANDING_URI", "landing"),
        ("INGEST_MEMORY", "much"),
        ("SPARK_EVENT_LOG_URI", "events"),
        ("SPARK_EXTRA_CONF", "spark.ui.enabled"),
        ("SPARK_EXTRA_CONF", "hive.x=1"),
        ("SPARK_EXTRA_CONF", 'spark.x="1'),
        ("API_RATE_LIMIT", "-1"),
        ("API_TOKEN_ALGORITHMS", "RS256,HS256"),
        ("API_TOKEN_ALGORITHMS", "none"),
        ("API_JWKS_URL", "http://idp.example/keys"),
        ("API_JWKS_URL", "file:///etc/passwd"),
        ("API_TOKEN_ISSUER", "https://idp.example"),
        ("API_TOKEN_AUDIENCE", "malha"),
    ],
)
def test_bad_value_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingError, match=f"{variable}='{value}': "):
        load()


def test_secrets_are_not_shown() -> None:
    settings = Settings(aws_secret_access_key="sesame", metastore_jdbc_password="mellon")
    assert "sesame" not in repr(settings)
    assert "mellon" not in repr(settings)


def test_child_process_gets_every_setting_and_no_foreign_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of another account")
    environment = child_environment(load())
    assert {name.upper() for name in Settings.model_fields} <= environment.keys()
    assert "AWS_SESSION_TOKEN" not in environment


def test_page_of_settings_is_what_the_table_says() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"


def test_key_set_without_issuer_and_audience_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_JWKS_URL", "https://idp.example/keys")
    with pytest.raises(SettingError, match=r"API_TOKEN_ISSUER='.*API_TOKEN_AUDIENCE='"):
        load()


def test_keys_and_audit_log_follow_the_stack_folder_unless_they_are_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert load().keys_path == tmp_path / "api/keys.json"
    assert load().audit_log_path == tmp_path / "logs/api-audit.log"
    monkeypatch.setenv("API_KEYS_FILE", "/etc/malha/keys.json")
    monkeypatch.setenv("API_AUDIT_LOG", "-")
    assert load().keys_path == Path("/etc/malha/keys.json")
    assert load().audit_log_path is None
