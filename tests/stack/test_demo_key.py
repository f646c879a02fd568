import stat
from pathlib import Path

import pytest

from api.keys import KeyStore
from malha.settings import Settings
from stack import demo_key, first_key


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(stack_dir=tmp_path, api_keys_file="")


def test_first_start_makes_a_key_to_all_products(settings: Settings) -> None:
    text = first_key.ensure(settings)
    assert text is not None
    caller = KeyStore(settings.keys_path).verify(text)
    assert caller.name == "demo"
    assert caller.scopes == {"*"}
    assert demo_key.headers(settings) == {"Authorization": f"Bearer {text}"}


def test_key_is_made_once(settings: Settings) -> None:
    first_key.ensure(settings)
    before = settings.keys_path.read_bytes()
    assert first_key.ensure(settings) is None
    assert settings.keys_path.read_bytes() == before


def test_key_is_its_owners_alone_and_goes_with_the_stack(settings: Settings) -> None:
    first_key.ensure(settings)
    for path in (settings.demo_key_path, settings.keys_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.is_relative_to(settings.stack_dir)


def test_file_of_keys_elsewhere_gets_no_key(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere/keys.json"
    settings = Settings(stack_dir=tmp_path / "stack", api_keys_file=str(path))
    assert first_key.ensure(settings) is None
    assert not path.exists()
    assert demo_key.headers(settings) == {}


def test_command_line_that_is_shown_has_no_secret(settings: Settings) -> None:
    url = "http://127.0.0.1:8000/api/x"
    assert demo_key.curl(url, settings) == f"curl {url}"
    text = first_key.ensure(settings)
    shown = demo_key.curl(url, settings)
    assert text is not None
    assert text not in shown
    assert str(settings.demo_key_path) in shown
