"""A search carried on by workers: trials that train, fall behind, fail, or spend the budget."""

from types import SimpleNamespace

import pytest
from modelmill.core.scope import tenant_scope
from modelmill.training.models import Job
from modelmill.training.searches.models import Search, Trial
from modelmill.training.searches.selectors import (
    Curve,
    access_search,
    best_trial,
    trial_list,
    trials_cost_micro,
)
from modelmill.training.searches.services import (
    SearchAsk,
    search_cancel,
    search_end,
    search_submit,
    searches_open,
)
from modelmill.training.services import job_resume
from modelmill.training.states import Desired, State

from tests.making import fakes_publish, grain_make
from tests.processes import FAKES
from workers.searching import search_advance
from workers.searching.halving import goes_on, rungs_reached
from workers.searching.proposing import parameters_next
from workers.supervisor import train_next
from workers.tasks.searches import advance_open


@pytest.fixture
def seek(transactional_db, acme, settings, tmp_path):
    """Begin a search of the plugin that learns."""
    settings.MEDIA_ROOT, settings.PLUGIN_PATHS = tmp_path / "storage", [FAKES]
    settings.HEARTBEAT_S, settings.PLUGIN_THREADS = 0.2, 1
    fakes_publish()

    def begin(**options) -> Search:
        version = grain_make(acme)
        asked = {
            "space": {"steps": {"values": [2, 40, 12]}},
            "method": "grid",
            "metric": "loss",
            "is_halving": False,
            "seed": 7,
            **options,
        }
        with acme.scope():
            ask = SearchAsk(plugin_id="fake-learner", training_ref=version.id, **asked)
            return search_submit(ask, caller=acme.caller)

    return begin


def _carry_on(place, search: Search, *, turns: int = 12) -> tuple[Search, list[Trial]]:
    """Look and train in turns, as the beat and one worker would."""
    for _ in range(turns):
        search_advance(search.id, tenant_id=place.tenant.id)
        if not train_next() and not searches_open():
            break
    with place.scope():
        found = access_search(search.id)
        return found, trial_list(found)


def test_a_grid_is_trained_and_its_best_is_found(acme, seek) -> None:
    search, trials = _carry_on(acme, seek(goal="minimize"))
    assert (search.state, search.ended_by, search.max_trials) == ("ended", "trials", 3)
    assert [trial.parameters["steps"] for trial in trials] == [2, 40, 12]
    assert {trial.outcome for trial in trials} == {"complete"}
    best = best_trial(search, trials)
    assert best is not None and best.value == min(trial.value for trial in trials)
    assert best.job is not None and best.job.model_version is not None
    assert {trial.job.seed for trial in trials} == {7}


def test_no_more_trials_run_at_once_than_asked(acme, seek) -> None:
    search = seek(parallel=2)
    for _ in range(3):
        search_advance(search.id, tenant_id=acme.tenant.id)
    with acme.scope():
        assert Job.objects.filter(state=State.QUEUED).count() == len(trial_list(search)) == 2


def test_a_search_whose_trials_all_fail_ends_and_says_why(acme, seek) -> None:
    space = {"do": {"values": ["pickle"]}, "steps": {"values": [1, 2, 3, 4, 5, 6]}}
    search, trials = _carry_on(acme, seek(space=space))
    assert (search.ended_by, len(trials) < 6) == ("failing", True)
    assert "The plugin failed" in search.message


def test_a_metric_that_nobody_reports_fails_the_trials(acme, seek) -> None:
    search, trials = _carry_on(acme, seek(metric="beauty", parallel=1))
    assert {trial.outcome for trial in trials} == {"failed"}
    assert "never reported beauty. It reported: " in trials[0].message
    assert search.ended_by == "failing"


def _left(search: Search, *, budget_micro: int) -> Search:
    """Leave a search a smaller budget than it could begin with."""
    with tenant_scope(search.tenant_id):
        Search.objects.filter(pk=search.pk).update(budget_micro=budget_micro)
        return access_search(search.id)


def test_a_budget_is_shared_and_bounds_the_trials(acme, seek) -> None:
    space = {"steps": {"min": 5, "max": 9}}
    search = seek(space=space, method="random", parallel=1, max_trials=50)
    search, trials = _carry_on(acme, _left(search, budget_micro=1))
    assert search.ended_by == "budget" and len(trials) < 50
    with acme.scope():
        assert sum(trials_cost_micro(search, trials).values()) >= 1


def _run_out_of_money(trial: Trial) -> None:
    Job.objects.filter(pk=trial.job_id).update(state=State.PAUSED, error_code="quota_exceeded")


def test_a_search_does_not_wait_for_trials_that_lack_money(acme, seek) -> None:
    search = seek(parallel=2)
    search_advance(search.id, tenant_id=acme.tenant.id)
    with acme.scope():
        first, second = trial_list(search)
        _run_out_of_money(first)
    search_advance(search.id, tenant_id=acme.tenant.id)
    with acme.scope():
        # The other one may give money back when it ends.
        assert access_search(search.id).is_running and len(trial_list(search)) == 2
        _run_out_of_money(second)
    search_advance(search.id, tenant_id=acme.tenant.id)
    with acme.scope():
        found = access_search(search.id)
        assert (found.state, found.ended_by) == ("ended", "money")
        assert "resume the trials" in found.message
        for trial in trial_list(search):
            job_resume(trial.job, caller=acme.caller)
    # What was paid for is not lost: they go on, and count.
    _found, trials = _carry_on(acme, search)
    assert [trial.outcome for trial in trials] == ["complete", "complete"]


