from pathlib import Path
from typing import Any

import pytest

from api.access import ANONYMOUS, Caller, Guard, check_read, may_read, rights_of
from api.errors import ForbiddenError, TooManyRequestsError, UnauthorizedError
from api.key_file import changing, new_key
from malha.manifest import Column, Product
from malha.serving import Mask, RowFilter
from malha.settings import Settings

NAME = Mask(column="nome", unless="pii", show="***")
VALUE = Mask(column="valor", unless="financeiro", show=None)
SMALL = RowFilter(unless="nacional", where="valor < 1000")


def product(**given: Any) -> Product:
    columns = [("pedido_id", "bigint"), ("nome", "string"), ("valor", "decimal(18,2)")]
    return Product(
        **{
            "name": "cliente_pedido",
            "schema_name": "ouro",
            "table": "cliente_pedido",
            "description": "",
            "owner": "",
            "columns": tuple(Column(name=n, data_type=t, description="") for n, t in columns),
            "primary_key": ("pedido_id",),
            "lookup": None,
            "base_name": "cliente_pedido",
            "domain": "vendas",
            **given,
        }
    )


def caller(*scopes: str) -> Caller:
    return Caller(name="ana", scopes=frozenset(scopes), kind="key", id="k1")


@pytest.mark.parametrize(
    ("scopes", "may"),
    [
        (["*"], True),
        (["domain:vendas"], True),
        (["product:cliente_pedido"], True),
        (["product:resumo_cliente", "product:cliente_pedido"], True),
        (["domain:clientes"], False),
        (["product:cliente"], False),
        (["product:cliente_pedido_v2"], False),
        (["cliente_pedido"], False),
        (["vendas"], False),
        (["pii"], False),
        (["domain:*"], False),
        ([], False),
    ],
)
def test_scopes_say_which_products_may_be_read(scopes: list[str], may: bool) -> None:
    assert may_read(caller(*scopes), product()) is may


def test_scope_of_a_product_is_for_all_its_versions_and_that_of_a_version_for_it_alone() -> None:
    second = product(name="cliente_pedido_v2")
    assert may_read(caller("product:cliente_pedido"), second)
    assert may_read(caller("product:cliente_pedido_v2"), second)
    assert not may_read(caller("product:cliente_pedido_v1"), second)


def test_product_without_a_domain_is_not_that_of_an_empty_scope() -> None:
    assert not may_read(caller("domain:", "product:"), product(domain="", base_name=""))


def test_open_product_is_read_by_anybody() -> None:
    check_read(ANONYMOUS, product(open=True))
    check_read(caller(), product(open=True))


def test_anonymous_caller_is_asked_who_it_is() -> None:
    with pytest.raises(UnauthorizedError, match="cliente_pedido is not open") as refused:
        check_read(ANONYMOUS, product())
    assert refused.value.status == 401
    assert refused.value.headers == {"WWW-Authenticate": 'Bearer realm="malha"'}


def test_known_caller_learns_which_scope_it_lacks_and_of_no_other() -> None:
    with pytest.raises(ForbiddenError, match=r"for the scope product:cliente_pedido$") as refused:
        check_read(caller("domain:clientes"), product())
    assert refused.value.status == 403
    assert refused.value.headers == {
        "WWW-Authenticate": 'Bearer realm="malha", error="insufficient_scope"'
    }
    assert "clientes" not in str(refused.value)


def test_masks_and_filters_apply_unless_their_own_scope_is_there() -> None:
    guarded = product(masks=(NAME, VALUE), row_filters=(SMALL,))
    rights = rights_of(caller("domain:vendas", "pii"), guarded)
    assert rights.masked == {"valor": None}
    assert rights.predicates == ("valor < 1000",)
    assert rights_of(caller("pii", "financeiro", "nacional"), guarded) == rights_of(
        caller(), product()
    )


def test_all_products_are_not_all_columns() -> None:
    guarded = product(masks=(NAME,), row_filters=(SMALL,))
    assert rights_of(caller("*"), guarded) == rights_of(ANONYMOUS, guarded)
    assert rights_of(caller("*"), guarded).masked == {"nome": "***"}


