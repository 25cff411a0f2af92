"""Jobs side by side: the tick boxes, the page, and what its curves and samples say."""

import pytest
from modelmill.training.comparing import jobs_compared
from modelmill.training.models import Job
from modelmill.training.services import EventDraft
from modelmill.training.services.events import events_write

from tests.making import job_make
from tests.showroom import Showroom


def _compare(place, *jobs: Job, path: str = "/jobs/compare"):
    return place.browser().get(f"{path}?ids={','.join(job.pk for job in jobs)}")


def test_the_list_has_a_box_for_each_job(showroom: Showroom) -> None:
    page = showroom.place.browser().get("/jobs").content.decode()
    assert f'name="ids" value="{showroom.job.pk}" form="compare"' in page
    assert 'action="/jobs/compare" id="compare"' in page


def test_it_lays_jobs_of_different_plugins_side_by_side(showroom: Showroom) -> None:
    with showroom.place.scope():
        other = Job.objects.filter(release__plugin_id="text-generation").first()
    answer = _compare(showroom.place, showroom.done, other)
    page = answer.content.decode()
    assert answer.status_code == 200
    for job in (showroom.done, other):
        assert f"/jobs/{job.pk}" in page
    assert "evenings" in page and "portraits" in page and "resolution" in page


def test_boxes_and_an_address_to_pass_on_say_the_same(showroom: Showroom) -> None:
    ids = f"ids={showroom.done.pk}&ids={showroom.job.pk}"
    ticked = showroom.place.browser().get(f"/jobs/compare?{ids}")
    assert ticked.status_code == 200
    assert f"ids={showroom.done.pk}%2C{showroom.job.pk}" in ticked.content.decode()


@pytest.mark.parametrize("count", [0, 1, 7])
def test_too_few_or_too_many_lead_back_to_the_list(acme, count) -> None:
    jobs = [job_make(acme) for _ in range(count)]
    answer = _compare(acme, *jobs)
    assert (answer.status_code, answer["Location"]) == (302, "/jobs")


def test_a_strangers_job_is_not_there(acme, globex) -> None:
    jobs = [job_make(acme), job_make(globex)]
    for path in ("/jobs/compare", "/jobs/compare/training"):
        assert _compare(acme, *jobs, path=path).status_code == 404


def test_curves_share_a_chart_and_samples_stand_by_job(acme) -> None:
    jobs = [job_make(acme, suffix="one"), job_make(acme, suffix="one"), job_make(acme)]
    with acme.scope():
        for at, job in enumerate(jobs):
            drafts = [
                EventDraft(kind="metrics", step=at + 1, values={"loss": at}),
                EventDraft(kind="sample", step=3, message="A tale", values={"name": "text"}),
            ]
            events_write(drafts, job_id=job.pk, tenant_id=acme.tenant.pk)
    body = _compare(acme, *jobs, path="/jobs/compare/training").json()
    (chart,) = body["charts"]
    names = [f"one …{job.pk[-6:]}" for job in jobs[:2]]
    assert [line["label"] for line in chart["series"]] == [*names, "Toy"]
    assert chart["x"] == [1, 2, 3]
    assert chart["series"][1]["values"] == [None, 1, None]
    assert all(run["samples"][0]["text"] == "A tale" for run in body["runs"])


def test_the_best_is_marked_where_the_name_says_which_way(acme) -> None:
    jobs = [job_make(acme), job_make(acme, seed=9)]
    with acme.scope():
        for at, job in enumerate(jobs):
            told = {"valid_loss": 1 + at, "accuracy": 0.5 + at / 10, "grad_norm": at, "fid": 4}
            Job.objects.filter(pk=job.pk).update(metrics=told)
            job.refresh_from_db()
        rows = {row.name: row for row in jobs_compared(jobs).metrics}
    assert rows["valid_loss"].best == {0} and rows["accuracy"].best == {1}
    assert not rows["grad_norm"].best and not rows["fid"].best


def test_six_jobs_cost_as_many_queries_as_two(acme, django_assert_max_num_queries) -> None:
    jobs = [job_make(acme) for _ in range(6)]
    client = acme.browser()
    client.get("/jobs")
    for path, most in (("/jobs/compare", 12), ("/jobs/compare/training", 12)):
        for some in (jobs[:2], jobs):
            with django_assert_max_num_queries(most):
                client.get(f"{path}?ids={','.join(job.pk for job in some)}")


def test_downloads_are_offered_and_a_strangers_are_not_there(showroom: Showroom, globex) -> None:
    page = showroom.place.browser().get(f"/jobs/{showroom.done.pk}").content.decode()
    for name in ("metrics.csv", "metrics.tfevents", "manifest.json"):
        path = f"/jobs/{showroom.done.pk}/{name}"
        assert path in page
        answer = showroom.place.browser().get(path)
        assert answer.status_code == 200 and "attachment" in answer["Content-Disposition"]
        assert globex.browser().get(path).status_code == 404
