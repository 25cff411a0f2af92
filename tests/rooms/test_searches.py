"""A search: what may vary is checked before anything begins, and each search is its tenant's."""

import pytest
from modelmill.catalog.selectors import release_for
from modelmill.catalog.services import manifest_publish
from modelmill.core.errors import Conflict, InvalidRequest, NotFound
from modelmill.core.models import OutboxMessage
from modelmill.training.models import Job
from modelmill.training.searches.models import Search, Trial
from modelmill.training.searches.selectors import access_search
from modelmill.training.searches.services import (
    SearchAsk,
    _search_new,
    search_cancel,
    search_end,
    search_submit,
    trial_begin,
    trial_settle,
    trial_stop,
)
from modelmill.training.searches.space import grid_of, space_check
from modelmill.training.services import EventDraft, News, job_cancel, job_claim, job_finish
from modelmill.training.states import State

from tests.making import manifest_make, search_make, version_make


@pytest.fixture
def release(acme):
    manifest_publish(manifest_make())
    with acme.scope():
        yield release_for("toy")


def test_a_search_begins_and_a_worker_is_rung(acme) -> None:
    search = search_make(acme)
    assert search.space["steps"]["log"] and search.space["steps"]["whole"]
    ring = OutboxMessage.objects.get(topic="workers.tasks.searches.advance")
    assert ring.payload == {"tenant_id": acme.tenant.id, "search_id": search.id}


def test_a_budget_that_pays_for_no_training_is_refused(acme) -> None:
    with pytest.raises(InvalidRequest, match="too low to learn anything") as refused:
        search_make(acme, budget_micro=1)
    assert (refused.value.code, refused.value.param) == ("max_cost_too_low", "max_cost_micro")
    with acme.scope():
        assert not Search.objects.exists()


def test_the_same_key_finds_the_search_it_began(acme) -> None:
    first = search_make(acme, idempotency_key="k")
    again = search_make(acme, idempotency_key="k", training_ref=first.training_ref)
    assert again.id == first.id


def test_a_key_that_was_used_for_another_search_is_refused(acme) -> None:
    ref = search_make(acme, idempotency_key="k").training_ref
    with pytest.raises(Conflict, match="another request"):
        search_make(acme, idempotency_key="k", training_ref=ref, max_trials=3)
    with pytest.raises(InvalidRequest):
        search_make(acme, idempotency_key="k" * 300)


def test_a_retry_without_a_key_finds_the_search_its_first_try_began(acme) -> None:
    first = search_make(acme)
    assert search_make(acme, training_ref=first.training_ref, is_retry=True).id == first.id
    assert search_make(acme, training_ref=first.training_ref).id != first.id


def test_of_two_retries_at_once_one_begins_the_search(acme, monkeypatch) -> None:
    ref, twins = version_make(acme).id, []

    def overtaken(*args, **asked):
        # Behind the first look for an earlier search.
        monkeypatch.undo()
        twins.append(search_make(acme, training_ref=ref, is_retry=True))
        return _search_new(*args, **asked)

    monkeypatch.setattr("modelmill.training.searches.services._search_new", overtaken)
    assert search_make(acme, training_ref=ref, is_retry=True).id == twins[0].id
    with acme.scope():
        assert Search.objects.count() == 1


def test_a_retry_of_openais_client_begins_no_second_search(acme) -> None:
    manifest_publish(manifest_make())
    body = {"model": "toy", "training_file": version_make(acme).id, "metric": "loss"}
    body |= {"space": {"steps": {"min": 1, "max": 9}}}
    ids = {
        acme.api.post_json("/v1/searches", body, **{"x-stainless-retry-count": count}).json()["id"]
        for count in "012"
    }
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("space", "param"),
    [
        ({}, "space"),
        ({"nothing": {"values": [1]}}, "nothing"),
        ({"steps": {"values": []}}, "steps"),
        ({"steps": {"min": 5, "max": 5}}, "steps"),
        ({"steps": {"min": 0, "max": 5, "log": True}}, "steps"),
        ({"steps": {"values": [5, -1]}}, "steps"),
        ({"steps": {"min": 1, "max": 10**9}}, "steps"),
        ({"steps": 5}, "steps"),
        ({"mode": {"values": ["plain", "unheard of"]}}, "mode"),
    ],
)
def test_what_cannot_vary_is_refused_by_name(acme, space, param) -> None:
    with pytest.raises(InvalidRequest) as refused:
        search_make(acme, space=space)
    assert refused.value.param == param
    with acme.scope():
        assert not Search.objects.exists()


