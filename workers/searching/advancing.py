"""One look at a search: settle what has ended, stop what fell behind, begin what fits."""

import math

import structlog
from django.utils.translation import gettext as _
from modelmill.core.errors import MillError, NotFound, QuotaExceeded
from modelmill.tenants.services import tenant_voice
from modelmill.training.searches.models import Search, Trial
from modelmill.training.searches.selectors import (
    access_search,
    trial_curve,
    trial_list,
    trials_cost_micro,
)
from modelmill.training.searches.services import (
    search_end,
    search_hold,
    search_let_go,
    trial_begin,
    trial_measured,
    trial_settle,
    trial_stop,
)

from workers.searching.halving import trial_behind
from workers.searching.proposing import parameters_next

logger = structlog.get_logger(__name__)

# So many failures before anything succeeded: the next would fail the same way.
_FAILURES_BORNE = 3


def search_advance(search_id: str, *, tenant_id: str) -> bool:
    """Do for one search what can be done now; return whether something changed.

    Safe to repeat, and to be cut off at any place: the rows tell how far it is.
    """
    with tenant_voice(tenant_id):
        search = access_search(search_id)
        if not search_hold(search):
            return False
        try:
            return _advance(search)
        finally:
            search_let_go(search)


def _advance(search: Search) -> bool:
    before = [(trial.number, trial.outcome) for trial in trial_list(search)]
    for trial in trial_list(search):
        if not trial.outcome and not trial_settle(trial, search=search):
            _measure(search, trial)
    if not search.may_begin:
        _budget_keep(search)
    while search.may_begin and _begin_one(search):
        search = access_search(search.id)
    return before != [(trial.number, trial.outcome) for trial in trial_list(search)]


def _measure(search: Search, trial: Trial) -> None:
    """Compare a running trial with the others at the rungs it has passed."""
    if not search.is_halving or trial.job is None:
        return
    known = dict(trial.rungs)
    curve = trial_curve(search, trial.job)
    rung = trial_behind(search, trial, trial_list(search), curve)
    if trial.rungs != known:
        trial_measured(trial)
    if rung is not None:
        said = _("Others were better at %(rung)s %% of the training.") % {"rung": rung}
        trial_stop(trial, search=search, message=said)
        logger.info("trial_stopped", search=search.pk, trial=trial.number, rung=rung)


def _begin_one(search: Search) -> bool:
    """Begin the next trial if there is room for it; end the search when there never will be."""
    trials = trial_list(search)
    running = [trial for trial in trials if not trial.outcome]
    costs = trials_cost_micro(search, trials)
    left_micro = _left_micro(search, costs)
    if left_micro is not None and left_micro <= 0:
        _stop_unpaid(search, running)
        return _over(search, "budget")
    if _is_failing(trials):
        last = next((trial.message for trial in reversed(trials) if trial.message), "")
        return _over(search, "failing", message=last)
    unpaid = [trial for trial in running if trial.job is not None and trial.job.is_paused_unpaid]
    if unpaid:
        # They may not go on for ever. Money may come back when one that runs ends.
        said = _("The balance is used up. Top it up, then resume the trials that are paused.")
        return False if len(running) > len(unpaid) else _over(search, "money", message=said)
    if len(trials) >= search.max_trials:
        return False if running else _over(search, "trials")
    if len(running) >= search.parallel or not _affords_another(left_micro, trials, costs):
        return False if running else _over(search, "budget")
    parameters = parameters_next(search, trials)
    if parameters is None:
        return False if running else _over(search, "trials")
    try:
        begun = trial_begin(search, number=len(trials), parameters=parameters)
    except QuotaExceeded as error:
        # Money may come back when a running trial ends; without one it is out.
        return False if running else _over(search, "money", message=error.message)
    except NotFound as error:
        return _over(search, "gone", message=error.message)
    except MillError as error:
        return _over(search, "failing", message=error.message)
    return begun is not None


def _budget_keep(search: Search) -> None:
    """Stop what still trains of a search that begins no more, once its budget is spent.

    Until then it is left to train: that the plugin or the data is gone, or that others failed,
    does not make less of what it is about to find.
    """
    trials = trial_list(search)
    running = [trial for trial in trials if not trial.outcome]
    left_micro = _left_micro(search, trials_cost_micro(search, trials)) if running else None
    if left_micro is not None and left_micro <= 0:
        _stop_unpaid(search, running)


def _stop_unpaid(search: Search, running: list[Trial]) -> None:
    for trial in running:
        trial_stop(trial, search=search, message=_("The search's budget is spent."))


def _left_micro(search: Search, costs: dict[int, int]) -> int | None:
    return None if search.budget_micro is None else search.budget_micro - sum(costs.values())


def _affords_another(left_micro: int | None, trials: list[Trial], costs: dict[int, int]) -> bool:
    """Judge by what a whole trial has cost so far whether one more fits beside those that run."""
    whole = [costs.get(t.number, 0) for t in trials if t.outcome == Trial.Outcome.COMPLETE]
    if left_micro is None or not whole:
        return True
    typical = math.ceil(sum(whole) / len(whole))
    due = sum(max(0, typical - costs.get(t.number, 0)) for t in trials if not t.outcome)
    return left_micro - due >= typical


def _is_failing(trials: list[Trial]) -> bool:
    over = [trial.outcome for trial in trials if trial.outcome]
    return len(over) >= _FAILURES_BORNE and all(one == Trial.Outcome.FAILED for one in over)


def _over(search: Search, ended_by: str, *, message: str = "") -> bool:
    search_end(search, ended_by=ended_by, message=message)
    logger.info("search_ended", search=search.pk, by=ended_by)
    return False
