"""A plugin speaks the reader's language on every page, where its author translated it."""

import json
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone, translation
from modelmill.catalog.models import Plugin
from modelmill.catalog.parameters import parameters_complete
from modelmill.catalog.services import manifest_publish
from modelmill.core.errors import InvalidRequest
from modelmill.metering.services import usage_record
from modelmill.training.checks import size_check
from modelmill.training.models import Job
from modelmill.training.searches.services import trial_begin
from modelmill.web.parameters import parameters_of, values_told
from modelmill.web.schema_fields import field_of
from modelmill.web.words import TASKS, actor_label, task_label

from tests.conftest import Place
from tests.making import job_make, manifest_make, search_make, version_make
from tests.showroom import Showroom
from tests.web.test_pages import check_page

SCHEMA = {
    "type": "object",
    "properties": {
        "rate": {
            "title": "Learning Rate",
            "description": "How far each step goes.",
            "type": "number",
            "minimum": 0,
            "default": 0.5,
        },
        "slow": {
            "title": "Slow",
            "description": "With care.",
            "type": "boolean",
            "default": True,
        },
        "mode": {
            "title": "Mode",
            "description": "How it is ground.",
            "enum": ["plain", "fancy"],
            "type": "string",
            "default": "plain",
        },
    },
}
USE = {
    "type": "object",
    "properties": {
        "warmth": {"title": "Warmth", "description": "How warm.", "type": "number", "maximum": 9}
    },
}
TEXTS = {
    "Toy": "玩具",
    "A toy.": "一件<b>玩具</b>。",
    "Learning Rate": "学习率",
    "How far each step goes.": "每一步的幅度。",
    "How it is ground.": "如何研磨。",
    "plain": "普通",
    "Slow": "慢速",
    "Warmth": "温度",
    "How warm.": "有多暖。",
    "Words written": "写出的字",
    "Loss of grinding": "研磨损失",
    "Drawn words": "写出的文字",
    "Limits": "局限",
    "It is **small**.": "它**很小**。",
}
# What a page of the catalogue says with and without a translation.
PAGE = {
    "学习率": "rate",
    "每一步的幅度。": "How far each step goes.",
    "plain（普通）、fancy": "plain, fancy",
    "写出的字": "Words written",
    "写出的文字": "Drawn words",
    "局限": "Limits",
    "<strong>很小</strong>": "<strong>small</strong>",
}


def publish(texts: Any) -> Plugin:
    manifest = manifest_make(
        train_schema=SCHEMA,
        predict_schema=USE,
        meters={"words": "Words written"},
        metrics={"loss": "Loss of grinding"},
        samples=[{"name": "Drawn words", "kind": "text", "text": "Once."}],
        card="# Limits\n\nIt is **small**.\n",
    )
    return manifest_publish(manifest if texts is None else {**manifest, "texts": texts}).plugin


@pytest.fixture
def toy(db: None) -> Plugin:
    """A plugin whose author knows Chinese."""
    return publish({"zh-hans": TEXTS})


def reader(place: Place, language: str) -> Client:
    client = place.browser()
    client.cookies["django_language"] = language
    return client


def read(place: Place, path: str, language: str = "zh-hans") -> str:
    response = reader(place, language).get(path)
    assert response.status_code == 200, path
    page = response.content.decode()
    check_page(page)
    return page


def test_the_plugins_page_is_chinese_for_one_and_english_for_another(
    toy: Plugin, acme: Place
) -> None:
    chinese, english = (read(acme, "/plugins/toy", one) for one in ("zh-hans", "en"))
    for said, otherwise in PAGE.items():
        assert said in chinese and said not in english, said
        assert otherwise in english, otherwise
    # The name is for the API, and stays.
    assert "learning_rate" not in chinese and ">rate</code>" in chinese


def test_what_it_says_is_text_in_any_language(toy: Plugin, acme: Place) -> None:
    for path in ("/plugins", "/plugins/toy"):
        page = read(acme, path)
        assert "一件&lt;b&gt;玩具&lt;/b&gt;。" in page
        assert "<b>玩具" not in page


def test_a_training_form_has_chinese_labels_and_english_values(toy: Plugin, acme: Place) -> None:
    version_make(acme)
    page = read(acme, "/plugins/toy/train")
    assert "训练“玩具”" in page
    assert "学习率" in page and "每一步的幅度。" in page
    assert '<option value="plain" selected>普通</option>' in page
    # Nobody translated this one.
    assert '<option value="fancy">fancy</option>' in page and "Mode" in page
    english = read(acme, "/plugins/toy/train", "en")
    assert "Learning Rate" in english and '<option value="plain" selected>plain' in english
    assert not any(said in english for said in TEXTS.values())


