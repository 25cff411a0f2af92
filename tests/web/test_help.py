"""Help: the customers' documents in the dashboard."""

import re

import pytest
from modelmill.tenants.models import User
from modelmill.web.help import FOLDER, PAGES, document

ADDRESS = "https://mill.example"


def test_every_document_for_customers_is_a_page_in_both_languages() -> None:
    for folder in (FOLDER, FOLDER / "zh-hans"):
        assert {path.stem for path in folder.glob("*.md")} == set(PAGES)
        assert all(path.read_text("utf-8").startswith("# ") for path in folder.glob("*.md"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_read_by_anyone_and_leads_on(client, acme, settings, name) -> None:
    settings.PUBLIC_URL = ADDRESS
    document.cache_clear()
    for reader in (client, acme.browser()):
        page = reader.get(f"/help/{name}").content.decode()
        assert "<h1" in page and page.count('aria-current="page"') >= 1
        assert "http://127.0.0.1:8000" not in page and '.md"' not in page
        for link in re.findall(r'href="(/help/[^"#]*)', page):
            assert reader.get(link).status_code == 200
    assert f"OPENAI_BASE_URL={ADDRESS}/v1" in client.get("/help").content.decode()
    document.cache_clear()


def test_who_has_no_organisation_yet_reads_it_too(client, acme) -> None:
    client.force_login(User.objects.create_user("new@acme.example"))
    assert client.get("/help/jobs").status_code == 200


def test_it_speaks_the_readers_language(client) -> None:
    english = client.get("/help/data").content.decode()
    chinese = client.get("/help/data", headers={"accept-language": "zh-hans"}).content.decode()
    assert re.search(r"<h1[^>]*>[^<]*[一-鿿]", chinese)
    assert not re.search(r"<h1[^>]*>[^<]*[一-鿿]", english)


def test_what_is_no_page_is_not_found(client) -> None:
    for name in ("nothing", "..", "zh-hans"):
        assert client.get(f"/help/{name}").status_code == 404
