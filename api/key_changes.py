"""Making, revoking and rotating keys: what `malha-api keys` does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from api.errors import KeysFileError
from api.key_file import Keys, StoredKey, changing, new_key
from malha.manifest import Manifest
from malha.scopes import ALL, DOMAIN, PRODUCT


def create(
    path: Path,
    name: str,
    scopes: tuple[str, ...],
    expires: datetime | None = None,
    rate: int | None = None,
    created: datetime | None = None,
) -> tuple[StoredKey, str]:
    """Store a new key; return it with its text, which is nowhere else.

    Raises:
        KeysFileError: the file cannot be changed.
    """
    key, text = new_key(name, scopes, expires, rate, created)
    with changing(path) as keys:
        keys[key.id] = key
    return key, text


def revoke(path: Path, identity: str) -> StoredKey:
    """Let a key in no more. Nothing happens where it is revoked already.

    Raises:
        KeysFileError: there is no such key, or the file cannot be changed.
    """
    with changing(path) as keys:
        key = _named(keys, identity, path)
        if key.revoked is None:
            key = keys[identity] = msgspec.structs.replace(key, revoked=_now())
    return key


def rotate(path: Path, identity: str, overlap: timedelta) -> tuple[StoredKey, StoredKey, str]:
    """Give a key a successor with its name, scopes, rate and length of life.

    Returns: the old key, which expires after the overlap; the new one; and its text.

    Raises:
        KeysFileError: there is no such key, it is not in force, or the file cannot be changed.
    """
    with changing(path) as keys:
        old = _named(keys, identity, path)
        now = _now()
        state = old.state(now)
        if state != "active":
            raise KeysFileError(
                f"the key {identity} ({old.name}) is {state}: make one with `malha-api keys create`"
            )
        expires = now + (old.expires - old.created) if old.expires else None
        new, text = new_key(old.name, old.scopes, expires, old.rate, now)
        ends = min(filter(None, (old.expires, now + overlap)))
        old = keys[identity] = msgspec.structs.replace(old, expires=ends)
        keys[new.id] = new
    return old, new, text


def unknown_scope(scope: str, manifest: Manifest) -> str | None:
    """What is wrong with a scope that names a product or a domain which is not there."""
    products = manifest.products.values()
    known = {
        PRODUCT: {name for product in products for name in (product.name, product.base_name)},
        DOMAIN: {product.domain for product in products if product.domain},
    }
    for prefix, names in known.items():
        named = scope.removeprefix(prefix)
        if named != scope and named not in names:
            return f"there is no {prefix[:-1]} {named!r}: choose one of {', '.join(sorted(names))}"
    return None


def unused_scope(scope: str, manifest: Manifest) -> str | None:
    """What to know of a scope that is a word which no mask and no row filter names."""
    if scope == ALL or scope.startswith((PRODUCT, DOMAIN)):
        return None
    products = manifest.products.values()
    known = {mask.unless for product in products for mask in product.masks}
    known |= {rule.unless for product in products for rule in product.row_filters}
    if scope in known:
        return None
    there = f"there are {', '.join(sorted(known))}" if known else "there are none"
    return f"no mask and no row filter names {scope!r} ({there})"


def _named(keys: Keys, identity: str, path: Path) -> StoredKey:
    if identity not in keys:
        raise KeysFileError(
            f"{path} has no key {identity!r}: `malha-api keys list` shows those that it has"
        )
    return keys[identity]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
