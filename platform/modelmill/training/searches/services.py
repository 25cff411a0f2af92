"""A search's writes: begun and cancelled by a customer, carried on by a worker."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from modelmill.billing.journal import balance_lock
from modelmill.billing.subscriptions import subscription_for
from modelmill.catalog.selectors import release_for
from modelmill.core.errors import Conflict, InvalidRequest
from modelmill.core.ids import new_id
from modelmill.core.outbox import outbox_add
from modelmill.core.scope import system_scope
from modelmill.tenants.callers import Caller
from modelmill.tenants.models import Tenant
from modelmill.tenants.services import audit_record
from modelmill.training.checks import data_check, trainable_check
from modelmill.training.models import Job
from modelmill.training.searches.models import Search, Trial
from modelmill.training.searches.selectors import access_search, trial_list, trial_value
from modelmill.training.searches.space import grid_size, space_check
from modelmill.training.selectors import access_job
from modelmill.training.services.holding import job_hold
from modelmill.training.services.money import limit_check
from modelmill.training.services.submission import (
    AskedTwice,
    ask_hash,
    job_submit,
    key_check,
    key_refuse,
    retried,
    retry_check,
)
from modelmill.training.services.wishes import job_cancel
from modelmill.training.states import ENDED, State

ADVANCE = "workers.tasks.searches.advance"
MAX_TRIALS = 200
MAX_PARALLEL = 16

# Longer than one worker thinks; after it another may.
_BUSY = timedelta(seconds=120)
_SEED_BITS = 31
_OUTCOMES = {
    State.SUCCEEDED: Trial.Outcome.COMPLETE,
    State.FAILED: Trial.Outcome.FAILED,
    State.CANCELLED: Trial.Outcome.CANCELLED,
}


@dataclass(frozen=True, kw_only=True)
class SearchAsk:
    """What a customer asks of a search; the API documents each field."""

    plugin_id: str
    training_ref: str
    space: Mapping[str, Any]
    metric: str
    goal: str = Search.Goal.MINIMIZE
    method: str = Search.Method.RANDOM
    is_halving: bool = True
    max_trials: int = 20
    parallel: int = 2
    budget_micro: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    validation_ref: str = ""
    suffix: str = ""
    seed: int | None = None


def search_submit(
    ask: SearchAsk,
    *,
    caller: Caller,
    idempotency_key: str | None = None,
    is_retry: bool = False,
) -> Search:
    """Check and begin a search; its first trials follow at once.

    The same key returns the search it began, and so does the same request when the client
    says it ``is_retry``; a key with another request raises ``Conflict``. Raises
    ``InvalidRequest`` and ``NotFound`` before anything is stored.
    """
    caller.require("jobs:write")
    spec_hash = ask_hash(asdict(ask))
    again: dict[str, Any] = {"spec_hash": spec_hash, "caller": caller, "is_retry": is_retry}
    if earlier := _asked_before(idempotency_key, **again):
        return earlier
    search = _search_new(ask, caller=caller, idempotency_key=idempotency_key)
    search.spec_hash = spec_hash
    try:
        with transaction.atomic():
            # As for a job, so that of two tries at once the one sees what the other stored.
            subscription_for(search.tenant_id)
            balance_lock(search.tenant_id)
            if is_retry and not idempotency_key:
                retry_check(Search.objects.all(), spec_hash=spec_hash, caller=caller)
            search.save(force_insert=True)
            audit_record("search.submitted", caller=caller, object_id=search.id)
            search_ring(search)
    except (IntegrityError, AskedTwice):
        # Two of one key, or two tries, at the same moment: the other one began the search.
        if earlier := _asked_before(idempotency_key, **again):
            return earlier
        raise
    return access_search(search.id)


def search_cancel(search: Search, *, caller: Caller) -> Search:
    """Begin no more trials and cancel those that train; a second call changes nothing.

    One that begins no more by itself is cancelled while a trial is open. Raises ``Conflict``
    (``search_state``) when it is over.
    """
    caller.require("jobs:write")
    with transaction.atomic():
        if _cancelled_now(search):
            audit_record("search.cancelled", caller=caller, object_id=search.id)
        elif access_search(search.id).state != Search.State.CANCELLED:
            raise Conflict(_("The search is over already."), code="search_state")
        for trial in trial_list(search):
            if trial.job is not None and not trial.job.is_over:
                _stop(trial.job, caller=caller)
        search_ring(search)
    return access_search(search.id)


def searches_open() -> list[tuple[str, str]]:
    """Return (tenant, search) for every search with something left to do."""
    begins = Q(state=Search.State.RUNNING, tenant__state=Tenant.State.ACTIVE)
    with system_scope("searches of every tenant are carried on"):
        open_rows = begins | Q(trials__outcome="")
        rows = Search.objects.filter(open_rows)
        return list(rows.order_by("id").values_list("tenant_id", "id").distinct())


def search_hold(search: Search) -> bool:
    """Let one worker think about a search; False while another one does."""
    free = Q(busy_until=None) | Q(busy_until__lt=Now())
    return bool(Search.objects.filter(free, pk=search.pk).update(busy_until=Now() + _BUSY))


def search_let_go(search: Search) -> None:
    """Let others think about it again."""
    Search.objects.filter(pk=search.pk).update(busy_until=None)


def search_end(search: Search, *, ended_by: str, message: str = "", state: str = "") -> bool:
    """Begin no more trials, for the reason given; return whether it was still running."""
    return bool(
        Search.objects.filter(pk=search.pk, state=Search.State.RUNNING).update(
            state=state or Search.State.ENDED,
            ended_by=ended_by,
            message=message,
            finished_at=Now(),
        )
    )


def search_ring(search: Search) -> None:
    """Ask a worker, once the caller has committed, to look at a search."""
    payload = {"tenant_id": search.tenant_id, "search_id": search.pk}
    outbox_add(ADVANCE, key=new_id(f"search:{search.pk}"), payload=payload)


def trial_begin(search: Search, *, number: int, parameters: Mapping[str, Any]) -> Trial | None:
    """Submit the job of one trial; the same number again returns the same trial.

    None when the search is over by now. A job that cannot be made of the parameters
    is a failed trial. Raises ``QuotaExceeded`` and ``NotFound``: then no trial can be begun.
    """
    row: dict[str, Any] = {"tenant_id": search.tenant_id, "parameters": dict(parameters)}
    with transaction.atomic():
        running = Search.objects.select_for_update().filter(state=Search.State.RUNNING)
        if not running.filter(pk=search.pk).exists():
            return None
        try:
            with transaction.atomic():
                job = job_submit(
                    caller=_caller(search),
                    plugin_id=search.plugin_id,
                    training_ref=search.training_ref,
                    validation_ref=search.validation_ref or None,
                    parameters={**search.parameters, **parameters},
                    suffix=search.suffix or None,
                    # Trials differ by their parameters alone.
                    seed=search.seed,
                    # The best trial's parameters are what a search is for.
                    keep_checkpoints=0,
                    metadata={"search": search.pk, "trial": str(number)},
                    idempotency_key=f"trial:{search.pk}:{number}",
                )
        except InvalidRequest as error:
            row |= {"outcome": Trial.Outcome.FAILED, "message": error.message}
        else:
            row["job"] = job
        trial, _is_new = Trial.objects.get_or_create(search=search, number=number, defaults=row)
    return trial


def trial_stop(trial: Trial, *, search: Search, message: str) -> None:
    """Stop a trial that is not worth going on with; one whose job is over is left as it ended."""
    assert trial.job is not None
    with transaction.atomic():
        # It may have ended, even well, since it was read.
        job_hold(trial.job.pk)
        if access_job(trial.job.pk).is_over:
            return
        job_cancel(trial.job, caller=_caller(search))
        stopped = {"outcome": Trial.Outcome.STOPPED, "message": message}
        value = trial_value(search, trial.job)
        Trial.objects.filter(pk=trial.pk, outcome="").update(value=value, **stopped)


def trial_measured(trial: Trial) -> None:
    """Keep what a running trial measured at the rungs it has passed."""
    Trial.objects.filter(pk=trial.pk).update(rungs=trial.rungs)


def trial_settle(trial: Trial, *, search: Search) -> bool:
    """Write down how a trial ended, if its job is over."""
    job = trial.job
    if job is None or job.state not in ENDED:
        return False
    outcome, value = _OUTCOMES[State(job.state)], trial_value(search, job)
    message = job.failure
    if outcome == Trial.Outcome.COMPLETE and value is None:
        outcome = Trial.Outcome.FAILED
        told = {"metric": search.metric, "names": ", ".join(sorted(job.metrics)) or "–"}
        message = _("The training never reported %(metric)s. It reported: %(names)s.") % told
    Trial.objects.filter(pk=trial.pk, outcome="").update(
        outcome=outcome, value=value, message=message
    )
    return True


def _search_new(ask: SearchAsk, *, caller: Caller, idempotency_key: str | None) -> Search:
    release = release_for(ask.plugin_id)
    trainable_check(release)
    data_check(ask.training_ref, ask.validation_ref, release=release)
    fixed = {name: value for name, value in ask.parameters.items() if name not in ask.space}
    space = space_check(release, ask.space, fixed=fixed)
    is_grid = ask.method == Search.Method.GRID
    # As for a job: a budget that ends the first training as it begins would leave nothing.
    limit_check(Job(tenant=caller.tenant, release=release, max_cost_micro=ask.budget_micro))
    return Search(
        tenant=caller.tenant,
        release=release,
        training_ref=ask.training_ref,
        validation_ref=ask.validation_ref,
        space=space,
        parameters=fixed,
        metric=_metric(ask.metric),
        goal=ask.goal,
        method=ask.method,
        is_halving=ask.is_halving,
        seed=secrets.randbits(_SEED_BITS) if ask.seed is None else ask.seed,
        max_trials=min(ask.max_trials, grid_size(space)) if is_grid else ask.max_trials,
        parallel=ask.parallel,
        budget_micro=ask.budget_micro,
        suffix=ask.suffix,
        created_by=caller.actor,
        user=caller.user,
        api_key_id=caller.api_key_id,
        idempotency_key=idempotency_key or None,
    )


def _cancelled_now(search: Search) -> bool:
    """Cancel the row; what it ended by before gives way, what was said of that stays."""
    if search_end(search, ended_by="cancelled", state=Search.State.CANCELLED):
        return True
    ended = Search.objects.filter(pk=search.pk, state=Search.State.ENDED)
    ended = ended.filter(Exists(Trial.objects.filter(search=OuterRef("pk"), outcome="")))
    return bool(ended.update(state=Search.State.CANCELLED, ended_by="cancelled"))


def _caller(search: Search) -> Caller:
    return Caller(
        tenant=search.tenant,
        user=search.user,
        api_key_id=search.api_key_id,
        permissions=frozenset({"jobs:read", "jobs:write"}),
    )


def _stop(job: Job, *, caller: Caller) -> None:
    try:
        job_cancel(job, caller=caller)
    except Conflict:
        # It ended at this moment, and will be settled as it ended.
        return


def _metric(metric: str) -> str:
    name = metric.strip()
    if not name or len(name) > 100:
        raise InvalidRequest(
            _("Name the metric to go by, as the training reports it."), param="metric"
        )
    return name


def _asked_before(
    key: str | None, *, spec_hash: str, caller: Caller, is_retry: bool
) -> Search | None:
    if not key:
        searches = Search.objects.all()
        return retried(searches, spec_hash=spec_hash, caller=caller) if is_retry else None
    key_check(key)
    search = Search.objects.filter(idempotency_key=key).first()
    # One begun before searches kept what was asked cannot be compared.
    if search is not None and search.spec_hash not in ("", spec_hash):
        key_refuse()
    return search
