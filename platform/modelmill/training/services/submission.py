"""A new training job: everything checked and paid for before anybody starts to work."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, NoReturn, TypeVar

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from modelmill.catalog.parameters import parameters_complete
from modelmill.catalog.selectors import release_for
from modelmill.core.clock import database_now
from modelmill.core.errors import Conflict, InvalidRequest
from modelmill.core.killpoints import killpoint
from modelmill.registry.naming import MAX_SUFFIX_LENGTH
from modelmill.tenants.callers import Caller
from modelmill.tenants.services import audit_record
from modelmill.training.checks import data_check, metadata_check, trainable_check
from modelmill.training.fitting import memory_measured
from modelmill.training.models import CHECKPOINTS_KEPT, Job
from modelmill.training.sayings import Said
from modelmill.training.services.endings import ring
from modelmill.training.services.events import event_say
from modelmill.training.services.money import limit_check, reservation_begin
from modelmill.training.services.quoting import free_check
from modelmill.training.states import Priority, State

M = TypeVar("M", bound=Model)

_RETRIES_WITHIN = timedelta(minutes=15)
_SEED_BITS = 31
_MAX_KEY = 255
_SAY_NOTHING: Final[dict[str, int | bool | None]] = {
    "max_cost_micro": None,
    "priority": Priority.NORMAL.value,
    "keep_checkpoints": CHECKPOINTS_KEPT,
    "quote_first": False,
}


def job_submit(
    *,
    caller: Caller,
    plugin_id: str,
    training_ref: str,
    validation_ref: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    suffix: str | None = None,
    seed: int | None = None,
    metadata: Mapping[str, str] | None = None,
    max_cost_micro: int | None = None,
    priority: Priority = Priority.NORMAL,
    keep_checkpoints: int = CHECKPOINTS_KEPT,
    quote_first: bool = False,
    idempotency_key: str | None = None,
    is_retry: bool = False,
) -> Job:
    """Check, reserve and queue one training; return its job.

    With a key that was used before, or when the client says it ``is_retry``, the same request
    returns the job it made; a key with another request raises ``Conflict``. Data that is still
    being checked leaves the job in ``validating_files``. Near ``max_cost_micro``, in
    micro-units of the currency, the job is finished with what it has learnt, and it never costs
    more. Of the tenant's waiting jobs the one with the highest ``priority`` goes first. When it
    is over, its ``keep_checkpoints`` newest checkpoints stay. With ``quote_first`` it makes its
    first steps unbilled, tells what the whole will cost, and is paused until it is resumed.
    Raises ``InvalidRequest``, ``NotFound`` or ``QuotaExceeded`` before anything is stored.
    """
    caller.require("jobs:write")
    asked = {
        "plugin": plugin_id,
        "training": training_ref,
        "validation": validation_ref or "",
        "parameters": dict(parameters or {}),
        "suffix": suffix or "",
        "seed": seed,
        "metadata": dict(metadata or {}),
    }
    later = {"max_cost_micro": max_cost_micro, "priority": priority.value}
    later |= {"keep_checkpoints": keep_checkpoints, "quote_first": quote_first}
    # Only where it says something: what was asked before there were these keeps its hash.
    asked |= {name: value for name, value in later.items() if value != _SAY_NOTHING[name]}
    spec_hash = ask_hash(asked)
    again: dict[str, Any] = {"key": idempotency_key, "caller": caller, "is_retry": is_retry}
    if earlier := _asked_before(spec_hash, **again):
        return earlier
    job = _job_new(asked, caller=caller, spec_hash=spec_hash, idempotency_key=idempotency_key)
    try:
        with transaction.atomic():
            job_store(job, caller=caller)
            if is_retry and not idempotency_key:
                retry_check(Job.objects.exclude(pk=job.pk), spec_hash=spec_hash, caller=caller)
            killpoint("submit.before_commit")
    except (IntegrityError, AskedTwice):
        # Two of one key, or two tries, at the same moment: the other one made the job.
        if earlier := _asked_before(spec_hash, **again):
            return earlier
        raise
    killpoint("submit.after_commit")
    return job


class AskedTwice(Exception):
    """The try before has stored what it was asked for since it was looked for."""


def retry_check(asked: QuerySet[Any], *, spec_hash: str, caller: Caller) -> None:
    """Raise ``AskedTwice`` where the try before, without a key, was stored meanwhile.

    Called behind the lock on the organisation's money, which whoever stores takes and keeps
    to the end: what could still be stored by another waits for us.
    """
    if retried(asked, spec_hash=spec_hash, caller=caller) is not None:
        raise AskedTwice


def retried(asked: QuerySet[M], *, spec_hash: str, caller: Caller) -> M | None:
    """Return what the same body made a moment ago; its answer was lost on the way to the client."""
    recent = asked.filter(spec_hash=spec_hash, api_key_id=caller.api_key_id)
    return recent.filter(created_at__gte=database_now() - _RETRIES_WITHIN).order_by("-id").first()


def ask_hash(asked: Mapping[str, Any]) -> str:
    """Return what tells one request from another, whatever the order of its fields."""
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def key_check(key: str) -> None:
    """Raise ``InvalidRequest`` for an Idempotency-Key that is too long to be kept."""
    if len(key) > _MAX_KEY:
        raise InvalidRequest(
            _("The Idempotency-Key is longer than %(most)s characters.") % {"most": _MAX_KEY},
            param="idempotency_key",
        )


def key_refuse() -> NoReturn:
    """Say that a key came with another request than its first one."""
    raise Conflict(
        _("This Idempotency-Key was used for another request. Use a new key."),
        code="idempotency_key_reused",
    )


def _job_new(
    asked: Mapping[str, Any], *, caller: Caller, spec_hash: str, idempotency_key: str | None
) -> Job:
    release = release_for(asked["plugin"])
    trainable_check(release)
    complete = parameters_complete(release, asked["parameters"])
    metadata_check(asked["metadata"])
    if len(asked["suffix"]) > MAX_SUFFIX_LENGTH:
        raise InvalidRequest(_("The suffix has at most 64 characters."), param="suffix")
    training, validation = data_check(asked["training"], asked["validation"], release=release)
    ready = all(version.is_ready for version in (training, validation) if version)
    now = database_now()
    seed = asked["seed"]
    job = Job(
        tenant=caller.tenant,
        release=release,
        training_ref=asked["training"],
        validation_ref=asked["validation"],
        training_version_id=training.id,
        validation_version_id=validation.id if validation else "",
        parameters=complete,
        parameters_sha256=ask_hash(complete),
        suffix=asked["suffix"],
        seed=secrets.randbits(_SEED_BITS) if seed is None else seed,
        metadata=asked["metadata"],
        max_cost_micro=asked.get("max_cost_micro"),
        priority=asked.get("priority", Priority.NORMAL),
        keep_checkpoints=asked.get("keep_checkpoints", CHECKPOINTS_KEPT),
        quote_first=asked.get("quote_first", False),
        created_by=caller.actor,
        api_key_id=caller.api_key_id,
        idempotency_key=idempotency_key or None,
        spec_hash=spec_hash,
        state=State.QUEUED if ready else State.VALIDATING,
        queued_at=now if ready else None,
        gpu_memory_mib=release.manifest.get("needs", {}).get("gpu_memory_mib", 0),
        max_attempts=settings.MAX_ATTEMPTS,
        next_run_at=now,
    )
    measured = memory_measured(job)
    job.expected_memory_mib = measured.memory_mib
    job.expected_gpu_memory_mib = measured.gpu_memory_mib
    if job.gpu_memory_mib and measured.gpu_memory_mib:
        # Whether it needs a GPU only its author knows; how large a one is measured.
        job.gpu_memory_mib = measured.gpu_memory_mib
    limit_check(job)
    return job


def job_store(job: Job, *, caller: Caller) -> None:
    """Store a new job with its money set aside, in the caller's transaction."""
    if job.state == State.QUEUED:
        # Before the money, as everywhere: two that wait for each other's row would wait for ever.
        ring(job.id, tenant_id=job.tenant_id)
    job.reservation_id = reservation_begin(job)
    if job.quote_first:
        # Behind the lock on the organisation's money: of many at once none is let by.
        free_check()
    job.save(force_insert=True)
    said = Said.WAITS_WORKER if job.state == State.QUEUED else Said.WAITS_DATA
    event_say(Said.CREATED, job_id=job.id, tenant_id=job.tenant_id)
    event_say(said, job_id=job.id, tenant_id=job.tenant_id)
    audit_record("job.submitted", caller=caller, object_id=job.id)


def _asked_before(spec_hash: str, *, key: str | None, caller: Caller, is_retry: bool) -> Job | None:
    jobs = Job.objects.select_related("release__plugin", "model_version")
    if key:
        key_check(key)
        job = jobs.filter(idempotency_key=key).first()
        if job is not None and job.spec_hash != spec_hash:
            key_refuse()
        return job
    return retried(jobs, spec_hash=spec_hash, caller=caller) if is_retry else None
