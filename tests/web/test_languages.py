"""Every text exists in both languages."""

import re

import pytest
from babel.messages.catalog import Catalog
from django.core import mail
from django.test import Client

from deploy import messages
from tests.conftest import Place

_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


@pytest.fixture(scope="module")
def wanted() -> Catalog:
    """Every text of the templates and the code."""
    return messages.messages_extract()


def test_every_text_is_translated(wanted: Catalog) -> None:
    catalogue = messages.catalogue_read()
    missing = [
        message.id
        for message in wanted
        if message.id
        and (
            (found := catalogue.get(message.id, message.context)) is None
            or not found.string
            or not all(found.string)
        )
    ]

    assert missing == [], "run `make messages` and fill in the Chinese"


def test_no_translation_is_left_over_or_doubtful(wanted: Catalog) -> None:
    catalogue = messages.catalogue_read()

    assert [m.id for m in catalogue if m.id and wanted.get(m.id, m.context) is None] == []
    assert [m.id for m in catalogue if m.fuzzy and m.id] == []


def test_the_placeholders_agree() -> None:
    wrong = []
    for message in messages.catalogue_read():
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        for string in strings:
            if set(_PLACEHOLDER.findall(ids[-1])) != set(_PLACEHOLDER.findall(string)):
                wrong.append(ids[0])

    assert wrong == []


@pytest.mark.django_db
def test_a_page_is_chinese_for_a_browser_that_asks() -> None:
    response = Client(headers={"accept-language": "zh-CN,zh;q=0.9"}).get("/accounts/login/")

    html = response.content.decode()
    assert '<html lang="zh-Hans"' in html
    assert "欢迎回来" in html and "Welcome back" not in html


def test_the_choice_on_the_page_wins_over_the_browser(acme: Place) -> None:
    client = acme.browser()

    response = client.post("/language", {"language": "zh-hans", "next": "/team"})

    assert response["Location"] == "/team"
    page = client.get("/team", headers={"accept-language": "en"}).content.decode()
    assert '<html lang="zh-Hans"' in page and "邀请成员" in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "subject"), [("en", "Confirm your e-mail address"), ("zh-hans", "验证您的邮箱")]
)
def test_the_first_mail_is_in_the_readers_language(language: str, subject: str) -> None:
    client = Client(headers={"accept-language": language})

    client.post("/accounts/signup/", {"email": "a@b.example", "password1": "a mill by the pond"})

    assert mail.outbox[0].subject == subject
    assert "/accounts/confirm-email/" in mail.outbox[0].body
    assert mail.outbox[0].body.rstrip().endswith("Modelmill")