def test_a_grid_has_every_combination_once(release) -> None:
    space = space_check(
        release,
        {"steps": {"min": 1, "max": 100, "count": 3}, "mode": {"values": ["plain", "fancy"]}},
        fixed={},
    )
    assert grid_of(space) == [
        {"steps": steps, "mode": mode} for steps in (1, 10, 100) for mode in ("plain", "fancy")
    ]


def test_a_stranger_finds_no_search(acme, globex) -> None:
    search = search_make(acme)
    with globex.scope(), pytest.raises(NotFound):
        access_search(search.id)
    assert globex.api.get(f"/v1/searches/{search.id}").status_code == 404
    assert globex.browser().get(f"/searches/{search.id}").status_code == 404


def test_a_search_is_cancelled_once(acme) -> None:
    search = search_make(acme)
    with acme.scope():
        assert search_cancel(search, caller=acme.caller).state == Search.State.CANCELLED
        assert search_cancel(search, caller=acme.caller).ended_by == "cancelled"
        Search.objects.update(state=Search.State.ENDED)
        with pytest.raises(Conflict):
            search_cancel(search, caller=acme.caller)


def test_a_search_that_ended_is_cancelled_while_a_trial_is_open(acme) -> None:
    search = search_make(acme)
    with acme.scope():
        trial = trial_begin(search, number=0, parameters={"steps": 3})
        assert search_end(search, ended_by="gone", message="There is no toy.")
        for _ in range(2):
            found = search_cancel(access_search(search.id), caller=acme.caller)
            assert (found.state, found.message) == (Search.State.CANCELLED, "There is no toy.")
        assert Job.objects.get(pk=trial.job_id).state == State.CANCELLED


def test_a_trial_whose_job_was_over_already_is_not_stopped(acme) -> None:
    search = search_make(acme)
    with acme.scope():
        trials = [trial_begin(search, number=n, parameters={"steps": 3}) for n in range(2)]
        lease = job_claim("w1")
        drafts = [EventDraft(kind="metrics", step=5, values={"loss": 0.5})]
        news = News(step=5, total_steps=5, events=drafts)
        job_finish(lease, news, piece=None, files={}, metrics={})
        job_cancel(trials[1].job, caller=acme.caller)
        for trial in trials:
            # As it was read before the job ended.
            trial_stop(trial, search=search, message="Others were better.")
        found = list(Trial.objects.select_related("job__model_version").order_by("number"))
        assert [trial.outcome for trial in found] == ["", ""]
        assert all(trial_settle(trial, search=search) for trial in found)
        settled = list(Trial.objects.order_by("number").values_list("outcome", "value"))
        assert settled == [("complete", 0.5), ("cancelled", None)]


def test_no_trial_begins_once_the_search_is_cancelled(acme) -> None:
    search = search_make(acme)
    with acme.scope():
        search_cancel(search, caller=acme.caller)
        assert trial_begin(search, number=0, parameters={"steps": 3}) is None
        assert not Job.objects.exists()


def test_too_small_a_training_part_is_refused_before_there_is_a_search(acme) -> None:
    manifest_publish(manifest_make(needs={"gpu_memory_mib": 0, "train_rows": 100}))
    ask = SearchAsk(
        plugin_id="toy",
        training_ref=version_make(acme).id,
        space={"steps": {"min": 1, "max": 100}},
        metric="loss",
    )
    with acme.scope(), pytest.raises(InvalidRequest, match="has 0 of its 12 rows") as refused:
        search_submit(ask, caller=acme.caller)
    assert (refused.value.code, refused.value.param) == ("dataset_too_small", "training_file")
    with acme.scope():
        assert not Search.objects.exists()
