"""Every text exists in both languages."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from django.core import mail
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext
from modelmill.training.failures import failure_advice

from deploy import messages
from tests.conftest import Place

_ROOT = Path(__file__).resolve().parents[2]
_TENANT = re.compile(r"\btenants?\b", re.IGNORECASE)
# Money that is held is a balance; a credit is what a new organisation is given, or a note's name.
_MONEY = re.compile(r"\bwallets?\b|\bcredits?\b(?! note)", re.IGNORECASE)
_CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
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


def test_people_read_organisation_and_never_tenant() -> None:
    """docs/decisions/0063: one word for the customer's account, whatever the code calls it."""
    assert _found(lambda t: bool(_TENANT.search(t)) or "租户" in t) == {}


def test_people_read_balance_and_of_credit_only_when_it_is_given() -> None:
    """docs/glossary.md: one word for the money that is held, whatever the code calls it."""
    assert _found(lambda t: bool(_MONEY.search(t)) and "new organisation" not in t) == {}
    assert _found(lambda t: "额度" in t or "钱包" in t) == {}


def _found(is_wrong: Callable[[str], bool]) -> dict[str, list[str]]:
    """Return what people read and should not, by where it stands."""
    catalogue = [str(text) for m in messages.catalogue_read() for text in (m.id, m.string)]
    read = {"the catalogue": catalogue, "errors and helps": list(_said()), **dict(_documents())}
    wrong = {
        where: [text for text in texts if is_wrong(_PLACEHOLDER.sub("", text))]
        for where, texts in read.items()
    }
    return {where: texts for where, texts in wrong.items() if texts}


def _said() -> Iterator[str]:
    """Yield what errors that are raised, and options of commands, say to people."""
    for path in [*_ROOT.glob("platform/**/*.py"), *_ROOT.glob("workers/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            said: list[ast.AST] = []
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                # What programmers alone see, such as a forgotten scope, speaks the code's language.
                if path.name not in ("scope.py", "owned.py"):
                    said += node.exc.args
            elif isinstance(node, ast.keyword) and node.arg in ("help", "help_text", "label"):
                said.append(node.value)
            for part in said:
                for leaf in ast.walk(part):
                    if isinstance(leaf, ast.Constant) and " " in str(leaf.value):
                        yield str(leaf.value)


def _documents() -> Iterator[tuple[str, list[str]]]:
    for folder in ("customers", "operators"):
        for path in sorted(_ROOT.glob(f"docs/{folder}/*.md")):
            yield path.name, _CODE.sub("", path.read_text("utf-8")).splitlines()


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


@pytest.mark.django_db
def test_each_language_is_offered_in_its_own_words() -> None:
    page = Client(headers={"accept-language": "zh-CN"}).get("/accounts/login/").content.decode()
    assert "English" in page and "简体中文" in page and "英语" not in page


@pytest.mark.django_db
def test_a_short_password_is_refused_in_the_readers_language() -> None:
    client = Client(headers={"accept-language": "zh-hans"})
    page = client.post("/accounts/signup/", {"email": "a@b.example", "password1": "x4!"})
    assert "密码太短" in page.content.decode()


def test_what_usage_was_for_is_no_customer_in_chinese() -> None:
    with translation.override("zh-hans"):
        table = render_to_string("usage/_events.html", {"priced": []})
        assert "用途" in table and "客户" not in table
        assert gettext("For") == "客户"


@pytest.mark.parametrize(("language", "said"), [("en", "last step"), ("zh-hans", "之后未再收费")])
def test_a_training_without_its_plugin_is_not_said_to_be_free(language: str, said: str) -> None:
    with translation.override(language):
        assert said in failure_advice("plugin_missing")
