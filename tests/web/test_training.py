"""Plugins, the form that trains one, and the job's page."""

from typing import Any

from django.utils import timezone
from modelmill.billing.selectors import wallet_balance
from modelmill.billing.services import reservation_open
from modelmill.tenants.models import Member
from modelmill.tenants.permissions import Role
from modelmill.training.models import Attempt, Job

from tests.conftest import Place
from tests.making import checkpoint_make, version_make
from tests.showroom import Showroom

TRAIN = "/plugins/gan-faces/train"


def form_of(showroom: Showroom, **values: str) -> dict[str, str]:
    return {
        "dataset": showroom.faces.pk,
        "once": "3d8f",
        "p-resolution": "32",
        "p-steps": "40",
        "p-channels": "auto",
        "p-size": "auto",
        "p-precision": "auto",
        **values,
    }


def test_plugins_that_take_the_data_come_first(showroom: Showroom) -> None:
    page = showroom.place.browser().get(f"/plugins?data={showroom.prose.pk}").content.decode()

    assert page.index(">Text</a>") < page.index(">Faces</a>")
    assert f"/plugins/text-generation/train?data={showroom.prose.pk}" in page
    assert "/plugins/gan-faces/train" not in page


def test_the_form_offers_only_data_of_an_accepted_kind(showroom: Showroom) -> None:
    page = showroom.place.browser().get(f"{TRAIN}?data={showroom.faces.pk}").content.decode()

    assert f'value="{showroom.faces.pk}" selected' in page
    assert showroom.prose.pk not in page
    assert 'max="256"' in page and "per hour" in page


def test_customers_are_told_what_several_devices_cost_where_they_may_have_them(
    showroom: Showroom, settings: Any
) -> None:
    browser, release = showroom.place.browser(), showroom.job.release
    told = "up to 4 devices at once"
    release.manifest["needs"] = {**release.manifest.get("needs", {}), "devices": 8}
    with showroom.place.scope():
        release.save(update_fields=["manifest"])
    for path in (TRAIN, "/plugins/gan-faces"):
        settings.DEVICES_PER_JOB = 1
        assert "devices at once" not in browser.get(path).content.decode()
        settings.DEVICES_PER_JOB = 4
        page = browser.get(path).content.decode()
        assert told in page and "4 devices cost 4 times as much" in page


def test_the_form_begins_with_the_newest_data_that_will_do(showroom: Showroom) -> None:
    place = showroom.place
    with place.scope():
        few = version_make(place, kind="images")
        release = showroom.job.release
        release.manifest["needs"] = {**release.manifest.get("needs", {}), "train_rows": 20}
        release.save(update_fields=["manifest"])
    page = place.browser().get(TRAIN).content.decode()

    assert f'value="{few.pk}"' in page and f'value="{few.pk}" selected' not in page
    assert f'value="{showroom.faces.pk}" selected' in page


def test_a_viewer_of_a_job_is_offered_only_what_they_may(showroom: Showroom) -> None:
    place = showroom.place
    path = f"/jobs/{showroom.done.pk}"
    assert "/playground?model=" in place.browser().get(path).content.decode()
    with place.scope():
        Member.objects.filter(user=place.mate).update(role=Role.VIEWER)
    assert "/playground?model=" not in place.browser(place.mate).get(path).content.decode()


def test_it_trains_and_a_second_click_makes_no_second_job(showroom: Showroom) -> None:
    client = showroom.place.browser()
    first = client.post(TRAIN, form_of(showroom, suffix="small", seed="5"))
    again = client.post(TRAIN, form_of(showroom, suffix="small", seed="5"))

    assert first.status_code == 302 and first["Location"] == again["Location"]
    with showroom.place.scope():
        job = Job.objects.get(pk=first["Location"].rpartition("/")[2])
    assert job.parameters["resolution"] == 32 and job.parameters["steps"] == 40
    assert (job.suffix, job.seed, job.parameters["mirror"]) == ("small", 5, False)


def test_a_value_out_of_bounds_is_refused_at_its_field(showroom: Showroom) -> None:
    values = form_of(showroom, **{"p-steps": "-3", "p-batch_size": "7"})
    response = showroom.place.browser().post(TRAIN, values)

    page = response.content.decode()
    assert response.status_code == 400
    assert 'id="id_p-steps_error"' in page
    assert '<details class="mt-6 border-t border-base-300 pt-5" open>' in page


def test_another_tenants_data_is_no_choice(showroom: Showroom, globex: Place) -> None:
    response = globex.browser().post(TRAIN, form_of(showroom))

    assert response.status_code == 400
    assert "No data it can learn from yet" in response.content.decode()


def test_who_may_not_train_sees_no_form(showroom: Showroom) -> None:
    from modelmill.tenants.models import Member

    with showroom.place.scope():
        Member.objects.filter(user=showroom.place.mate).update(role="viewer")
    client = showroom.place.browser(showroom.place.mate)

    assert client.get(TRAIN).status_code == 403
    assert TRAIN not in client.get("/plugins").content.decode()
    assert client.post(f"/jobs/{showroom.job.pk}/cancel").status_code == 403


