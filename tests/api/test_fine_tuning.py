"""/v1/fine_tuning/jobs: works, needs a key, refuses strangers, validates, is safe to repeat."""

import json

import pytest
from modelmill.billing.models import Reservation
from modelmill.billing.selectors import wallet_balance
from modelmill.billing.services import reservation_open
from modelmill.catalog.services import manifest_publish
from modelmill.core.storage import blob_write
from modelmill.datasets.models import DatasetVersion
from modelmill.training.models import Job
from modelmill.training.services import EventDraft, News, job_claim, job_finish, job_heartbeat
from modelmill.training.slices import Slice

from tests.making import job_make, manifest_make, version_make

JOBS = "/v1/fine_tuning/jobs"


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


@pytest.fixture
def body(acme) -> dict:
    manifest_publish(manifest_make())
    return {"model": "toy", "training_file": version_make(acme).id}


def _train(place, job, *, points: int = 3) -> None:
    """Train a job to its end, as a worker would."""
    lease = job_claim("w1")
    assert lease is not None
    with place.scope():
        picture = EventDraft(
            kind="sample",
            step=2,
            values={"name": "grid", "kind": "image"},
            blob=blob_write([b"\x89PNG\r\n\x1a\n"], media_type="image/png"),
        )
        curve = [
            EventDraft(kind="metrics", step=step, values={"loss": 1 / step})
            for step in range(1, points + 1)
        ]
        news = News(step=20, total_steps=20, metrics={"loss": 0.05}, events=(*curve, picture))
        piece = Slice(number=1, step_from=0, step_to=20, elapsed_ms=60_000)
        job_heartbeat(lease, news, piece=piece)
        blob = blob_write([b"weights"])
        job_finish(
            lease,
            News(step=20, total_steps=20),
            piece=None,
            files={"model.safetensors": blob},
            metrics={"loss": 0.05},
        )


def test_a_job_is_created_and_says_why_it_waits(acme, body) -> None:
    answer = acme.api.post_json(JOBS, body | {"suffix": "ours", "seed": 7, "metadata": {"a": "b"}})
    assert answer.status_code == 200, answer.content
    job = answer.json()
    assert job["object"] == "fine_tuning.job" and job["status"] == "queued"
    assert (job["model"], job["seed"], job["metadata"]) == ("toy", 7, {"a": "b"})
    assert job["hyperparameters"]["steps"] == 20
    assert job["x_waiting_reason"].startswith("No training worker is running")
    assert acme.api.get(f"{JOBS}/{job['id']}").json()["id"] == job["id"]


@pytest.mark.parametrize(
    "where",
    [
        {"hyperparameters": {"steps": 9}},
        {"method": {"type": "supervised", "supervised": {"hyperparameters": {"steps": "9"}}}},
        {"steps": 9},
        {"hyperparameters": {"steps": 9, "n_epochs": "auto"}},
    ],
)
def test_parameters_pass_through_from_wherever_a_client_puts_them(acme, body, where) -> None:
    job = acme.api.post_json(JOBS, body | where).json()
    assert job["hyperparameters"]["steps"] == 9


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"model": "nothing"}, 404, "model"),
        ({"training_file": "file-nothing"}, 404, "training_file"),
        ({"hyperparameters": {"steps": 0}}, 400, "steps"),
        ({"hyperparameters": {"stepps": 3}}, 400, "stepps"),
        ({"hyperparameters": {"n_epochs": 3}}, 400, "n_epochs"),
        ({"method": {"type": "dpo"}}, 400, "method.type"),
        ({"seed": -1}, 400, "seed"),
        ({"suffix": "x" * 65}, 400, "suffix"),
        ({"metadata": {"k": "v" * 513}}, 400, "metadata"),
        ({"model": None}, 400, "model"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(acme, body, change, status, param) -> None:
    answer = acme.api.post_json(JOBS, body | change)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
    assert acme.api.get(JOBS).json()["data"] == []


@pytest.mark.parametrize("name", ["stepps", "n_epochs"])
def test_an_unknown_parameter_is_answered_with_the_one_that_was_meant(acme, body, name) -> None:
    answer = acme.api.post_json(JOBS, body | {"hyperparameters": {name: 3}})
    assert answer.json()["error"]["message"].endswith("Did you mean steps?")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"steps": 0}, "integer_below_min_value"),
        ({"steps": 10**9}, "integer_above_max_value"),
        ({"steps": "many"}, "invalid_type"),
        ({"stepps": 3}, "unknown_parameter"),
    ],
)
def test_a_parameters_fault_has_the_code_of_a_fields(acme, body, given, code) -> None:
    error = acme.api.post_json(JOBS, body | {"hyperparameters": given}).json()["error"]
    assert (error["code"], error["param"]) == (code, next(iter(given)))


