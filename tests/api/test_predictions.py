"""/v1/predictions: any model, now or later, with a real worker."""

import time

import pytest
from modelmill.inference.models import Prediction
from modelmill.metering.models import UsageEvent

from tests.serving import model_made

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def echo(acme, redis_url):
    return model_made(acme, "fake-echo").name


@pytest.fixture
def trouble(acme, redis_url):
    return model_made(acme, "fake-trouble").name


def ask(place, model, *inputs, wait="wait=30", **fields):
    body = {"model": model, "inputs": list(inputs), **fields}
    return place.api.post_json("/v1/predictions", body, prefer=wait)


def test_it_answers_inputs_of_every_kind_in_order(acme, echo, infer) -> None:
    answer = ask(
        acme,
        echo,
        {"value": "a"},
        {"value": "b", "kind": "json"},
        {"value": "red", "kind": "image"},
        {"value": "d", "kind": "file"},
        seed=5,
    )
    assert answer.status_code == 200, answer.content
    body = answer.json()
    text, value, image, file = body["outputs"]
    assert text == {"type": "text", "text": "a", "finish_reason": "stop"}
    assert value == {
        "type": "json",
        "value": {"value": "b", "seed": 5, "batch": 3, "nan": None},
    }
    assert (image["type"], image["size"], image["media_type"]) == ("image", "4x4", "image/png")
    found = acme.api.get(f"/v1/predictions/{body['id']}/outputs/3")
    assert b"".join(found.streaming_content) == b"d"
    assert found["content-disposition"] == "attachment; filename*=UTF-8''d.txt"
    assert file["filename"] == "d.txt"
    assert body["usage"] == {"requests": 1}
    assert body["cost_micro"] == int(answer["x-cost"]) == 100


def test_without_waiting_it_answers_at_once(acme, echo, infer) -> None:
    answer = ask(acme, echo, {"value": "a"}, wait="")
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    later = acme.api.get(f"/v1/predictions/{answer.json()['id']}", headers={"prefer": "wait"})
    assert later.json()["status"] == "succeeded"


def test_a_repeat_is_the_same_prediction(acme, echo, infer) -> None:
    body = {"model": echo, "input": {"value": "a"}}
    headers = {"idempotency_key": "k", "prefer": "wait"}
    first, second = (
        acme.api.post(
            "/v1/predictions",
            data=body,
            content_type="application/json",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        ).json()
        for _ in range(2)
    )
    assert (first["id"], first["status"]) == (second["id"], "succeeded")
    with acme.scope():
        assert UsageEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("do", "code", "status"),
    [
        ("customer", "invalid_value", "failed"),
        ("memory", "out_of_memory", "failed"),
        ("author", "plugin_error", "failed"),
        ("number", "plugin_error", "failed"),
        ("die", "plugin_crashed", "failed"),
        ("crash", "plugin_crashed", "failed"),
    ],
)
def test_a_failure_is_told_and_costs_nothing(acme, trouble, infer, do, code, status) -> None:
    body = ask(acme, trouble, {"do": do}).json()
    assert (body["status"], body["error"]["code"]) == (status, code)
    assert "secret detail" not in str(body)
    assert (body["cost_micro"], body["usage"]) == (0, {})
    # The next one finds a worker in good health.
    assert ask(acme, trouble, {"do": "environment"}).json()["status"] == "succeeded"


def test_a_plugin_sees_no_secret(acme, trouble, infer) -> None:
    body = ask(acme, trouble, {"do": "environment"}).json()
    seen = str(body["outputs"][0]["value"])
    assert "SECRET_KEY" not in seen
    assert "DATABASE_URL" not in seen
    assert "REDIS_URL" not in seen


def test_one_that_hangs_can_be_cancelled(acme, trouble, infer) -> None:
    asked = ask(acme, trouble, {"do": "hang"}, wait="").json()
    path = f"/v1/predictions/{asked['id']}"
    deadline = time.monotonic() + 20
    while acme.api.get(path).json()["status"] == "queued":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert acme.api.post_json(f"{path}/cancel", {}).status_code == 200
    body = acme.api.get(path, headers={"prefer": "wait=30"}).json()
    assert body["status"] == "cancelled"