def test_fingerprint_is_that_of_what_is_seen() -> None:
    guarded = product(masks=(NAME, VALUE), row_filters=(SMALL,))
    seen = [(), ("pii",), ("financeiro",), ("nacional",), ("pii", "financeiro", "nacional")]
    fingerprints = {rights_of(caller(*scopes), guarded).fingerprint for scopes in seen}
    assert len(fingerprints) == len(seen)
    assert (
        rights_of(caller("pii", "x"), guarded).fingerprint
        == rights_of(caller("pii"), guarded).fingerprint
    )
    other = product(masks=(NAME.model_copy(update={"show": "?"}), VALUE), row_filters=(SMALL,))
    assert rights_of(caller(), other).fingerprint not in fingerprints
    # Caches that processes share live longer than a process.
    assert rights_of(caller(), guarded).fingerprint == "e64d734db047"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(stack_dir=tmp_path, api_auth_failure_limit=3)


@pytest.fixture
def key(settings: Settings) -> str:
    stored, text = new_key("ana", ("domain:vendas",))
    with changing(settings.keys_path) as found:
        found[stored.id] = stored
    return text


@pytest.fixture
def guard(settings: Settings, key: str) -> Guard:
    return Guard(settings)


def test_key_is_taken_in_either_header(guard: Guard, key: str) -> None:
    for headers in [(f"Bearer {key}", None), (f"bearer  {key} ", None), (None, key)]:
        assert guard.authenticate(*headers).name == "ana"
    assert guard.authenticate(f"Bearer {key}", key).name == "ana"
    assert guard.recall(f"Bearer {key}", None) == guard.authenticate(None, key)


def test_without_a_credential_the_caller_is_anonymous(guard: Guard) -> None:
    assert guard.authenticate(None, None) is guard.recall(None, None) is ANONYMOUS


@pytest.mark.parametrize(
    ("authorization", "x_api_key", "reason"),
    [
        ("Basic YTpi", None, "has no `Bearer <key or token>`"),
        ("Bearer", None, "has no `Bearer <key or token>`"),
        ("Bearer  ", None, "has no `Bearer <key or token>`"),
        ("", None, "has no `Bearer <key or token>`"),
        (None, "", "X-API-Key has no API key"),
        (None, "a.b.c", "X-API-Key has no API key"),
        ("Bearer a", "b", "differ: send one of them"),
        ("Bearer malha_x", None, "not an API key"),
        ("Bearer a.b.c", None, "no other tokens are taken here"),
        ("Bearer malha_aaaaaaaaaa_" + "A" * 43, None, "not known"),
    ],
)
def test_bad_credential_is_never_taken_for_none(
    guard: Guard, authorization: str | None, x_api_key: str | None, reason: str
) -> None:
    assert guard.recall(authorization, x_api_key) is None
    with pytest.raises(UnauthorizedError, match=reason) as refused:
        guard.authenticate(authorization, x_api_key)
    challenge = refused.value.headers["WWW-Authenticate"]
    assert challenge == 'Bearer realm="malha", error="invalid_token"'


def test_secret_is_in_no_refusal(guard: Guard, key: str) -> None:
    wrong = key[:-5] + "AAAAA"
    with pytest.raises(UnauthorizedError) as refused:
        guard.authenticate(None, wrong)
    assert wrong.split("_", 2)[2][:10] not in str(refused.value)


def test_address_that_is_wrong_too_often_waits_and_a_proven_key_does_not(
    guard: Guard, key: str
) -> None:
    guard.authenticate(None, key, "198.51.100.1")
    for _ in range(3):
        with pytest.raises(UnauthorizedError):
            guard.authenticate(None, f"malha_aaaaaaaaaa_{'A' * 43}", "198.51.100.1")
    with pytest.raises(TooManyRequestsError, match="wrong keys or tokens") as refused:
        guard.authenticate(None, f"malha_aaaaaaaaaa_{'A' * 43}", "198.51.100.1")
    assert 1 <= (refused.value.retry_after or 0) <= 60
    assert guard.authenticate(None, key, "198.51.100.1").name == "ana"
    with pytest.raises(UnauthorizedError):
        guard.authenticate(None, "malha_x", "198.51.100.2")


@pytest.mark.parametrize(
    "given", [("Basic x", None), (None, "nothing"), ("Bearer a.b.c", None), ("Bearer a", "b")]
)
def test_whatever_is_wrong_is_counted(guard: Guard, given: tuple[str | None, str | None]) -> None:
    for _ in range(3):
        with pytest.raises(UnauthorizedError):
            guard.authenticate(*given, "198.51.100.7")
    with pytest.raises(TooManyRequestsError):
        guard.authenticate(*given, "198.51.100.7")
