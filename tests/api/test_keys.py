import json
import logging
import os
import stat
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from argon2 import PasswordHasher

from api import keys
from api.errors import KeysFileError, UnauthorizedError
from api.key_file import changing, new_key, read
from api.keys import KeyStore

BY_DEFAULT = keys.LOOK_EVERY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "api/keys.json"


class Clock:
    """The time, which passes when a test says so."""

    def __init__(self) -> None:
        self._began = time.time()
        self._passed = 0.0

    def time(self) -> float:
        return self._began + self._passed

    def monotonic(self) -> float:
        return 1000 + self._passed

    def passes(self, seconds: float) -> None:
        self._passed += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(keys, "time", clock)
    return clock


@pytest.fixture
def looks(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The looks at the file of keys."""
    looked: list[str] = []
    real = os.stat

    def counted(of: Any, **options: Any) -> os.stat_result:
        if str(of) == str(path):
            looked.append(str(of))
        return real(of, **options)

    monkeypatch.setattr(os, "stat", counted)
    return looked


@pytest.fixture(autouse=True)
def _look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "LOOK_EVERY", 0.0)


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that Argon2 was run against."""
    run: list[str] = []
    matches = keys._matches

    def count(stored: str, secret: str) -> bool:
        run.append(stored)
        return matches(stored, secret)

    monkeypatch.setattr(keys, "_matches", count)
    return run


def add(path: Path, **options: Any) -> str:
    stored, text = new_key(options.pop("name", "ana"), ("domain:vendas", "pii"), **options)
    with changing(path) as found:
        found[stored.id] = stored
    return text


def add_from_before(path: Path) -> str:
    """A key as they were made with Argon2id."""
    stored, text = new_key("ana", ("domain:vendas",))
    with changing(path) as found:
        secret = text.split("_", 2)[2]
        hashed = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(secret)
        found[stored.id] = msgspec.structs.replace(stored, hash=hashed)
    return text


def revoke(path: Path, text: str) -> None:
    with changing(path) as found:
        key = found[text.split("_")[1]]
        found[key.id] = msgspec.structs.replace(key, revoked=datetime.now(UTC))


def test_key_is_its_owner_with_scopes_and_rate(path: Path) -> None:
    text = add(path, rate=7)
    caller = KeyStore(path).verify(text)
    assert (caller.name, caller.kind, caller.rate) == ("ana", "key", 7)
    assert caller.scopes == {"domain:vendas", "pii"}
    assert caller.id == text.split("_")[1]


def test_key_has_the_shape_that_scanners_of_secrets_look_for(path: Path) -> None:
    prefix, identity, secret = add(path).split("_", 2)
    assert prefix == "malha"
    assert 8 <= len(identity) <= 12
    assert len(secret) == 43  # 32 bytes


def test_file_has_no_secret_and_is_its_owners_alone(path: Path) -> None:
    text = add(path)
    assert text.split("_", 2)[2] not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert sorted(child.name for child in path.parent.iterdir()) == ["keys.json", "keys.json.lock"]


def test_key_is_known_at_once_and_a_wrong_one_is_not(path: Path, hashes: list[str]) -> None:
    text = add(path)
    store = KeyStore(path)
    assert store.recall(text) == store.verify(text)
    for wrong in (text[:-5] + "AAAAA", f"malha_aaaaaaaaaa_{text.split('_', 2)[2]}"):
        assert store.recall(wrong) is None
        with pytest.raises(UnauthorizedError, match="The API key is not known"):
            store.verify(wrong)
    assert not hashes


def test_key_from_before_works_and_is_proven_once(path: Path, hashes: list[str]) -> None:
    text, other = add_from_before(path), add(path)
    store = KeyStore(path)
    assert store.recall(text) is None
    assert store.verify(text) == store.verify(text) == store.recall(text)
    assert len(hashes) == 1
    with pytest.raises(UnauthorizedError, match="not known"):
        store.verify(text[:-5] + "AAAAA")
    assert len(hashes) == 2
    assert store.recall(other)
    revoke(path, text)
    assert store.recall(text) is None


@pytest.mark.parametrize(
    "text", ["", "malha_", "malha_abc_def", "x" * 100_000, "malha_ção_é", "\ud800"]
)
def test_what_has_not_the_shape_of_a_key_is_refused_without_hashing(
    path: Path, hashes: list[str], text: str
) -> None:
    add(path)
    with pytest.raises(UnauthorizedError, match="not an API key"):
        KeyStore(path).verify(text)
    assert not hashes


def test_revoked_key_stops_although_it_is_remembered(path: Path) -> None:
    text, other = add(path), add(path, name="rui")
    store = KeyStore(path)
    store.verify(text)
    revoke(path, text)
    assert store.recall(text) is None
    with pytest.raises(UnauthorizedError, match=r"The API key \w+ was revoked"):
        store.verify(text)
    assert store.verify(other).name == "rui"


def test_change_is_seen_within_a_second_by_default(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "LOOK_EVERY", BY_DEFAULT)
    text = add(path)
    store = KeyStore(path)
    store.verify(text)
    revoke(path, text)
    clock.passes(0.99)
    assert store.recall(text) is not None
    clock.passes(0.01)
    assert store.recall(text) is None


def test_key_expires_although_it_is_remembered(path: Path, clock: Clock) -> None:
    text = add(path, expires=datetime.fromtimestamp(clock.time() + 60, UTC))
    store = KeyStore(path)
    assert store.verify(text).name == "ana"
    clock.passes(59)
    assert store.recall(text) is not None
    clock.passes(1.001)
    assert store.recall(text) is None
    with pytest.raises(UnauthorizedError, match="has expired"):
        store.verify(text)


def test_whoever_has_a_wrong_secret_does_not_learn_that_a_key_was_revoked(path: Path) -> None:
    text = add(path)
    revoke(path, text)
    with pytest.raises(UnauthorizedError, match="not known"):
        KeyStore(path).verify(text[:-5] + "AAAAA")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b'{"keys": [{"id": "x"}]}', "cannot be read"),
        (b'{"keys": [], "version": 2}', "cannot be read"),
    ],
)
def test_broken_file_leaves_the_keys_from_before_in_force_and_is_reported_once(
    path: Path, caplog: pytest.LogCaptureFixture, content: bytes, problem: str
) -> None:
    text = add(path)
    store = KeyStore(path)
    good = path.read_bytes()
    assert store.problem is None
    path.write_bytes(content)
    with caplog.at_level(logging.ERROR, "malha.api"):
        for _ in range(3):
            assert store.verify(text).name == "ana"
    assert problem in (store.problem or "")
    assert len(caplog.records) == 1
    path.write_bytes(good)
    assert store.problem is None


