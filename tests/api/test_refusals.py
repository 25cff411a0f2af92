"""What a body's wrong field is refused with: a code, the field's name, and what to give instead."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from modelmill import api
from modelmill.api.framework.refusals import refusal_of
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.utils.serializer_helpers import ReturnDict

JOBS = "/v1/fine_tuning/jobs"
JOB = {"model": "toy", "training_file": "file-1"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "body", "code", "message"),
    [
        (
            JOBS,
            {"training_file": "file-1"},
            "missing_required_parameter",
            "model is missing: give text of 1 to 64 characters.",
        ),
        (
            JOBS,
            {**JOB, "model": None},
            "invalid_type",
            "model may not be null: give text of 1 to 64 characters.",
        ),
        (
            JOBS,
            {**JOB, "model": ""},
            "string_below_min_length",
            "model must be text of 1 to 64 characters.",
        ),
        (
            JOBS,
            {**JOB, "suffix": "s" * 65},
            "string_above_max_length",
            "suffix must be text of 1 to 64 characters.",
        ),
        (
            JOBS,
            {**JOB, "seed": "seven"},
            "invalid_type",
            "seed must be a whole number from 0 to 2147483647.",
        ),
        (
            JOBS,
            {**JOB, "seed": -1},
            "integer_below_min_value",
            "seed must be a whole number from 0 to 2147483647.",
        ),
        (
            JOBS,
            {**JOB, "seed": "9" * 2000},
            "integer_above_max_value",
            "seed must be a whole number from 0 to 2147483647.",
        ),
        (
            JOBS,
            {**JOB, "priority": "urgent"},
            "invalid_value",
            "priority must be one of: low, normal, high.",
        ),
        (JOBS, {**JOB, "metadata": []}, "invalid_type", "metadata must be an object."),
        (JOBS, [JOB], "invalid_type", "The body must be an object."),
        (
            "/v1/images/generations",
            {"model": "m", "prompt": "", "size": "large"},
            "invalid_value",
            "size must be auto, or a size such as 256x256.",
        ),
        (
            "/v1/chat/completions",
            {"model": "m", "messages": []},
            "empty_array",
            "messages must be a list that is not empty.",
        ),
        (
            "/v1/chat/completions",
            {"model": "m", "messages": [{"role": "user", "content": "Hi"}, {"role": "cat"}]},
            "invalid_value",
            "messages.1.role must be one of: system, developer, user, assistant.",
        ),
        (
            "/v1/completions",
            {"model": "m", "temperature": "warm"},
            "invalid_type",
            "temperature must be a number.",
        ),
        (
            "/v1/completions",
            {"model": "m", "stream": "perhaps"},
            "invalid_type",
            "stream must be true or false.",
        ),
    ],
)
def test_a_wrong_field_is_named_and_told_what_to_give(acme, path, body, code, message) -> None:
    answer = acme.api.post_json(path, body)
    param = message.split(" ")[0] if not message.startswith("The body") else None
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "message": message,
        "type": "invalid_request_error",
        "param": param,
        "code": code,
    }


@pytest.mark.django_db
def test_a_querys_parameter_is_named_too(acme) -> None:
    error = acme.api.get("/v1/organization/costs", {"start_time": 0, "page": "two"}).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_value", "page")
    assert error["message"] == "page must be the next_page of an answer."


@pytest.mark.django_db
def test_a_form_without_its_file_is_told_how_to_send_one(acme) -> None:
    error = acme.api.post("/v1/files", {"purpose": "fine-tune"}).json()["error"]
    assert (error["code"], error["param"]) == ("missing_required_parameter", "file")
    assert error["message"] == (
        "file is missing: give a file with its name, as a part of multipart/form-data."
    )


@pytest.mark.django_db
def test_the_sentence_is_the_same_in_every_language(acme) -> None:
    answer = acme.api.post_json(JOBS, {}, **{"accept-language": "zh-CN"})
    assert answer.json()["error"]["message"].startswith("model is missing: give ")


def test_a_views_own_sentence_stays() -> None:
    class Body(serializers.Serializer):
        tea = serializers.CharField()

        def validate_tea(self, value: str) -> str:
            raise serializers.ValidationError("There is no tea today; ask for coffee.")

    with pytest.raises(ValidationError) as raised:
        Body(data={"tea": "green"}).is_valid(raise_exception=True)
    refusal = refusal_of(raised.value)
    assert (refusal.message, refusal.code, refusal.param) == (
        "There is no tea today; ask for coffee.",
        "invalid_value",
        "tea",
    )


def test_no_sentence_of_the_frameworks_own_is_left() -> None:
    """Whatever a field of ours can be refused with, its sentence is ours."""
    leaking, looked_at = [], 0
    for body in _bodies():
        serializer = body(data={})
        for name, field in serializer.fields.items():
            for code, stock in field.error_messages.items():
                error = ValidationError(code=code)
                detail = {name: [ErrorDetail(str(stock), code=code)]}
                error.detail = ReturnDict(detail, serializer=serializer)
                refusal = refusal_of(error)
                looked_at += 1
                if not refusal.message.startswith(name) or refusal.param != name:
                    leaking.append((body.__qualname__, name, refusal.message))
    assert leaking == []
    assert looked_at > 0, "no field was found to look at"


def _bodies(kind: type = serializers.Serializer) -> Iterator[type[serializers.Serializer]]:
    for module in pkgutil.walk_packages(api.__path__, f"{api.__name__}."):
        importlib.import_module(module.name)
    for one in kind.__subclasses__():
        if one.__module__.startswith(api.__name__):
            yield one
        yield from _bodies(one)
