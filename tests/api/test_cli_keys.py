"""`malha-api keys`, as a user calls it."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api import cli
from api.errors import UnauthorizedError
from api.key_file import read
from api.key_times import moment, span
from api.keys import KeyStore
from malha.console import Console
from tests import inprocess
from tests.inprocess import Completed

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Api:
    """The command line, with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "api/keys.json"
        self._variables = {
            "STACK_DIR": str(folder),
            "DBT_TARGET_PATH": str(folder),
            "API_KEYS_FILE": str(self.path),
            "COLUMNS": "200",
        }

    def keys(self, *arguments: str) -> Completed:
        # As a user's shell starts it: its arguments are those of the process.
        return inprocess.call(
            lambda _: cli.run(), ["keys", *arguments], self._variables, name="malha-api"
        )

    def create(self, *arguments: str) -> str:
        result = self.keys("create", *arguments, "--quiet")
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.keys("list", "--json").stdout)
        return found


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    # What was made when the module was imported is as wide as the terminal was.
    monkeypatch.setattr(cli, "console", Console(highlight=False, soft_wrap=True, width=200))
    return Api(tmp_path)


def test_key_that_is_made_is_shown_once_and_works(api: Api) -> None:
    result = api.keys("create", "Ana [b]", "--scope", "domain:vendas", "--scope", "pii")
    assert result.returncode == 0, result.stderr
    (text,) = re.findall(r"^(malha_[a-z0-9]{10}_\S{43})$", result.stdout, re.M)
    assert f'curl -H "Authorization: Bearer {text}" http' in result.stdout
    caller = KeyStore(api.path).verify(text)
    assert caller.name == "Ana [b]"
    assert caller.scopes == {"domain:vendas", "pii"}
    shown = api.keys("list").stdout
    assert "Ana [b]" in shown
    assert "domain:vendas pii" in shown
    assert text.split("_", 2)[2] not in shown


def test_quiet_prints_the_key_alone(api: Api) -> None:
    assert re.fullmatch(r"malha_\w{10}_\S{43}", api.create("ana", "--scope", "*"))


def test_list_for_programs_has_every_field_but_the_hash(api: Api) -> None:
    api.create("ana", "--scope", "*", "--expires", "90d", "--rate", "60")
    (key,) = api.listed()
    assert set(key) == {"id", "name", "scopes", "created", "expires", "revoked", "rate", "state"}
    assert (key["rate"], key["state"], key["scopes"]) == (60, "active", ["*"])
    life = datetime.fromisoformat(key["expires"]) - datetime.fromisoformat(key["created"])
    assert life == timedelta(days=90)


def test_no_keys_are_an_empty_list(api: Api) -> None:
    assert api.listed() == []
    assert api.keys("list").returncode == 0


def test_revoked_key_is_let_in_no_more_and_stays_on_the_list(api: Api) -> None:
    text = api.create("ana", "--scope", "*")
    (key,) = api.listed()
    assert api.keys("revoke", key["id"]).returncode == 0
    with pytest.raises(UnauthorizedError, match="was revoked"):
        KeyStore(api.path).verify(text)
    (revoked,) = api.listed()
    assert revoked["state"] == "revoked"
    assert api.keys("revoke", key["id"]).returncode == 0
    assert api.listed() == [revoked]


def test_rotated_key_works_beside_its_successor_for_the_overlap(api: Api) -> None:
    old = api.create("ana", "--scope", "pii", "--rate", "7", "--expires", "90d")
    result = api.keys("rotate", old.split("_")[1], "--overlap", "2h", "--quiet")
    new = result.stdout.strip()
    store = KeyStore(api.path)
    assert store.verify(old).scopes == store.verify(new).scopes == {"pii"}
    assert store.verify(new).rate == 7
    first, second = read(api.path).values()
    assert first.expires is not None
    assert second.expires is not None
    assert first.expires - second.created == timedelta(hours=2)
    assert second.expires - second.created == timedelta(days=90)