@pytest.mark.parametrize("given", ["yes", 1, "true"])
def test_what_may_cost_is_asked_for_by_true_alone(acme, body, given) -> None:
    error = acme.api.post_json(JOBS, body | {"quote_first": given}).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_type", "quote_first")


def test_a_validation_file_that_is_the_training_file_is_refused(acme, body) -> None:
    other = version_make(acme)
    answer = acme.api.post_json(JOBS, body | {"validation_file": body["training_file"]})
    assert answer.json()["error"]["code"] == "validation_is_training"
    with acme.scope():
        # The same bytes, brought twice.
        first = DatasetVersion.objects.get(pk=body["training_file"])
        DatasetVersion.objects.filter(pk=other.pk).update(source_sha256=first.source_sha256)
    answer = acme.api.post_json(JOBS, body | {"validation_file": other.id})
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("validation_is_training", "validation_file")
    allowed = acme.api.post_json(JOBS, body | {"validation_file": version_make(acme).id})
    assert allowed.status_code == 200


def test_a_key_is_needed_and_the_right_permission(acme, anonymous, body) -> None:
    assert anonymous.post_json(JOBS, body).status_code == 401
    assert anonymous.get(JOBS).status_code == 401


def test_a_stranger_sees_nothing(acme, globex) -> None:
    job = job_make(acme)
    for path in ("", "/events", "/checkpoints", "/metrics", "/samples"):
        assert globex.api.get(f"{JOBS}/{job.id}{path}").status_code == 404
    for act in ("cancel", "pause", "finish", "resume"):
        assert globex.api.post(f"{JOBS}/{job.id}/{act}").status_code == 404
    assert globex.api.get(JOBS).json()["data"] == []


def test_the_same_key_makes_one_job_and_another_body_is_refused(acme, body) -> None:
    first = acme.api.post_json(JOBS, body, **{"Idempotency-Key": "k"}).json()
    again = acme.api.post_json(JOBS, body, **{"Idempotency-Key": "k"}).json()
    assert first["id"] == again["id"]
    refused = acme.api.post_json(JOBS, body | {"seed": 1}, **{"Idempotency-Key": "k"})
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "idempotency_key_reused"


def test_a_retry_of_openais_client_makes_no_second_job(acme, body) -> None:
    first = acme.api.post_json(JOBS, body, **{"x-stainless-retry-count": "0"}).json()
    again = acme.api.post_json(JOBS, body, **{"x-stainless-retry-count": "1"}).json()
    assert first["id"] == again["id"]
    other = acme.api.post_json(JOBS, body, **{"x-stainless-retry-count": "0"}).json()
    assert other["id"] != first["id"]


def test_jobs_are_listed_newest_first_in_pages(acme) -> None:
    ids = [job_make(acme, metadata={"n": str(n)}).id for n in range(3)]
    page = acme.api.get(f"{JOBS}?limit=2").json()
    assert [job["id"] for job in page["data"]] == ids[:0:-1] and page["has_more"]
    rest = acme.api.get(f"{JOBS}?after={page['last_id']}").json()
    assert [job["id"] for job in rest["data"]] == ids[:1] and not rest["has_more"]
    assert [j["id"] for j in acme.api.get(f"{JOBS}?metadata[n]=1").json()["data"]] == [ids[1]]


def test_a_list_takes_the_same_queries_for_many_jobs(acme, django_assert_num_queries) -> None:
    for _ in range(5):
        job_make(acme)
    acme.api.get(JOBS)
    with django_assert_num_queries(1, exact=False) as few:
        acme.api.get(f"{JOBS}?limit=1")
    with django_assert_num_queries(len(few.captured_queries)):
        acme.api.get(JOBS)


def test_a_waiting_job_is_paused_resumed_and_cancelled(acme) -> None:
    job = job_make(acme)
    states = [
        acme.api.post(f"{JOBS}/{job.id}/{act}").json()["status"]
        for act in ("pause", "resume", "cancel", "cancel")
    ]
    assert states == ["paused", "queued", "cancelled", "cancelled"]
    for act in ("resume", "finish"):
        assert acme.api.post(f"{JOBS}/{job.id}/{act}").status_code == 400
    refused = acme.api.post(f"{JOBS}/{job.id}/resume")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "job_state")


