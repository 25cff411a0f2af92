"""What is installed for a parameter decides what a training may ask for, before there is a job."""

from typing import Any

import pytest
from modelmill.catalog.services import manifest_publish
from modelmill.core.errors import InvalidRequest
from modelmill.training.models import Job
from modelmill.training.services import job_submit
from modelmill.web.schema_fields import ParametersForm
from modelmill_sdk.bases import base_needed

from tests.making import manifest_make, version_make

SCHEMA = {
    "type": "object",
    "properties": {
        "method": {"enum": ["scratch", "lora"], "type": "string", "default": "scratch"},
        "base": {"type": "string", "default": ""},
    },
    **base_needed("method", ["lora"]),
}


def _manifest(*bases: str) -> dict[str, Any]:
    return manifest_make(train_schema=SCHEMA, offered={"base": list(bases)})


@pytest.mark.parametrize(
    ("bases", "parameters", "param", "words"),
    [
        ([], {"method": "lora"}, "method", "needs base, and none is installed"),
        (["gpt2"], {"method": "lora"}, "base", "base is required with method lora"),
        (["gpt2"], {"method": "lora", "base": "gtp2"}, "base", "Installed: gpt2."),
        ([], {"base": "gpt2"}, "base", "none is installed"),
    ],
)
def test_a_base_that_is_missing_is_refused_at_its_parameter(
    acme, bases, parameters, param, words
) -> None:
    manifest_publish(_manifest(*bases))
    version = version_make(acme)
    with acme.scope(), pytest.raises(InvalidRequest, match=words) as refused:
        job_submit(
            caller=acme.caller, plugin_id="toy", training_ref=version.id, parameters=parameters
        )
    assert refused.value.param == param
    with acme.scope():
        assert not Job.objects.exists()


def test_what_is_installed_can_be_trained(acme) -> None:
    manifest_publish(_manifest("gpt2"))
    asked = {"method": "lora", "base": "gpt2"}
    version = version_make(acme)
    with acme.scope():
        job = job_submit(
            caller=acme.caller, plugin_id="toy", training_ref=version.id, parameters=asked
        )
    assert job.parameters == asked


def test_a_release_of_an_older_sdk_takes_any_name(acme) -> None:
    manifest_publish(manifest_make(train_schema=SCHEMA))
    version = version_make(acme)
    asked = {"method": "lora", "base": "any"}
    with acme.scope():
        assert job_submit(
            caller=acme.caller, plugin_id="toy", training_ref=version.id, parameters=asked
        )


def test_the_form_offers_what_is_installed_and_says_when_nothing_is() -> None:
    form = ParametersForm(manifest=_manifest("gpt2"))
    assert form.fields["base"].choices == [("", "–"), ("gpt2", "gpt2")]
    form = ParametersForm(manifest=_manifest())
    assert form.fields["base"].choices == [("", "–")]
    assert "None is installed here" in form.fields["base"].help_text
    assert form.fields["method"].choices == [("scratch", "scratch")]
    assert "lora" in form.fields["method"].help_text


@pytest.mark.parametrize("rule", [True, {"if": True}, {"if": {"properties": {"method": True}}}])
def test_a_schema_with_other_rules_is_read(rule) -> None:
    schema = {**SCHEMA, "allOf": [rule]}
    manifest = manifest_make(train_schema=schema, offered={"base": []})
    assert len(ParametersForm(manifest=manifest).fields["method"].choices) == 2
