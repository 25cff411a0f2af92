"""The pages of the rooms, filled: whole for machines in both languages, shut to strangers."""

from collections.abc import Callable

import pytest
from modelmill.billing.selectors import invoice_lines

from tests.conftest import Place
from tests.showroom import Showroom
from tests.web.test_pages import check_page

PAGES: dict[str, Callable[[Showroom], str]] = {
    "data": lambda _room: "/data",
    "pictures": lambda room: f"/data/{room.faces.dataset_id}",
    "texts": lambda room: f"/data/{room.prose.dataset_id}/{room.prose.pk}",
    "problems": lambda room: f"/data/versions/{room.faces.pk}/problems",
    "plugins": lambda room: f"/plugins?data={room.faces.pk}",
    "plugin": lambda _room: "/plugins/gan-faces",
    "train faces": lambda _room: "/plugins/gan-faces/train",
    "train text": lambda _room: "/plugins/text-generation/train",
    "jobs": lambda _room: "/jobs?state=failed",
    "running job": lambda room: f"/jobs/{room.job.pk}",
    "finished job": lambda room: f"/jobs/{room.done.pk}",
    "events": lambda room: f"/jobs/{room.job.pk}/events",
    "models": lambda _room: "/models",
    "model": lambda room: f"/models/{room.version.pk}",
    "playground": lambda room: f"/playground?model={room.version.pk}",
    "writing": lambda room: f"/playground?model={room.writer.pk}",
    "usage": lambda _room: "/usage",
    "usage events": lambda _room: "/usage/events?meter=images",
    "invoices": lambda _room: "/invoices",
    "invoice": lambda room: f"/invoices/{room.invoice.pk}",
    "invoice line": lambda room: (
        f"/invoices/{room.invoice.pk}/lines/{invoice_lines(room.invoice)[0].pk}"
    ),
}
# Lists show strangers their own emptiness, not a 404.
OBJECTS = [
    name
    for name in PAGES
    if name
    not in {
        "data",
        "jobs",
        "models",
        "usage",
        "invoices",
        "usage events",
        "plugin",
        "train faces",
        "train text",
    }
]


def path_of(name: str, room: Showroom) -> str:
    with room.place.scope():
        return PAGES[name](room)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_filled_pages_are_whole(language: str, showroom: Showroom) -> None:
    client = showroom.place.browser()
    client.cookies["django_language"] = language
    for name in PAGES:
        response = client.get(path_of(name, showroom))
        assert response.status_code == 200, name
        check_page(response.content.decode())


def test_a_stranger_finds_none_of_it(showroom: Showroom, globex: Place) -> None:
    client = globex.browser()
    got = {name: client.get(path_of(name, showroom)).status_code for name in OBJECTS}

    assert got == dict.fromkeys(OBJECTS, 404)
