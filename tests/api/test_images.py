"""POST /v1/images/generations, with OpenAI's client and a real worker."""

import base64
import io
import urllib.error
import urllib.request

import openai
import pytest
from modelmill.inference.models import Prediction
from modelmill.metering.models import UsageEvent
from PIL import Image

from tests.serving import model_made

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def painter(acme, redis_url):
    return model_made(acme, "fake-painter").name


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def pictures(answer) -> list[Image.Image]:
    return [opened(base64.b64decode(item.b64_json)) for item in answer.data]


def test_it_draws_and_charges_for_each_picture(acme, painter, client_of) -> None:
    answer = client_of(acme).images.generate(
        model=painter, prompt="", n=6, extra_body={"seed": 10, "brightness": 7}
    )
    found = pictures(answer)
    # Six in rounds of four, and still each its own: the seed goes on.
    assert [p.getpixel((0, 0)) for p in found] == [(10 + i, 7, 0) for i in range(6)]
    assert {p.format for p in found} == {"PNG"}
    assert (answer.size, answer.output_format) == ("8x8", "png")
    with acme.scope():
        assert dict(UsageEvent.objects.values_list("meter", "qty")) == {"images": 6, "requests": 1}


def test_the_same_seed_draws_the_same(acme, painter, client_of) -> None:
    create = client_of(acme).images.generate
    first, second = (
        create(model=painter, prompt="", extra_body={"seed": 3}).data[0].b64_json for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("name", ["webp", "jpeg"])
def test_it_converts(acme, painter, client_of, name) -> None:
    answer = client_of(acme).images.generate(model=painter, prompt="", output_format=name)
    assert pictures(answer)[0].format == name.upper()


def test_a_link_opens_for_whoever_has_it_and_a_changed_one_does_not(
    acme, painter, client_of
) -> None:
    answer = client_of(acme).images.generate(model=painter, prompt="", response_format="url")
    url = answer.data[0].url
    with urllib.request.urlopen(url) as found:
        assert (found.status, found.headers["content-type"]) == (200, "image/png")
        assert found.headers["x-content-type-options"] == "nosniff"
        assert opened(found.read()).size == (8, 8)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(url[:-3] + "AAA")


def test_an_output_is_its_owners(acme, globex, painter, client_of) -> None:
    client_of(acme).images.generate(model=painter, prompt="")
    with acme.scope():
        path = f"/v1/predictions/{Prediction.objects.get().pk}/outputs/0"
    assert acme.api.get(path).headers["content-type"] == "image/png"
    assert globex.api.get(path).status_code == 404
    assert acme.api.get(path[:-1] + "9").status_code == 404


def test_a_size_the_model_does_not_draw_costs_nothing(acme, painter, client_of) -> None:
    create = client_of(acme).images.generate
    assert create(model=painter, prompt="", size="8x8").size == "8x8"
    with pytest.raises(openai.BadRequestError, match="8x8") as refused:
        create(model=painter, prompt="", size="512x512")
    assert refused.value.param == "size"
    with acme.scope():
        assert UsageEvent.objects.filter(meter="images").count() == 1


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"n": 11}, "n"),
        ({"size": "large"}, "size"),
        ({"output_format": "gif"}, "output_format"),
        ({"response_format": "paper"}, "response_format"),
        ({"stream": True}, "stream"),
        ({"extra_body": {"brightness": 999}}, "brightness"),
        ({"extra_body": {"truncation": 1}}, "truncation"),
    ],
)
def test_bad_input_names_what_is_wrong(acme, painter, client_of, changes, param) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client_of(acme).images.generate(**{"model": painter, "prompt": "", **changes})
    assert refused.value.param == param


def test_a_model_that_writes_is_refused(acme, client_of) -> None:
    speaker = model_made(acme, "fake-speaker").name
    with pytest.raises(openai.BadRequestError) as refused:
        client_of(acme).images.generate(model=speaker, prompt="x")
    assert refused.value.code == "model_task_mismatch"