def test_a_job_is_not_resumed_without_money_for_what_comes(acme) -> None:
    job = job_make(acme)
    acme.api.post(f"{JOBS}/{job.id}/pause")
    with acme.scope():
        Reservation.objects.update(amount_micro=0)
        wallet_micro = wallet_balance(acme.tenant.id)
        reservation_open(tenant_id=acme.tenant.id, key="all", amount_micro=wallet_micro)
    refused = acme.api.post(f"{JOBS}/{job.id}/resume")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
    assert acme.api.get(f"{JOBS}/{job.id}").json()["status"] == "paused"


def test_a_finished_job_names_its_model_and_its_cost(acme) -> None:
    job = job_make(acme, suffix="ours")
    _train(acme, job)
    shape = acme.api.get(f"{JOBS}/{job.id}").json()
    assert shape["status"] == "succeeded" and shape["x_progress"]["fraction"] == 1
    assert shape["fine_tuned_model"].startswith("ft:toy:acme:ours:")
    # A minute of CPU time at 0.24 an hour.
    assert shape["x_cost"] == {"amount_micro": 4_000, "currency": "USD"}


def test_events_curves_and_samples_are_read_back(acme) -> None:
    job = job_make(acme)
    _train(acme, job)
    events = acme.api.get(f"{JOBS}/{job.id}/events").json()["data"]
    assert events[0]["message"] == "The job has successfully completed."
    metrics = [event for event in events if event["type"] == "metrics"]
    assert metrics[0]["data"] == {"step": 3, "loss": 1 / 3}
    series = acme.api.get(f"{JOBS}/{job.id}/metrics").json()
    assert series["step"] == [1, 2, 3] and series["series"]["loss"][0] == 1
    (sample,) = acme.api.get(f"{JOBS}/{job.id}/samples").json()["data"]
    picture = acme.api.get(sample["data"]["url"])
    assert b"".join(picture).startswith(b"\x89PNG") and picture["Content-Type"] == "image/png"


def test_a_curve_is_thinned_with_its_ends_kept(acme) -> None:
    job = job_make(acme)
    _train(acme, job, points=100)
    steps = acme.api.get(f"{JOBS}/{job.id}/metrics?max_points=10").json()["step"]
    assert (len(steps), steps[0], steps[-1]) == (10, 1, 100)


def test_the_live_stream_tells_everything_and_goes_on_where_it_was_cut(acme) -> None:
    job = job_make(acme)
    _train(acme, job)
    answer = acme.api.get(
        f"{JOBS}/{job.id}/events?stream=1", headers={"accept": "text/event-stream"}
    )
    assert answer["Content-Type"] == "text/event-stream"
    told = b"".join(answer.streaming_content).decode()
    assert told.endswith('event: end\ndata: {"status":"succeeded"}\n\n')
    ids = [line[4:] for line in told.splitlines() if line.startswith("id: ")]
    assert len(ids) == len(set(ids)) >= 6
    rest = acme.api.get(f"{JOBS}/{job.id}/events?stream=1", headers={"Last-Event-ID": ids[-2]})
    again = b"".join(rest.streaming_content).decode()
    assert [line[4:] for line in again.splitlines() if line.startswith("id: ")] == ids[-1:]
    shape = next(
        json.loads(part.partition("data: ")[2])
        for part in again.split("\n\n")
        if part.startswith("event: job")
    )
    assert shape["status"] == "succeeded"


def test_a_job_tells_its_memory_and_what_it_is_expected_to_take(acme) -> None:
    job = job_make(acme)
    path = f"/v1/fine_tuning/jobs/{job.id}"
    assert set(acme.api.get(path).json()["x_memory"].values()) == {None}
    lease = job_claim("w1")
    assert lease is not None
    job_heartbeat(lease, News(peak_memory_mib=900, peak_gpu_memory_mib=70), piece=None)
    with acme.scope():
        Job.objects.filter(pk=job.pk).update(expected_memory_mib=800, expected_gpu_memory_mib=60)
    assert acme.api.get(path).json()["x_memory"] == {
        "peak_mib": 900,
        "gpu_peak_mib": 70,
        "expected_mib": 800,
        "gpu_expected_mib": 60,
    }