def test_a_chinese_form_trains_with_what_the_api_takes(toy: Plugin, acme: Place) -> None:
    version = version_make(acme)
    sent = {"dataset": version.pk, "once": "1", "p-rate": "0.25", "p-mode": "plain", "p-slow": "on"}
    response = reader(acme, "zh-hans").post("/plugins/toy/train", sent)
    assert response.status_code == 302, response.content.decode()
    with acme.scope():
        job = Job.objects.get()
        assert job.parameters == {"rate": 0.25, "slow": True, "mode": "plain"}
    page = read(acme, f"/jobs/{job.pk}")
    assert "学习率 <code" in page and ">普通</dd>" in page and ">是</dd>" in page and "玩具" in page
    english = read(acme, f"/jobs/{job.pk}", "en")
    assert ">rate</dt>" in english and ">plain</dd>" in english and ">true</dd>" in english


def test_metrics_are_called_what_their_author_calls_them(toy: Plugin, acme: Place) -> None:
    job = job_make(acme)
    with acme.scope():
        Job.objects.filter(pk=job.pk).update(metrics={"loss": 0.5, "best_step": 7})
    page = read(acme, f"/jobs/{job.pk}")
    # The second has no title: it is called by its name.
    assert "研磨损失" in page and "Best step" in page
    assert "Loss of grinding" in read(acme, f"/jobs/{job.pk}", "en")


def test_curves_are_called_as_the_metrics_are(showroom: Showroom) -> None:
    charts = reader(showroom.place, "zh-hans").get(f"/jobs/{showroom.job.pk}/training").json()
    labels = {one["label"] for chart in charts["charts"] for one in chart["series"]}
    assert "生成器损失" in labels and "Generator loss" not in labels


def test_lists_call_the_plugin_by_its_name(toy: Plugin, acme: Place) -> None:
    job = job_make(acme)
    search = search_make(acme, space={"rate": {"min": 0.1, "max": 1}})
    for path in ("/plugins", "/jobs", f"/jobs/{job.pk}/events", "/searches"):
        assert "玩具" in read(acme, path), path
        assert ">Toy<" not in read(acme, path), path
    with acme.scope():
        trial_begin(search, number=0, parameters={"rate": 0.5, "mode": "plain"})
    # By name as well as by what they were set to.
    for path in ("/searches", f"/searches/{search.pk}"):
        assert "学习率" in read(acme, path) and ">rate" not in read(acme, path), path
    page = read(acme, f"/searches/{search.pk}")
    assert "玩具" in page and ">普通</td>" in page
    assert ">plain</td>" in read(acme, f"/searches/{search.pk}", "en")
    ids = ",".join(one.pk for one in (job, job_make(acme)))
    page = read(acme, f"/jobs/compare?ids={ids}")
    assert '学习率 <code class="text-xs">rate</code>' in page and ">普通</td>" in page


def test_a_refusal_calls_the_plugin_by_its_name(toy: Plugin, acme: Place) -> None:
    version, release = version_make(acme), toy.release
    assert release is not None
    release.manifest["needs"] = {"train_rows": 100}
    with translation.override("zh-hans"):
        with pytest.raises(InvalidRequest, match="玩具"):
            size_check(version, release=release, param="training_file")
        with pytest.raises(InvalidRequest, match="玩具"):
            parameters_complete(release, {"speed": 1})


def test_the_operator_reads_its_name_in_what_was_saved(toy: Plugin, operator: Client) -> None:
    operator.cookies["django_language"] = "zh-hans"
    for path, said in (
        ("plugins/toy/switch", "玩具：已保存"),
        ("plugins/toy/audience", "玩具：已保存"),
        (f"releases/{toy.release_id}", "玩具 1.0：已保存"),
    ):
        page = operator.post(f"/cockpit/{path}", {"enabled": "1"}, follow=True).content.decode()
        assert said in page, path


def test_what_it_counts_has_one_name_for_all_who_read_of_it(
    toy: Plugin, acme: Place, operator: Client
) -> None:
    with acme.scope():
        usage_record(
            tenant_id=acme.tenant.pk,
            source="test",
            event_id="1",
            meter="words",
            plugin_id="toy",
            qty=3,
            occurred_at=timezone.now(),
        )
    for path in ("/usage", "/usage/events"):
        assert "写出的字" in read(acme, path) and "Words written" in read(acme, path, "en"), path
        # The plugin, too, is called by its title, as everywhere else.
        assert ">玩具</span>" in read(acme, path) and ">Toy</span>" in read(acme, path, "en"), path
    operator.cookies["django_language"] = "zh-hans"
    for path in ("/cockpit/prices", "/cockpit/revenue", "/cockpit/plugins/toy"):
        page = operator.get(path).content.decode()
        assert "写出的字" in page and "Words written" not in page, path
        assert "玩具" in page, path