def test_a_job_shows_how_it_goes(showroom: Showroom) -> None:
    page = showroom.place.browser().get(f"/jobs/{showroom.job.pk}").content.decode()

    for said in ("1,720 / 4,000", "Time left", "0.02 USD", "Training began on cpu.", "Pause"):
        assert said in page
    assert f'data-training="/jobs/{showroom.job.pk}/training"' in page


def test_curves_and_samples_are_few_enough_to_draw(showroom: Showroom) -> None:
    client = showroom.place.browser()
    body = client.get(f"/jobs/{showroom.job.pk}/training").json()

    loss = body["charts"][0]
    assert loss["title"] == "Loss" and len(loss["series"]) == 2
    assert len(loss["x"]) <= 500 and loss["x"][-1] == 1720
    assert [sample["step"] for sample in body["samples"]] == [400, 800, 1200, 1600]
    assert client.get(body["samples"][0]["url"])["Content-Type"] == "image/png"
    assert body["is_over"] is False


def test_the_live_part_loads_the_page_anew_when_the_state_changes(showroom: Showroom) -> None:
    client = showroom.place.browser()
    path = f"/jobs/{showroom.job.pk}/live"

    assert "HX-Refresh" not in client.get(f"{path}?state=running")
    assert client.get(f"{path}?state=queued")["HX-Refresh"] == "true"
    over = client.get(f"/jobs/{showroom.done.pk}/live?state=succeeded").content.decode()
    assert "hx-trigger" not in over


def test_a_job_is_finished_paused_and_cancelled_from_its_page(showroom: Showroom) -> None:
    client = showroom.place.browser()
    path = f"/jobs/{showroom.job.pk}"

    assert "Finishing" in client.post(f"{path}/finish", follow=True).content.decode()
    assert "Pausing" in client.post(f"{path}/pause", follow=True).content.decode()
    assert "Cancelling" in client.post(f"{path}/cancel", follow=True).content.decode()
    refused = client.post(f"/jobs/{showroom.done.pk}/cancel", follow=True).content.decode()
    assert 'data-level="error"' in refused


def test_a_checkpoint_is_made_a_model_and_deleted_from_its_jobs_page(showroom: Showroom) -> None:
    client, job = showroom.place.browser(), showroom.done
    with showroom.place.scope():
        checkpoint = checkpoint_make(job, step=400, metrics={"loss": 0.25})
    path = f"/jobs/{job.pk}/checkpoints/{checkpoint.pk}"
    assert f'action="{path}/model"' in client.get(f"/jobs/{job.pk}").content.decode()
    made = client.post(f"{path}/model")
    page = client.get(made["Location"]).content.decode()
    assert "from the checkpoint of step 400" in page
    assert "Being made" in client.get(f"/jobs/{job.pk}").content.decode()
    deleted = client.post(f"{path}/delete", follow=True).content.decode()
    assert "The checkpoint is deleted." in deleted and path not in deleted
    assert client.get(f"{path}/delete").status_code == 405


def test_a_job_that_waits_with_its_quote_says_so_and_goes_on_when_told(
    showroom: Showroom, settings: Any
) -> None:
    client, job = showroom.place.browser(), showroom.job
    told = {"quote_first": True, "quote_micro": 130_000, "quote_ms": 760_000, "quote_step": 20}
    with showroom.place.scope():
        Job.objects.filter(pk=job.pk).update(
            state="paused", lease_until=None, desired_state="run", **told
        )
    page = client.get(f"/jobs/{job.pk}").content.decode()
    assert "It is expected to cost about 0.13 USD and to train for about 12 min 40 s" in page
    assert "Go on" in page and "Nothing is charged." in page
    assert "at most: it will be finished then" not in page
    settings.TRAIN_MAX_S = 600
    page = client.get(f"/jobs/{job.pk}").content.decode()
    assert "A training may take 10 min 0 s at most: it will be finished then" in page
    client.post(f"/jobs/{job.pk}/resume")
    page = client.get(f"/jobs/{job.pk}").content.decode()
    assert "Go on" not in page and "Nothing is charged." not in page


def test_a_job_that_lacks_money_says_so_and_is_resumed_only_with_some(showroom: Showroom) -> None:
    client, job = showroom.place.browser(), showroom.job
    with showroom.place.scope():
        Job.objects.filter(pk=job.pk).update(
            state="paused", lease_until=None, desired_state="run", error_code="quota_exceeded"
        )
        wallet_micro = wallet_balance(showroom.place.tenant.id)
        reservation_open(tenant_id=showroom.place.tenant.id, key="all", amount_micro=wallet_micro)
    page = client.get(f"/jobs/{job.pk}").content.decode()
    assert "The balance is used up. Top it up, then resume the job." in page
    for act in ("resume", "finish"):
        refused = client.post(f"/jobs/{job.pk}/{act}", follow=True).content.decode()
        assert 'data-level="error"' in refused and "Add money to your balance first" in refused
        assert "Top it up, then resume the job." in refused


