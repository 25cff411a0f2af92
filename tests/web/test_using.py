"""Models, the playground, usage and invoices."""

from modelmill.billing.selectors import invoice_lines

from tests.conftest import Place
from tests.showroom import Showroom


def test_a_model_shows_what_it_was_made_of(showroom: Showroom) -> None:
    version = showroom.version
    page = showroom.place.browser().get(f"/models/{version.pk}").content.decode()

    for said in (version.name, version.sha256, "model.safetensors", "portraits@prod"):
        assert said in page
    assert f"/jobs/{version.job_id}" in page
    assert f"/data/{showroom.faces.dataset_id}/{showroom.faces.pk}" in page
    assert "client.images.generate" in page and "/v1/images/generations" in page


def test_a_metric_may_have_any_name(showroom: Showroom) -> None:
    version = showroom.version
    with showroom.place.scope():
        type(version).objects.filter(pk=version.pk).update(metrics={"items": 7, "keys": 8})
    page = showroom.place.browser().get(f"/models/{version.pk}").content.decode()

    assert "Items" in page and "Keys" in page


def test_a_models_files_are_links(showroom: Showroom) -> None:
    client = showroom.place.browser()
    path = f"/models/{showroom.version.pk}"
    page = client.get(path).content.decode()

    assert f'href="{path}/files/model.safetensors"' in page and f'href="{path}/content"' in page
    assert b"".join(client.get(f"{path}/files/config.json").streaming_content) == b"{}"


def test_an_alias_moves_and_goes(showroom: Showroom) -> None:
    client = showroom.place.browser()
    path = f"/models/{showroom.writer.pk}"

    client.post(f"{path}/alias", {"alias": "live"})
    assert "evenings@live" in client.get(path).content.decode()
    client.post(f"{path}/alias/remove", {"alias": "live"})
    assert "evenings@live" not in client.get(path).content.decode()


def test_an_alias_that_is_none_is_refused_at_its_field(showroom: Showroom) -> None:
    response = showroom.place.browser().post(
        f"/models/{showroom.writer.pk}/alias", {"alias": "Not so!"}
    )

    assert response.status_code == 400
    assert 'id="id_alias_error"' in response.content.decode()


def test_a_model_is_deleted(showroom: Showroom) -> None:
    client = showroom.place.browser(showroom.place.mate)
    client.post(f"/models/{showroom.writer.pk}/delete")

    assert client.get(f"/models/{showroom.writer.pk}").status_code == 404
    assert showroom.writer.name not in client.get("/models").content.decode()


def test_a_stranger_changes_no_model(showroom: Showroom, globex: Place) -> None:
    client = globex.browser()
    path = f"/models/{showroom.version.pk}"

    assert client.post(f"{path}/delete").status_code == 404
    assert client.post(f"{path}/alias", {"alias": "mine"}).status_code == 404
    assert client.get(f"/playground/{showroom.version.pk}/history").status_code == 404
    assert showroom.place.browser().get(path).status_code == 200


def test_the_playground_has_the_models_own_form(showroom: Showroom) -> None:
    client = showroom.place.browser()
    faces = client.get(f"/playground?model={showroom.version.pk}").content.decode()
    text = client.get(f"/playground?model={showroom.writer.pk}").content.decode()

    assert 'name="p-truncation"' in faces and "How many pictures" in faces
    assert "0.0081 USD" in faces and f"/v1/predictions/{showroom.prediction.pk}/outputs/0" in faces
    assert 'name="i-prompt"' in text and 'data-streaming="1"' in text


def test_usage_sums_to_the_bill_and_opens_to_events(showroom: Showroom) -> None:
    client = showroom.place.browser()
    page = client.get("/usage").content.decode()
    assert "data-chart=" in page and "CPU time" in page and "portraits" in page

    events = client.get("/usage/events?meter=images").content.decode()

    assert "showroom" not in events
    assert events.count("<tr>") > 1 and "Tokens written" not in events.split("<tbody>")[1]


def test_a_month_without_use_is_empty(showroom: Showroom) -> None:
    client = showroom.place.browser()

    assert "Nothing was used in this month" in client.get("/usage?month=2020-01").content.decode()
    assert client.get("/usage?month=nonsense").status_code == 200
    assert client.get("/usage?month=9999-12").status_code == 200


def test_an_invoice_opens_down_to_its_events(showroom: Showroom) -> None:
    client = showroom.place.browser()
    with showroom.place.scope():
        lines = list(invoice_lines(showroom.invoice))
    page = client.get(f"/invoices/{showroom.invoice.pk}").content.decode()
    assert showroom.invoice.full_number in page
    assert all(f"/lines/{line.pk}" in page for line in lines)

    events = client.get(f"/invoices/{showroom.invoice.pk}/lines/{lines[0].pk}").content.decode()

    assert events.count("<tr>") == min(lines[0].event_count, 50) + 1


def test_the_pdf_is_downloaded_or_ordered(showroom: Showroom) -> None:
    client = showroom.place.browser()
    path = f"/invoices/{showroom.invoice.pk}/pdf"
    made = client.get(path)
    assert made.getvalue().startswith(b"%PDF")
    assert f'filename="{showroom.invoice.full_number}.pdf"' in made["Content-Disposition"]
    client.cookies["django_language"] = "zh-hans"

    ordered = client.get(path, follow=True)

    assert "正在生成 PDF" in ordered.content.decode()


def test_money_is_for_those_who_may_see_it(showroom: Showroom, globex: Place) -> None:
    mate = showroom.place.browser(showroom.place.mate)

    assert mate.get("/usage").status_code == 403
    assert mate.get(f"/invoices/{showroom.invoice.pk}").status_code == 403
    assert globex.browser().get(f"/invoices/{showroom.invoice.pk}/pdf").status_code == 404


def test_a_list_of_texts_is_one_to_a_line() -> None:
    from modelmill.web.schema_fields import ParametersForm, values_of

    schema = {"properties": {"stop": {"type": "array", "items": {"type": "string"}, "default": []}}}
    assert ">[" not in str(ParametersForm(schema=schema)["stop"])
    form = ParametersForm({"stop": "END\n\n###"}, schema=schema)

    assert form.is_valid() and values_of(form.cleaned_data) == {"stop": ["END", "###"]}
    empty = ParametersForm({"stop": ""}, schema=schema)
    assert empty.is_valid() and values_of(empty.cleaned_data) == {}


def test_the_playground_begins_with_a_row_as_the_model_learnt_it(showroom: Showroom) -> None:
    version, place = showroom.version, showroom.place
    with place.scope():
        row = {"type": "object", "title": "Row"}
        schema = {"type": "object", "properties": {"row": row}, "required": ["row"]}
        release = version.release
        release.manifest |= {"task": "table-prediction", "input_schema": schema}
        release.save(update_fields=["manifest"])
        data = type(showroom.faces).objects.filter(pk=version.dataset_version_id)
        # Without a target the last column is completed; PostgreSQL would have it first.
        columns = [{"name": "weight"}, {"name": "ill"}]
        row = {"weight": 1.5, "ill": "no"}
        assert data.update(preview=[row], statistics={"columns": columns}) == 1
    page = place.browser().get(f"/playground?model={version.pk}").content.decode()

    assert "{&quot;weight&quot;: 1.5}</textarea>" in page
