"""One try at a delivery: resolve, judge, connect to that very address, send, read a little."""

import time
from dataclasses import dataclass
from urllib.parse import urljoin

import certifi
import urllib3
from modelmill.core.errors import InvalidRequest
from modelmill.tenants.models import WebhookDelivery
from modelmill.tenants.webhooks.addresses import Target, url_resolve
from modelmill.tenants.webhooks.delivering import Try
from modelmill.tenants.webhooks.signing import headers_of

CONNECT_S = 5.0
READ_S = 15.0
_MAX_ANSWER_BYTES = 16 * 1024
_MAX_REDIRECTS = 3
# Those that keep the method and the body; after any other the event would not arrive.
_REDIRECTS = (307, 308)


def delivery_try(delivery: WebhookDelivery) -> Try:
    """Send a delivery once; whatever happens is in the answer, nothing is raised."""
    began = time.monotonic()
    try:
        status, answer = _send(delivery)
    except InvalidRequest as refusal:
        status, answer = None, refusal.message
    except (urllib3.exceptions.HTTPError, OSError) as error:
        status, answer = None, _reason(error)
    return Try(status=status, answer=answer, took_ms=round((time.monotonic() - began) * 1000))


def _send(delivery: WebhookDelivery) -> tuple[int, str]:
    endpoint = delivery.endpoint
    signed = headers_of(endpoint, event_id=delivery.event_id, body=delivery.body)
    headers = {**signed, "Content-Type": "application/json", "User-Agent": "Modelmill-Webhooks/1"}
    url = endpoint.url
    for _hop in range(_MAX_REDIRECTS + 1):
        answer = _post(url_resolve(url), body=delivery.body, headers=headers)
        if answer.status not in _REDIRECTS or not answer.location:
            return answer.status, answer.text
        url = urljoin(url, answer.location)
    return answer.status, "Too many redirects."


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: int
    text: str
    location: str | None


def _post(target: Target, *, body: str, headers: dict[str, str]) -> _Answer:
    """POST to the address that was judged; name and certificate stay the host's."""
    timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
    if target.scheme == "https":
        pool: urllib3.HTTPConnectionPool = urllib3.HTTPSConnectionPool(
            target.ip,
            target.port,
            timeout=timeout,
            retries=False,
            server_hostname=target.host,
            assert_hostname=target.host,
            ca_certs=certifi.where(),
        )
    else:
        pool = urllib3.HTTPConnectionPool(target.ip, target.port, timeout=timeout, retries=False)
    default = {"https": 443, "http": 80}[target.scheme]
    host = target.host if target.port == default else f"{target.host}:{target.port}"
    with pool:
        answer = pool.urlopen(
            "POST",
            target.path,
            body=body.encode(),
            headers={**headers, "Host": host},
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        # So much and no more: an endless answer costs us sixteen kilobytes.
        text = answer.read(_MAX_ANSWER_BYTES).decode("utf-8", "replace")
        answer.close()
    return _Answer(status=answer.status, text=text, location=answer.headers.get("Location"))


def _reason(error: Exception) -> str:
    """Say what went wrong in the words of the library, without our side's addresses."""
    cause = getattr(error, "reason", None) or error
    return f"{type(cause).__name__}: {str(cause).rpartition(': ')[2]}"[:300]
