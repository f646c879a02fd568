import json
import logging
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from api import audit
from api.caller import ANONYMOUS, Caller
from malha.settings import Settings

ANA = Caller(name="ana", scopes=frozenset({"*"}), kind="key", id="abcdefgh12")


@pytest.fixture(autouse=True)
def _handlers_of_the_test_alone() -> Iterator[None]:
    yield
    for handler in list(audit.audit_log.handlers):
        if isinstance(handler, audit._Reporting):
            audit.audit_log.removeHandler(handler)
            handler.close()
    audit.audit_log.propagate = True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    settings = Settings(stack_dir=tmp_path)
    audit.install(settings)
    assert settings.audit_log_path is not None
    return settings.audit_log_path


def note(caller: Caller | None = ANA, **given: Any) -> None:
    entry = {
        "request_id": "r1",
        "method": "GET",
        "product": "cliente_pedido",
        "status": 200,
        "ms": 12.34567,
        "address": "198.51.100.1",
        **given,
    }
    audit.record(audit.access(caller, **entry))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().strip("\n").split("\n")]


def test_access_is_a_line_of_json(path: Path) -> None:
    before = datetime.now(UTC)
    note(columns=["pedido_id", "nome"], rows=3, snapshot=7193847193847193847)
    after = datetime.now(UTC)
    (line,) = lines(path)
    moment = line.pop("time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment)
    assert before - timedelta(milliseconds=1) <= datetime.fromisoformat(moment) <= after
    assert line == {
        "request_id": "r1",
        "caller": "abcdefgh12",
        "name": "ana",
        "kind": "key",
        "method": "GET",
        "product": "cliente_pedido",
        "columns": ["pedido_id", "nome"],
        "rows": 3,
        "snapshot": 7193847193847193847,
        "status": 200,
        "ms": 12.346,
        "address": "198.51.100.1",
    }


def test_anonymous_and_refused_callers_are_told_apart(path: Path) -> None:
    note(ANONYMOUS)
    note(None, status=401)
    assert [(line["kind"], line["caller"]) for line in lines(path)] == [
        ("anonymous", ""),
        ("refused", ""),
    ]


def test_what_a_client_sends_cannot_make_a_second_line(path: Path) -> None:
    note(request_id='r1"}\n{"forged": 1}', product="a\r\nb\u2028")
    assert path.read_bytes().count(b"\n") == 1
    assert lines(path)[0]["request_id"] == 'r1"}\n{"forged": 1}'


def test_log_is_its_owners_alone(path: Path) -> None:
    note()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_log_that_is_rotated_away_is_begun_anew(path: Path) -> None:
    note(request_id="before")
    path.rename(path.with_suffix(".1"))
    note(request_id="after")
    assert [line["request_id"] for line in lines(path)] == ["after"]
    assert [line["request_id"] for line in lines(path.with_suffix(".1"))] == ["before"]


def test_line_is_in_the_file_as_soon_as_it_is_noted(path: Path) -> None:
    for number in range(3):
        note()
        assert len(lines(path)) == number + 1


def test_full_disk_is_reported_once_and_requests_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    target = tmp_path / "audit.log"
    target.symlink_to("/dev/full")
    audit.install(Settings(stack_dir=tmp_path, api_audit_log=str(target)))
    with caplog.at_level(logging.WARNING, "malha.api"):
        for _ in range(5):
            note()
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "No space left" in caplog.text
        target.unlink()
        note()
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert len(lines(target)) == 1
    assert "Traceback" not in capfd.readouterr().err


def test_half_a_line_does_not_spoil_the_next(path: Path) -> None:
    note(request_id="first")
    (handler,) = (h for h in audit.audit_log.handlers if isinstance(h, audit._LineFile))
    whole: Any = handler.stream

    class Half:
        """What writes to a disk with room for ten bytes more."""

        def write(self, line: bytes) -> int:
            return int(whole.buffer.raw.write(line[:10]))

    half: Any = SimpleNamespace(buffer=SimpleNamespace(raw=Half()))
    handler.stream = half
    note(request_id="half")
    handler.stream = whole
    note(request_id="next")
    read = path.read_text().splitlines()
    assert json.loads(read[-1])["request_id"] == "next"
    assert len(read) == 3


def test_folder_that_cannot_be_written_is_no_fault_of_the_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    audit.install(Settings(stack_dir=tmp_path, api_audit_log=str(tmp_path / "file/audit.log")))
    note()
    note()
    assert len(caplog.records) == 1
    assert "API_AUDIT_LOG" in caplog.text


def test_log_goes_to_standard_output_where_that_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit.install(Settings(stack_dir=tmp_path, api_audit_log="-"))
    note()
    assert json.loads(capsys.readouterr().out)["caller"] == "abcdefgh12"
    assert not list(tmp_path.iterdir())


def test_installing_again_notes_each_access_once(path: Path, tmp_path: Path) -> None:
    audit.install(Settings(stack_dir=tmp_path))
    note()
    assert len(lines(path)) == 1
