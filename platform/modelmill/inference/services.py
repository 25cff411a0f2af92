"""The customer's verbs: ask for a prediction, and give one up."""

from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from modelmill.billing.services import quote_micro, reservation_open
from modelmill.catalog.parameters import parameters_complete
from modelmill.catalog.selectors import plugin_predict_check, release_to_load
from modelmill.core.doorbell import ring
from modelmill.core.errors import InvalidRequest, MillError
from modelmill.inference.models import Prediction
from modelmill.inference.pricing import usage_bound
from modelmill.inference.repeats import prediction_repeated, request_sha256
from modelmill.inference.settling import reservation_settle
from modelmill.inference.streams import stream_cancel, stream_end
from modelmill.registry.models import ModelVersion
from modelmill.registry.selectors import access_model_version
from modelmill.tenants.callers import Caller

PREDICT_TASK = "workers.tasks.inference.predict"
MAX_INPUTS = 64
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request for a prediction, as a door understood it.

    ``task`` is what the endpoint needs the model for, None for any;
    ``rendering`` is how outputs are to be delivered (a picture's format and
    size), which is no business of the model's.
    """

    model: str
    inputs: list[dict[str, Any]]
    parameters: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    endpoint: str = "predictions"
    task: str | None = None
    rendering: dict[str, Any] = field(default_factory=dict)
    is_streamed: bool = False
    most_inputs: int = MAX_INPUTS


def prediction_create(
    ask: Ask, *, caller: Caller, idempotency_key: str | None = None
) -> Prediction:
    """Write a prediction down, with the money for it set aside, and ring a worker.

    The same key and request within a day give the first prediction again.
    Raises ``PermissionDenied``, ``NotFound`` for the model, ``InvalidRequest``
    naming the parameter that is wrong, and ``QuotaExceeded``.
    """
    caller.require("infer")
    sha256 = request_sha256(vars(ask)) if idempotency_key else ""
    repeated = prediction_repeated(idempotency_key, sha256=sha256)
    if repeated is not None:
        return repeated
    prediction = _prepared(ask, caller=caller)
    prediction.idempotency_key = idempotency_key or None
    prediction.request_sha256 = sha256
    try:
        _write(prediction)
    except IntegrityError:
        # Two requests with one key at the same moment: the other was first.
        repeated = prediction_repeated(idempotency_key, sha256=sha256)
        if repeated is None:
            raise
        return repeated
    return prediction


def prediction_cancel(prediction: Prediction) -> Prediction:
    """Give a prediction up: at once if it waits, within a moment if it runs.

    What was produced until then is charged. A final one stays as it is. Raises
    ``Prediction.DoesNotExist`` when its tenant deleted it meanwhile.
    """
    with transaction.atomic():
        rows = Prediction.objects.filter(pk=prediction.pk)
        if rows.filter(state=Prediction.State.QUEUED).update(
            state=Prediction.State.CANCELLED, is_cancel_asked=True, finished_at=Now()
        ):
            reservation_settle(prediction, spent_micro=0)
            transaction.on_commit(lambda: stream_end(prediction.id), robust=True)
        elif rows.filter(state=Prediction.State.RUNNING).update(is_cancel_asked=True):
            transaction.on_commit(lambda: stream_cancel(prediction.id), robust=True)
        return rows.get()


def prediction_ring(prediction: Prediction) -> None:
    """Tell the inference workers that a prediction waits; a lost ring is repeated by the sweep."""
    ids: dict[str, object] = {
        "prediction_id": prediction.id,
        "tenant_id": prediction.tenant_id,
        "version_id": prediction.version_id,
    }
    ring(PREDICT_TASK, ids)


def prediction_ring_waiting(version_id: str, *, most: int) -> None:
    """Ring for the predictions of one model that have waited longest, at most so many."""
    waiting = Prediction.objects.filter(version_id=version_id, state=Prediction.State.QUEUED)
    for prediction in waiting.order_by("pk")[:most]:
        prediction_ring(prediction)


def _prepared(ask: Ask, *, caller: Caller) -> Prediction:
    """Check everything about a request, and return its row, not yet written."""
    version = _version_for(ask)
    if not 1 <= len(ask.inputs) <= ask.most_inputs:
        most = {"most": ask.most_inputs}
        raise InvalidRequest(_("Give 1 to %(most)s inputs.") % most, param="inputs")
    if ask.seed is not None and not 0 <= ask.seed <= MAX_SEED:
        raise InvalidRequest(
            _("seed must be from 0 to %(most)s.") % {"most": MAX_SEED}, param="seed"
        )
    plugin_predict_check(version.release.plugin)
    release = release_to_load(version.release)
    inputs = [_input_complete(release, values, index, ask) for index, values in _listed(ask)]
    parameters = parameters_complete(release, ask.parameters, schema="predict")
    return Prediction(
        tenant=caller.tenant,
        version=version,
        model_name=version.name,
        plugin_id=release.plugin_id,
        endpoint=ask.endpoint,
        inputs=inputs,
        parameters=parameters,
        seed=ask.seed,
        rendering=ask.rendering,
        is_streamed=ask.is_streamed and release.manifest["streams"],
        api_key_id=caller.api_key_id,
        made_by=caller.actor,
        usage_bound=usage_bound(release.manifest["meters"], inputs=inputs, parameters=parameters),
    )


def _write(prediction: Prediction) -> None:
    usages = [(m, prediction.plugin_id, qty) for m, qty in prediction.usage_bound.items()]
    amount_micro = quote_micro(tenant_id=prediction.tenant_id, usages=usages)
    with transaction.atomic():
        reservation = reservation_open(
            tenant_id=prediction.tenant_id,
            key=f"pred:{prediction.id}",
            amount_micro=amount_micro,
            subject=prediction.id,
        )
        prediction.reservation_id = reservation.id
        prediction.save(force_insert=True)
        transaction.on_commit(lambda: prediction_ring(prediction), robust=True)


def _version_for(ask: Ask) -> ModelVersion:
    version = access_model_version(ask.model)
    task = version.release.manifest["task"]
    if ask.task is not None and task != ask.task:
        raise InvalidRequest(
            _(
                "This model is for %(task)s, and this endpoint is for %(wanted)s. "
                "POST /v1/predictions takes every model."
            )
            % {"task": task, "wanted": ask.task},
            code="model_task_mismatch",
            param="model",
        )
    return version


def _listed(ask: Ask) -> list[tuple[int, dict[str, Any]]]:
    return list(enumerate(ask.inputs))


def _input_complete(release: Any, values: dict[str, Any], index: int, ask: Ask) -> dict[str, Any]:
    try:
        return parameters_complete(release, values, schema="input")
    except MillError as error:
        if len(ask.inputs) > 1 and error.param:
            error.param = f"inputs.{index}.{error.param}"
        raise
