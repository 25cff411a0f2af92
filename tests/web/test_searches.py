"""Searches on the dashboard: the form, and the page of the trials."""

import pytest
from modelmill.catalog.services import manifest_publish
from modelmill.training.models import Job
from modelmill.training.searches.models import Search
from modelmill.training.searches.services import search_end, trial_begin, trial_settle
from modelmill.training.states import State

from tests.making import manifest_make, search_make, version_make
from tests.queries import queries_count


@pytest.fixture
def form(acme):
    """What a browser would send."""
    manifest_publish(manifest_make())
    return {
        "dataset": version_make(acme).id,
        "metric": "loss",
        "goal": "minimize",
        "method": "random",
        "max_trials": "4",
        "parallel": "2",
        "budget": "1.5",
        "early_stopping": "on",
        "once": "abc",
    }


def test_a_range_and_a_list_begin_a_search(acme, form) -> None:
    written = {**form, "s-steps": "1 .. 100", "s-mode": "plain, fancy"}
    answer = acme.browser().post("/plugins/toy/search", written)
    with acme.scope():
        search = Search.objects.get()
    assert answer.url == f"/searches/{search.id}"
    assert search.space["steps"] | {"min": 1, "max": 100} == search.space["steps"]
    assert search.space["mode"] == {"values": ["plain", "fancy"]}
    assert (search.budget_micro, search.max_trials, search.is_halving) == (1_500_000, 4, True)
    assert acme.browser().post("/plugins/toy/search", written).url == answer.url


@pytest.mark.parametrize(
    ("space", "says"),
    [
        ({}, "Name at least one parameter that varies."),
        ({"s-steps": "a few"}, "a few is not a number."),
        ({"s-steps": "0 .. 5"}, "steps must be at least 1"),
        ({"s-mode": "plain, odd"}, "mode must be one of"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(acme, form, space, says) -> None:
    answer = acme.browser().post("/plugins/toy/search", {**form, **space})
    assert answer.status_code == 400 and says in answer.content.decode()
    with acme.scope():
        assert not Search.objects.exists()


def test_the_page_shows_the_trials_and_the_best(acme) -> None:
    search = search_make(acme)
    with acme.scope():
        for number, loss in enumerate((0.5, 0.25)):
            trial = trial_begin(search, number=number, parameters={"steps": 7 + number})
            _succeed(trial.job, loss)
            trial.job.refresh_from_db()
            assert trial_settle(trial, search=search)
    page = acme.browser().get(f"/searches/{search.id}").content.decode()
    assert "The best is trial 2" in page and "0.25" in page
    assert acme.api.get(f"/v1/searches/{search.id}").json()["best_trial"] == 1


def test_the_page_offers_to_cancel_while_a_trial_is_open(acme) -> None:
    search = search_make(acme)
    with acme.scope():
        trial = trial_begin(search, number=0, parameters={"steps": 3})
        search_end(search, ended_by="failing")
    page = f"/searches/{search.id}"
    assert "Cancel this search?" in acme.browser().get(page).content.decode()
    acme.browser().post(f"{page}/cancel")
    with acme.scope():
        trial.job.refresh_from_db()
        assert trial_settle(trial, search=search)
    assert "Cancel this search?" not in acme.browser().get(page).content.decode()


def test_the_menu_shows_searches_where_their_pages_say_that_they_are(acme) -> None:
    search = search_make(acme)
    for path in ("/searches", f"/searches/{search.id}"):
        page = acme.browser().get(path).content.decode()
        assert '<a href="/jobs" class="nav-item" aria-current="page">' in page, path
        assert page.count('aria-current="page"') == 1, path


def test_a_search_of_many_trials_costs_as_many_queries_as_one_of_few(acme) -> None:
    search = search_make(acme, max_trials=20)
    client = acme.browser()
    counts = []
    for first, last in ((0, 2), (2, 9)):
        with acme.scope():
            for number in range(first, last):
                trial_begin(search, number=number, parameters={"steps": number + 1})
        for ask, path in ((client, "/searches"), (acme.api, "/v1/searches")):
            counts.append(queries_count(ask, f"{path}/{search.id}"))
    assert counts[:2] == counts[2:], counts


def _succeed(job: Job, loss: float) -> None:
    """Leave a job as its worker would: its curve, and its end."""
    from modelmill.training.services import EventDraft, News, job_claim, job_finish

    lease = job_claim("somebody")
    assert lease is not None and lease.job_id == job.id
    drafts = [EventDraft(kind="metrics", step=5, values={"loss": loss})]
    job_finish(lease, News(step=5, total_steps=5, events=drafts), piece=None, files={}, metrics={})
    assert Job.objects.get(pk=job.pk).state == State.SUCCEEDED