def test_a_busy_model_keeps_nobody_elses_from_answering(acme, globex, infer, redis_url) -> None:
    busy = model_made(acme, "fake-speaker").name
    quiet = model_made(globex, "fake-echo").name
    ask(globex, quiet, {"value": "warm"})
    many = [
        ask(acme, busy, {"prompt": "w " * 10}, wait="", parameters={"pause_ms": 50}).json()["id"]
        for _ in range(12)
    ]
    began = time.monotonic()
    assert ask(globex, quiet, {"value": "a"}).json()["status"] == "succeeded"
    # Twelve times half a second wait before it on the worker's four threads.
    assert time.monotonic() - began < 4
    for found in many:
        body = acme.api.get(f"/v1/predictions/{found}", headers={"prefer": "wait=60"}).json()
        assert body["status"] == "succeeded"


def test_the_list_is_the_tenants_own_newest_first(acme, globex, echo, infer) -> None:
    ids = [ask(acme, echo, {"value": "a"}).json()["id"] for _ in range(3)]
    page = acme.api.get("/v1/predictions?limit=2").json()
    assert [item["id"] for item in page["data"]] == ids[:0:-1]
    assert page["has_more"] is True
    rest = acme.api.get(f"/v1/predictions?after={page['last_id']}").json()
    assert [item["id"] for item in rest["data"]] == ids[:1]
    assert globex.api.get("/v1/predictions").json()["data"] == []
    assert acme.api.get("/v1/predictions?status=failed").json()["data"] == []


def test_it_refuses_a_stranger(acme, globex, echo, infer) -> None:
    found = ask(acme, echo, {"value": "a"}).json()["id"]
    assert globex.api.get(f"/v1/predictions/{found}").status_code == 404
    assert globex.api.post_json(f"/v1/predictions/{found}/cancel", {}).status_code == 404
    assert ask(globex, echo, {"value": "a"}).status_code == 404


def test_it_is_forgotten_when_its_owner_says_so(acme, globex, echo, infer) -> None:
    path = f"/v1/predictions/{ask(acme, echo, {'value': 'red', 'kind': 'image'}).json()['id']}"
    assert globex.api.delete(path).status_code == 404
    assert acme.api.delete(path).json()["deleted"] is True
    body = acme.api.get(path).json()
    assert (body["inputs"], body["outputs"], body["cost_micro"]) == ([], [], 100)
    assert body["forgotten_at"] is not None
    assert acme.api.get(f"{path}/outputs/0").status_code == 404


def test_it_needs_a_key(anonymous, db) -> None:
    for answer in (
        anonymous.get("/v1/predictions"),
        anonymous.post_json("/v1/predictions", {"model": "x", "input": {}}),
        anonymous.get("/v1/predictions/pred-x"),
        anonymous.get("/v1/predictions/pred-x/outputs/0"),
    ):
        assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": {}}, "model"),
        ({"model": "ECHO"}, "input"),
        ({"model": "ECHO", "input": {"value": "x"}, "inputs": []}, "input"),
        ({"model": "ECHO", "inputs": []}, "inputs"),
        ({"model": "ECHO", "inputs": ["x"]}, "inputs.0"),
        ({"model": "ECHO", "input": {"value": 5}}, "value"),
        ({"model": "ECHO", "input": {"value": "x"}, "parameters": {"a": 1}}, "a"),
        ({"model": "ECHO", "input": {"value": "x"}, "seed": "seven"}, "seed"),
    ],
)
def test_bad_input_names_what_is_wrong(acme, echo, body, param) -> None:
    body = {name: echo if value == "ECHO" else value for name, value in body.items()}
    answer = acme.api.post_json("/v1/predictions", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    with acme.scope():
        assert not Prediction.objects.exists()


def test_a_body_that_is_not_json_is_refused(acme, echo) -> None:
    answer = acme.api.post("/v1/predictions", data="{", content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")