def test_what_a_search_left_training_is_stopped_when_its_budget_is_spent(acme, seek) -> None:
    search = _left(seek(space={"steps": {"values": [2, 10_000]}}, parallel=2), budget_micro=1)
    search_advance(search.id, tenant_id=acme.tenant.id)
    with acme.scope():
        search_end(search, ended_by="gone")
    assert train_next()
    search_advance(search.id, tenant_id=acme.tenant.id)
    with acme.scope():
        assert [trial.outcome for trial in trial_list(search)] == ["complete", "stopped"]


def test_cancelling_stops_what_waits(acme, seek) -> None:
    search = seek(parallel=2)
    search_advance(search.id, tenant_id=acme.tenant.id)
    with acme.scope():
        search_cancel(access_search(search.id), caller=acme.caller)
    _found, trials = _carry_on(acme, search)
    assert [trial.outcome for trial in trials] == ["cancelled", "cancelled"]
    assert not searches_open()


def test_a_search_that_cannot_be_thought_about_does_not_stop_the_others(acme, seek, caplog) -> None:
    broken, sound = seek(), seek()
    with acme.scope():
        Search.objects.filter(pk=broken.pk).update(space={"steps": {}})
    assert advance_open() == 1
    assert "search_not_advanced" in caplog.text and broken.pk in caplog.text
    with acme.scope():
        assert trial_list(sound) and not trial_list(broken)


def test_two_workers_do_not_think_about_one_search_at_once(acme, seek) -> None:
    from modelmill.training.searches.services import search_hold

    search = seek()
    with acme.scope():
        assert search_hold(search) and not search_hold(search)
    assert search_advance(search.id, tenant_id=acme.tenant.id) is False


def test_trials_that_fall_behind_are_stopped(acme, seek) -> None:
    search = seek(is_halving=True, parallel=3)
    search_advance(search.id, tenant_id=acme.tenant.id)
    with acme.scope():
        for trial in trial_list(search)[:2]:
            Trial.objects.filter(pk=trial.pk).update(rungs={"11": 0.001 * (trial.number + 1)})
        last = trial_list(search)[2]
        _learn_badly(last.job)
    search_advance(search.id, tenant_id=acme.tenant.id)
    with acme.scope():
        stopped = Trial.objects.get(pk=last.pk)
        assert (stopped.outcome, stopped.value, stopped.rungs) == ("stopped", 5.0, {"11": 5.0})
        # Its worker obeys at the next step.
        assert Job.objects.get(pk=last.job_id).desired_state == Desired.CANCEL


def _learn_badly(job: Job) -> None:
    """Leave a running job's curve as its worker would, twelve steps of a hundred in."""
    from modelmill.training.services import EventDraft, News, job_claim, job_report

    # Of the jobs that wait, it alone.
    Job.objects.exclude(pk=job.pk).update(state=State.PAUSED)
    lease = job_claim("somebody")
    assert lease is not None and lease.job_id == job.id
    drafts = [EventDraft(kind="metrics", step=step, values={"loss": 5.0}) for step in (6, 12)]
    job_report(lease, News(step=12, total_steps=100, metrics={"loss": 5.0}, events=drafts))


def test_a_rung_is_measured_once_by_the_best_until_then() -> None:
    job = SimpleNamespace(total_steps=100)
    trial = SimpleNamespace(job=job, rungs={})
    curve = Curve(steps=[5, 11, 20, 34], values=[3.0, 2.0, 0.5, 1.0])
    assert rungs_reached(trial, curve, is_minimized=True) == {"11": 2.0, "33": 0.5}
    trial.rungs = {"11": 9.0}
    assert rungs_reached(trial, curve, is_minimized=False) == {"33": 3.0}


def test_the_best_third_goes_on() -> None:
    assert goes_on(5.0, [], is_minimized=True)
    assert [goes_on(value, [1, 2, 3, 4, 5], is_minimized=True) for value in (0, 1.5, 2.5)] == [
        True,
        True,
        False,
    ]
    assert goes_on(6.0, [1, 2, 3], is_minimized=False)


@pytest.mark.parametrize("method", ["random", "guided"])
def test_what_is_drawn_depends_on_the_seed_and_the_trials_alone(method) -> None:
    space = {
        "rate": {"min": 1e-4, "max": 1e-1, "log": True, "count": 3, "whole": False},
        "width": {"min": 8, "max": 64, "log": False, "count": 3, "whole": True},
        "kind": {"values": ["a", None, [1, 2]]},
    }
    search = SimpleNamespace(method=method, seed=3, space=space, goal="minimize")
    trials: list = []
    for number in range(8):
        drawn = parameters_next(search, trials)
        assert drawn == parameters_next(search, trials)
        assert 1e-4 <= drawn["rate"] <= 1e-1 and drawn["width"] in range(8, 65)
        assert drawn["kind"] in ["a", None, [1, 2]]
        trials.append(SimpleNamespace(parameters=drawn, value=drawn["rate"], number=number))
    assert len({trial.parameters["rate"] for trial in trials}) == 8
