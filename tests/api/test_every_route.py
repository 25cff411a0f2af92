"""Every route of /v1 with every method: no key, a key that may nothing, a stranger's key."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

import pytest
from django.urls import reverse
from modelmill.api.urls import routes
from modelmill.billing.closing import invoice_close
from modelmill.billing.selectors import invoice_lines
from modelmill.core.storage import blob_write
from modelmill.datasets.models import DatasetThumbnail
from modelmill.datasets.selectors import version_for
from modelmill.datasets.services import file_create, upload_create
from modelmill.inference.models import Prediction
from modelmill.inference.services import Ask, prediction_create
from modelmill.registry.services import alias_set
from modelmill.tenants.services import api_key_create
from modelmill.tenants.webhooks.services import endpoint_create, endpoint_test
from modelmill.training.models import JobEvent
from modelmill.training.services import EventDraft
from modelmill.training.services.events import events_write

from tests.conftest import ApiClient, Place
from tests.making import checkpoint_make, job_make, search_make
from tests.serving import model_made

METHODS: Final = ("get", "post", "put", "patch", "delete")
# Open to everybody: the document of the API, and a link that carries its own signature.
OPEN: Final = {"schema", "signed_output"}
# Names what is the installation's, and a stranger may see it too.
SHARED: Final = {"api_plugin"}


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def _calls() -> Iterator[tuple[str, str, set[str]]]:
    """Yield (route's name, method, names in its path)."""
    for route in routes:
        for method in METHODS:
            if hasattr(route.callback.cls, method):  # type: ignore[union-attr]
                yield str(route.name), method, set(route.pattern.converters)


def _call(client: ApiClient, name: str, method: str, ids: dict[str, Any]) -> Any:
    form = {} if method == "get" else {"data": "{}", "content_type": "application/json"}
    return getattr(client, method)(reverse(name, kwargs=ids), **form)


def _anything(names: set[str]) -> dict[str, Any]:
    return {name: 1 if name in {"index", "number"} else "x" for name in names}


@pytest.mark.parametrize(
    ("name", "method", "names"), [call for call in _calls() if call[0] not in OPEN]
)
def test_it_needs_a_key_and_a_permission(acme, anonymous, name, method, names) -> None:
    answer = _call(anonymous, name, method, _anything(names))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    with acme.scope():
        _key, secret = api_key_create("least", caller=acme.caller, scopes=["billing:read"])
        _other, infer = api_key_create("infer", caller=acme.caller, scopes=["infer"])
    refusals = [
        _call(ApiClient(each), name, method, _anything(names)).status_code
        for each in (secret, infer)
    ]
    # Each route is closed to at least one of two keys that share no scope.
    assert 403 in refusals


def _belongings(place: Place) -> dict[str, Any]:
    """Make one of everything a path can name."""
    job = job_make(place)
    search = search_make(place)
    model = model_made(place, "fake-echo")
    with place.scope():
        file = file_create(
            BytesIO(b"corn\n"), filename="a.txt", purpose="fine-tune", caller=place.caller
        )
        version = version_for(file.id)
        DatasetThumbnail.objects.create(
            tenant=place.tenant,
            version=version,
            number=1,
            blob=blob_write([b"picture"]),
            width_px=1,
            height_px=1,
        )
        sample = EventDraft(kind=JobEvent.Kind.SAMPLE, blob=blob_write([b"sample"]))
        events_write([sample], job_id=job.id, tenant_id=place.tenant.id)
        checkpoint = checkpoint_make(job, step=1)
        upload = upload_create(
            filename="b.txt", purpose="batch", size_bytes=9, media_type="", caller=place.caller
        )
        prediction = prediction_create(
            Ask(model=model.name, inputs=[{"value": "a"}]), caller=place.caller
        )
        output = {"kind": "file", "blob_id": blob_write([b"output"]).id}
        Prediction.objects.filter(pk=prediction.pk).update(outputs=[output, output])
        alias_set(model, name="prod", caller=place.caller)
        invoice = invoice_close(tenant_id=place.tenant.id)
        assert invoice is not None
        line = invoice_lines(invoice).get()
        endpoint, _secret = endpoint_create("https://example.com/hook", caller=place.caller)
        delivery = endpoint_test(endpoint, caller=place.caller)
    return {
        "endpoint_id": endpoint.id,
        "delivery_id": delivery.id,
        "job_id": job.id,
        "checkpoint_id": checkpoint.id,
        "sample_id": sample.id,
        "search_id": search.id,
        "file_id": file.id,
        "dataset_id": version.dataset_id,
        "version_id": version.id,
        "number": 1,
        "upload_id": upload.id,
        "prediction_id": prediction.id,
        "index": 1,
        "model": model.name,
        "file_path": "count.json",
        "alias": f"{model.model.name}@prod",
        "plugin_id": "toy",
        "invoice_id": invoice.id,
        "line_id": line.id,
    }


def test_a_stranger_finds_nothing_by_anybodys_id(acme, globex, usage_of) -> None:
    usage_of(acme)
    ids = _belongings(acme)
    for name, method, names in _calls():
        if not names or name in OPEN | SHARED:
            continue
        mine = {key: ids[key] for key in names}
        answer = _call(globex.api, name, method, mine)
        # 400: the body was looked at first, and so nothing of the object was.
        assert answer.status_code in {400, 404, 415}, (name, method, answer.content[:200])
        if method == "get":
            assert answer.status_code == 404, name
        assert acme.tenant.id not in answer.content.decode(), name
        assert _call(acme.api, name, method, mine).status_code not in {401, 403, 500}, name


@pytest.fixture
def usage_of() -> Any:
    """Let a tenant use something, so that there is an invoice."""
    from django.utils import timezone
    from modelmill.metering.services import usage_record

    def use(place: Place) -> None:
        with place.scope():
            usage_record(
                tenant_id=place.tenant.id,
                source="test",
                event_id="1",
                meter="images",
                qty=10,
                occurred_at=timezone.now(),
            )

    return use