def test_rotation_without_overlap_ends_the_old_key_at_once(api: Api) -> None:
    old = api.create("ana", "--scope", "*")
    assert api.keys("rotate", old.split("_")[1], "--overlap", "0m").returncode == 0
    with pytest.raises(UnauthorizedError, match="has expired"):
        KeyStore(api.path).verify(old)
    again = api.keys("rotate", old.split("_")[1])
    assert again.returncode == 1
    assert "is expired: make one with `malha-api keys create`" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["create", "ana"], 2, "--scope"),
        (["create", "ana", "--scope", "p ii"], 2, "is not a scope"),
        (["create", "ana", "--scope", "produto:x"], 2, "is not a scope"),
        (["create", "ana", "--scope", "domain:"], 2, "is not a scope"),
        (["create", " ", "--scope", "*"], 2, "NAME"),
        (["create", "ana", "--scope", "*", "--expires", "soon"], 2, "neither a span"),
        (["create", "ana", "--scope", "*", "--expires", "2020-01-01"], 2, "is over"),
        (["create", "ana", "--scope", "*", "--rate", "-1"], 2, "--rate"),
        (["revoke", "nobody"], 1, "has no key 'nobody'"),
        (["rotate", "nobody"], 1, "has no key 'nobody'"),
        (["rotate", "nobody", "--overlap", "a day"], 2, "no span of time"),
        (["lost"], 2, "lost"),
    ],
)
def test_wrong_command_line_says_what_is_wrong(
    api: Api, arguments: list[str], code: int, message: str
) -> None:
    result = api.keys(*arguments)
    assert result.returncode == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not api.path.exists() or read(api.path) == {}


def test_scope_of_a_product_that_is_not_there_lists_those_that_are(
    api: Api, parsed_manifest: dict[str, Any]
) -> None:
    (api.folder / "manifest.json").write_text(json.dumps(parsed_manifest))
    result = api.keys("create", "ana", "--scope", "product:pedido_cliente")
    assert result.returncode == 1
    assert "there is no product 'pedido_cliente': choose one of cliente_pedido, " in result.stderr
    result = api.keys("create", "ana", "--scope", "domain:venda")
    assert "there is no domain 'venda': choose one of clientes, " in result.stderr
    assert api.create("ana", "--scope", "product:cliente_pedido", "--scope", "domain:vendas")


def test_manifest_that_cannot_be_read_keeps_nobody_from_a_key(api: Api) -> None:
    (api.folder / "manifest.json").write_text("{")
    result = api.keys("create", "ana", "--scope", "product:x")
    assert result.returncode == 0
    assert "scopes are not compared with the products" in result.stderr


def test_broken_file_is_a_message(api: Api) -> None:
    api.path.parent.mkdir()
    api.path.write_text("{")
    for arguments in (["list"], ["create", "ana", "--scope", "*"]):
        result = api.keys(*arguments)
        assert result.returncode == 1
        assert "mend it, or put a copy from before in its place" in result.stderr


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("90d", NOW + timedelta(days=90)),
        ("2w", NOW + timedelta(weeks=2)),
        ("30m", NOW + timedelta(minutes=30)),
        ("2026-12-31", datetime(2026, 12, 31, tzinfo=UTC)),
        ("2026-12-31T18:00:00-03:00", datetime(2026, 12, 31, 21, tzinfo=UTC)),
        ("2026-12-31T18:00:00", datetime(2026, 12, 31, 18, tzinfo=UTC)),
    ],
)
def test_moments_are_spans_or_written_out(text: str, found: datetime) -> None:
    assert moment(text, NOW) == found


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "0d", "2026-13-01", "2026-01-05"])
def test_what_is_no_moment_to_come_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        moment(text, NOW)


def test_span_too_long_for_the_calendar_is_refused() -> None:
    assert span("99999w") > timedelta(days=1)
    with pytest.raises(ValueError, match="beyond the calendar"):
        moment("99999w", datetime(9000, 1, 1, tzinfo=UTC))


def test_module_without_a_server_runs_the_command_line() -> None:
    module = [sys.executable, "-m", "api", "keys", "--help"]
    result = subprocess.run(module, capture_output=True, text=True, timeout=120, check=True)
    assert "rotate" in result.stdout
