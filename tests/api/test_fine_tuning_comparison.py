"""GET /v1/fine_tuning/comparison: what the page says, for programs."""

import pytest
from modelmill.core.storage import blob_write
from modelmill.tenants.services import api_key_create
from modelmill.training.models import Job, JobEvent
from modelmill.training.services import EventDraft
from modelmill.training.services.events import events_write

from tests.conftest import ApiClient
from tests.making import job_make, version_make

PATH = "/v1/fine_tuning/comparison"


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def jobs(acme):
    """Two jobs with a curve, a story told twice and a confusion matrix told once."""
    ref = version_make(acme).id
    jobs = [
        job_make(acme, training_ref=ref, parameters={"rate": 0.1 * at}, seed=at) for at in (1, 2)
    ]
    with acme.scope():
        for at, job in enumerate(jobs, start=1):
            story = [_sample("story", step, message=f"told at {step}") for step in (1, 2)]
            drafts = [
                *(_point(step, loss=at / step) for step in range(1, 41)),
                *([_point(41, extra=1.0)] if at == 2 else []),
                *story,
                _sample("confusion", 40, blob=blob_write([b"picture %d" % at])),
            ]
            events_write(drafts, job_id=job.pk, tenant_id=acme.tenant.pk)
            Job.objects.filter(pk=job.pk).update(metrics={"loss": at / 40})
    return jobs


def _point(step: int, **values: float) -> EventDraft:
    return EventDraft(kind=JobEvent.Kind.METRICS, step=step, values=values)


def _sample(name: str, step: int, **shown) -> EventDraft:
    return EventDraft(kind=JobEvent.Kind.SAMPLE, step=step, values={"name": name}, **shown)


def _ids(jobs) -> str:
    return ",".join(job.pk for job in jobs)


def test_it_lays_jobs_side_by_side(acme, jobs) -> None:
    told = acme.api.get(f"{PATH}?ids={_ids(jobs)}").json()
    assert told["object"] == "fine_tuning.comparison"
    assert [job["id"] for job in told["jobs"]] == [job.pk for job in jobs]
    assert {job["model"] for job in told["jobs"]} == {"toy"}
    differing = {row["name"]: row["values"] for row in told["parameters"] if row["differs"]}
    assert differing == {"rate": [0.1, 0.2]}
    (loss,) = told["metrics"]
    assert (loss["name"], loss["values"], loss["best"]) == ("loss", [1 / 40, 2 / 40], [0])


def test_curves_share_their_steps_and_are_thinned(acme, jobs) -> None:
    told = acme.api.get(f"{PATH}?ids={_ids(jobs)}&max_points=6").json()["curves"]
    assert list(told) == ["loss", "extra"]
    one, two = told["loss"]["values"]
    assert len(one) == len(two) == len(told["loss"]["step"]) <= 12
    assert (one[0], two[0]) == (1.0, 2.0)
    assert told["extra"] == {"step": [41], "values": [[None], [1.0]]}
    only = acme.api.get(f"{PATH}?ids={_ids(jobs)}&names=extra").json()["curves"]
    assert list(only) == ["extra"]


def test_samples_are_named_and_what_is_shown_once_stands_apart(acme, jobs) -> None:
    told = acme.api.get(f"{PATH}?ids={_ids(jobs)}").json()
    assert [[one["text"] for one in shown] for shown in told["samples"]] == 2 * [
        ["told at 1", "told at 2"]
    ]
    (confusion,) = told["results"]
    assert confusion["name"] == "confusion"
    for at, value in enumerate(confusion["values"], start=1):
        assert value["step"] == 40
        picture = acme.api.get(value["url"])
        assert b"".join(picture.streaming_content) == b"picture %d" % at


def test_a_job_without_the_result_has_none_in_its_place(acme, jobs) -> None:
    told = acme.api.get(f"{PATH}?ids={job_make(acme).pk},{jobs[0].pk}").json()
    (story,) = [shown for shown in told["samples"] if shown]
    assert len(story) == 2
    assert told["results"][0]["values"][0] is None


@pytest.mark.parametrize("path", ["", "?ids=", "?ids=a", f"?ids={','.join('abcdefg')}"])
def test_it_validates_how_many(acme, path) -> None:
    answer = acme.api.get(f"{PATH}{path}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "ids")


def test_it_validates_the_points(acme, jobs) -> None:
    answer = acme.api.get(f"{PATH}?ids={_ids(jobs)}&max_points=1")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "max_points")


def test_a_strangers_job_is_not_there(acme, globex, jobs) -> None:
    theirs = job_make(globex)
    for path in (f"?ids={jobs[0].pk},{theirs.pk}", f"?ids={jobs[0].pk},ftjob-none"):
        answer = acme.api.get(f"{PATH}{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "job_not_found")
    assert globex.api.get(f"{PATH}?ids={_ids(jobs)}").status_code == 404


def test_it_needs_a_key_that_may_read_jobs(acme, anonymous, jobs) -> None:
    assert anonymous.get(f"{PATH}?ids={_ids(jobs)}").status_code == 401
    with acme.scope():
        _key, secret = api_key_create("least", caller=acme.caller, scopes=["billing:read"])
    assert ApiClient(secret).get(f"{PATH}?ids={_ids(jobs)}").status_code == 403


def test_six_jobs_cost_as_many_queries_as_two(acme, jobs, django_assert_max_num_queries) -> None:
    more = [*jobs, *(job_make(acme) for _ in range(4))]
    acme.api.get(f"{PATH}?ids={_ids(jobs)}")
    for some in (jobs, more):
        with django_assert_max_num_queries(11):
            acme.api.get(f"{PATH}?ids={_ids(some)}")
