"""API keys: their format, their making, and the check that a request pays for.

``mm_<live|test>_<43 characters><6-character CRC32>``. The checksum turns typing
errors and guesses away before the database is asked (the method GitHub uses for
its tokens); the secret has 256 random bits, so a plain SHA-256 is enough to
store it. A resolved key is cached in the process for half a second: a
revocation therefore holds within a second on every process.
"""

import hashlib
import secrets
import time
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from django.conf import settings
from django.utils import timezone

from modelmill.core.errors import NotAuthenticated
from modelmill.core.scope import system_scope
from modelmill.tenants.callers import Caller
from modelmill.tenants.models import ApiKey, Tenant

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH = 43
_CHECK_LENGTH = 6
_CACHE_S = 0.5
_CACHE_MAX = 10_000
_LAST_USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class _Known:
    caller: Caller
    expires_at: datetime | None
    checked_at_s: float


_cache: dict[str, _Known] = {}
_cache_lock = Lock()


def key_secret_new() -> str:
    """Return a fresh key, checksum included."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    stem = f"mm_{settings.MODELMILL_KEY_MODE}_{body}"
    return stem + _checksum(stem)


def key_is_well_formed(secret: str) -> bool:
    """Say whether the checksum holds; costs no query."""
    return (
        secret.startswith(("mm_live_", "mm_test_"))
        and len(secret) == len("mm_live_") + _SECRET_LENGTH + _CHECK_LENGTH
        and _checksum(secret[:-_CHECK_LENGTH]) == secret[-_CHECK_LENGTH:]
    )


def key_sha256(secret: str) -> str:
    """Return what is stored of a key."""
    return hashlib.sha256(secret.encode()).hexdigest()


def caller_for_key(secret: str) -> Caller:
    """Return who this key is; raises ``NotAuthenticated``. At most one query each half second."""
    digest = key_sha256(secret)
    known = _cache.get(digest)
    # What is known was well-formed: the checksum in Python costs more than the rest together.
    if known is None and not key_is_well_formed(secret):
        raise NotAuthenticated("This is not a valid API key. Make one under API keys.")
    if known is None or time.monotonic() - known.checked_at_s > _CACHE_S:
        known = _resolve(digest)
    if known.expires_at is not None and known.expires_at <= timezone.now():
        raise NotAuthenticated("This API key has expired. Make a new one.", code="expired_api_key")
    return known.caller


def keys_forget() -> None:
    """Empty this process's cache, so that the next request asks the database."""
    with _cache_lock:
        _cache.clear()


def _resolve(digest: str) -> _Known:
    with system_scope("a key is what tells us the tenant"):
        key = ApiKey.objects.select_related("tenant").filter(secret_sha256=digest).first()
        if key is None or key.revoked_at is not None:
            _cache.pop(digest, None)
            raise NotAuthenticated("This API key is unknown or was revoked. Make a new one.")
        _touch(key)
    if key.tenant.state == Tenant.State.SUSPENDED:
        raise NotAuthenticated(
            "This organisation is suspended. Ask the operator.", code="tenant_suspended"
        )
    known = _Known(_caller(key), key.expires_at, time.monotonic())
    with _cache_lock:
        if len(_cache) >= _CACHE_MAX:
            _cache.clear()
        _cache[digest] = known
    return known


def _caller(key: ApiKey) -> Caller:
    return Caller(
        tenant=key.tenant,
        permissions=frozenset(key.scopes),
        api_key_id=key.id,
        api_key_name=key.name,
    )


def _touch(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > _LAST_USED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def _checksum(stem: str) -> str:
    number = zlib.crc32(stem.encode())
    digits = []
    for _ in range(_CHECK_LENGTH):
        number, rest = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))