def test_a_search_speaks_chinese(toy: Plugin, acme: Place) -> None:
    version_make(acme)
    page = read(acme, "/plugins/toy/search")
    assert "学习率" in page and "每一步的幅度。" in page and "plain（普通）" in page


def test_a_model_and_its_playground_speak_chinese(showroom: Showroom) -> None:
    path = f"/playground?model={showroom.version.pk}"
    page = read(showroom.place, path)
    assert "截断" in page and "0 画出平均的面孔" in page and "人脸" in page
    assert "Truncation" in read(showroom.place, path, "en")
    for path in ("/models", f"/models/{showroom.version.pk}"):
        assert "人脸" in read(showroom.place, path), path


@pytest.mark.parametrize("texts", [None, {}, {"de": {"Toy": "Spielzeug"}}])
def test_a_plugin_without_a_translation_is_read_in_english(texts: Any, acme: Place) -> None:
    publish(texts)
    version_make(acme)
    for path in ("/plugins", "/plugins/toy", "/plugins/toy/train"):
        assert "Toy" in read(acme, path), path
    page = read(acme, "/plugins/toy")
    for sentence in ("How far each step goes.", "Words written", "Drawn words", "Limits"):
        assert sentence in page, sentence


def test_the_api_speaks_english(toy: Plugin, acme: Place) -> None:
    for path in ("/v1/plugins", "/v1/plugins/toy"):
        response = acme.api.get(path, HTTP_ACCEPT_LANGUAGE="zh-hans")
        said = response.content.decode()
        assert "texts" not in response.json(), path
        assert not any(one in said for one in TEXTS.values()), path


def test_choices_have_english_names_where_their_author_gives_them(acme: Place) -> None:
    publish({"en": {"plain": "Between plain stones", "fancy": "Fancy"}, "zh-hans": TEXTS})
    version_make(acme)
    form, page = (read(acme, path, "en") for path in ("/plugins/toy/train", "/plugins/toy"))
    assert '<option value="plain" selected>Between plain stones</option>' in form
    assert "Learning Rate" in form
    # The second says no more than its value.
    assert "plain (Between plain stones), fancy<" in page
    job = job_make(acme)
    with acme.scope():
        Job.objects.filter(pk=job.pk).update(parameters={"mode": "plain"})
    assert "Between plain stones</dd>" in read(acme, f"/jobs/{job.pk}", "en")
    assert "普通</dd>" in read(acme, f"/jobs/{job.pk}")


def test_a_choice_that_leaves_it_to_the_plugin_says_so_on_forms() -> None:
    schema = {"properties": {"side": {"enum": [0, 32], "type": "integer", "x-auto": 0}}}
    (side,) = parameters_of(schema)
    assert list(field_of(side).choices) == [("", "–"), ("0", "chosen for you"), ("32", "32")]


def test_a_value_left_to_the_plugin_is_told_as_chosen(acme) -> None:
    schema = {
        "properties": {
            "rate": {"type": "number", "default": 0.0, "x-auto": 0},
            "base": {"type": "string", "default": ""},
            "names": {"type": "array", "items": {"type": "string"}, "default": []},
            "count": {"type": "integer", "default": 0},
            "least": {"type": ["number", "null"], "default": None},
        }
    }
    values = {"rate": 0.0, "base": "", "names": [], "count": 0, "least": None}
    told = {one.name: one.label for one in values_told(values, schema=schema, texts={})}
    assert told == {"rate": "chosen for you", "base": "–", "names": "–", "count": "", "least": "–"}
    rate, base, names, count, _least = parameters_of(schema)
    assert [one.default_text for one in (rate, base, names, count)] == [
        "chosen for you",
        "",
        "",
        "0",
    ]
    assert names.type_label == "a list"


def test_what_a_plugin_is_for_says_more_than_its_title() -> None:
    titles: set[str] = set()
    for path in settings.BASE_DIR.glob("plugins/*/src/*/zh_Hans.json"):
        titles |= set(json.loads(path.read_text("utf-8")).values())
    assert "图片分类" in titles
    with translation.override("zh-hans"):
        assert titles & {task_label(task) for task in TASKS} == set()


@pytest.mark.parametrize(
    ("actor", "told"),
    [
        ("API key shop (app) (key-01abc)", "API 密钥 shop (app)（key-01abc）"),
        ("operator root@mill.example", "运营方 root@mill.example"),
        ("system", "平台"),
        ("ann@acme.example", "ann@acme.example"),
    ],
)
def test_who_did_something_is_told_in_the_readers_language(actor, told) -> None:
    with translation.override("zh-hans"):
        assert actor_label(actor) == told
