"""A new customer at the door: signs up, confirms the e-mail, names a tenant, makes a key."""

import re
import secrets
import time
from collections.abc import Callable

import httpx2

_CONFIRM = re.compile(r"https?://[^\s\"<>]+/accounts/confirm-email/[^\s\"<>]+")
_KEY = re.compile(r"mm_(?:live|test)_[0-9A-Za-z]{49}")
_TOKEN = re.compile(r'name="csrfmiddlewaretoken"[^>]*value="([^"]+)"')
_MAIL_WITHIN_S = 20.0


class DoorShut(Exception):
    """A page did not answer as it should; the message says which and how."""


class Visitor:
    """A person's browser session on the dashboard at ``url``."""

    def __init__(self, url: str, *, printed_mail: Callable[[], str]) -> None:
        self.email = f"miller-{secrets.token_hex(4)}@example.com"
        self.password = secrets.token_urlsafe(12)
        self._printed_mail = printed_mail
        self._http = httpx2.Client(base_url=url, follow_redirects=True, timeout=30)

    def sign_up(self) -> None:
        """Sign up and follow the link of the verification e-mail, which the server prints."""
        self.submit("/accounts/signup/", email=self.email, password1=self.password)
        link = self._confirmation_link()
        self.submit(httpx2.URL(link).path)

    def name_tenant(self, name: str) -> None:
        """Name the organisation, on the page that follows the first log-in."""
        self.submit("/welcome", name=name, time_zone="UTC")

    def make_key(self, scopes: list[str]) -> str:
        """Make an API key and return its secret from the one page that shows it."""
        page = self.submit("/keys/new", name="demo", scopes=scopes, lifetime_days="30")
        found = _KEY.search(page.text)
        if found is None:
            raise DoorShut("The page after making an API key shows no key.")
        return found.group()

    def page(self, path: str) -> str:
        """Return a page's HTML."""
        return self._http.get(path).text

    def submit(self, path: str, **fields: str | list[str]) -> httpx2.Response:
        """Send the form that a page shows; return the page that follows.

        Raises ``DoorShut`` when the page has no form, or its answer is an error.
        """
        token = _TOKEN.search(self.page(path))
        if token is None:
            raise DoorShut(f"{path} shows no form.")
        answer = self._http.post(
            path,
            data={**fields, "csrfmiddlewaretoken": token.group(1)},
            headers={"Referer": str(self._http.base_url)},
        )
        if answer.status_code >= 400:
            raise DoorShut(f"{path} answered {answer.status_code}.")
        return answer

    def _confirmation_link(self) -> str:
        deadline = time.monotonic() + _MAIL_WITHIN_S
        while time.monotonic() < deadline:
            mail = self._printed_mail()
            found = _CONFIRM.findall(mail[max(0, mail.rfind(self.email) - 4000) :])
            if self.email in mail and found:
                return str(found[-1])
            time.sleep(0.2)
        raise DoorShut("The verification e-mail did not come.")
