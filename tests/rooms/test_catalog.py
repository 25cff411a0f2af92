"""What can be made: manifests become releases, and parameters are completed or refused."""

import pytest
from modelmill.billing.subscriptions import plan_list, subscription_for
from modelmill.catalog.models import Plugin, Quarantined, Release
from modelmill.catalog.parameters import parameters_complete
from modelmill.catalog.selectors import (
    access_plugin,
    plugin_list,
    plugin_predict_check,
    release_for,
)
from modelmill.catalog.services import (
    catalog_sync,
    manifest_publish,
    offer_set,
    plan_offer_set,
    plugin_enable,
    plugin_keep_predicting,
)
from modelmill.core.errors import InvalidRequest, NotFound

from tests.making import manifest_make

BROKEN = {"entry_point": "toy", "distribution": "toys", "traceback": "ImportError: no torch"}


@pytest.mark.django_db
def test_a_manifest_is_published_once() -> None:
    first = manifest_publish(manifest_make())
    assert manifest_publish(manifest_make()).id == first.id
    assert Release.objects.count() == 1


@pytest.mark.django_db
def test_a_new_version_becomes_the_current_release_and_keeps_the_old_one() -> None:
    manifest_publish(manifest_make(version="1"))
    newer = manifest_publish(manifest_make(version="2"))
    assert Plugin.objects.get().release_id == newer.id
    assert Release.objects.count() == 2


def test_a_plugin_that_is_gone_is_not_offered_but_keeps_its_release(acme) -> None:
    catalog_sync([manifest_make()])
    catalog_sync([])
    with acme.scope(), pytest.raises(NotFound):
        release_for("toy")
    assert Release.objects.count() == 1


def test_a_plugin_that_broke_is_in_quarantine_until_it_works_again(acme) -> None:
    catalog_sync([manifest_make()])
    catalog_sync([manifest_make("other")], broken=[BROKEN])
    with acme.scope():
        assert [plugin.id for plugin in plugin_list()] == ["other"]
    assert Quarantined.objects.get().traceback == "ImportError: no torch"
    catalog_sync([manifest_make(), manifest_make("other")])
    assert not Quarantined.objects.exists()


def test_one_class_that_broke_does_not_take_its_sister_away(acme) -> None:
    catalog_sync([manifest_make(), manifest_make("sister", entry_point="toy")])
    catalog_sync([manifest_make("sister", entry_point="toy")], broken=[BROKEN])
    with acme.scope():
        assert [plugin.id for plugin in plugin_list()] == ["sister"]
    assert Quarantined.objects.count() == 1


def test_the_operator_turns_a_plugin_off_for_all_and_on_for_one(acme, globex) -> None:
    plugin = manifest_publish(manifest_make()).plugin
    plugin_enable(plugin, is_enabled=False)
    with acme.scope():
        offer_set(plugin, is_enabled=True)
        assert access_plugin("toy").id == "toy"
    with globex.scope(), pytest.raises(NotFound) as refused:
        access_plugin("toy")
    assert refused.value.code == "plugin_not_available"
    with acme.scope():
        offer_set(plugin, is_enabled=None)
        assert not plugin_list()


def test_a_plan_decides_for_its_tenants_and_a_tenants_own_decision_comes_first(
    acme, globex
) -> None:
    plugin = manifest_publish(manifest_make()).plugin
    with acme.scope():
        # A tenant that has no contract yet is on the plan that it would get.
        (plan,) = plan_list()
        plan_offer_set(plugin, plan_code=plan.code, is_enabled=False)
        assert not plugin_list()
        subscription_for(acme.tenant.id)
        assert not plugin_list()
        offer_set(plugin, is_enabled=True)
        assert [one.id for one in plugin_list()] == ["toy"]
    with globex.scope():
        assert not plugin_list()
        plan_offer_set(plugin, plan_code=plan.code, is_enabled=None)
        assert [one.id for one in plugin_list()] == ["toy"]


def test_another_plans_decision_is_not_ours(acme) -> None:
    plugin = manifest_publish(manifest_make()).plugin
    plan_offer_set(plugin, plan_code="gold", is_enabled=False)
    with acme.scope():
        assert [one.id for one in plugin_list()] == ["toy"]


def test_models_of_a_plugin_that_is_off_predict_until_the_operator_says_no(acme) -> None:
    plugin = plugin_enable(manifest_publish(manifest_make()).plugin, is_enabled=False)
    with acme.scope():
        plugin_predict_check(plugin)
        plugin_keep_predicting(plugin, keeps_predicting=False)
        with pytest.raises(NotFound) as refused:
            plugin_predict_check(plugin)
    assert refused.value.code == "plugin_not_available"


def _complete(values: dict, **fields) -> dict:
    release = Release(plugin_id="toy", manifest=manifest_make(**fields))
    return parameters_complete(release, values)


def test_defaults_are_filled_in() -> None:
    assert _complete({}) == {"steps": 20, "rate": 0.5, "mode": "plain", "note": None, "slow": False}


def test_numbers_may_come_as_text() -> None:
    complete = _complete({"steps": "7", "rate": "0.25", "slow": "true"})
    assert (complete["steps"], complete["rate"], complete["slow"]) == (7, 0.25, True)


def test_auto_means_the_default() -> None:
    assert _complete({"steps": "auto"})["steps"] == 20


@pytest.mark.parametrize(
    ("values", "param", "words"),
    [
        ({"stepps": 3}, "stepps", "has no parameter stepps"),
        ({"steps": 0}, "steps", "at least 1"),
        ({"steps": 10_001}, "steps", "at most 10000"),
        ({"steps": "many"}, "steps", "integer"),
        ({"mode": "odd"}, "mode", "one of plain, fancy"),
        ({"rate": None}, "rate", "number"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values, param, words) -> None:
    with pytest.raises(InvalidRequest) as refused:
        _complete(values)
    assert refused.value.param == param
    assert words in refused.value.message