def test_a_job_that_was_resumed_is_at_its_first_attempt_still(showroom: Showroom) -> None:
    job, client = showroom.job, showroom.place.browser()
    assert "resumed</span>" not in client.get(f"/jobs/{job.pk}").content.decode()
    with showroom.place.scope():
        first = Attempt.objects.get(job=job)
        Attempt.objects.filter(pk=first.pk).update(outcome="paused", ended_at=timezone.now())
        Job.objects.filter(pk=job.pk).update(fence=2)
        Attempt.objects.create(
            tenant=job.tenant,
            job=job,
            fence=2,
            number=1,
            worker="w1",
            device="cpu",
            started_at=timezone.now(),
        )
    page = client.get(f"/jobs/{job.pk}").content.decode()
    # Once beside the progress, once among the attempts.
    assert page.count('1 <span class="muted') == page.count("resumed</span>") == 2


def test_a_failed_job_says_what_to_do(showroom: Showroom) -> None:
    with showroom.place.scope():
        failed = Job.objects.get(state="failed")
    page = showroom.place.browser().get(f"/jobs/{failed.pk}").content.decode()

    assert "more memory than there is" in page
    assert "Choose a smaller batch" in page


def test_a_stranger_finds_no_job(showroom: Showroom, globex: Place) -> None:
    client = globex.browser()
    for part in ("", "/live", "/training", "/events"):
        assert client.get(f"/jobs/{showroom.job.pk}{part}").status_code == 404
    assert client.post(f"/jobs/{showroom.job.pk}/cancel").status_code == 404
    sample = showroom.place.browser().get(f"/jobs/{showroom.job.pk}/training").json()["samples"][0]
    assert client.get(sample["url"]).status_code == 404


def test_a_job_is_trained_again_with_what_it_was_trained_with(
    showroom: Showroom, globex: Place
) -> None:
    job, browser = showroom.done, showroom.place.browser()
    with showroom.place.scope():
        Job.objects.filter(pk=job.pk).update(seed=4711, priority=1, max_cost_micro=2_500_000)
    again = f"/plugins/{job.plugin_id}/train?again={job.pk}"
    assert again in browser.get(f"/jobs/{job.pk}").text.replace("&amp;", "&")
    form = browser.get(again)
    assert form.context["form"]["seed"].value() == 4711
    assert form.context["form"]["priority"].value() == 1
    assert form.context["form"]["max_cost"].value() == 2.5
    for name, value in job.parameters.items():
        assert form.context["parameters"].initial[name] == value
    assert globex.browser().get(again).status_code == 404


def test_what_is_trained_again_is_measured_by_the_same_data(showroom: Showroom) -> None:
    place, job = showroom.place, showroom.done
    with place.scope():
        other = version_make(place, kind="images")
        Job.objects.filter(pk=job.pk).update(
            validation_version_id=other.pk, metadata={"season": "autumn"}
        )
    again = f"/plugins/{job.plugin_id}/train?again={job.pk}"
    form = place.browser().get(again).context["form"]
    assert form["validation"].value() == other.pk

    values = form_of(showroom, dataset=job.training_version_id, validation=other.pk)
    answer = place.browser().post(again, values)
    assert answer.status_code == 302
    with place.scope():
        made = Job.objects.get(pk=answer["Location"].rpartition("/")[2])
    assert (made.validation_version_id, made.metadata) == (other.pk, {"season": "autumn"})


def test_no_other_data_slips_in_where_a_jobs_own_is_gone(showroom: Showroom) -> None:
    place, job = showroom.place, showroom.done
    with place.scope():
        Job.objects.filter(pk=job.pk).update(training_version_id="dsv-gone")
    again = f"/plugins/{job.plugin_id}/train?again={job.pk}"
    page = place.browser().get(again)
    assert "is gone, or this plugin" in page.text
    assert ("", "Choose data") in page.context["form"].fields["dataset"].choices
    assert f'value="{showroom.faces.pk}" selected' not in page.text
    refused = place.browser().post(again, form_of(showroom, dataset=""))
    assert refused.status_code == 400 and "Choose the data to learn from" in refused.text


def test_an_attempt_says_what_it_had_of_memory(showroom: Showroom) -> None:
    with showroom.place.scope():
        Attempt.objects.filter(job=showroom.done).update(
            peak_memory_mib=1234, peak_gpu_memory_mib=5678
        )
    page = showroom.place.browser().get(f"/jobs/{showroom.done.pk}").content.decode()
    assert "RAM 1,234 MiB · GPU 5,678 MiB" in page
