"""Bodies that nobody should send: each gets one clear error, and never a 500."""

import json

import pytest

from tests.making import job_make, version_make
from tests.serving import model_made

pytestmark = pytest.mark.django_db


def refused(answer) -> dict:
    assert answer.status_code == 400, answer.content[:300]
    return answer.json()["error"]


@pytest.mark.parametrize(
    "value", ['"a\\u0000b"', '{"deep": ["\\u0000"]}', '"\\ud800"', "1e999", "-1E+999", "NaN"]
)
def test_what_no_database_can_hold_is_refused(acme, value) -> None:
    body = f'{{"model": "{model_made(acme, "fake-echo").name}", "input": {{"value": {value}}}}}'
    error = refused(acme.api.post("/v1/predictions", body, content_type="application/json"))
    assert error["code"] == "invalid_json"


def test_a_pair_of_surrogates_is_a_character(acme) -> None:
    body = '{"model": "ft:none", "input": {"value": "\\ud83c\\udf3e"}}'
    answer = acme.api.post("/v1/predictions", body, content_type="application/json")
    assert answer.json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("rate", ["nan", "inf", "-Infinity", "1e999"])
def test_a_number_written_as_text_is_finite(acme, rate) -> None:
    job_make(acme)
    body = {
        "model": "toy",
        "training_file": version_make(acme).id,
        "hyperparameters": {"rate": rate},
    }
    assert refused(acme.api.post_json("/v1/fine_tuning/jobs", body))["param"] == "rate"


def test_a_number_of_any_length_is_out_of_range_and_no_more(acme) -> None:
    job_make(acme)
    body = {
        "model": "toy",
        "training_file": version_make(acme).id,
        "hyperparameters": {"steps": "9" * 400},
    }
    assert refused(acme.api.post_json("/v1/fine_tuning/jobs", body))["param"] == "steps"


def test_an_idempotency_key_for_a_job_is_bounded(acme) -> None:
    job_make(acme)
    body = {"model": "toy", "training_file": version_make(acme).id}
    headers = {"idempotency-key": "k" * 256}
    answer = acme.api.post(
        "/v1/fine_tuning/jobs", body, content_type="application/json", headers=headers
    )
    assert refused(answer)["param"] == "idempotency_key"


def test_more_prompts_than_one_request_takes_are_refused_before_they_are_multiplied(acme) -> None:
    name = model_made(acme, "fake-speaker").name
    body = json.dumps({"model": name, "prompt": [""] * 65, "n": 16})
    error = refused(acme.api.post("/v1/completions", body, content_type="application/json"))
    assert error["param"] == "prompt"


@pytest.mark.parametrize(
    ("path", "misspelt"), [("/v1/searches", "max_cost"), ("/v1/webhook_endpoints", "events")]
)
def test_a_name_that_nobody_knows_is_refused(acme, path, misspelt) -> None:
    error = refused(acme.api.post_json(path, {misspelt: 5}))
    assert (error["code"], error["param"]) == ("unknown_parameter", misspelt)
    assert "There are: " in error["message"]
