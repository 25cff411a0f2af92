"""What people see when something is wrong: a calm page, with the right status."""

from typing import Any

import pytest
from django.test import Client, RequestFactory
from modelmill import doors

from tests.conftest import Place
from tests.web.test_pages import check_page


def test_a_failure_of_ours_is_a_page(acme: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_caller: object) -> None:
        raise RuntimeError("mill stone cracked")

    monkeypatch.setattr("modelmill.web.home.next_steps", fail)
    client = acme.browser()
    client.raise_request_exception = False

    response = client.get("/home")

    assert response.status_code == 500
    check_page(response.content.decode())
    assert "mill stone" not in response.content.decode()


def test_the_page_for_our_failures_needs_no_database() -> None:
    # No database mark: any query in this test is an error.
    response = doors.server_error(RequestFactory().get("/home"))

    assert response.status_code == 500
    check_page(response.content.decode())  # type: ignore[attr-defined]


def test_an_unknown_host_is_a_400_page() -> None:
    response = Client(headers={"host": "evil.example"}).get("/")

    assert response.status_code == 400
    check_page(response.content.decode())
    assert "evil.example" not in response.content.decode()


def test_a_forbidden_page_says_who_can_help(acme: Place) -> None:
    response = acme.browser(acme.mate).get("/settings")

    assert response.status_code == 403
    check_page(response.content.decode())
    assert "An owner or admin" in response.content.decode()


def test_an_account_page_is_found_without_its_slash() -> None:
    client = Client()
    assert client.get("/accounts/login?next=/home")["Location"] == "/accounts/login/?next=/home"
    # A form or a program is not sent elsewhere: what it sent would be lost on the way.
    assert client.post("/accounts/login").status_code == 404
    assert client.get("/v1/nothing").status_code == 404


def test_a_program_gets_the_envelope_and_not_a_page(acme: Place) -> None:
    response = acme.api.get("/v1/nothing")

    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found_error"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [
        {"email": "not an address", "password1": "a mill by the pond"},
        {"email": "a@b.example", "password1": "12345678"},
        {"email": "", "password1": ""},
    ],
)
def test_a_wrong_sign_up_says_so_at_the_field(body: dict[str, str]) -> None:
    response = Client().post("/accounts/signup/", body)

    page = response.content.decode()
    assert response.status_code == 200
    assert 'aria-invalid="true"' in page and "field-error" in page
    check_page(page)


def test_without_redis_people_sign_up_and_guessing_is_limited(acme: Place, settings: Any) -> None:
    # The tests' REDIS_URL leads nowhere, and the limits are an installation's own kind.
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "2/m/key", "signup": "20/m/ip"}
    body = {"email": "new@b.example", "password1": "a mill by the pond"}
    assert Client().post("/accounts/signup/", body).status_code == 302
    wrong = {"login": acme.owner.email, "password": "wrong"}
    pages = [Client().post("/accounts/login/", wrong).content.decode() for _ in range(3)]
    assert ["Too many" in page for page in pages] == [False, False, True]


def test_a_wrong_password_does_not_tell_whether_the_account_exists(acme: Place) -> None:
    texts = set()
    for email in (acme.owner.email, "nobody@acme.example"):
        response = Client().post("/accounts/login/", {"login": email, "password": "wrong"})
        page = response.content.decode()
        assert response.status_code == 200 and "field-error" in page
        texts.add(page.split('role="alert"')[1].split("</ul>")[0])

    assert len(texts) == 1


def test_an_open_redirect_is_not_followed(acme: Place) -> None:
    body = {"login": acme.owner.email, "password": "correct horse battery"}
    for path in ("/accounts/login/?next=https://evil.example/", "/language?next=//evil.example"):
        response = Client().post(path, {**body, "next": "https://evil.example/", "language": "en"})
        assert "evil.example" not in response.get("Location", "")
