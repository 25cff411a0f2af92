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
# The whole try, below the two minutes that a delivery is claimed for.
TRY_S = 60.0
_MAX_ANSWER_BYTES = 16 * 1024
_MAX_REDIRECTS = 3
# Those that keep the method and the body; after any other the event would not arrive.
_REDIRECTS = (307, 308)


def delivery_try(delivery: WebhookDelivery) -> Try:
    """Send a delivery once; whatever happens is in the answer, nothing is raised."""
    began = time.monotonic()
    try:
        status, answer = _send(delivery, deadline=began + TRY_S)
    except InvalidRequest as refusal:
        status, answer = None, refusal.message
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        # ValueError: a redirect to what no parser takes for an address.
        status, answer = None, _reason(error)
    return Try(status=status, answer=answer, took_ms=round((time.monotonic() - began) * 1000))


def _send(delivery: WebhookDelivery, *, deadline: float) -> tuple[int, str]:
    endpoint = delivery.endpoint
    # When it was claimed, a moment ago: a receiver refuses what a wrong clock has dated.
    assert delivery.last_tried_at is not None
    signed = headers_of(
        endpoint, event_id=delivery.event_id, body=delivery.body, at=delivery.last_tried_at
    )
    headers = {**signed, "Content-Type": "application/json", "User-Agent": "Modelmill-Webhooks/1"}
    url = endpoint.url
    for _hop in range(_MAX_REDIRECTS + 1):
        answer = _post(url_resolve(url), body=delivery.body, headers=headers, deadline=deadline)
        if answer.status not in _REDIRECTS or not answer.location:
            return answer.status, answer.text
        url = urljoin(url, answer.location)
    return answer.status, "Too many redirects."


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: int
    text: str
    location: str | None


def _post(target: Target, *, body: str, headers: dict[str, str], deadline: float) -> _Answer:
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
        text = _read(answer, deadline=deadline)
        answer.close()
    return _Answer(status=answer.status, text=text, location=answer.headers.get("Location"))


def _read(answer: urllib3.BaseHTTPResponse, *, deadline: float) -> str:
    """Read so much and no longer: neither an endless answer nor a dripping one holds us up."""
    said = bytearray()
    while len(said) < _MAX_ANSWER_BYTES and time.monotonic() < deadline:
        part = answer.read1(_MAX_ANSWER_BYTES - len(said))
        if not part:
            break
        said += part
    # PostgreSQL holds no NUL.
    return said.decode("utf-8", "replace").replace("\0", "\ufffd")


def _reason(error: Exception) -> str:
    """Say what went wrong in the words of the library, without our side's addresses."""
    cause = getattr(error, "reason", None) or error
    return f"{type(cause).__name__}: {str(cause).rpartition(': ')[2]}"[:300]