def _edited(change: dict[str, Any]) -> bytes:
    stored = json.loads(msgspec.json.encode(new_key("ana", ("*",))[0]))
    return json.dumps({"version": 1, "keys": [stored | change]}).encode()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (_edited({"hash": "sesame"}), "is none: make keys with"),
        (_edited({"hash": "sha256:abc"}), "is none: make keys with"),
        (_edited({"expires": "2026-01-31T00:00:00"}), "no time zone"),
        (_edited({"typo": 1}), "typo"),
    ],
)
def test_file_that_was_edited_wrongly_says_what_to_mend(
    path: Path, content: bytes, problem: str
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(KeysFileError, match=problem):
        read(path)


def test_broken_file_is_not_written_over(path: Path) -> None:
    add(path)
    path.write_text("{")
    with pytest.raises(KeysFileError, match="cannot be read"), changing(path):
        pass
    assert path.read_text() == "{"


def test_file_that_is_taken_away_takes_its_keys_along(path: Path) -> None:
    text = add(path)
    store = KeyStore(path)
    store.verify(text)
    path.unlink()
    with pytest.raises(UnauthorizedError):
        store.verify(text)
    assert store.problem is None


def test_change_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    def fail() -> None:
        with changing(path) as found:
            found.clear()
            raise ZeroDivisionError

    add(path)
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_bytes() == before


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeysFileError, match="API_KEYS_FILE"), changing(tmp_path / "file/keys.json"):
        pass


def test_changes_at_once_lose_no_key(path: Path) -> None:
    threads = [threading.Thread(target=add, args=(path,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read(path)) == 8


def test_file_is_looked_at_once_a_second_and_not_with_each_request(
    path: Path, clock: Clock, looks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "LOOK_EVERY", BY_DEFAULT)
    text = add(path)
    store = KeyStore(path)
    store.verify(text)
    looks.clear()
    for seconds in range(3):
        for _ in range(1000):
            store.recall(text)
        assert len(looks) == seconds
        clock.passes(1)
