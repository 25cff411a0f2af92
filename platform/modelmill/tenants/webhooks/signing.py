"""Secrets of webhook endpoints, and signatures made with them.

A secret is derived, not stored: HMAC-SHA256 of the endpoint's id and version under the
installation's key. A copy of the database therefore holds none, and nothing has to be decrypted.
Signatures follow https://github.com/standard-webhooks/standard-webhooks/blob/main/spec.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from django.conf import settings

from modelmill.tenants.models import WebhookEndpoint

# After a rotation the old secret signs too, so that a receiver has time to change over.
OVERLAP = timedelta(hours=24)


def secret_of(endpoint: WebhookEndpoint, *, version: int | None = None, key: str = "") -> str:
    """Return the secret as the customer sees it: ``whsec_`` and 32 bytes in base 64."""
    named = f"webhook-secret:{endpoint.pk}:{version or endpoint.secret_version}"
    digest = hmac.new((key or settings.SECRET_KEY).encode(), named.encode(), hashlib.sha256)
    return "whsec_" + base64.b64encode(digest.digest()).decode()


def secret_hint(endpoint: WebhookEndpoint) -> str:
    """Return the last characters of the secret, to tell two apart."""
    return f"whsec_…{secret_of(endpoint)[-4:]}"


def headers_of(
    endpoint: WebhookEndpoint, *, event_id: str, body: str, at: datetime
) -> dict[str, str]:
    """Return the three headers of Standard Webhooks, dated ``at``.

    There is one signature for each secret that is valid: the newest, the one before it for a day
    after a rotation, and those under the installation's earlier keys.
    """
    stamp = str(int(at.timestamp()))
    signed = f"{event_id}.{stamp}.{body}".encode()
    signatures = [_signature(secret, signed) for secret in _secrets(endpoint, at)]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signatures),
    }


def _secrets(endpoint: WebhookEndpoint, at: datetime) -> list[str]:
    versions = [endpoint.secret_version]
    if endpoint.rotated_at is not None and at - endpoint.rotated_at < OVERLAP:
        versions.append(endpoint.secret_version - 1)
    keys = [str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return [secret_of(endpoint, version=version, key=key) for version in versions for key in keys]


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
